/* SPDX-License-Identifier: MPL-2.0 */
/*
 * Counts the values and bytes that each origin has in the store. An origin is a peer or a network,
 * by the hash of its key or its number. A record exists while its origin has a value. Pure.
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

/* NULL: the origin has no value. */
const struct dht_quota *dht_quota_find(const struct rt_map *quotas, uint64_t hash);
/* Counts one more value of this size. Returns the origin's record, for dht_quota_remove. */
struct dht_quota *dht_quota_add(struct rt_map *quotas, uint64_t hash, size_t bytes);
/* Uncounts a value. Frees the record after the last one. */
void dht_quota_remove(struct rt_map *quotas, struct dht_quota *q, size_t bytes);

#endif
