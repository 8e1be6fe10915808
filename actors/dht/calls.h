/* SPDX-License-Identifier: MPL-2.0 */
/*
 * Outbound requests: a pool of sessions dialled for them (session/dial.h). One session per address
 * and dialect, one request in flight on each, the others wait for their turn; idle sessions are
 * closed after LIM_OUTBOUND_IDLE_NS, or earlier to make room. At most LIM_OUTBOUND_MAX sessions, at
 * most LIM_CALLS_MAX calls.
 *
 * A call wants a dialect, or takes any. The first dial speaks the dialect that is wanted, or, where
 * any will do, the one that the call names. When the peer refuses that hello, the same session is
 * dialled again in the dialects not tried yet, C before B before A, within the time of its calls. A
 * peer that cannot be reached or does not answer is not dialled again, nor is one for which only
 * exact calls wait.
 *
 * A session that ends while it was idle says nothing about its peer; one that had been used before
 * and ends under a request is dialled anew, once.
 *
 * Thread: its worker's. Nothing is called back from inside dht_calls_start.
 */
#ifndef DHT_CALLS_H
#define DHT_CALLS_H

#include "abi/relay_transport.h"
#include "actor/actor.h"
#include "crypto/crypto.h"
#include "dht/dht_msg.h"
#include "wire_envelope.h"
#include "wire_hello.h"

struct dht_calls;
struct dht_remote;

struct dht_call_end {
    enum dht_outcome outcome;
    const uint8_t *key;        /* who authenticated, also where no answer came; NULL: nobody */
    enum wire_dialect dialect; /* of the session, where key is not NULL ... */
    uint8_t peer_dialects;     /* ... and the dialects that the peer speaks */
    const struct wire_envelope *answer; /* ANSWERED, but to a call of type 0; good for the call */
};

/* A call, in its owner's memory, zeroed but for what the owner sets. */
struct dht_call {
    /* the owner's */
    struct wire_peer_hop to;    /* with pubkey_hint: only that key will do */
    enum wire_dialect dialect;  /* or DHT_DIALECT_ANY */
    enum wire_dialect first;    /* ANY: to begin with */
    bool is_exact;              /* try no other dialect: the address is a stranger's claim */
    uint16_t type;              /* 0: authenticate only */
    struct relay_slice payload; /* moved; owned or empty */
    uint64_t timeout_ns;        /* for all of it */
    /* Called once, and then the call is the owner's again. */
    void (*done)(struct dht_call *c, const struct dht_call_end *end);

    /* the pool's */
    struct dht_calls *pool;
    struct dht_remote *remote;
    struct rt_list node;
    struct relay_timer timer;
    enum dht_outcome failure; /* what is known already when it is started: told on a later turn */
    uint8_t key[32];          /* ... with ANSWERED and WRONG_KEY, and the session's dialects */
    enum wire_dialect found_dialect;
    uint8_t found_dialects;
};

/* What the pool learns of peers; called before the calls concerned are done. */
struct dht_calls_hooks {
    /* Dialled, and this key authenticated there (hop has it) on a session of this dialect;
     * dialects: those that the peer speaks. hello NULL: it has answered on such a session. */
    void (*reached)(void *ctx, const struct wire_peer_hop *hop, enum wire_dialect dialect,
                    uint8_t dialects, const struct wire_hello *hello);
    /* Nobody was reached there, or it ended badly, or another key answered than hop's, or
     * (WRONG_DIALECT) the peer does not speak this dialect. */
    void (*lost)(void *ctx, const struct wire_peer_hop *hop, enum wire_dialect dialect,
                 enum dht_outcome why);
    /* What a hello says of the time, theirs minus ours; the hello may have been refused for it. */
    void (*skew)(void *ctx, const struct wire_peer_hop *hop, int64_t skew_s);
    void *ctx;
};

/* dialects: those we speak. */
struct dht_calls *dht_calls_new(struct rt_worker *w, const struct rt_sign_key *identity,
                                uint8_t dialects, const struct dht_calls_hooks *hooks);
/* Closes all sessions; no call is told. */
void dht_calls_free(struct dht_calls **c);

void dht_calls_set_transport(struct dht_calls *c, enum wire_transport kind,
                             const struct relay_transport *t, void *state);
bool dht_calls_has_transport(const struct dht_calls *c, enum wire_transport kind);

/* Begins a call; done follows, never from inside. */
void dht_calls_start(struct dht_calls *c, struct dht_call *call);
/* Ends a call that was started and is not done; done is not called. */
void dht_calls_cancel(struct dht_call *call);

/* No session is dialled from here on; those there are are closed, calls end as BUSY. */
void dht_calls_stop(struct dht_calls *c);

uint32_t dht_calls_sessions(const struct dht_calls *c);
uint32_t dht_calls_under_way(const struct dht_calls *c);

#endif
