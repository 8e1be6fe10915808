/* SPDX-License-Identifier: MPL-2.0 */
/*
 * An intrusive hash map from 64-bit keyed hashes to whatever struct carries the node. The hashes
 * choose the bucket by their low bits; several nodes may share one. The map owns the bucket array
 * only. One thread.
 */
#ifndef DHT_MAP_H
#define DHT_MAP_H

#include <stdint.h>

struct dht_map_node {
    struct dht_map_node *next;
    uint64_t hash;
};

struct dht_map {
    struct dht_map_node **buckets; /* NULL while nothing was ever put in */
    uint32_t mask, count;
};

/* A zeroed map is an empty one. */
void dht_map_put(struct dht_map *m, struct dht_map_node *n, uint64_t hash);
/* n must be in the map. */
void dht_map_remove(struct dht_map *m, struct dht_map_node *n);
/* A node with that hash, or NULL; then the others with the same. */
struct dht_map_node *dht_map_find(const struct dht_map *m, uint64_t hash);
struct dht_map_node *dht_map_find_next(const struct dht_map_node *n);
/* Some node, for a random number: of a bucket drawn by it, or one of the next; NULL when empty. */
struct dht_map_node *dht_map_draw(const struct dht_map *m, uint64_t random);
/* Empties the map and hands every node to release, which may free it. */
void dht_map_fini(struct dht_map *m, void (*release)(void *ctx, struct dht_map_node *n), void *ctx);

#endif
