/* SPDX-License-Identifier: MPL-2.0 */
/*
 * One QUIC connection without a socket, a loop or a clock: packets, times (ns, monotonic) and
 * randomness are arguments; packets are written to the caller's buffer.
 *
 * The connection carries one stream, the first bidirectional one that the client opens. It reports
 * to its owner through struct quic_engine_ops, mostly from inside quic_engine_read. From there the
 * owner may call only the functions marked "any time", which record a request.
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

#define QUIC_PACKET_MAX 1500u /* the longest packet that we write */
#define QUIC_CACHE_LINE 64u
#define QUIC_ENGINE_IDS_MAX 17u
#define QUIC_IDLE_NS UINT64_C(30000000000)
#define QUIC_APP_CLOSED 0u /* application error codes of our CONNECTION_CLOSE */
#define QUIC_APP_ABORTED 1u

struct quic_engine;

/* Reports to the engine's owner; all from inside quic_engine_read but for cid_* and narrowed. */
struct quic_engine_ops {
    void (*opened)(void *owner);
    /* n > 0 bytes of the stream, in order, good for the call; see quic_engine_consumed. */
    void (*data)(void *owner, const uint8_t *p, size_t n);
    void (*fin)(void *owner);
    /* The peer may address us by this id from now on; false: the id is taken. */
    bool (*cid_add)(void *owner, const ngtcp2_cid *cid);
    void (*cid_remove)(void *owner, const ngtcp2_cid *cid);
    /* Packets were lost that were too long for the path; see mtu.h. */
    void (*narrowed)(void *owner);
};

/* State that the engines of a worker share. */
struct quic_env {
    const struct quic_engine_ops *ops;
    const ngtcp2_mem *mem;
    const struct tls_creds *creds;
    quic_buf_new_fn *buf_new;
    void (*random)(void *ctx, void *out, size_t len);
    void *random_ctx;
    uint8_t reset_secret[QUIC_SECRET_BYTES];
    uint16_t worker, workers; /* this worker and their number: in the ids of its engines */
};

/* Why an engine has ended, in the terms of the plugin's table. */
struct quic_end {
    enum relay_end why;
    const char *detail; /* static, or NULL */
};

/* A client's first packet, decoded. */
struct quic_initial {
    ngtcp2_pkt_hd hd;
    ngtcp2_cid odcid; /* the client's original destination id; hd.dcid without a Retry */
    bool has_token;   /* its Retry token is valid */
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
 * Reads a chain of datagrams. True: the peer waits for the acknowledgement of one of them, so it
 * must not be delayed long.
 */
bool quic_engine_read(struct quic_engine *e, const struct quic_datagram *d, uint64_t now_ns);
/*
 * Writes one packet, if one is due and allowed now, and its path: its length, 0: none.
 * room >= QUIC_PACKET_MAX. No packet is to be marked for ECN: some paths drop marked packets, and
 * each handshake over such a path would cost seconds.
 */
size_t quic_engine_write(struct quic_engine *e, ngtcp2_path_storage *path, uint8_t *to, size_t room,
                         uint64_t now_ns);
/* Sets the pace of the next packets by the bytes written since the last call. */
void quic_engine_wrote(struct quic_engine *e, uint64_t now_ns);
/* The path's known maximum of one packet; a longer packet is an MTU probe. */
size_t quic_engine_path_max(const struct quic_engine *e);
/* The system has refused a written packet of n bytes as too long (EMSGSIZE). */
void quic_engine_refused(struct quic_engine *e, size_t n, uint64_t now_ns);
/* Bytes in flight: neither acknowledged nor declared lost. */
uint64_t quic_engine_in_flight(const struct quic_engine *e);
/* Bytes that may be written in one run. */
size_t quic_engine_quantum(const struct quic_engine *e);
/* Call it at the time of quic_engine_expiry, and write afterwards. */
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
/* The client's first packet was not the start of its ClientHello: a Retry is due instead. */
bool quic_engine_wants_retry(const struct quic_engine *e);
/*
 * True if the connection enters the closing or draining state (RFC 9000, section 10.2), in which
 * its ids stay in use for some PTOs. Called before quic_engine_write_close.
 */
bool quic_engine_has_closing_period(const struct quic_engine *e);

/* -- any time -- */

/* Takes v. False: no memory for the views in it. */
bool quic_engine_send(struct quic_engine *e, struct relay_vec *v);
/* Sends FIN after what was given to send. */
void quic_engine_finish(struct quic_engine *e);
/* Extends the flow-control window by n bytes, which came from ops->data. */
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

/* All that was sent is acknowledged, and FIN as far as the library reports it. */
bool quic_engine_is_delivered(const struct quic_engine *e);
/* ... and the peer's FIN was received. */
bool quic_engine_is_finished(const struct quic_engine *e);

#endif
