/* SPDX-License-Identifier: MPL-2.0 */
/* Connects the announcer to its configuration and to the addresses of this host. */
#ifndef RELAYD_ANNOUNCE_H
#define RELAYD_ANNOUNCE_H

#include "actor/actor.h"

struct relay;
struct wire_peer_hop;

/* Makes the announcer, with the DHT made. */
void announce_init(struct relay *r);

/* For dht_config: these notify the announcer of an address of ours that a peer saw, and of a key
 * whose revocation is stored. */
void announce_seen_self(void *ctx, struct rt_worker *w, const struct wire_peer_hop *hop);
void announce_revoked(void *ctx, struct rt_worker *w, const uint8_t key[32]);

#endif
