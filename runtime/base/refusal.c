/* SPDX-License-Identifier: MPL-2.0 */
#include "base/refusal.h"

#include <stdatomic.h>

#include "base/check.h"

static _Atomic uint64_t totals[RT_REFUSAL_COUNT];

const struct rt_refusal_info *rt_refusal_info(enum rt_refusal r)
{
    static const struct rt_refusal_info infos[RT_REFUSAL_COUNT] = {
#define X(id, why, is_closing, words)                                                              \
    [RT_REFUSAL_##id] = {.reason = why, .text = words, .closes = is_closing},
        RT_REFUSAL_LIST(X)
#undef X
    };

    RT_REQUIRE(r > RT_REFUSAL_NONE && r < RT_REFUSAL_COUNT);
    return &infos[r];
}

void rt_refusal_count(enum rt_refusal r)
{
    RT_REQUIRE(r > RT_REFUSAL_NONE && r < RT_REFUSAL_COUNT);
    atomic_fetch_add_explicit(&totals[r], 1, memory_order_relaxed);
}

uint64_t rt_refusal_total(enum rt_refusal r)
{
    RT_REQUIRE(r > RT_REFUSAL_NONE && r < RT_REFUSAL_COUNT);
    return atomic_load_explicit(&totals[r], memory_order_relaxed);
}
