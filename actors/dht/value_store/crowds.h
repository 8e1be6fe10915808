/* SPDX-License-Identifier: MPL-2.0 */
/*
 * A crowd is the set of records of a group that one network stored, in the order of their renewal.
 * The largest crowd of a group is found in O(1). A record is added or removed in O(log n). The
 * count changes by one, so a crowd swaps places with the first or last crowd of the same count.
 * Pure.
 */
#ifndef DHT_CROWDS_H
#define DHT_CROWDS_H

#include "base/list.h"
#include "base/map.h"
#include "dht/value_store/array.h"

/* The crowds of one group, in descending order of count. A zeroed struct is empty. */
struct dht_ranking {
    struct dht_array crowds; /* of struct dht_crowd * */
};

struct dht_crowd {
    struct rt_map_node node;
    struct dht_ranking *ranking;
    uint64_t net;
    uint32_t count, place;
    struct rt_list by_renewal; /* least recently renewed first */
};

/* The crowds of all groups. */
struct dht_crowds {
    struct rt_map all;
    const uint8_t *hash_key; /* 16 bytes */
};

/* Frees all crowds, but not the arrays of their rankings. */
void dht_crowds_free(struct dht_crowds *c);
/* NULL: the network has no record in the group. */
struct dht_crowd *dht_crowds_find(const struct dht_crowds *c, const struct dht_ranking *r,
                                  uint64_t net);
/* NULL: the group has no record. */
struct dht_crowd *dht_crowds_largest(const struct dht_ranking *r);
/* Adds a record as the most recently renewed one. The ranking must not move while it has crowds. */
struct dht_crowd *dht_crowds_join(struct dht_crowds *c, struct dht_ranking *r, uint64_t net,
                                  struct rt_list *by_renewal);
/* Removes the record from the crowd. An empty crowd is freed. */
void dht_crowds_quit(struct dht_crowds *c, struct dht_crowd *crowd, struct rt_list *by_renewal);

#endif
