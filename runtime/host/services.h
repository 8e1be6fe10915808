/* SPDX-License-Identifier: MPL-2.0 */
/*
 * The host's services for plugins: one struct relay_host per transport, so that its log lines,
 * counters, options and secrets carry the transport's name without the plugin saying it.
 *
 * The tables have no context, so there is one set of services per process. Life: init, then for
 * each transport add and for each worker the plugin's worker_init and set_state; at the end close,
 * the workers' stop, worker_fini, fini. All on the main thread, before the workers' threads start
 * or after they have ended, except where said.
 */
#ifndef RT_SERVICES_H
#define RT_SERVICES_H

#include "actor/actor.h"

#define RT_SERVICES_TRANSPORTS_MAX 4u

struct rt_services_config {
    struct rt_system *system;
    uint16_t worker_count; /* the network workers: 0 .. worker_count - 1 of the system */
    const struct relay_events *events;

    /* relay_host.option and .secret, with the transport's name; may be NULL: there are none. */
    const char *(*option)(void *ctx, const char *transport, const char *name);
    int (*secret)(void *ctx, const char *transport, const char *name, void *out, size_t len);
    void *ctx;
};

/* Starts the post actor of each network worker. The system's workers outlive the services. */
void rt_services_init(const struct rt_services_config *config);

/* The table for a transport; good until fini. name is kept, not copied. NULL: too many. */
const struct relay_host *rt_services_add(const char *transport);

/* Sets the result of worker_init: the state that posted functions get on that worker. NULL: none.
 */
void rt_services_set_state(const char *transport, uint16_t worker, void *state);

/* Any thread: from here on relay_host.post refuses worker `index`. */
void rt_services_close_worker(uint16_t index);

void rt_services_fini(void);

#endif
