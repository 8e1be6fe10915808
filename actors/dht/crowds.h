/* SPDX-License-Identifier: MPL-2.0 */
/*
 * How many records of a group each network stored, and in which order it renewed them. The most
 * crowded network of a group is found in O(1), and a record comes or goes in O(log n): a count
 * changes by one, so a crowd changes places with the first or last of its equals. Pure.
 */
#ifndef DHT_CROWDS_H
#define DHT_CROWDS_H

#include "base/list.h"
#include "base/map.h"
#include "dht/array.h"

/* One group's crowds, in falling order of count. A zeroed one is empty. */
struct dht_ranking {
    struct dht_array crowds; /* of struct dht_crowd * */
};

struct dht_crowd {
    struct rt_map_node node;
    struct dht_ranking *ranking;
    uint64_t net;
    uint32_t count, place;
    struct rt_list by_renewal; /* the longest unrenewed first */
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
/* One more record, as the last that was renewed. The ranking does not move while it has crowds. */
struct dht_crowd *dht_crowds_join(struct dht_crowds *c, struct dht_ranking *r, uint64_t net,
                                  struct rt_list *by_renewal);
/* The record leaves its crowd, which may be freed. */
void dht_crowds_quit(struct dht_crowds *c, struct dht_crowd *crowd, struct rt_list *by_renewal);

#endif
