/* SPDX-License-Identifier: MPL-2.0 */
/*
 * Actors, addresses, messages, workers: who runs what, on which thread.
 *
 * A worker is one thread with one event loop. An actor belongs to one worker for its whole life and
 * is touched by that worker's thread only. Actors know each other by address, a *value*: no actor
 * pointer crosses a worker, so nothing can be used after free; a message to an address whose actor
 * has gone is bounced or counted.
 *
 * A message is one heap block that begins with struct rt_msg. Sending moves it; the receiver owns
 * it and must free it (rt_msg_free) or send it on. The reply to a request is the same block
 * (rt_msg_reply), so a round trip costs one allocation.
 *
 * Order: messages from one sender to one receiver arrive in the order they were sent. A message is
 * never handled inside the send that carries it, also not on the same worker.
 *
 * This room knows ck (in inbox.c) and never libuv: a driver outside steps the worker: in production
 * runtime/host/loop_uv, in tests the simulated world.
 */
#ifndef RT_ACTOR_H
#define RT_ACTOR_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "abi/relay_transport.h" /* struct relay_timer, relay_worker */
#include "actor/msg_kinds.h"
#include "base/check.h"
#include "base/err.h"
#include "base/list.h"
#include "base/seams.h"

#define rt_worker relay_worker /* one and the same struct; plugins see it opaque */

struct rt_worker;
struct rt_system; /* the workers of one process, or of one simulated relay */

/* An actor's address. All zero: nobody. */
struct rt_addr {
    uint32_t index;      /* into its worker's table */
    uint32_t generation; /* never 0 for a live actor */
    uint16_t worker;
};

static inline bool rt_addr_equal(struct rt_addr a, struct rt_addr b)
{
    return a.index == b.index && a.generation == b.generation && a.worker == b.worker;
}

static inline bool rt_addr_none(struct rt_addr a)
{
    return a.generation == 0;
}

/*
 * Kinds: see msg_kinds.h. A request (RT_REQUEST_KIND) owes its sender a reply: if the receiver is
 * gone the message comes back to reply_to as its reply, with is_bounced set and otherwise as it was
 * sent. Other messages to a receiver that is gone are counted and freed.
 */
struct rt_msg {
    struct rt_msg *next; /* of the queue that holds the message */
    struct rt_addr to;
    struct rt_addr reply_to;
    uint16_t kind;
    bool is_bounced;
    uint32_t size;                  /* of the block, bytes */
    void (*fini)(struct rt_msg *m); /* releases what it holds, not the block; may be NULL */
};

/* A zeroed message of size bytes (>= sizeof(struct rt_msg)); aborts when the system is out of
 * memory, so sizes a peer can choose belong into slices. */
void *rt_msg_new(uint16_t kind, size_t size);
/*
 * m as the struct `type` of its kind, whose first member is `msg`. Aborts when m has another kind
 * or a smaller block: both are errors of the sender.
 */
#define RT_MSG_CAST(m, type, expected_kind)                                                        \
    ((type *)rt_msg_checked((m), (expected_kind), sizeof(type) + 0 * offsetof(type, msg)))
static inline void *rt_msg_checked(struct rt_msg *m, uint16_t kind, size_t size)
{
    RT_REQUIRE(m->kind == kind && m->size >= size);
    return m;
}
/* fini, then free; clears the caller's pointer; NULL allowed. */
void rt_msg_free(struct rt_msg **m);

/* Messages in order of arrival. The queue owns what is in it; init before first use. */
struct rt_queue {
    struct rt_msg *head; /* NULL: empty */
    struct rt_msg **tail;
};

void rt_queue_init(struct rt_queue *q);
/* m moves in. */
void rt_queue_push(struct rt_queue *q, struct rt_msg *m);
/* The oldest, moved to the caller; NULL when the queue is empty. */
struct rt_msg *rt_queue_pop(struct rt_queue *q);
/* Frees every message in it. */
void rt_queue_clear(struct rt_queue *q);

static inline bool rt_queue_is_empty(const struct rt_queue *q)
{
    return q->head == NULL;
}

struct rt_actor;

/* Handles one message, which it now owns. Runs on the actor's worker. */
typedef void rt_actor_fn(struct rt_actor *self, struct rt_msg *m);

/* First member of every actor. */
struct rt_actor {
    rt_actor_fn *on_msg;
    struct rt_worker *worker;
    uint32_t index, generation;
};

/* Enters the actor into the worker's table; its address is good from now on. Worker's thread, or
 * before that thread has started. */
void rt_actor_start(struct rt_actor *a, struct rt_worker *w, rt_actor_fn *on_msg);
/* Takes it out: later messages bounce, also those sent before. Its owner frees the struct after. */
void rt_actor_stop(struct rt_actor *a);
struct rt_addr rt_actor_addr(const struct rt_actor *a);

