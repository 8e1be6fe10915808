/* SPDX-License-Identifier: MPL-2.0 */
/* Connects the announcer: what the operator wants announced, and where this host is reached. */
#ifndef RELAYD_ANNOUNCE_H
#define RELAYD_ANNOUNCE_H

#include "actor/actor.h"

struct relay;
struct wire_peer_hop;

/* Makes the announcer, with the DHT made. */
void announce_init(struct relay *r);

/* For dht_config: notify the announcer of an address of ours that was seen, and of a key whose
 * revocation is stored. */
void announce_seen_self(void *ctx, struct rt_worker *w, const struct wire_peer_hop *hop);
void announce_revoked(void *ctx, struct rt_worker *w, const uint8_t key[32]);

#endif
