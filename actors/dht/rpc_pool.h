/* SPDX-License-Identifier: MPL-2.0 */
/*
 * Outbound requests over a pool of dialled sessions (session/dial.h). There is one session per
 * address and dialect, with one request in flight; other calls wait for their turn. Idle sessions
 * are closed after LIM_OUTBOUND_IDLE_NS, or earlier to make room. At most LIM_OUTBOUND_MAX sessions
 * and LIM_CALLS_MAX calls.
 *
 * A call requires a dialect or allows any. The first dial uses the required dialect, or the one in
 * `first` if any is allowed. When the peer refuses that hello, the session is dialled again in the
 * remaining dialects, in the order C, B, A. All dials count against the deadline of the calls. The
 * session is not dialled again if the peer is unreachable or silent, or if only exact calls wait.
 *
 * A session that ends while idle is not a failure of the peer. A session that was used before and
 * ends during a request is dialled again, once.
 *
 * Thread: the worker's. rpc_pool_start calls no callback.
 */
#ifndef RPC_POOL_H
#define RPC_POOL_H

#include "abi/relay_transport.h"
#include "actor/actor.h"
#include "crypto/crypto.h"
#include "dht/dht_limits.h"
#include "dht/dht_msg.h"
#include "wire_envelope.h"
#include "wire_hello.h"

struct rpc_pool;
struct rpc_remote;

struct rpc_end {
    enum dht_outcome outcome;
    const uint8_t *key;                /* authenticated key, also without a reply; NULL: none */
    enum wire_dialect dialect;         /* of the session, if key is not NULL ... */
    uint8_t peer_dialects;             /* ... and the dialects that the peer speaks */
    const struct wire_envelope *reply; /* ANSWERED, but to a call of type 0; good for the call */
};

/* A call in its owner's memory, zeroed except for the fields that the owner sets. */
struct rpc_call {
    /* the owner's */
    struct wire_peer_hop to;    /* with pubkey_hint: only that key will do */
    enum wire_dialect dialect;  /* or DHT_DIALECT_ANY */
    enum wire_dialect first;    /* of the first dial, if dialect is ANY */
    bool is_exact;              /* try no other dialect: an unknown peer named the address */
    uint16_t type;              /* 0: authenticate only */
    struct relay_slice payload; /* moved; owned or empty */
    uint64_t timeout_ns;        /* for all of it */
    /* Called once at the end. The call is the owner's again. */
    void (*done)(struct rpc_call *c, const struct rpc_end *end);

    /* the pool's */
    struct rpc_pool *pool;
    struct rpc_remote *remote;
    struct rt_list node;
    struct relay_timer timer;
    enum dht_outcome failure; /* the outcome if known at the start; reported on a later turn */
    uint8_t key[32];          /* ... with ANSWERED and WRONG_KEY, and the session's dialects */
    enum wire_dialect found_dialect;
    uint8_t found_dialects;
};

/* Events of peers, reported before the ends of the calls that they end. */
struct rpc_pool_callbacks {
    /* A dialled peer authenticated with the key in hop, on a session of this dialect. dialects:
     * spoken by the peer. hello NULL: the peer answered a request on such a session. */
    void (*reached)(void *ctx, const struct wire_peer_hop *hop, enum wire_dialect dialect,
                    uint8_t dialects, const struct wire_hello *hello);
    /* The peer was not reached, the session failed, another key than hop's authenticated, or
     * (WRONG_DIALECT) the peer does not speak this dialect. */
    void (*lost)(void *ctx, const struct wire_peer_hop *hop, enum wire_dialect dialect,
                 enum dht_outcome why);
    /* The time in a peer's hello, theirs minus ours; the hello may have been refused for it. */
    void (*skew)(void *ctx, const struct wire_peer_hop *hop, int64_t skew_s);
    void *ctx;
};

/* dialects: spoken by this relay. */
struct rpc_pool *rpc_pool_new(struct rt_worker *w, const struct rt_sign_key *identity,
                              uint8_t dialects, const struct rpc_pool_callbacks *callbacks);
/* Closes all sessions. Calls under way do not end: done is not called. */
void rpc_pool_free(struct rpc_pool **pool);

void rpc_pool_set_transport(struct rpc_pool *c, enum wire_transport kind,
                            const struct relay_transport *t, void *state);
bool rpc_pool_has_transport(const struct rpc_pool *c, enum wire_transport kind);

/* Begins a call. done is called on a later turn, never from inside. */
void rpc_pool_start(struct rpc_pool *c, struct rpc_call *call);

/* Receives the end of a call that the pool keeps, with the owner and cookie of rpc_pool_send. */
typedef void rpc_reply_fn(void *owner, uint64_t cookie, const struct rpc_call *call,
                          const struct rpc_end *end);
/* Begins a copy of `call`, which the pool keeps until it is done; `done` of the call is ignored.
 * reply may be NULL. rpc_pool_free drops the call without a reply. */
void rpc_pool_send(struct rpc_pool *c, const struct rpc_call *call, rpc_reply_fn *reply,
                   void *owner, uint64_t cookie);
/* Ends a call that was started and is not done; done is not called. */
void rpc_pool_cancel(struct rpc_call *call);

/* Closes all sessions; no session is dialled from now on. Calls end as BUSY. */
void rpc_pool_stop(struct rpc_pool *c);

uint32_t rpc_pool_sessions(const struct rpc_pool *c);
uint32_t rpc_pool_under_way(const struct rpc_pool *c);

#endif
