/* SPDX-License-Identifier: MPL-2.0 */
#include "tunnel/id_map.h"

#include <stdlib.h>

#include "base/check.h"

#define ID_MAP_START 16u

static void id_map_grow(struct id_map *m)
{
    uint32_t old_size = m->buckets ? m->mask + 1 : 0;
    uint32_t size = old_size ? old_size * 2 : ID_MAP_START;
    struct id_node **grown = calloc(size, sizeof(struct id_node *));

    RT_INSIST(grown != NULL);
    for (uint32_t i = 0; i < old_size; i++) {
        struct id_node *n = m->buckets[i];

        while (n) {
            struct id_node *next = n->next;
            struct id_node **head = &grown[n->id & (size - 1)];

            n->next = *head;
            *head = n;
            n = next;
        }
    }
    free(m->buckets);
    m->buckets = grown;
    m->mask = size - 1;
}

void id_map_put(struct id_map *m, struct id_node *n, uint64_t id)
{
    struct id_node **head;

    if (!m->buckets || m->count > m->mask)
        id_map_grow(m);
    head = &m->buckets[id & m->mask];
    n->id = id;
    n->next = *head;
    *head = n;
    m->count++;
}

void id_map_remove(struct id_map *m, struct id_node *n)
{
    struct id_node **at;

    RT_REQUIRE(m->buckets != NULL);
    for (at = &m->buckets[n->id & m->mask]; *at != n; at = &(*at)->next)
        RT_REQUIRE(*at != NULL);
    *at = n->next;
    n->next = NULL;
    m->count--;
}

struct id_node *id_map_find(const struct id_map *m, uint64_t id)
{
    struct id_node *n = m->buckets ? m->buckets[id & m->mask] : NULL;

    while (n && n->id != id)
        n = n->next;
    return n;
}

struct id_node *id_map_find_next(const struct id_node *n)
{
    struct id_node *next = n->next;

    while (next && next->id != n->id)
        next = next->next;
    return next;
}

void id_map_fini(struct id_map *m, void (*release)(struct id_node *n))
{
    for (uint32_t i = 0; m->buckets && i <= m->mask; i++) {
        struct id_node *n = m->buckets[i];

        while (n) {
            struct id_node *next = n->next;

            release(n);
            n = next;
        }
    }
    free(m->buckets);
    *m = (struct id_map){0};
}
