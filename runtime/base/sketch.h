/* SPDX-License-Identifier: MPL-2.0 */
/*
 * Counting and rate-limiting by key in constant memory.
 *
 * An attacker makes keys and addresses at no cost, so memory per key must not grow with their
 * number. Both tables hash a key into one cell of each of two rows. The hash is keyed, so that an
 * attacker cannot choose the cell. The more lenient row counts: two keys disturb each other only if
 * both rows collide. Workers share a table through relaxed atomics: cells carry no order between
 * each other, so a verdict may be off by the number of workers, never by more.
 */
#ifndef RT_SKETCH_H
#define RT_SKETCH_H

#include <stdatomic.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/err.h"

/* How many of something each key holds right now. */
struct rt_count_sketch {
    _Atomic uint32_t *cells; /* two rows of `width` */
    uint32_t width;          /* a power of two */
    uint8_t hash_key[16];
};

RT_MUST_CHECK rt_err rt_count_sketch_init(struct rt_count_sketch *s, uint32_t width,
                                          const uint8_t hash_key[16]);
void rt_count_sketch_fini(struct rt_count_sketch *s);
/* Takes one unit for the key unless it holds `limit` already. Give back with the same bytes. */
bool rt_count_sketch_take(struct rt_count_sketch *s, const void *key, size_t len, uint32_t limit);
void rt_count_sketch_give(struct rt_count_sketch *s, const void *key, size_t len);

/* A leaky bucket per key (generic cell rate algorithm): `burst` at once, then one in `every_ns`. */
struct rt_rate_sketch {
    _Atomic uint64_t *cells; /* two rows of `width`: each the theoretical arrival time, ns */
    uint32_t width;
    uint64_t every_ns; /* 0: no limit */
    uint64_t burst;
    uint8_t hash_key[16];
};

RT_MUST_CHECK rt_err rt_rate_sketch_init(struct rt_rate_sketch *s, uint32_t width,
                                         uint64_t per_minute, uint64_t burst,
                                         const uint8_t hash_key[16]);
void rt_rate_sketch_fini(struct rt_rate_sketch *s);
/* Charges one event of the key at now_ns; false: over its rate, nothing charged. */
bool rt_rate_sketch_take(struct rt_rate_sketch *s, const void *key, size_t len, uint64_t now_ns);

#endif
