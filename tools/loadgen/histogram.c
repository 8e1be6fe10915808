/* SPDX-License-Identifier: MPL-2.0 */
#include "histogram.h"

#define STEP_BITS 5u

static uint32_t cell_of(uint64_t ns)
{
    uint32_t power;
    uint32_t cell;

    if (ns < HISTOGRAM_STEPS)
        return (uint32_t)ns;
    power = 63u - (uint32_t)__builtin_clzll(ns) - STEP_BITS + 1;
    cell = power * HISTOGRAM_STEPS + ((uint32_t)(ns >> (power - 1)) & (HISTOGRAM_STEPS - 1));
    return cell < HISTOGRAM_POWERS * HISTOGRAM_STEPS ? cell
                                                     : HISTOGRAM_POWERS * HISTOGRAM_STEPS - 1;
}

/* The upper end of a cell. */
static uint64_t value_of(uint32_t cell)
{
    uint32_t power = cell / HISTOGRAM_STEPS;
    uint64_t step = cell % HISTOGRAM_STEPS;

    if (power == 0)
        return step;
    return ((HISTOGRAM_STEPS + step + 1) << (power - 1)) - 1;
}

void histogram_add(struct histogram *h, uint64_t ns)
{
    h->cells[cell_of(ns)]++;
    h->count++;
    if (ns > h->max_ns)
        h->max_ns = ns;
}

void histogram_merge(struct histogram *h, const struct histogram *from)
{
    for (uint32_t i = 0; i < HISTOGRAM_POWERS * HISTOGRAM_STEPS; i++)
        h->cells[i] += from->cells[i];
    h->count += from->count;
    if (from->max_ns > h->max_ns)
        h->max_ns = from->max_ns;
}

uint64_t histogram_percentile(const struct histogram *h, double percent)
{
    uint64_t rank = (uint64_t)((double)h->count * percent / 100.0 + 0.5), seen = 0;

    if (h->count == 0)
        return 0;
    if (rank == 0)
        rank = 1;
    for (uint32_t i = 0; i < HISTOGRAM_POWERS * HISTOGRAM_STEPS; i++) {
        seen += h->cells[i];
        if (seen >= rank)
            return value_of(i) < h->max_ns ? value_of(i) : h->max_ns;
    }
    return h->max_ns;
}
