/* SPDX-License-Identifier: MPL-2.0 */
/*
 * Counters of one worker: counted without atomics, and added to the process's counters once a turn.
 * Thread: the worker's.
 */
#ifndef PLUGIN_COUNTERS_H
#define PLUGIN_COUNTERS_H

#include <stdint.h>

#include "abi/relay_transport.h"

#define PLUGIN_COUNTERS_MAX 32u

struct plugin_counters {
    unsigned count;
    uint64_t counted[PLUGIN_COUNTERS_MAX]; /* since they were last published */
    _Atomic uint64_t *shared[PLUGIN_COUNTERS_MAX];
};

/* count <= PLUGIN_COUNTERS_MAX names, without the plugin's prefix. From worker_init only. */
void plugin_counters_init(struct plugin_counters *c, const struct relay_host *host,
                          const char *const *names, unsigned count);
/* Adds what was counted to the process's counters. */
void plugin_counters_publish(struct plugin_counters *c);

static inline void plugin_count(struct plugin_counters *c, unsigned id, uint64_t n)
{
    c->counted[id] += n;
}

#endif
