/* SPDX-License-Identifier: MPL-2.0 */
/*
 * An intrusive hash map from 64-bit numbers to whatever struct carries the node. The numbers are
 * keyed hashes or random already, so their low bits choose the bucket; several nodes may share one,
 * and are found in no particular order. The map owns the bucket array only, which grows with the
 * count and stays. One thread.
 */
#ifndef RT_MAP_H
#define RT_MAP_H

#include <stdint.h>

struct rt_map_node {
    struct rt_map_node *next;
    uint64_t hash;
};

struct rt_map {
    struct rt_map_node **buckets; /* NULL while nothing was ever put in */
    uint32_t mask, count;
};

/* A zeroed map is an empty one. */
void rt_map_put(struct rt_map *m, struct rt_map_node *n, uint64_t hash);
/* n must be in the map. */
void rt_map_remove(struct rt_map *m, struct rt_map_node *n);
/* A node with that hash, or NULL; then the others with the same. */
struct rt_map_node *rt_map_find(const struct rt_map *m, uint64_t hash);
struct rt_map_node *rt_map_find_next(const struct rt_map_node *n);
/* Some node, for a random number: of a bucket drawn by it, or one of the next; NULL when empty. */
struct rt_map_node *rt_map_draw(const struct rt_map *m, uint64_t random);
/* Empties the map and hands every node to release, which may free it. */
void rt_map_fini(struct rt_map *m, void (*release)(void *ctx, struct rt_map_node *n), void *ctx);

#endif
