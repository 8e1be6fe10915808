/* SPDX-License-Identifier: MPL-2.0 */
/*
 * Connections in the closing or draining state (RFC 9000, section 10.2). Their ids stay in the map
 * for three PTOs. In the closing state a late packet is answered with CONNECTION_CLOSE again; in
 * the draining state, when the peer closed, none is answered.
 *
 * A worker has QUIC_CLOSING_MAX of them; beyond that the oldest is evicted. Each is dropped with
 * its socket.
 */
#ifndef QUIC_CLOSING_H
#define QUIC_CLOSING_H

#include "engine.h"
#include "socket.h"

struct quic_closing {
    struct quic_owner owner; /* first: what the id map points at */
    uint8_t count;           /* ids */
    uint16_t len;            /* of the packet with CONNECTION_CLOSE; 0: draining */
    uint32_t received, answer_at;
    struct rt_list node;
    struct quic_socket *socket; /* borrowed */
    uint64_t until_ns;
    union quic_addr local, remote;
    uint64_t hashes[]; /* of its ids; then the packet */
};

/*
 * Moves the ids of an engine that has ended from the map's entry `from` to a closing one.
 * close_packet: its CONNECTION_CLOSE, `len` bytes; len 0: draining.
 */
void quic_closing_add(struct quic_socket *s, const struct quic_engine *e,
                      const struct quic_owner *from, const uint8_t *close_packet, size_t len);
/* A packet for it was received. */
void quic_closing_answer(struct quic_closing *q);
/* Removes those whose time has passed. */
void quic_closing_expire(struct quic_worker *qw);
/* Removes those of a socket. */
void quic_closing_drop_of(struct quic_worker *qw, const struct quic_socket *s);

#endif
