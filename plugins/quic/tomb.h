/* SPDX-License-Identifier: MPL-2.0 */
/*
 * Connections in the closing or the draining state (RFC 9000, section 10.2), for three PTOs: what
 * is left of each is its ids and, in the closing state, the packet with its CONNECTION_CLOSE.
 */
#ifndef QUIC_TOMB_H
#define QUIC_TOMB_H

#include "engine.h"
#include "socket.h"

struct quic_tomb {
    struct quic_owner owner;
    uint8_t count; /* ids */
    uint16_t len;  /* of the goodbye; 0: the peer said its own */
    uint32_t received, answer_at;
    struct rt_list node;
    struct quic_socket *socket; /* borrowed */
    uint64_t until_ns;
    union quic_addr local, remote;
    uint64_t hashes[]; /* of its ids; then the goodbye */
};

/* The engine has ended: its ids, which are `from`'s in the map, get a tomb. goodbye: what its peer
 * is told when it goes on, may be empty. */
void quic_tomb_raise(struct quic_socket *s, const struct quic_engine *e,
                     const struct quic_owner *from, const uint8_t *goodbye, size_t len);
/* A packet has come for it. */
void quic_tomb_answer(struct quic_tomb *t);
/* Removes those whose time has come. */
void quic_tombs_expire(struct quic_worker *qw);
/* Removes those of a socket. */
void quic_tombs_drop(struct quic_worker *qw, const struct quic_socket *of);

#endif
