/* SPDX-License-Identifier: MPL-2.0 */
/*
 * A worker's place in its event loop. After the callbacks of a turn, before the loop sleeps, the
 * plugin runs what is due (a uv_prepare handle). While something is due, a uv_idle handle keeps the
 * loop from sleeping. Thread: the worker's.
 */
#ifndef PLUGIN_LOOP_H
#define PLUGIN_LOOP_H

#include <stdbool.h>
#include <stdint.h>

#include <uv.h>

#include "counters.h"

struct plugin_loop;

struct plugin_loop_ops {
    /* Does what is due. True: something is left for the next turn. Only after plugin_loop_kick. */
    bool (*run)(struct plugin_loop *l);
    /* The handles are closed: the owner may free itself. */
    void (*closed)(struct plugin_loop *l);
};

struct plugin_loop {
    uv_loop_t *uv;
    const struct plugin_loop_ops *ops;
    struct plugin_counters *counters; /* borrowed; published at the end of each turn */
    uv_prepare_t prepare;
    uv_idle_t idle;
    bool is_idling;
    uint8_t open_handles; /* of the two, until their close callbacks */
};

void plugin_loop_init(struct plugin_loop *l, uv_loop_t *uv, const struct plugin_loop_ops *ops,
                      struct plugin_counters *counters);
/* Something is due at the end of this turn. Idempotent. */
void plugin_loop_kick(struct plugin_loop *l);
/* Closes the handles; ops->closed follows from the loop. */
void plugin_loop_close(struct plugin_loop *l);

#endif
