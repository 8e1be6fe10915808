/* SPDX-License-Identifier: MPL-2.0 */
/*
 * The struct of the dht actor: its parts, in the order of the layers (README.md). For dht.c, and
 * for tests that read the state of a part. Thread: worker 0.
 */
#ifndef DHT_PRIVATE_H
#define DHT_PRIVATE_H

#include "base/list.h"
#include "base/metric.h"
#include "base/sketch.h"
#include "dht/actor_requests.h"
#include "dht/bootstrap_run.h"
#include "dht/clock_watch.h"
#include "dht/community_requests.h"
#include "dht/context.h"
#include "dht/dht.h"
#include "dht/kademlia/clock_skew.h"
#include "dht/kademlia/lookup.h"
#include "dht/kademlia/peer_db.h"
#include "dht/kademlia/probe_queue.h"
#include "dht/kademlia/replicate_plan.h"
#include "dht/kademlia/routing_table.h"
#include "dht/lookup_run.h"
#include "dht/maintenance.h"
#include "dht/membership.h"
#include "dht/persist.h"
#include "dht/replicate.h"
#include "dht/requests.h"
#include "dht/rpc_pool.h"
#include "dht/self_address.h"
#include "dht/trust_lookups.h"
#include "dht/value_store/value_store.h"

#define DHT_GAUGES (3u + WIRE_DIALECTS)

struct dht {
    struct rt_actor actor;
    struct dht_context context;

    struct persist persist;
    struct dht_value_store *values;
    struct rpc_pool *rpc;
    struct self_address self;
    struct clock_watch clock;
    struct membership membership;
    struct lookup_runs lookups;
    struct maintenance maintenance;
    struct replicate replicate;
    struct trust_lookups trust_lookups;
    struct bootstrap_run bootstrap;
    struct actor_requests actor_requests;
    struct community_requests community_requests;
    struct requests requests;

    void (*revoked)(void *ctx, struct rt_worker *w, const uint8_t key[32]);
    void *revoked_ctx;

    struct rt_job prove_job; /* proves the shares of loaded manifests */
    struct relay_timer tick_timer;
    uint64_t ticks;              /* since the start */
    uint64_t gauges[DHT_GAUGES]; /* as last reported */
};

#endif