/*
 * Sends m (moved) to `to`. From a worker's thread; `from` is that worker. Same worker: appended to
 * its local queue; other worker: pushed into its inbox. Never fails: a dead address bounces later.
 */
void rt_send(struct rt_worker *from, struct rt_addr to, struct rt_msg *m);
/* From a thread that is no worker (signal handler thread, tests). */
void rt_send_external(struct rt_system *sys, struct rt_addr to, struct rt_msg *m);
/* Sends the request m (moved) back to its reply_to as its reply; reply_to becomes the address that
 * m was sent to. Freed when m has no reply_to. */
void rt_msg_reply(struct rt_worker *from, struct rt_msg *m);

/* -- workers -- */

/* How a driver is told that a worker has mail. Called on any thread, at most once per drain. */
struct rt_waker {
    void (*wake)(void *ctx);
    void *ctx;
};

/* count workers, none running. */
struct rt_system *rt_system_new(uint16_t count, const struct rt_seams *seams);
/* All workers must be stopped by their drivers; frees what is still in their queues. */
void rt_system_free(struct rt_system **sys);
uint16_t rt_system_count(const struct rt_system *sys);
struct rt_worker *rt_system_worker(struct rt_system *sys, uint16_t index);

/* The driver's side. All on the worker's thread but set_waker (before start). */
void rt_worker_set_waker(struct rt_worker *w, struct rt_waker waker);
/* The driver's event loop (uv_loop_t *), for relay_host.loop. */
void rt_worker_set_loop(struct rt_worker *w, void *loop);
void *rt_worker_loop(const struct rt_worker *w);

/*
 * One turn: refreshes the clock, fires due timers, drains the inbox and handles messages, heavy
 * jobs last, until there is nothing left or LIM_TURN_NS has passed (LIM_TURN_STEPS under a clock
 * that stands still). Returns true when there is more to do at once. When it returns false the
 * driver may sleep until woken, until rt_worker_next_timer, or until it has run anything else on
 * this worker (an event of a transport): sending to one's own worker wakes nobody.
 */
bool rt_worker_turn(struct rt_worker *w);
/* After a turn, and what has run since: whether there is something for another one at once. */
bool rt_worker_has_more(const struct rt_worker *w);
/* Absolute mono time of the next timer, or UINT64_MAX. */
uint64_t rt_worker_next_timer(const struct rt_worker *w);
/* Forgets the clock: the next rt_now_ns reads it anew. The driver calls it when it goes to sleep,
 * or after, so that what runs before the next turn does not see the time of the last one. */
void rt_worker_refresh_clock(struct rt_worker *w);

uint16_t rt_worker_index(const struct rt_worker *w);
struct rt_system *rt_worker_system(const struct rt_worker *w);
uint64_t rt_now_ns(const struct rt_worker *w);  /* monotonic, as of this turn */
uint64_t rt_wall_ns(const struct rt_worker *w); /* wall clock */
void rt_random(struct rt_worker *w, void *out, size_t len);
const struct rt_seams *rt_worker_seams(const struct rt_worker *w);

/*
 * A room's key to its state on each worker: one zeroed static object. The first set of a key
 * registers it for the process, before any worker runs; at most LIM_WORKER_LOCALS keys.
 */
struct rt_local_key {
    uint32_t index; /* 0: not registered */
};
void rt_worker_set_local(struct rt_worker *w, struct rt_local_key *key, void *state);
/* NULL if nothing is set. */
void *rt_worker_local(const struct rt_worker *w, const struct rt_local_key *key);

/* -- timers: see struct relay_timer -- */
void rt_timer_arm(struct rt_worker *w, struct relay_timer *t, uint64_t at_ns);
void rt_timer_disarm(struct rt_worker *w, struct relay_timer *t);
static inline bool rt_timer_armed(const struct relay_timer *t)
{
    return t->link != NULL;
}

/*
 * Heavy jobs: work of 100 us and more (signatures) that must not delay established sessions. They
 * run after all messages of a turn, FIFO, for at most a few milliseconds a turn.
 */
struct rt_job {
    void (*run)(struct rt_job *job);
    struct rt_list node; /* rt_list_init before first use */
};
void rt_job_queue(struct rt_worker *w, struct rt_job *job);
void rt_job_cancel(struct rt_worker *w, struct rt_job *job); /* idempotent */

/* Checks that the caller runs on w's thread (or before any thread was bound). */
bool rt_worker_is_current(const struct rt_worker *w);
void rt_worker_bind_thread(struct rt_worker *w);
/* On that thread, at its end: whoever joined it may use the worker. */
void rt_worker_unbind_thread(struct rt_worker *w);

#endif
