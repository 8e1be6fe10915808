/* SPDX-License-Identifier: MPL-2.0 */
/*
 * Iterative look-ups over the network: kademlia/lookup.h decides which node to ask next, rpc_pool
 * asks it. At most LIM_LOOKUPS_MAX run at once, LIM_LOOKUPS_QUEUED more wait. A run ends when the
 * look-up ends, when it has values_max values, or after LIM_LOOKUP_NS. When the actor stops, all
 * runs end. Thread: worker 0.
 */
#ifndef DHT_LOOKUP_RUN_H
#define DHT_LOOKUP_RUN_H

#include "abi/relay_buf.h"
#include "base/list.h"
#include "dht/context.h"
#include "dht/dht_limits.h"
#include "dht/kademlia/lookup.h"
#include "dht/membership.h"
#include "dht/rpc_pool.h"

#define LOOKUP_RUN_VALUES_MAX DHT_LOOKUP_VALUES_MAX
#define LOOKUP_RUN_SEEDS_MAX 16u

struct lookup_run;
typedef void lookup_run_fn(void *owner, struct lookup_run *run);

struct lookup_run_request {
    enum wire_dialect dialect; /* of the nodes that are asked */
    const uint8_t *key;        /* of a value, 32 bytes; the first 20 bytes are the target */
    uint32_t values_max;       /* 0: nodes only, and key has only 20 bytes */
    /* Called once at the end, but not from lookup_run_fini. It may take values and cookie out of
     * the run, which is freed when it returns. */
    lookup_run_fn *done;
    void *owner;
    struct rt_msg *cookie; /* moved to the run, if one begins; may be NULL */
};

struct lookup_run {
    struct rt_list node;
    struct lookup_runs *all;
    struct lookup_run_request request; /* its key is not set */
    struct dht_lookup *lookup;
    uint8_t key[32];
    uint32_t value_count;
    struct relay_slice values[LOOKUP_RUN_VALUES_MAX]; /* distinct and checked */
    struct relay_timer timer;                         /* LIM_LOOKUP_NS, or due at once */
    uint32_t adding;                                  /* the candidate whose reply is being read */
    struct lookup_run_query {
        struct rpc_call call;
        struct lookup_run *run;
        uint32_t candidate;
        struct wire_peer_hop hop; /* with the key that others named for it */
        bool is_under_way;
    } queries[DHT_ALPHA];
};

struct lookup_run_callbacks {
    /* Writes at most LOOKUP_RUN_SEEDS_MAX bootstrap peers that were reached and speak the dialect,
     * with their keys. They are seeds while the routing table is thin. Returns how many. */
    uint32_t (*seeds)(void *ctx, enum wire_dialect dialect, struct wire_peer_hop *out);
    void *ctx;
};

struct lookup_runs {
    struct dht_context *context;
    struct membership *membership;
    struct rpc_pool *rpc;
    struct lookup_run_callbacks callbacks;
    struct rt_list waiting, active; /* of struct lookup_run */
    uint32_t waiting_count, active_count;
    struct {
        uint64_t began_ns; /* the last look-up of ourselves; 0: none */
        uint32_t nodes;    /* contacts of the dialect at that time */
    } self[WIRE_DIALECTS];
};

void lookup_run_init(struct lookup_runs *l, struct dht_context *context,
                     struct membership *membership, struct rpc_pool *rpc,
                     const struct lookup_run_callbacks *callbacks);
/* Call after rpc_pool_free. Frees all runs with their cookies; done is not called. */
void lookup_run_fini(struct lookup_runs *l);

/* Begins a look-up or queues it. False: too many wait or the actor has stopped; done is not called.
 */
bool lookup_run_start(struct lookup_runs *l, const struct lookup_run_request *request);
/* A look-up of nodes whose replies only fill the routing table. */
void lookup_run_around(struct lookup_runs *l, enum wire_dialect dialect, const uint8_t target[20]);
/* The same around ourselves. */
void lookup_run_self(struct lookup_runs *l, enum wire_dialect dialect);

/* True: a look-up in this dialect has a node to begin with. */
bool lookup_run_has_seed(const struct lookup_runs *l, enum wire_dialect dialect);

#endif
