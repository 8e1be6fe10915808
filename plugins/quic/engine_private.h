/* SPDX-License-Identifier: MPL-2.0 */
/*
 * The engine's struct. Tests that make the protocol library do what no engine asks of it include
 * this header, too.
 * One module in several files: engine.c callbacks.c tls.c.
 */
#ifndef QUIC_ENGINE_PRIVATE_H
#define QUIC_ENGINE_PRIVATE_H

#include "engine.h"
#include "mtu.h"

struct quic_engine {
    struct quic_env *env;
    void *owner;          /* for env->ops */
    ngtcp2_conn *conn;    /* NULL: not begun */
    gnutls_session_t tls; /* NULL once the handshake is done */
    ngtcp2_crypto_conn_ref ref;
    struct quic_output out;
    struct quic_mtu mtu; /* of the current path */
    ngtcp2_cid first_id; /* server: the client's first destination id, which is in the map, too */
    int64_t stream;      /* -1: not open yet */
    uint64_t credit;     /* bytes by which the window is to be extended */
    uint64_t received;   /* bytes of the stream */
    size_t longest;      /* of the peer's datagrams */
    ngtcp2_ccerr error;
    struct quic_end end;
    bool is_server : 1;
    bool is_open : 1; /* the handshake is complete */
    bool has_ended : 1;
    bool owes_close : 1;   /* ended, and the peer does not know: CONNECTION_CLOSE is due */
    bool wants_retry : 1;  /* ended: the ClientHello came in pieces, the second first */
    bool owes_opening : 1; /* client: no packet has opened the stream yet */
    bool wants_fin : 1;
    bool has_sent_fin : 1;
    bool is_fin_alone : 1; /* FIN was sent in a frame without data */
    bool has_fin_acked : 1;
    bool has_fin : 1; /* the peer's */
    bool is_stream_closed : 1;
};

void quic_callbacks_init(ngtcp2_callbacks *cb, bool is_server);
/* Ends it for a reason on the peer's side; CONNECTION_CLOSE is due. */
void quic_engine_lose(struct quic_engine *e, const char *detail);

/* Makes e->tls and gives it to e->conn. False: out of memory. */
bool quic_tls_begin(struct quic_engine *e);
/* Frees it; e->conn goes on without. */
void quic_tls_end(struct quic_engine *e);

#endif
