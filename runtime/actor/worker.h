/* SPDX-License-Identifier: MPL-2.0 */
/*
 * Private to runtime/actor: the structs of a worker and of a system.
 * One module in several files: msg.c worker.c.
 *
 * Everything but the inbox (and system, seams, waker, which do not change while threads run)
 * belongs to the worker's thread. A drained message waits in `queue`, one FIFO for all actors of
 * the worker, in which messages of the worker's own actors and of others keep the order they came
 * in.
 */
#ifndef RT_WORKER_H
#define RT_WORKER_H

#include "actor/actor.h"
#include "actor/actor_limits.h"
#include "actor/inbox.h"
#include "actor/timer.h"

#define RT_CACHE_LINE 128 /* two lines: the neighbour is fetched along */

/* A place in the worker's table of actors. The generation counts the actors that had the place, so
 * an address is valid for one of them only. It repeats after 2^32 actors. */
struct rt_place {
    struct rt_actor *actor; /* NULL: free */
    uint32_t generation;    /* of the present actor, or of the last one */
    uint32_t next_free;
};

struct rt_worker {
    _Alignas(RT_CACHE_LINE) struct rt_inbox inbox;

    _Alignas(RT_CACHE_LINE) struct rt_system *system;
    struct rt_waker waker;
    uint16_t index;
    bool is_bound; /* to a thread */

    uint64_t now_ns; /* 0: not read yet */
    struct rt_queue queue;
    struct rt_list jobs;

    struct rt_place *places;
    uint32_t place_count;
    uint32_t first_free; /* place_count: none */

    void *loop;
    void *locals[LIM_WORKER_LOCALS + 1]; /* by rt_local_key.index; the first is always NULL */
    struct rt_wheel wheel;
};

struct rt_system {
    struct rt_seams seams;
    uint16_t count;
    struct rt_worker *workers[];
};

void rt_worker_init(struct rt_worker *w, struct rt_system *sys, uint16_t index);
void rt_worker_fini(struct rt_worker *w);

/* msg.c */
/* Appends the chain from first to last, linked by next; last->next is NULL. */
void rt_queue_append(struct rt_queue *q, struct rt_msg *first, struct rt_msg *last);
/* No actor of w has m's address: bounces m, or counts and frees it. */
void rt_msg_stale(struct rt_worker *w, struct rt_msg *m);

#endif
