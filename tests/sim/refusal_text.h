/* SPDX-License-Identifier: MPL-2.0 */
/* Which refusal an error answer's text stands for; WIRE_REFUSAL_NONE: a text that no table has. */
#ifndef SIM_REFUSAL_TEXT_H
#define SIM_REFUSAL_TEXT_H

#include <stdint.h>
#include <string.h>

#include "wire_refusal.h"

static inline enum wire_refusal sim_refusal_of(const uint8_t *text, uint32_t len)
{
    enum wire_refusal best = WIRE_REFUSAL_NONE;
    size_t best_len = 0;

    for (int r = 1; r < WIRE_REFUSAL_COUNT; r++) {
        const char *t = wire_refusal_info((enum wire_refusal)r)->text;
        size_t n = strlen(t);

        if (n > best_len && n <= len && memcmp(t, text, n) == 0 && (n == len || text[n] == ':')) {
            best = (enum wire_refusal)r;
            best_len = n;
        }
    }
    return best;
}

#endif
