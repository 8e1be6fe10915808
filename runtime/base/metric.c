/* SPDX-License-Identifier: MPL-2.0 */
#include "base/metric.h"

#include <pthread.h>
#include <string.h>

#define NAME_BYTES 96u
#define OVERFLOW_NAME "plugin_counters_overflow_total"

static struct {
    pthread_mutex_t lock;
    size_t count;
    char names[RT_METRIC_NAMED_MAX][NAME_BYTES];
    _Atomic uint64_t values[RT_METRIC_NAMED_MAX];
    _Atomic uint64_t overflow;
} named = {.lock = PTHREAD_MUTEX_INITIALIZER};

_Atomic uint64_t *rt_metric_named(const char *name)
{
    _Atomic uint64_t *found = &named.overflow;
    char key[NAME_BYTES] = "";
    size_t i;

    strncpy(key, name, NAME_BYTES - 1);
    pthread_mutex_lock(&named.lock);
    for (i = 0; i < named.count; i++) {
        if (strcmp(named.names[i], key) == 0)
            break;
    }
    if (i < RT_METRIC_NAMED_MAX) {
        found = &named.values[i];
        if (i == named.count) {
            memcpy(named.names[i], key, NAME_BYTES);
            named.count++;
        }
    }
    pthread_mutex_unlock(&named.lock);
    return found;
}

void rt_metric_each(const struct rt_metric_table *table, rt_metric_fn *fn, void *ctx)
{
    for (size_t i = 0; i < table->count; i++)
        fn(ctx, table->metrics[i]->name, rt_metric_get(table->metrics[i]));
}

void rt_metric_named_each(rt_metric_fn *fn, void *ctx)
{
    uint64_t overflow = atomic_load_explicit(&named.overflow, memory_order_relaxed);
    size_t count;

    /* Entries do not change once they are counted, so only the count needs the lock. */
    pthread_mutex_lock(&named.lock);
    count = named.count;
    pthread_mutex_unlock(&named.lock);
    for (size_t i = 0; i < count; i++)
        fn(ctx, named.names[i], atomic_load_explicit(&named.values[i], memory_order_relaxed));
    if (overflow > 0)
        fn(ctx, OVERFLOW_NAME, overflow);
}
