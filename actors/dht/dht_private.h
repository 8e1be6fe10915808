/* SPDX-License-Identifier: MPL-2.0 */
/* What the files of the dht actor share. All of it on worker 0. */
#ifndef DHT_PRIVATE_H
#define DHT_PRIVATE_H

#include "base/list.h"
#include "base/metric.h"
#include "base/sketch.h"
#include "dht/actor_requests.h"
#include "dht/address/addr.h"
#include "dht/clock_watch.h"
#include "dht/context.h"
#include "dht/dht.h"
#include "dht/kademlia/lookup.h"
#include "dht/kademlia/peer_db.h"
#include "dht/kademlia/probe_queue.h"
#include "dht/kademlia/replicate_plan.h"
#include "dht/kademlia/routing_table.h"
#include "dht/lookup_run.h"
#include "dht/maintenance.h"
#include "dht/membership.h"
#include "dht/replicate.h"
#include "dht/rpc_pool.h"
#include "dht/self_address.h"
#include "dht/value_store/value_store.h"

#define DHT_GAUGES (3u + WIRE_DIALECTS)

/* Look-ups of records of bootstrap peers' keys: trust_watch.c. */
struct dht_watch {
    struct relay_timer timer;
    enum { DHT_WATCH_IDLE, DHT_WATCH_ROTATION, DHT_WATCH_REVOCATION } step; /* under way, or next */
    uint8_t key[32]; /* owner of the records; unset while IDLE */
};

struct dht {
    struct rt_actor actor;
    struct dht_context context;
    struct dht_disk disk;
    const struct rt_resolver *resolver;

    struct self_address self;
    struct clock_watch clock;
    struct membership membership;
    struct lookup_runs lookups;
    struct actor_requests actor_requests;
    struct maintenance maintenance;
    struct replicate replicate;
    struct dht_value_store *values;
    struct dht_trust *trust;
    struct dht_watch watch;
    struct dht_boot *boot;
    struct rpc_pool *rpc;
    struct rt_rate_sketch offers; /* PexOffers per identity */

    void (*revoked)(void *ctx, struct rt_worker *w, const uint8_t key[32]);
    void *revoked_ctx;

    /* bootstrap peers reached, for look-ups while the table is thin: join.c */
    uint32_t boot_hop_count;
    struct dht_boot_hop {
        struct wire_peer_hop hop;
        uint8_t dialects;
    } boot_hops[LOOKUP_RUN_SEEDS_MAX];

    struct rt_list errands; /* struct dht_errand, under way */

    struct rt_queue stores; /* STOREs that wait for their check: answer.c */
    struct rt_job store_job;
    struct rt_list browsing; /* searches in communities, the first under way: browse.c */
    uint32_t browsing_count;
    struct rt_job browse_job;
    struct rt_job prove_job; /* loaded manifests */

    struct relay_timer tick_timer, boot_timer;
    uint64_t ticks;
    uint64_t gauges[DHT_GAUGES]; /* as last reported */
};

/* -- dht.c -- */

/* A call of our own that needs no more state than this. */
struct dht_errand {
    struct rpc_call call;
    struct rt_list node;
    struct dht *dht;
    uint32_t entry; /* of the bootstrap list */
};

/* Makes a call of any dialect, with the dialect last spoken at the address first. The caller may
 * change the call before the start. done must call dht_errand_end. payload moves. */
struct dht_errand *dht_errand_new(struct dht *d, const struct wire_peer_hop *to, uint16_t type,
                                  struct relay_slice payload, uint64_t timeout_ns,
                                  void (*done)(struct rpc_call *c, const struct rpc_end *end));
void dht_errand_start(struct dht_errand *e);
void dht_errand_end(struct dht_errand *e);

/* Peers as they are written into messages. */
uint32_t dht_peers_of(const struct wire_peer_hop *hops, uint32_t count, const uint8_t *skip_key,
                      struct wire_peer *out);

/* -- answer.c: requests of peers -- */
void dht_answer(struct dht *d, struct dht_ask *a);
void dht_answer_init(struct dht *d);
void dht_answer_fini(struct dht *d);

/* -- browse.c: requests of peers about communities -- */
void dht_browse(struct dht *d, struct dht_ask *a);
void dht_browse_init(struct dht *d);
void dht_browse_fini(struct dht *d);

/* -- join.c: bootstrap -- */
void dht_join(struct dht *d);
void dht_join_resolved(struct dht *d, struct rt_msg *m);

/* -- trust_watch.c: records of bootstrap peers' keys -- */
void dht_watch_init(struct dht *d);
/* Call after the state on disk was loaded. */
void dht_watch_start(struct dht *d);
void dht_watch_stop(struct dht *d);
/* A key may have been pinned: its records are looked up soon. */
void dht_watch_wake(struct dht *d);
/* A STORE had a valid value 0x36 or 0x37. The value may have been refused for lack of room. */
void dht_watch_heard(struct dht *d, struct relay_slice value);

#endif
