/* SPDX-License-Identifier: MPL-2.0 */
/* What the kernel says of another process: CPU time and resident memory, from /proc. */
#ifndef LOADGEN_PROCESS_H
#define LOADGEN_PROCESS_H

#include <stdbool.h>
#include <stdint.h>

struct process_usage {
    double cpu_s;       /* user and system */
    uint64_t rss_bytes; /* resident */
};

/* False when there is no such process (pid 0: never). */
bool process_usage(int pid, struct process_usage *out);

#endif
