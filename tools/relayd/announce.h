/* SPDX-License-Identifier: MPL-2.0 */
/* Wires the announcer: what the operator wants announced, and where this host can be reached. */
#ifndef RELAYD_ANNOUNCE_H
#define RELAYD_ANNOUNCE_H

#include "actor/actor.h"

struct relay;
struct wire_peer_hop;

/* Makes the announcer, with the DHT made. */
void announce_init(struct relay *r);

/* For dht_config.seen_self. */
void announce_seen_self(void *ctx, struct rt_worker *w, const struct wire_peer_hop *hop);

#endif
