/* SPDX-License-Identifier: MPL-2.0 */
/*
 * Who has how much of the store: values and bytes counted per origin, by the hash of its key or of
 * its network. An origin's record lives as long as it owns something. Pure.
 */
#ifndef DHT_QUOTA_H
#define DHT_QUOTA_H

#include <stddef.h>

#include "base/list.h"
#include "base/map.h"

struct dht_quota {
    struct rt_map_node node;
    uint32_t values;
    uint64_t bytes;
    struct rt_list fresh;   /* of a network: values to be pushed, in order of storing */
    struct rt_list in_turn; /* in the list of networks with fresh values */
};

/* What this origin owns; NULL: nothing. */
const struct dht_quota *dht_quota_find(const struct rt_map *owners, uint64_t hash);
/* One value of so many bytes is its own; returns its record, to be handed back to give. */
struct dht_quota *dht_quota_add(struct rt_map *owners, uint64_t hash, size_t bytes);
void dht_quota_remove(struct rt_map *owners, struct dht_quota *o, size_t bytes);

#endif
