/* SPDX-License-Identifier: MPL-2.0 */
/* What the files of the dht actor share. All of it on worker 0. */
#ifndef DHT_PRIVATE_H
#define DHT_PRIVATE_H

#include "base/list.h"
#include "base/metric.h"
#include "base/sketch.h"
#include "dht/address/addr.h"
#include "dht/clock_watch.h"
#include "dht/context.h"
#include "dht/dht.h"
#include "dht/kademlia/bootstrap.h"
#include "dht/kademlia/lookup.h"
#include "dht/kademlia/peer_db.h"
#include "dht/kademlia/probe_queue.h"
#include "dht/kademlia/replicate_plan.h"
#include "dht/kademlia/routing_table.h"
#include "dht/membership.h"
#include "dht/rpc_pool.h"
#include "dht/self_address.h"
#include "dht/value_store/value_store.h"

#define DHT_BOOT_HOPS_MAX 16u
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
    struct dht_value_store *values;
    struct dht_replicate_plan *republish;
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
    } boot_hops[DHT_BOOT_HOPS_MAX];

    struct rt_list errands;             /* struct dht_errand, under way */
    struct rt_list searches, searching; /* struct dht_search: waiting, under way */
    uint32_t search_waiting, search_active;
    struct rt_list publications; /* struct dht_publication, under way */
    struct rt_list pushes;       /* struct dht_push, under way */
    uint32_t push_count;

    struct rt_queue stores; /* STOREs that wait for their check: answer.c */
    struct rt_job store_job;
    struct rt_list browsing; /* searches in communities, the first under way: browse.c */
    uint32_t browsing_count;
    struct rt_job browse_job;
    struct rt_job prove_job; /* loaded manifests */

    struct relay_timer tick_timer, probe_timer, boot_timer, push_timer;
    uint64_t ticks;
    struct {
        uint64_t began_ns; /* the last look-up of ourselves */
        uint32_t nodes;    /* the table's count then */
    } self_search[WIRE_DIALECTS];
    uint64_t gauges[DHT_GAUGES]; /* as last reported */
};

/* Reported every tick: nodes of each dialect, values, their bytes, peers. */
extern struct rt_metric *const dht_gauges[DHT_GAUGES];

/* -- dht.c -- */

/* A call of our own that needs no more state than this. */
struct dht_errand {
    struct rpc_call call;
    struct rt_list node;
    struct dht *dht;
    uint32_t entry;      /* of the bootstrap list */
    bool is_repeated;    /* of pings */
    struct rt_msg *owed; /* a question it is for */
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

/* -- network.c: who is there -- */
/* Asks where we are now; drops what is out of scope. */
void dht_network_self(struct dht *d);
void dht_network_ping(struct dht *d, enum wire_dialect dialect, const struct wire_peer_hop *node);
void dht_network_probe(struct dht *d);
void dht_network_upkeep(struct dht *d); /* every tick */

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

/* -- search.c: look-ups -- */

#define DHT_SEARCH_VALUES_MAX DHT_LOOKUP_VALUES_MAX

struct dht_search {
    struct rt_list node;
    struct dht *dht;
    enum wire_dialect dialect;
    struct dht_lookup *lookup;
    uint8_t key[32];     /* of a value; its first 20 bytes are the target */
    uint32_t values_max; /* 0: nodes only */
    uint32_t value_count;
    struct relay_slice values[DHT_SEARCH_VALUES_MAX];
    void (*done)(struct dht_search *s); /* its owner takes what it wants; it is freed after */
    struct rt_msg *owed;                /* what it is for; done takes it */
    void *user;
    struct relay_timer timer; /* the end of its time */
    uint32_t adding;          /* the candidate whose answer is being read */
    struct dht_query {
        struct rpc_call call;
        struct dht_search *search;
        uint32_t candidate;
        struct wire_peer_hop hop; /* with the key it is said to have */
        bool is_under_way;
    } queries[DHT_ALPHA];
};

/* Begins a look-up among the nodes of a dialect, of target (its first 20 bytes for nodes, all 32
 * for values), or queues it. NULL: too many wait, and done is not called. */
struct dht_search *dht_search(struct dht *d, enum wire_dialect dialect, const uint8_t target[32],
                              uint32_t values_max, void (*done)(struct dht_search *s),
                              struct rt_msg *owed);
/* A node look-up whose answers only fill the table. */
void dht_search_around(struct dht *d, enum wire_dialect dialect, const uint8_t target[20]);
/* The same around ourselves. */
void dht_search_self(struct dht *d, enum wire_dialect dialect);
void dht_search_fini(struct dht *d);
void dht_search_lookup(struct dht *d, struct dht_lookup_ask *a);

/* -- push.c: values to others -- */
void dht_push_publish(struct dht *d, struct dht_publish_ask *a);
/* Republishing: begins what is due, and arms the timer for the rest. */
void dht_push_due(struct dht *d);
void dht_push_fini(struct dht *d);

#endif
