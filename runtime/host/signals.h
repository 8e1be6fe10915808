/* SPDX-License-Identifier: MPL-2.0 */
/*
 * Signals as callbacks of an event loop: SIGINT and SIGTERM (stop; again: at once), SIGUSR1.
 * SIGPIPE is ignored, as every write reports its error.
 */
#ifndef RT_SIGNALS_H
#define RT_SIGNALS_H

#include <uv.h>

#include "base/err.h"

struct rt_signals;

/* on_signal runs on the thread of `loop`, which this is called on as well. */
RT_MUST_CHECK rt_err rt_signals_start(uv_loop_t *loop, void (*on_signal)(void *ctx, int signum),
                                      void *ctx, struct rt_signals **out);
/* On the loop's thread: no callback comes after this. The memory is freed when the loop runs next.
 * NULL allowed; clears the caller's pointer. */
void rt_signals_stop(struct rt_signals **s);

#endif
