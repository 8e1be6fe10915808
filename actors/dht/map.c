/* SPDX-License-Identifier: MPL-2.0 */
#include "dht/map.h"

#include <stdlib.h>

#include "base/check.h"

#define MAP_START 16u

static void grow(struct dht_map *m)
{
    uint32_t old_size = m->buckets ? m->mask + 1 : 0;
    uint32_t size = old_size ? old_size * 2 : MAP_START;
    struct dht_map_node **grown = calloc(size, sizeof(struct dht_map_node *));

    RT_INSIST(grown != NULL);
    for (uint32_t i = 0; i < old_size; i++) {
        struct dht_map_node *n = m->buckets[i];

        while (n) {
            struct dht_map_node *next = n->next;
            struct dht_map_node **head = &grown[n->hash & (size - 1)];

            n->next = *head;
            *head = n;
            n = next;
        }
    }
    free((void *)m->buckets);
    m->buckets = grown;
    m->mask = size - 1;
}

void dht_map_put(struct dht_map *m, struct dht_map_node *n, uint64_t hash)
{
    struct dht_map_node **head;

    if (!m->buckets || m->count > m->mask)
        grow(m);
    head = &m->buckets[hash & m->mask];
    n->hash = hash;
    n->next = *head;
    *head = n;
    m->count++;
}

void dht_map_remove(struct dht_map *m, struct dht_map_node *n)
{
    struct dht_map_node **at;

    RT_REQUIRE(m->buckets != NULL);
    for (at = &m->buckets[n->hash & m->mask]; *at != n; at = &(*at)->next)
        RT_REQUIRE(*at != NULL);
    *at = n->next;
    n->next = NULL;
    m->count--;
}

struct dht_map_node *dht_map_find(const struct dht_map *m, uint64_t hash)
{
    struct dht_map_node *n = m->buckets ? m->buckets[hash & m->mask] : NULL;

    while (n && n->hash != hash)
        n = n->next;
    return n;
}

struct dht_map_node *dht_map_find_next(const struct dht_map_node *n)
{
    struct dht_map_node *next = n->next;

    while (next && next->hash != n->hash)
        next = next->next;
    return next;
}

struct dht_map_node *dht_map_draw(const struct dht_map *m, uint64_t random)
{
    if (m->count == 0)
        return NULL;
    for (uint64_t i = random;; i++) {
        struct dht_map_node *n = m->buckets[i & m->mask];
        uint32_t length = 0;

        for (const struct dht_map_node *o = n; o; o = o->next)
            length++;
        for (uint64_t skip = length ? (random >> 32) % length : 0; skip > 0; skip--)
            n = n->next;
        if (n)
            return n;
    }
}

void dht_map_fini(struct dht_map *m, void (*release)(void *ctx, struct dht_map_node *n), void *ctx)
{
    for (uint32_t i = 0; m->buckets && i <= m->mask; i++) {
        struct dht_map_node *n = m->buckets[i];

        while (n) {
            struct dht_map_node *next = n->next;

            release(ctx, n);
            n = next;
        }
    }
    free((void *)m->buckets);
    *m = (struct dht_map){0};
}
