/* SPDX-License-Identifier: MPL-2.0 */
/*
 * The transports of a relay: which plugins there are, what each listens on, and its state on every
 * network worker. A transport whose listener is turned off is loaded all the same, to dial with.
 */
#ifndef RELAYD_TRANSPORTS_H
#define RELAYD_TRANSPORTS_H

#include "abi/relay_transport.h"
#include "actor/actor_limits.h"
#include "base/err.h"
#include "config/config.h"

#define TRANSPORTS_COUNT 2u /* by enum cfg_scheme */

struct relay;
struct rt_worker;

struct transport {
    const struct relay_transport *table; /* NULL: not loaded */
    const struct relay_host *host;
    struct sockaddr_storage bound; /* family 0: no listener */
    struct transport_port {
        const struct transport *transport;
        void *state; /* of one worker */
        struct relay_listener *listener;
    } ports[LIM_WORKERS_MAX];
};

/* Loads all and listens where the operator wants it; before threads start. */
RT_MUST_CHECK rt_err transports_open(struct relay *r, struct relay_error *err);
/* Any thread, while workers run: no newcomers from here on. */
void transports_unlisten(struct relay *r);
/* Before the workers end: nothing is posted to them any more. */
void transports_close_worker(struct relay *r, uint16_t worker);
/* After they have ended, with all connections gone: what a worker had, and then the rest. */
void transports_fini_worker(struct relay *r, uint16_t worker);
void transports_fini(struct relay *r);

#endif
