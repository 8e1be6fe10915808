/* SPDX-License-Identifier: MPL-2.0 */
/* Reads CPU time, memory and bytes written of another process from /proc. */
#ifndef LOADGEN_PROCESS_H
#define LOADGEN_PROCESS_H

#include <stdbool.h>
#include <stdint.h>

struct process_usage {
    double cpu_s;           /* user and system */
    uint64_t rss_bytes;     /* resident */
    uint64_t written_bytes; /* to disk; 0 if unreadable, as for another user's process */
};

/* False when there is no such process (pid 0: never). */
bool process_usage(int pid, struct process_usage *out);

#endif
