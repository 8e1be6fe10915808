/* SPDX-License-Identifier: MPL-2.0 */
/*
 * Control: an actor on a worker of its own that hears signals and ends the relay in phases.
 *
 *   SIGINT, SIGTERM   listeners are closed, tunnels refused and the network is told goodbye;
 * requests under way are answered (within LIM_SHUTDOWN_NS); every connection is closed, tunnels
 * too; the state is flushed. A second one ends the process at once, with exit code 128 + its
 * number: what was stored is safe, peers are not told.
 *
 *   SIGUSR1           all counters go to the log.
 */
#ifndef RELAYD_CONTROL_H
#define RELAYD_CONTROL_H

#include "base/err.h"

struct control;
struct relay;

/* r must be whole but for its threads and outlive the control. */
RT_MUST_CHECK rt_err control_new(struct relay *r, struct control **out);
RT_MUST_CHECK rt_err control_start(struct control *c);
/* Returns when the last phase is over; on the main thread. */
void control_wait(struct control *c);
/* NULL allowed; clears the caller's pointer. */
void control_free(struct control **c);

#endif
