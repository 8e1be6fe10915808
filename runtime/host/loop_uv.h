/* SPDX-License-Identifier: MPL-2.0 */
/*
 * Drives a worker by a libuv loop on a thread of its own: poll, run what the poll brought, then one
 * turn of the worker; the next poll does not wait while the turn has left something to do.
 *
 * Life: new, start, stop, join, free, all on one thread (main's), stop on any. Before start and
 * after join the worker and its loop belong to that thread: there the plugins' worker_init, listen
 * and worker_fini may be called.
 */
#ifndef RT_LOOP_UV_H
#define RT_LOOP_UV_H

#include "actor/actor.h"

struct rt_loop;

/* The loop is w's from now on (rt_worker_loop), as is its waker. */
RT_MUST_CHECK rt_err rt_loop_new(struct rt_worker *w, struct rt_loop **out);

/* thread_name: for debuggers and top; 15 bytes at most. */
RT_MUST_CHECK rt_err rt_loop_start(struct rt_loop *l, const char *thread_name);

/* Asks the thread to end once its worker has nothing left to do. Idempotent. */
void rt_loop_stop(struct rt_loop *l);
void rt_loop_join(struct rt_loop *l);

/* After the threads of all workers have ended (they wake each other through the loops) and
 * worker_fini of the plugins: runs the loop until their handles are closed, for 5 s at most,
 * and frees it. NULL allowed; clears the caller's pointer. */
void rt_loop_free(struct rt_loop **l);

#endif
