/* SPDX-License-Identifier: MPL-2.0 */
/*
 * Sessions: one per inbound connection that is not (yet) a tunnel. A session does the responder's
 * handshake, then serves one request at a time (protocol: Envelope): its connection is held from a
 * request's frame until the reply was sent. A connection that registers a tunnel moves to
 * the tunnel; the session ends, or gets the connection back with a refusal.
 *
 * State: HELLO (waits for ClientHello) -> ACK (ServerHello sent, waits for ClientAck) -> READY <->
 * BUSY. Signatures are made and verified in heavy jobs, so handshakes do not delay established
 * sessions.
 *
 * Thread: a session belongs to the worker of its connection. All workers read struct
 * session_shared; what changes in it are relaxed atomics.
 */
#ifndef SESSION_H
#define SESSION_H

#include "actor/actor.h"
#include "base/err.h"
#include "base/sketch.h"
#include "crypto/crypto.h"
#include "transport/conn.h"

struct session_ledger;

struct session_rates {
    uint32_t dht_per_minute, fetch_per_minute, community_per_minute, relay_per_minute, relay_burst;
};

/* The state that all sessions of a relay share. */
struct session_shared {
    struct rt_sign_key identity;
    uint8_t dialects; /* served; a hello of another dialect is refused */
    struct session_ledger *ledger;
    struct rt_rate_sketch rate_dht, rate_fetch, rate_community, rate_relay;
    uint8_t hash_key[16];
};

/* hash_key: secret. dialects: the served ones, not empty. rates NULL: the defaults of
 * session_limits.h. */
RT_MUST_CHECK rt_err session_shared_init(struct session_shared *s,
                                         const struct rt_sign_key *identity, uint8_t dialects,
                                         const struct session_rates *rates,
                                         const uint8_t hash_key[16]);
void session_shared_fini(struct session_shared *s);

/* Per worker; shared must outlive it. */
void session_worker_init(struct rt_worker *w, struct session_shared *shared);
void session_worker_fini(struct rt_worker *w);
/* Sessions of this worker, in any state. */
uint32_t session_worker_count(const struct rt_worker *w);

/* For rt_conn_worker_init. */
struct rt_conn_acceptor session_acceptor(struct rt_worker *w);

/*
 * Shutdown: SESSION_DRAIN (struct rt_msg) to every worker's control actor refuses new requests and
 * closes idle sessions. The reply comes when no session is left, at most LIM_SHUTDOWN_NS later.
 * Connections that are tunnels stay: see RT_CONN_CLOSE_ALL.
 */
enum session_kind {
    SESSION_DRAIN = RT_REQUEST_KIND(SESSION, 1),
    SESSION_DRAINED = RT_REPLY_KIND(SESSION, 1),
};
struct rt_addr session_control_addr(const struct rt_worker *w);

#endif
