/* SPDX-License-Identifier: MPL-2.0 */
/*
 * Keeps the routing tables up to date: pings stale contacts, probes candidates, refreshes buckets
 * and looks ourselves up. Thread: worker 0.
 */
#ifndef DHT_MAINTENANCE_H
#define DHT_MAINTENANCE_H

#include "dht/context.h"
#include "dht/lookup_run.h"
#include "dht/membership.h"
#include "dht/rpc_pool.h"

struct maintenance {
    struct dht_context *context;
    struct membership *membership;
    struct lookup_runs *lookups;
    struct rpc_pool *rpc;
    struct relay_timer probe_timer;
};

void maintenance_init(struct maintenance *m, struct dht_context *context,
                      struct membership *membership, struct lookup_runs *lookups,
                      struct rpc_pool *rpc);
/* Disarms the timer. */
void maintenance_stop(struct maintenance *m);

/* Every tick of the actor, until it stops. ticks: their number so far. */
void maintenance_tick(struct maintenance *m, uint64_t ticks);

/* Pings a contact, and once more if it does not answer and is still a contact. The peers that it
 * names become candidates. */
void maintenance_ping(struct maintenance *m, enum wire_dialect dialect,
                      const struct wire_peer_hop *node);

/* Dials what is due in the probe queue, and arms the timer for the rest. Does nothing before the
 * actor starts and after it stops. */
void maintenance_probe(struct maintenance *m);

#endif
