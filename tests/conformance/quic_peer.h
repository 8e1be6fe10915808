/* SPDX-License-Identifier: MPL-2.0 */
/*
 * A QUIC client of the tests: an engine with its own socket, which can do what the
 * plugin's never does: fall silent, move to another port, offer odd things, leave in the middle.
 * Its stream is checked like that of a dialled end (bench.h). It moves only while quic_peer_turn is
 * called, or one of the waits below, which turn the bench as well.
 */
#ifndef CF_QUIC_PEER_H
#define CF_QUIC_PEER_H

#include "bench.h"
#include "quic/engine.h"
#include "quic/udp_io.h"

struct quic_peer {
    struct quic_engine *engine;
    struct quic_env env;
    struct tls_creds *creds;
    int fd;
    union quic_addr local, remote;
    struct cf_bench *bench;
    bool has_opened, has_fin, is_deaf; /* deaf: leaves what has come where it is */
    uint64_t received, sent;           /* bytes of the stream */
    uint64_t heard, said;              /* ... of datagrams */
    unsigned loses;                    /* number of its next datagrams to lose */
};

/* A client of that server; nothing is sent yet. */
void quic_peer_begin(struct cf_bench *b, struct quic_peer *p,
                     const struct sockaddr_storage *server);
void quic_peer_fini(struct quic_peer *p);
/* Reads, looks at the clock, writes. */
void quic_peer_turn(struct quic_peer *p);
/* Continues from another port, without a notice to the server. */
void quic_peer_move(struct quic_peer *p);
void quic_peer_send(struct quic_peer *p, size_t n);
/* The engine's CONNECTION_CLOSE. */
void quic_peer_leave(struct quic_peer *p);
/* Leaves and frees the client. */
void quic_peer_part(struct quic_peer *p);

void quic_peer_until_opened(struct quic_peer *p);
void quic_peer_until_received(struct quic_peer *p, uint64_t bytes);
/* All that it sent. */
void quic_peer_until_acknowledged(struct quic_peer *p);
void quic_peer_until_ended(struct quic_peer *p);
/* Turns both for that long. */
void quic_peer_for(struct quic_peer *p, uint64_t ns);

#endif
