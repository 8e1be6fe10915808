/* SPDX-License-Identifier: MPL-2.0 */
#include "session/refusal_total.h"

#include <stdatomic.h>

#include "base/check.h"

static _Atomic uint64_t totals[WIRE_REFUSAL_COUNT];

void session_refusal_count(enum wire_refusal r)
{
    RT_REQUIRE(r > WIRE_REFUSAL_NONE && r < WIRE_REFUSAL_COUNT);
    atomic_fetch_add_explicit(&totals[r], 1, memory_order_relaxed);
}

uint64_t session_refusal_total(enum wire_refusal r)
{
    RT_REQUIRE(r > WIRE_REFUSAL_NONE && r < WIRE_REFUSAL_COUNT);
    return atomic_load_explicit(&totals[r], memory_order_relaxed);
}
