/* SPDX-License-Identifier: MPL-2.0 */
/*
 * Actors, addresses, messages and workers: the threads of a relay and the work on them.
 *
 * A worker is one thread with one event loop. An actor belongs to one worker for its whole life,
 * and only that worker's thread accesses it. Actors know each other by address, which is a *value*.
 * No pointer to an actor crosses a worker, so none is used after free. A message to an actor that
 * has stopped is bounced or counted.
 *
 * A message is one heap block that begins with struct rt_msg. Sending moves the block. The receiver
 * owns it and must free it (rt_msg_free) or send it on. The reply to a request is the same block
 * (rt_msg_reply), so a round trip costs one allocation.
 *
 * Order: messages from one sender to one receiver arrive in the order they were sent. A message is
 * never handled inside the send that carries it, also not on the same worker.
 *
 * This room uses ck (in inbox.c) and never libuv. A driver steps the worker: runtime/host/loop_uv
 * in production, the simulated world in tests.
 */
#ifndef RT_ACTOR_H
#define RT_ACTOR_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "abi/relay_transport.h" /* struct relay_timer, relay_worker */
#include "actor/msg_kinds.h"
#include "base/actor_addr.h"
#include "base/check.h"
#include "base/err.h"
#include "base/list.h"
#include "base/seams.h"

#define rt_worker relay_worker /* the same struct, which is opaque to plugins */

struct rt_worker;
struct rt_system; /* the workers of one process, or of one simulated relay */

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
    void (*fini)(struct rt_msg *m); /* releases the contents, not the block; may be NULL */
};

/* A zeroed message of size bytes (>= sizeof(struct rt_msg)). Aborts when the system is out of
 * memory, so bytes whose number a peer chooses belong in slices. */
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
/* Calls fini and frees the block. Clears the caller's pointer. NULL is allowed. */
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

/* Enters the actor into the worker's table; its address is valid from here on. On the worker's
 * thread, or before that thread has started. */
void rt_actor_start(struct rt_actor *a, struct rt_worker *w, rt_actor_fn *on_msg);
/* Removes the actor. Messages that it has not received yet bounce. The owner frees the struct. */
void rt_actor_stop(struct rt_actor *a);
struct rt_addr rt_actor_addr(const struct rt_actor *a);

/*
 * Sends m (moved) to `to`. `from` is the worker of the calling thread. A message to the same worker
 * goes to its queue, to another worker into that worker's inbox. Never fails: a message to a stale
 * address bounces later.
 */
void rt_send(struct rt_worker *from, struct rt_addr to, struct rt_msg *m);
/* From a thread that is not a worker's (signal thread, tests). */
void rt_send_external(struct rt_system *sys, struct rt_addr to, struct rt_msg *m);
/* Sends the request m (moved) back to its reply_to as its reply; reply_to becomes the address that
 * m was sent to. Freed when m has no reply_to. */
void rt_msg_reply(struct rt_worker *from, struct rt_msg *m);

/* -- workers -- */

/* Notifies a driver of messages in a worker's inbox. Called on any thread, at most once per drain.
 */
struct rt_waker {
    void (*wake)(void *ctx);
    void *ctx;
};

/* count workers, none running. */
struct rt_system *rt_system_new(uint16_t count, const struct rt_seams *seams);
/* Their drivers must have stopped all workers. Frees the messages still in their queues. */
void rt_system_free(struct rt_system **sys);
uint16_t rt_system_count(const struct rt_system *sys);
struct rt_worker *rt_system_worker(struct rt_system *sys, uint16_t index);

/* For the driver, on the worker's thread; set_waker before it starts. */
void rt_worker_set_waker(struct rt_worker *w, struct rt_waker waker);
/* The driver's event loop (uv_loop_t *), for relay_host.loop. */
void rt_worker_set_loop(struct rt_worker *w, void *loop);
void *rt_worker_loop(const struct rt_worker *w);

/*
 * One turn: refreshes the clock, fires due timers, drains the inbox and handles messages, heavy
 * jobs last. It ends when nothing is left or LIM_TURN_NS has passed (LIM_TURN_STEPS with a clock
 * that does not advance). Returns true when there is more to do now. When it returns false the
 * driver may sleep until woken, until rt_worker_next_timer, or until it has run anything else on
 * this worker (an event of a transport), because a send to the own worker does not wake it.
 */
bool rt_worker_turn(struct rt_worker *w);
/* After a turn and whatever ran since: whether another turn has something to do now. */
bool rt_worker_has_more(const struct rt_worker *w);
/* Absolute mono time of the next timer, or UINT64_MAX. */
uint64_t rt_worker_next_timer(const struct rt_worker *w);
/* Discards the time of the last turn: the next rt_now_ns reads the clock. For the driver, before
 * or after it sleeps, so that code that runs before the next turn gets the current time. */
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

/* True if the caller runs on w's thread, or no thread is bound to w. */
bool rt_worker_is_current(const struct rt_worker *w);
void rt_worker_bind_thread(struct rt_worker *w);
/* On that thread, at its end. The thread that joined it may use the worker then. */
void rt_worker_unbind_thread(struct rt_worker *w);

#endif
