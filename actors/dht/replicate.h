/* SPDX-License-Identifier: MPL-2.0 */
/*
 * Stores values at other nodes: publishes those of our own actors, and republishes or hands over
 * what kademlia/replicate_plan.h says is due. A publication looks up the closest nodes of each
 * dialect that accepts the value, then pushes the value to them. Thread: worker 0.
 */
#ifndef DHT_REPLICATE_H
#define DHT_REPLICATE_H

#include "base/list.h"
#include "dht/context.h"
#include "dht/kademlia/replicate_plan.h"
#include "dht/lookup_run.h"
#include "dht/membership.h"
#include "dht/rpc_pool.h"
#include "dht/value_store/value_store.h"

struct replicate {
    struct dht_context *context;
    struct membership *membership;
    struct lookup_runs *lookups;
    struct dht_value_store *values;
    struct rpc_pool *rpc;
    struct dht_replicate_plan *plan;
    struct rt_list publications; /* of struct publication: their look-ups are under way */
    struct rt_list pushes;       /* of struct push */
    uint32_t scheduled;          /* publications and pushes that the plan began */
    struct relay_timer timer;    /* when the plan may have the next one */
};

void replicate_init(struct replicate *r, struct dht_context *context, struct membership *membership,
                    struct lookup_runs *lookups, struct dht_value_store *values,
                    struct rpc_pool *rpc);
/* The plan is asked in the next turn. */
void replicate_start(struct replicate *r);
/* Disarms the timer. */
void replicate_stop(struct replicate *r);
/* Call after replicate_stop, rpc_pool_free and lookup_run_fini. Frees all messages not yet
 * answered. */
void replicate_fini(struct replicate *r);

/* DHT_PUBLISH_REQUEST: m is moved, and answered when the push ends. */
void replicate_publish(struct replicate *r, struct dht_publish_request *m);

/* Begins what is due, and arms the timer for the rest. Call when something may have become due.
 * Does nothing before the actor starts and after it stops. */
void replicate_due(struct replicate *r);

/* A new contact entered the tables of these dialects: values are handed over to it. */
void replicate_joined(struct replicate *r, const struct wire_peer_hop *node, uint8_t dialects);

#endif
