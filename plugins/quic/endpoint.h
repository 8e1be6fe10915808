/* SPDX-License-Identifier: MPL-2.0 */
/*
 * Between sockets and connections: whom a datagram is for, what those get that are for nobody, and
 * what remains of connections that have ended.
 *
 * Nothing is kept for a peer whose address is not proven, beyond QUIC_UNVALIDATED_MAX handshakes:
 * what it is answered is computed from what it sent, is not longer, and is limited in number.
 */
#ifndef QUIC_ENDPOINT_H
#define QUIC_ENDPOINT_H

#include "conn.h"

/* A handshake packet that waits for its turn, or a datagram on its way to another worker. */
struct quic_packet {
    struct rt_list node;
    struct quic_socket *socket; /* counted; NULL while between workers */
    union quic_addr local, remote;
    uint8_t ecn;
    uint32_t len;
    uint8_t bytes[];
};

/* A connection that has ended: its ids answer late packets with its goodbye, for a few round trips.
 * Goes with its socket. */
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

/* endpoint.c: sockets, dispatch. */
/* A socket in the loop, with one count. NULL: the loop refuses it (u is closed). */
struct quic_socket *quic_socket_new(struct quic_worker *qw, const struct quic_udp *u);
void quic_socket_drop(struct quic_socket **s);
/* Writes a run; what the kernel does not take now is kept, within a bound, and goes first later. */
void quic_socket_write(struct quic_socket *s, const struct quic_udp_out *o);
/* Handshake packets, for at most QUIC_HANDSHAKE_TURN_NS. */
void quic_endpoint_run_deferred(struct quic_worker *qw);
/* Forgets those that wait. */
void quic_endpoint_drop_deferred(struct quic_worker *qw);
/* One datagram; from: the socket it came to. It may begin a train, or belong to one:
 * quic_input_end_train is due after the last of a read. */
void quic_endpoint_datagram(struct quic_socket *s, const union quic_addr *local,
                            const union quic_addr *remote, uint8_t ecn, const uint8_t *p, size_t n);

/* handover.c */
/* Copies a datagram for worker `to`. */
void quic_handover(struct quic_socket *s, uint16_t to, const union quic_addr *local,
                   const union quic_addr *remote, uint8_t ecn, const uint8_t *p, size_t n);

/* stateless.c: what strangers are answered. */
struct quic_stranger {
    struct quic_socket *socket;
    const union quic_addr *local, *remote;
    const uint8_t *bytes;
    size_t len;
};
void quic_stateless_versions(const struct quic_stranger *x, const ngtcp2_version_cid *vc);
void quic_stateless_reset(const struct quic_stranger *x, const uint8_t *cid, size_t cid_len);
void quic_stateless_retry(const struct quic_stranger *x, const ngtcp2_pkt_hd *hd);
void quic_stateless_close(const struct quic_stranger *x, const ngtcp2_pkt_hd *hd, uint64_t error);

/* tomb.c */
/* c has ended: its ids get a tomb. goodbye: what its peer is told when it goes on, may be empty. */
void quic_tomb_raise(struct relay_conn *c, const uint8_t *goodbye, size_t len);
/* A packet has come for it. */
void quic_tomb_answer(struct quic_tomb *t);
/* Removes those whose time has come. QUIC_NEVER: none is left. */
uint64_t quic_tombs_expire(struct quic_worker *qw, uint64_t now_ns);
/* Removes those of a socket; NULL: all. */
void quic_tombs_drop(struct quic_worker *qw, const struct quic_socket *of);

#endif
