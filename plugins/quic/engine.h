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
 * An engine that has ended reads no packets; it may still write one CONNECTION_CLOSE. Thread: the
 * worker's.
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
#define QUIC_ENGINE_IDS_MAX 17u
#define QUIC_IDLE_NS UINT64_C(30000000000)
#define QUIC_APP_CLOSED 0u /* application error codes of our CONNECTION_CLOSE */
#define QUIC_APP_ABORTED 1u

struct quic_engine;

/* Reports to the engine's owner; all from inside quic_engine_read but for cid_*. */
struct quic_engine_ops {
    void (*opened)(void *owner);
    /* n > 0 bytes of the stream, in order, good for the call; see quic_engine_consumed. */
    void (*data)(void *owner, const uint8_t *p, size_t n);
    void (*fin)(void *owner);
    /* The peer may address us by this id from now on; false: the id is taken. */
    bool (*cid_add)(void *owner, const ngtcp2_cid *cid);
    void (*cid_remove)(void *owner, const ngtcp2_cid *cid);
};

/* What the engines of a worker share. */
struct quic_env {
    const struct quic_engine_ops *ops;
    const ngtcp2_mem *mem;
    const struct tls_creds *creds;
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

/* The first packet of a client, as accepted. */
struct quic_initial {
    ngtcp2_pkt_hd hd;
    ngtcp2_cid odcid; /* what the client asked for first; hd.dcid where there was no Retry */
    bool has_token;   /* ... and it answered with a good one */
};

/* A server's engine; first: the datagram with `in`, which is yet to be read. NULL: no memory. */
struct quic_engine *quic_engine_serve(struct quic_env *env, void *owner,
                                      const struct quic_initial *in,
                                      const struct quic_datagram *first, uint64_t now_ns);
/* A client's engine; nothing is written yet. NULL: no memory. */
struct quic_engine *quic_engine_dial(struct quic_env *env, void *owner,
                                     const union quic_addr *local, const union quic_addr *remote,
                                     uint64_t now_ns);
/* Frees it and clears the caller's pointer; NULL is allowed. Its ids are removed through ops. */
void quic_engine_free(struct quic_engine **e);

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

/* Ends it now; its CONNECTION_CLOSE carries an application error code. */
void quic_engine_end(struct quic_engine *e, uint64_t app_code);
/* Likewise, for a reason of our own, with QUIC_APP_ABORTED. */
void quic_engine_abort(struct quic_engine *e, enum relay_end why, const char *detail);
/* Writes the CONNECTION_CLOSE of an ended engine, once: its length, 0: none is due. */
size_t quic_engine_write_close(struct quic_engine *e, ngtcp2_path_storage *path, uint8_t *to,
                               size_t room, uint64_t now_ns);

/* -- ended -- */

bool quic_engine_has_ended(const struct quic_engine *e);
/* Why; only of an engine that has ended. */
const struct quic_end *quic_engine_cause(const struct quic_engine *e);
/* The client's first packet was not the start of its hello: a Retry is due, and no close. */
bool quic_engine_wants_retry(const struct quic_engine *e);
/*
 * Whether it enters the closing or draining state (RFC 9000, section 10.2), in which its ids
 * outlive it for some PTOs. Asked before quic_engine_write_close.
 */
bool quic_engine_has_closing_period(const struct quic_engine *e);

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

/* The handshake is complete. */
bool quic_engine_is_open(const struct quic_engine *e);
/* Bytes given to send that are not acknowledged. */
uint64_t quic_engine_left(const struct quic_engine *e);
/* Something of the stream has not been sent once. */
bool quic_engine_has_unsent(const struct quic_engine *e);
uint64_t quic_engine_pto(const struct quic_engine *e);
/* The ids by which a peer may address us, at most QUIC_ENGINE_IDS_MAX: their number. */
size_t quic_engine_ids(const struct quic_engine *e, ngtcp2_cid out[QUIC_ENGINE_IDS_MAX]);

/* What was sent has arrived, the end of it included as far as can be told. */
bool quic_engine_is_delivered(const struct quic_engine *e);
/* ... and the peer has ended, too. */
bool quic_engine_is_finished(const struct quic_engine *e);

#endif
