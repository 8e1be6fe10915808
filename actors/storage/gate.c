/* SPDX-License-Identifier: MPL-2.0 */
#include "storage/gate.h"

#include <stdatomic.h>
#include <stdlib.h>

#include "base/budget.h"
#include "base/check.h"
#include "storage/storage_limits.h"
#include "storage/storage_metrics.h"

struct storage_gate {
    _Atomic uint32_t refs; /* the owner's, and one of each write that passed */
    _Atomic uint64_t bytes, dropped;
};

struct storage_gate *storage_gate_new(void)
{
    struct storage_gate *g = calloc(1, sizeof(*g));

    RT_INSIST(g);
    atomic_init(&g->refs, 1);
    return g;
}

void storage_gate_drop(struct storage_gate **g)
{
    struct storage_gate *old = *g;

    *g = NULL;
    if (old && atomic_fetch_sub_explicit(&old->refs, 1, memory_order_acq_rel) == 1)
        free(old);
}

static uint64_t bytes_max(void)
{
    uint64_t share = rt_budget_max() / 8;

    return share < LIM_STORAGE_QUEUED_BYTES ? share : LIM_STORAGE_QUEUED_BYTES;
}

bool storage_gate_enter(struct storage_gate *g, struct storage_write *w)
{
    uint32_t refs = atomic_fetch_add_explicit(&g->refs, 1, memory_order_relaxed);
    uint64_t bytes = atomic_fetch_add_explicit(&g->bytes, w->payload.len, memory_order_relaxed);

    RT_REQUIRE(!w->gate);
    if (refs <= LIM_STORAGE_QUEUED && bytes + w->payload.len <= bytes_max()) {
        w->gate = g;
        rt_metric_inc(RT_METRIC_STORAGE_QUEUED);
        return true;
    }
    atomic_fetch_sub_explicit(&g->bytes, w->payload.len, memory_order_relaxed);
    atomic_fetch_add_explicit(&g->dropped, 1, memory_order_relaxed);
    atomic_fetch_sub_explicit(&g->refs, 1, memory_order_relaxed); /* the owner has its own */
    rt_metric_inc(RT_METRIC_STORAGE_DROPPED);
    return false;
}

uint64_t storage_gate_dropped(const struct storage_gate *g)
{
    return atomic_load_explicit(&g->dropped, memory_order_relaxed);
}

void storage_gate_leave(struct storage_write *w)
{
    if (!w->gate)
        return;
    atomic_fetch_sub_explicit(&w->gate->bytes, w->payload.len, memory_order_relaxed);
    rt_metric_sub(RT_METRIC_STORAGE_QUEUED, 1);
    storage_gate_drop(&w->gate);
}
