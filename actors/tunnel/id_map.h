/* SPDX-License-Identifier: MPL-2.0 */
/*
 * An intrusive hash map from 64-bit ids to whatever struct carries the node. Ids are keyed hashes
 * or random numbers already, so their low bits choose the bucket. Several nodes may share one id;
 * they are found in no particular order. The map owns the bucket array only, which grows with the
 * count and stays. One thread.
 */
#ifndef TUNNEL_ID_MAP_H
#define TUNNEL_ID_MAP_H

#include <stdint.h>

struct id_node {
    struct id_node *next;
    uint64_t id;
};

struct id_map {
    struct id_node **buckets; /* NULL while nothing was ever put in */
    uint32_t mask, count;
};

/* A zeroed map is an empty one. */
void id_map_put(struct id_map *m, struct id_node *n, uint64_t id);
/* n must be in the map. */
void id_map_remove(struct id_map *m, struct id_node *n);
/* A node with that id, or NULL; then the others with the same id. */
struct id_node *id_map_find(const struct id_map *m, uint64_t id);
struct id_node *id_map_find_next(const struct id_node *n);
/* Empties the map and hands every node to release, which may free it. */
void id_map_fini(struct id_map *m, void (*release)(struct id_node *n));

#endif
