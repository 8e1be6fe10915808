/* SPDX-License-Identifier: MPL-2.0 */
#include "wire_refusal.h"

#include "base/check.h"

const struct wire_refusal_info *wire_refusal_info(enum wire_refusal r)
{
    static const struct wire_refusal_info infos[WIRE_REFUSAL_COUNT] = {
#define X(id, why, is_closing, words)                                                              \
    [WIRE_REFUSAL_##id] = {.reason = why, .text = words, .closes = is_closing},
        WIRE_REFUSAL_LIST(X)
#undef X
    };

    RT_REQUIRE(r > WIRE_REFUSAL_NONE && r < WIRE_REFUSAL_COUNT);
    return &infos[r];
}
