/* SPDX-License-Identifier: MPL-2.0 */
/*
 * Counters and gauges: one list, relaxed atomics, any thread. Names are Prometheus style; every
 * limit has a counter here that moves when the limit bites. Cardinality is fixed at build time but
 * for the plugins' own counters (rt_metric_named, at most RT_METRIC_NAMED_MAX).
 */
#ifndef RT_METRIC_H
#define RT_METRIC_H

#include <stdatomic.h>
#include <stdint.h>

#include "metric_list.h" /* RT_METRIC_LIST(X): X(id, name, help) */

enum rt_metric {
#define X(id, name, help) RT_METRIC_##id,
    RT_METRIC_LIST(X)
#undef X
        RT_METRIC_COUNT
};

#define RT_METRIC_NAMED_MAX 64

extern _Atomic uint64_t rt_metric_values[RT_METRIC_COUNT];

static inline void rt_metric_add(enum rt_metric m, uint64_t n)
{
    atomic_fetch_add_explicit(&rt_metric_values[m], n, memory_order_relaxed);
}

static inline void rt_metric_inc(enum rt_metric m)
{
    rt_metric_add(m, 1);
}

/* For gauges: takes back what was added. */
static inline void rt_metric_sub(enum rt_metric m, uint64_t n)
{
    atomic_fetch_sub_explicit(&rt_metric_values[m], n, memory_order_relaxed);
}

static inline uint64_t rt_metric_get(enum rt_metric m)
{
    return atomic_load_explicit(&rt_metric_values[m], memory_order_relaxed);
}

/* The counter of that name, made at first use; at start only (takes a lock). The name is copied.
 * Past RT_METRIC_NAMED_MAX names all share one overflow counter. */
_Atomic uint64_t *rt_metric_named(const char *name);

/* Calls fn for every metric, in the list's order, then the named ones. */
void rt_metric_each(void (*fn)(void *ctx, const char *name, uint64_t value), void *ctx);

#endif
