/* SPDX-License-Identifier: MPL-2.0 */
/*
 * Logs clocks that differ: a peer's from ours, and this host's from those of several networks
 * (kademlia/clock_skew.h). Thread: worker 0.
 */
#ifndef DHT_CLOCK_WATCH_H
#define DHT_CLOCK_WATCH_H

#include "dht/context.h"
#include "dht/kademlia/clock_skew.h"
#include "wire_peer.h"

struct clock_watch {
    struct dht_context *context;
    struct dht_clock_skew skew;
};

void clock_watch_init(struct clock_watch *c, struct dht_context *context);

/* A hello from this address had a time of skew_s, theirs minus ours. Port 0: the address dialled
 * us. */
void clock_watch_note(struct clock_watch *c, const struct wire_peer_hop *hop, int64_t skew_s);

#endif
