/* SPDX-License-Identifier: MPL-2.0 */
#include "base/budget.h"

#include <stdlib.h>
#include <string.h>

#include "base/base_metrics.h"
#include "base/check.h"

static _Atomic uint64_t budget_max = UINT64_MAX;
static _Atomic uint64_t buffers_live;

void rt_budget_configure(uint64_t max_bytes)
{
    atomic_store_explicit(&budget_max, max_bytes, memory_order_relaxed);
}

uint64_t rt_budget_max(void)
{
    return atomic_load_explicit(&budget_max, memory_order_relaxed);
}

/* The gauge itself holds the charged bytes, so no second number can disagree. */
uint64_t rt_budget_used(void)
{
    return rt_metric_get(RT_METRIC_MEMORY_BYTES);
}

bool rt_budget_take(size_t n)
{
    _Atomic uint64_t *used = &RT_METRIC_MEMORY_BYTES->value;
    uint64_t max = rt_budget_max();
    uint64_t old = atomic_load_explicit(used, memory_order_relaxed);

    /* Compare and swap rather than add and undo: one that is refused must not, for a moment,
     * make another fail that fits. */
    do {
        if (n > max || old > max - n) {
            rt_metric_inc(RT_METRIC_MEMORY_REFUSED);
            return false;
        }
    } while (!atomic_compare_exchange_weak_explicit(used, &old, old + n, memory_order_relaxed,
                                                    memory_order_relaxed));
    return true;
}

void rt_budget_give(size_t n)
{
    uint64_t old =
        atomic_fetch_sub_explicit(&RT_METRIC_MEMORY_BYTES->value, n, memory_order_relaxed);

    RT_INSIST(old >= n);
}

bool rt_budget_is_pressed(void)
{
    uint64_t max = rt_budget_max();

    return rt_budget_used() > max - max / 4;
}

bool rt_budget_has_room(size_t n)
{
    uint64_t max = rt_budget_max();
    bool has_room =
        n <= max && rt_budget_used() <= max - n && rt_budget_used() + n <= max - max / 8;

    if (!has_room)
        rt_metric_inc(RT_METRIC_MEMORY_REFUSED);
    return has_room;
}

static void buf_free(struct relay_buf *b)
{
    rt_budget_give(sizeof *b + b->capacity);
    atomic_fetch_sub_explicit(&buffers_live, 1, memory_order_relaxed);
    free(b);
}

struct relay_buf *rt_buf_new(size_t capacity)
{
    struct relay_buf *b;

    RT_REQUIRE(capacity <= UINT32_MAX);
    if (!rt_budget_take(sizeof *b + capacity))
        return NULL;
    b = malloc(sizeof *b + capacity);
    if (!b) {
        rt_budget_give(sizeof *b + capacity);
        rt_metric_inc(RT_METRIC_MEMORY_REFUSED);
        return NULL;
    }
    atomic_init(&b->refs, 1);
    b->capacity = (uint32_t)capacity;
    b->free = buf_free;
    atomic_fetch_add_explicit(&buffers_live, 1, memory_order_relaxed);
    return b;
}

struct relay_buf *rt_buf_grow(struct relay_buf *b, size_t capacity)
{
    struct relay_buf *grown;
    size_t more;

    RT_REQUIRE(capacity <= UINT32_MAX);
    RT_REQUIRE(atomic_load_explicit(&b->refs, memory_order_relaxed) == 1);
    if (capacity <= b->capacity)
        return b;
    more = capacity - b->capacity;
    if (!rt_budget_take(more))
        return NULL;
    grown = realloc(b, sizeof *b + capacity);
    if (!grown) {
        rt_budget_give(more);
        rt_metric_inc(RT_METRIC_MEMORY_REFUSED);
        return NULL;
    }
    grown->capacity = (uint32_t)capacity;
    return grown;
}

uint64_t rt_buf_live(void)
{
    return atomic_load_explicit(&buffers_live, memory_order_relaxed);
}

struct relay_slice rt_slice_copy(const void *ptr, uint32_t len)
{
    struct relay_buf *b = rt_buf_new(len);

    if (!b)
        return (struct relay_slice){0};
    if (len > 0)
        memcpy(b->bytes, ptr, len);
    return relay_slice_own(b, b->bytes, len);
}
