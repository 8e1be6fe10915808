/* SPDX-License-Identifier: MPL-2.0 */
#include "base/sketch.h"

#include <sodium.h>
#include <stdlib.h>
#include <string.h>

#include "base/check.h"
#include "base/seams.h"

_Static_assert(crypto_shorthash_KEYBYTES == 16 && crypto_shorthash_BYTES == 8, "SipHash-2-4");

struct cell_pair {
    size_t a, b; /* one index per row */
};

static struct cell_pair locate(const uint8_t hash_key[16], uint32_t width, const void *key,
                               size_t len)
{
    uint8_t bytes[8];
    uint64_t hash;

    crypto_shorthash(bytes, key, len, hash_key);
    memcpy(&hash, bytes, sizeof hash);
    return (struct cell_pair){.a = (uint32_t)hash & (width - 1),
                              .b = width + ((uint32_t)(hash >> 32) & (width - 1))};
}

static bool is_power_of_two(uint32_t n)
{
    return n > 0 && (n & (n - 1)) == 0;
}

rt_err rt_count_sketch_init(struct rt_count_sketch *s, uint32_t width, const uint8_t hash_key[16])
{
    RT_REQUIRE(is_power_of_two(width));
    *s = (struct rt_count_sketch){.width = width};
    s->cells = calloc(2 * (size_t)width, sizeof *s->cells);
    if (!s->cells)
        return RT_ERR_NO_MEMORY;
    memcpy(s->hash_key, hash_key, sizeof s->hash_key);
    return RT_ERR_OK;
}

void rt_count_sketch_fini(struct rt_count_sketch *s)
{
    free(s->cells);
    s->cells = NULL;
}

bool rt_count_sketch_take(struct rt_count_sketch *s, const void *key, size_t len, uint32_t limit)
{
    struct cell_pair at = locate(s->hash_key, s->width, key, len);

    if (atomic_load_explicit(&s->cells[at.a], memory_order_relaxed) >= limit &&
        atomic_load_explicit(&s->cells[at.b], memory_order_relaxed) >= limit)
        return false;
    atomic_fetch_add_explicit(&s->cells[at.a], 1, memory_order_relaxed);
    atomic_fetch_add_explicit(&s->cells[at.b], 1, memory_order_relaxed);
    return true;
}

void rt_count_sketch_give(struct rt_count_sketch *s, const void *key, size_t len)
{
    struct cell_pair at = locate(s->hash_key, s->width, key, len);

    RT_INSIST(atomic_fetch_sub_explicit(&s->cells[at.a], 1, memory_order_relaxed) > 0);
    RT_INSIST(atomic_fetch_sub_explicit(&s->cells[at.b], 1, memory_order_relaxed) > 0);
}

rt_err rt_rate_sketch_init(struct rt_rate_sketch *s, uint32_t width, uint64_t per_minute,
                           uint64_t burst, const uint8_t hash_key[16])
{
    RT_REQUIRE(is_power_of_two(width));
    *s = (struct rt_rate_sketch){.width = width, .burst = burst > 0 ? burst : 1};
    s->every_ns = per_minute > 0 ? 60 * RT_S / per_minute : 0;
    s->cells = calloc(2 * (size_t)width, sizeof *s->cells);
    if (!s->cells)
        return RT_ERR_NO_MEMORY;
    memcpy(s->hash_key, hash_key, sizeof s->hash_key);
    return RT_ERR_OK;
}

void rt_rate_sketch_fini(struct rt_rate_sketch *s)
{
    free(s->cells);
    s->cells = NULL;
}

/* One event later, but never past a full bucket: in the row where a key collides with a busy one,
 * the arrival time would run away into the future and stay there. */
static void charge(_Atomic uint64_t *cell, uint64_t every_ns, uint64_t full_ns, uint64_t now_ns)
{
    uint64_t old = atomic_load_explicit(cell, memory_order_relaxed);
    uint64_t next;

    do {
        next = (old > now_ns ? old : now_ns) + every_ns;
        if (next > now_ns + full_ns)
            next = old > now_ns + full_ns ? old : now_ns + full_ns;
    } while (!atomic_compare_exchange_weak_explicit(cell, &old, next, memory_order_relaxed,
                                                    memory_order_relaxed));
}

bool rt_rate_sketch_take(struct rt_rate_sketch *s, const void *key, size_t len, uint64_t now_ns)
{
    struct cell_pair at;
    uint64_t a, b, earliest;

    if (s->every_ns == 0)
        return true;
    at = locate(s->hash_key, s->width, key, len);
    a = atomic_load_explicit(&s->cells[at.a], memory_order_relaxed);
    b = atomic_load_explicit(&s->cells[at.b], memory_order_relaxed);
    earliest = a < b ? a : b;
    if (earliest > now_ns && earliest - now_ns > (s->burst - 1) * s->every_ns)
        return false;
    charge(&s->cells[at.a], s->every_ns, s->burst * s->every_ns, now_ns);
    charge(&s->cells[at.b], s->every_ns, s->burst * s->every_ns, now_ns);
    return true;
}
