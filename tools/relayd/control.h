/* SPDX-License-Identifier: MPL-2.0 */
/*
 * Control: a thread with an event loop that receives signals.
 *
 *   SIGINT, SIGTERM   the relay stops in order (relay_stop). A second one ends the process at once
 *                     with exit code 128 + its number: stored data is safe, peers are not notified.
 *   SIGUSR1           all counters go to the log.
 */
#ifndef RELAYD_CONTROL_H
#define RELAYD_CONTROL_H

#include "base/err.h"

struct control;
struct relay;

/* r is started, but for its threads. */
RT_MUST_CHECK rt_err control_new(struct relay *r, struct control **out);
RT_MUST_CHECK rt_err control_start(struct control *c);
/* Returns when the relay has stopped; on the main thread. */
void control_wait(struct control *c);
/* NULL allowed; clears the caller's pointer. */
void control_free(struct control **c);

#endif
