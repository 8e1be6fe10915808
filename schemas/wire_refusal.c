/* SPDX-License-Identifier: MPL-2.0 */
#include "wire_refusal.h"

#include "base/check.h"

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
