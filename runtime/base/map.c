/* SPDX-License-Identifier: MPL-2.0 */
#include "base/map.h"

#include <stdlib.h>

#include "base/check.h"

#define MAP_START 16u

static void grow(struct rt_map *m)
{
    uint32_t old_size = m->buckets ? m->mask + 1 : 0;
    uint32_t size = old_size ? old_size * 2 : MAP_START;
    struct rt_map_node **grown = calloc(size, sizeof(struct rt_map_node *));

    RT_INSIST(grown != NULL);
    for (uint32_t i = 0; i < old_size; i++) {
        struct rt_map_node *n = m->buckets[i];

        while (n) {
            struct rt_map_node *next = n->next;
            struct rt_map_node **head = &grown[n->hash & (size - 1)];

            n->next = *head;
            *head = n;
            n = next;
        }
    }
    free((void *)m->buckets);
    m->buckets = grown;
    m->mask = size - 1;
}

void rt_map_put(struct rt_map *m, struct rt_map_node *n, uint64_t hash)
{
    struct rt_map_node **head;

    if (!m->buckets || m->count > m->mask)
        grow(m);
    head = &m->buckets[hash & m->mask];
    n->hash = hash;
    n->next = *head;
    *head = n;
    m->count++;
}

void rt_map_remove(struct rt_map *m, struct rt_map_node *n)
{
    struct rt_map_node **at;

    RT_REQUIRE(m->buckets != NULL);
    for (at = &m->buckets[n->hash & m->mask]; *at != n; at = &(*at)->next)
        RT_REQUIRE(*at != NULL);
    *at = n->next;
    n->next = NULL;
    m->count--;
}

struct rt_map_node *rt_map_find(const struct rt_map *m, uint64_t hash)
{
    struct rt_map_node *n = m->buckets ? m->buckets[hash & m->mask] : NULL;

    while (n && n->hash != hash)
        n = n->next;
    return n;
}

struct rt_map_node *rt_map_find_next(const struct rt_map_node *n)
{
    struct rt_map_node *next = n->next;

    while (next && next->hash != n->hash)
        next = next->next;
    return next;
}

struct rt_map_node *rt_map_draw(const struct rt_map *m, uint64_t random)
{
    if (m->count == 0)
        return NULL;
    for (uint64_t i = random;; i++) {
        struct rt_map_node *n = m->buckets[i & m->mask];
        uint32_t length = 0;

        for (const struct rt_map_node *o = n; o; o = o->next)
            length++;
        for (uint64_t skip = length ? (random >> 32) % length : 0; skip > 0; skip--)
            n = n->next;
        if (n)
            return n;
    }
}

void rt_map_fini(struct rt_map *m, void (*release)(void *ctx, struct rt_map_node *n), void *ctx)
{
    for (uint32_t i = 0; m->buckets && i <= m->mask; i++) {
        struct rt_map_node *n = m->buckets[i];

        while (n) {
            struct rt_map_node *next = n->next;

            release(ctx, n);
            n = next;
        }
    }
    free((void *)m->buckets);
    *m = (struct rt_map){0};
}
