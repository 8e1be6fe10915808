/* SPDX-License-Identifier: MPL-2.0 */
/*
 * Drives a worker by a thread without an event loop, for actors that block (storage): turns, and
 * between them a wait for mail or the next timer. Life as in host/loop_uv.h.
 */
#ifndef RT_THREAD_BLOCKING_H
#define RT_THREAD_BLOCKING_H

#include "actor/actor.h"

struct rt_blocking;

RT_MUST_CHECK rt_err rt_blocking_new(struct rt_worker *w, struct rt_blocking **out);
RT_MUST_CHECK rt_err rt_blocking_start(struct rt_blocking *b, const char *thread_name);
/* Asks the thread to end once its worker has nothing left to do: what was sent before is handled.
 * Any thread; idempotent. */
void rt_blocking_stop(struct rt_blocking *b);
void rt_blocking_join(struct rt_blocking *b);
/* NULL allowed; clears the caller's pointer. */
void rt_blocking_free(struct rt_blocking **b);

#endif
