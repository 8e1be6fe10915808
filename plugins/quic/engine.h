/* SPDX-License-Identifier: MPL-2.0 */
/*
 * One QUIC connection without a socket, a loop or a clock: packets, times (ns, monotonic) and
 * randomness are handed in, packets come out into the caller's buffer.
 *
 * The connection carries one stream, the first bidirectional one that the client opens. What its
 * owner is to know comes through struct quic_engine_ops, most of it from inside quic_engine_read;
 * from there the owner may call only the functions marked "any time", which note what is wanted.
 * The others are never called from inside one another.
 *
 * An engine that has ended (quic_engine_has_ended) takes no packets any more; it may still write
 * one goodbye. Thread: the worker's.
 */
#ifndef QUIC_ENGINE_H
#define QUIC_ENGINE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include <gnutls/gnutls.h>
#include <ngtcp2/ngtcp2.h>
#include <ngtcp2/ngtcp2_crypto.h>

#include "abi/relay_transport.h"
#include "common/creds.h"
#include "datagram.h"
#include "stream.h"
#include "token.h"

#define QUIC_PACKET_MAX 1500u /* no packet of ours is longer */
#define QUIC_CACHE_LINE 64u
#define QUIC_IDLE_NS UINT64_C(30000000000)
#define QUIC_APP_CLOSED 0u /* application error codes of our goodbyes */
#define QUIC_APP_ABORTED 1u

struct quic_engine;

/* What happens to a connection; all from inside quic_engine_read but for cid_*. */
struct quic_engine_ops {
    void (*opened)(struct quic_engine *e);
    /* n > 0 bytes of the stream, in order, good for the call; see quic_engine_consumed. */
    void (*data)(struct quic_engine *e, const uint8_t *p, size_t n);
    void (*fin)(struct quic_engine *e);
    /* The peer may address us by this id from now on; false: it is taken. No more. */
    bool (*cid_add)(struct quic_engine *e, const ngtcp2_cid *cid);
    void (*cid_remove)(struct quic_engine *e, const ngtcp2_cid *cid);
};

/* What the engines of a worker share. */
struct quic_env {
    const struct quic_engine_ops *ops;
    const ngtcp2_mem *mem;
    const struct tls_creds *creds;
    gnutls_priority_t priority;
    quic_buf_new_fn *buf_new;
    void (*random)(void *ctx, void *out, size_t len);
    void *random_ctx;
    uint8_t reset_secret[QUIC_SECRET_BYTES];
    uint16_t worker, workers; /* for the ids it makes */
};

/* Why an engine has ended, in the terms of the plugin's table. */
struct quic_end {
    enum relay_end why;
    const char *detail; /* static, or NULL */
};

struct quic_engine {
    struct quic_env *env;
    ngtcp2_conn *conn;    /* NULL: not begun */
    gnutls_session_t tls; /* NULL once the handshake is done */
    ngtcp2_crypto_conn_ref ref;
    struct quic_output out;
    ngtcp2_cid first_id; /* server: what the client called us at first, which is in the map, too */
    int64_t stream;      /* -1: not there yet */
    uint64_t taken;      /* bytes the peer may send anew, not yet granted */
    uint64_t received;   /* bytes of the stream */
    size_t longest;      /* of the peer's datagrams */
    ngtcp2_ccerr error;
    struct quic_end end;
    bool is_server : 1;
    bool is_open : 1; /* the handshake is complete */
    bool has_ended : 1;
    bool owes_goodbye : 1; /* ended, and the peer does not know */
    bool wants_retry : 1;  /* ended: it came in pieces, the second first; a Retry is due instead */
    bool owes_opening : 1; /* client: the peer does not know of the stream yet */
    bool wants_fin : 1;
    bool has_sent_fin : 1;
    bool is_fin_alone : 1; /* it went in a frame of its own */
    bool has_fin_acked : 1;
    bool has_fin : 1; /* the peer's */
    bool is_stream_closed : 1;
};

/* The first packet of a client, as accepted. */
struct quic_initial {
    ngtcp2_pkt_hd hd;
    ngtcp2_cid odcid; /* what the client asked for first; hd.dcid where there was no Retry */
    bool has_token;   /* ... and it answered with a good one */
};

/* Begins; nothing is written yet, no packet read (first: the one with in). False: out of memory;
 * then fini is still due. */
bool quic_engine_serve(struct quic_engine *e, struct quic_env *env, const struct quic_initial *in,
                       const struct quic_datagram *first, uint64_t now_ns);
bool quic_engine_dial(struct quic_engine *e, struct quic_env *env, const union quic_addr *local,
                      const union quic_addr *remote, uint64_t now_ns);
/* Idempotent; also for a zeroed engine. */
void quic_engine_fini(struct quic_engine *e);

/*
 * Reads a chain of datagrams. True: the peer waits for what one of them is answered, so that an
 * acknowledgement must not wait long.
 */
bool quic_engine_read(struct quic_engine *e, const struct quic_datagram *d, uint64_t now_ns);
/*
 * Writes one packet, if one is due and allowed now, and says where it goes: its length, 0: none.
 * room >= QUIC_PACKET_MAX.
 */
size_t quic_engine_write(struct quic_engine *e, ngtcp2_path_storage *path, ngtcp2_pkt_info *pi,
                         uint8_t *to, size_t room, uint64_t now_ns);
/* Sets the pace of what comes next by what was written since the last call. */
void quic_engine_wrote(struct quic_engine *e, uint64_t now_ns);
/* What the path is known to carry in one packet: a longer one probes whether it carries more. */
size_t quic_engine_path_max(const struct quic_engine *e);
/* Bytes on their way, neither acknowledged nor given up for lost. */
uint64_t quic_engine_in_flight(const struct quic_engine *e);
/* Bytes that may be written in one run. */
size_t quic_engine_quantum(const struct quic_engine *e);
/* At the time of quic_engine_expiry; a write is due after it. */
void quic_engine_expire(struct quic_engine *e, uint64_t now_ns);

/* Ends it now, with a goodbye that carries an application's code. */
void quic_engine_end(struct quic_engine *e, uint64_t app_code);
/* The goodbye of an ended engine, once: its length, 0: none is due. */
size_t quic_engine_goodbye(struct quic_engine *e, ngtcp2_path_storage *path, uint8_t *to,
                           size_t room, uint64_t now_ns);

/* -- any time -- */

/* Takes v over. False: no memory for the views in it. */
bool quic_engine_send(struct quic_engine *e, struct relay_vec *v);
/* Nothing more will be sent. */
void quic_engine_finish(struct quic_engine *e);
/* n bytes given to ops->data have found their place: as many may come anew. */
void quic_engine_consumed(struct quic_engine *e, size_t n);
void quic_engine_keep_alive(struct quic_engine *e, uint64_t interval_ns);
/* When quic_engine_expire is due; UINT64_MAX: never. */
uint64_t quic_engine_expiry(const struct quic_engine *e);
const ngtcp2_path *quic_engine_path(const struct quic_engine *e);

static inline uint64_t quic_engine_left(const struct quic_engine *e)
{
    return quic_output_left(&e->out);
}

/* What was sent has arrived, the end of it included as far as can be told. */
bool quic_engine_is_delivered(const struct quic_engine *e);
/* ... and the peer has ended, too. */
bool quic_engine_is_finished(const struct quic_engine *e);

/* Between engine.c and callbacks.c. */
void quic_callbacks_init(ngtcp2_callbacks *cb, bool is_server);
/* Ends it as the peer's doing, with a goodbye. */
void quic_engine_lose(struct quic_engine *e, const char *detail);

#endif
