/* SPDX-License-Identifier: MPL-2.0 */
/*
 * Counters and gauges: relaxed atomics, any thread. Names are Prometheus style. What a limit
 * refuses, drops or evicts is counted.
 *
 * A room lists its counters in ROOM_metrics.h, in a table ROOM_METRICS(X) of X(id, name, help).
 * There RT_METRIC_DECLARE declares them; RT_METRIC_TABLE in ROOM_metrics.c defines them and their
 * table. The program that reports counters names the tables of all rooms.
 *
 * Plugins create counters by name at start (rt_metric_named), at most RT_METRIC_NAMED_MAX.
 */
#ifndef RT_METRIC_H
#define RT_METRIC_H

#include <stdatomic.h>
#include <stddef.h>
#include <stdint.h>

struct rt_metric {
    _Atomic uint64_t value;
    const char *name;
};

struct rt_metric_table {
    struct rt_metric *const *metrics;
    size_t count;
};

/* RT_METRIC_id is an array of one, so that the name alone is the pointer which functions take. */
#define RT_METRIC_DECLARE(id, name, help) extern struct rt_metric RT_METRIC_##id[1];
#define RT_METRIC_DEFINE(id, metric_name, help)                                                    \
    struct rt_metric RT_METRIC_##id[1] = {{.name = metric_name}};
#define RT_METRIC_ENTRY(id, name, help) RT_METRIC_##id,
#define RT_METRIC_TABLE(table, LIST)                                                               \
    LIST(RT_METRIC_DEFINE)                                                                         \
    static struct rt_metric *const table##_list[] = {LIST(RT_METRIC_ENTRY)};                       \
    const struct rt_metric_table table = {table##_list,                                            \
                                          sizeof table##_list / sizeof table##_list[0]}

#define RT_METRIC_NAMED_MAX 64

static inline void rt_metric_add(struct rt_metric *m, uint64_t n)
{
    atomic_fetch_add_explicit(&m->value, n, memory_order_relaxed);
}

static inline void rt_metric_inc(struct rt_metric *m)
{
    rt_metric_add(m, 1);
}

/* For gauges: takes back what was added. */
static inline void rt_metric_sub(struct rt_metric *m, uint64_t n)
{
    atomic_fetch_sub_explicit(&m->value, n, memory_order_relaxed);
}

static inline uint64_t rt_metric_get(const struct rt_metric *m)
{
    return atomic_load_explicit(&m->value, memory_order_relaxed);
}

/* The counter of that name, created at first use; at start only (takes a lock). The name is copied.
 * After RT_METRIC_NAMED_MAX names, all further ones share one overflow counter. */
_Atomic uint64_t *rt_metric_named(const char *name);

typedef void rt_metric_fn(void *ctx, const char *name, uint64_t value);

/* Calls fn for every metric of the table, in its order. */
void rt_metric_each(const struct rt_metric_table *table, rt_metric_fn *fn, void *ctx);
/* Calls fn for every named counter, in the order of their creation. */
void rt_metric_named_each(rt_metric_fn *fn, void *ctx);

#endif
