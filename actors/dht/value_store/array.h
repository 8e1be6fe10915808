/* SPDX-License-Identifier: MPL-2.0 */
/*
 * Memory of an array that grows and shrinks: doubled when full, halved when more than three
 * quarters are unused, freed when empty. The owner sets the count and casts the pointer. A zeroed
 * struct is empty. Pure.
 */
#ifndef DHT_ARRAY_H
#define DHT_ARRAY_H

#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>

#include "base/check.h"

struct dht_array {
    void *at;
    uint32_t count, room; /* used elements; allocated elements */
};

static inline void dht_array_resize(struct dht_array *a, uint32_t room, size_t size)
{
    void *at = realloc(a->at, room * size);

    RT_INSIST(at != NULL);
    a->at = at;
    a->room = room;
}

/* Extends the array for one more element, if it is full. */
static inline void dht_array_reserve(struct dht_array *a, size_t size)
{
    if (a->count == a->room)
        dht_array_resize(a, a->room ? a->room * 2 : 1, size);
}

/* Call after a removal of elements. */
static inline void dht_array_shrink(struct dht_array *a, size_t size)
{
    if (a->count == 0) {
        free(a->at);
        *a = (struct dht_array){0};
    } else if (a->count < a->room / 4) {
        dht_array_resize(a, a->room / 2, size);
    }
}

#endif
