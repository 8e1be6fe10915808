/* SPDX-License-Identifier: MPL-2.0 */
/*
 * A log-linear histogram of latencies in ns: 32 equal steps per power of two, so that every
 * recorded value is known within 3.2 %. Fixed size, no allocation, one writer.
 */
#ifndef LOADGEN_HISTOGRAM_H
#define LOADGEN_HISTOGRAM_H

#include <stdint.h>

#define HISTOGRAM_STEPS 32u
#define HISTOGRAM_POWERS 40u /* up to 2^44 ns, about 5 hours */

struct histogram {
    uint64_t count, max_ns;
    uint64_t cells[HISTOGRAM_POWERS * HISTOGRAM_STEPS];
};

void histogram_add(struct histogram *h, uint64_t ns);
/* Adds all of `from` to h. */
void histogram_merge(struct histogram *h, const struct histogram *from);
/* The value below which `percent` of what was recorded lies, in ns; 0 when nothing was. */
uint64_t histogram_percentile(const struct histogram *h, double percent);

#endif
