/* SPDX-License-Identifier: MPL-2.0 */
/*
 * Joins the network through the bootstrap peers: resolves and dials what kademlia/bootstrap.h says,
 * saves new pins, and logs results. The peers that were reached are seeds of look-ups while the
 * routing table is thin. Thread: worker 0.
 */
#ifndef DHT_BOOTSTRAP_RUN_H
#define DHT_BOOTSTRAP_RUN_H

#include "dht/context.h"
#include "dht/kademlia/bootstrap.h"
#include "dht/kademlia/trust.h"
#include "dht/lookup_run.h"
#include "dht/membership.h"
#include "dht/rpc_pool.h"

struct rt_resolver;

struct bootstrap_run_config {
    const struct dht_boot_peer *peers; /* copied */
    uint32_t count;
    struct dht_trust *trust;            /* outlives the part */
    const struct rt_resolver *resolver; /* NULL: names cannot be resolved */
};

struct bootstrap_run_callbacks {
    /* A key was pinned. pins: all of them, for the state database; moved. Empty: no memory. */
    void (*pinned)(void *ctx, struct relay_slice pins);
    void *ctx;
};

struct bootstrap_run {
    struct dht_context *context;
    struct membership *membership;
    struct lookup_runs *lookups;
    struct rpc_pool *rpc;
    const struct rt_resolver *resolver;
    struct bootstrap_run_callbacks callbacks;
    struct dht_boot *boot;
    struct relay_timer timer; /* when the next attempt is due */
    uint32_t seed_count;
    struct {
        struct wire_peer_hop hop;
        uint8_t dialects;
    } seeds[LOOKUP_RUN_SEEDS_MAX]; /* peers reached, with their keys */
};

void bootstrap_run_init(struct bootstrap_run *b, struct dht_context *context,
                        struct membership *membership, struct lookup_runs *lookups,
                        struct rpc_pool *rpc, const struct bootstrap_run_config *config,
                        const struct bootstrap_run_callbacks *callbacks);
/* The first attempts begin in the next turn. */
void bootstrap_run_start(struct bootstrap_run *b);
/* Disarms the timer. */
void bootstrap_run_stop(struct bootstrap_run *b);
void bootstrap_run_fini(struct bootstrap_run *b);

/* Begins what is due, and arms the timer for the rest. Call also when the routing tables are empty,
 * so that attempts are due earlier. Does nothing before the actor starts and after it stops. */
void bootstrap_run_due(struct bootstrap_run *b);

/* A reply of the resolver, RT_RESOLVED, to context->address; moved. */
void bootstrap_run_resolved(struct bootstrap_run *b, struct rt_msg *m);

/* The verdict on a bootstrap peer's key has changed: logs it, and removes seeds whose keys are not
 * accepted any more. */
void bootstrap_run_judged(struct bootstrap_run *b, const struct dht_trust_judgement *j);

/* See lookup_run_callbacks. */
uint32_t bootstrap_run_seeds(const struct bootstrap_run *b, enum wire_dialect dialect,
                             struct wire_peer_hop *out);

#endif
