/* SPDX-License-Identifier: MPL-2.0 */
/*
 * The simulated world: virtual time, one queue of events, and *lanes*.
 *
 * A lane is whatever a thread with an event loop is in production: it has a mailbox (from the
 * simulated network), and a turn to run. The world runs on the thread that made it and owns
 * everything outside the relays: network, peers, scenarios.
 *
 * Two ways to run, with the same code on top:
 *  - stepped: everything on one thread. Each step a seeded generator picks one of the lanes that
 *    have something to do, or the next event. Reading the clock costs a little virtual time, so
 * that turns end by their time limit. Same seed, same run: the trace hash says so.
 *  - threads: every lane on a thread of its own, for ThreadSanitizer. Time is still virtual: it
 * goes on when all lanes are idle, or by less than SIM_QUANTUM_NS while they work.
 *
 * Nothing here is ordered or hashed by pointer.
 */
#ifndef SIM_WORLD_H
#define SIM_WORLD_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/socket.h>

#include "base/err.h"
#include "base/seams.h"
#include "prng.h"

#define SIM_NEVER UINT64_MAX
#define SIM_QUANTUM_NS (2 * RT_MS)
#define SIM_WALL_START_S UINT64_C(1770000000) /* the unix time at which every world begins */

struct sim_world;
struct sim_lane;
struct sim_net;

/* A piece of mail: one heap block that begins with this; run owns it and frees it. */
struct sim_mail {
    struct sim_mail *next;
    void (*run)(struct sim_mail *m);
};

struct sim_lane_ops {
    void (*enter)(void *ctx);       /* on a lane's own thread, before its first turn */
    void (*leave)(void *ctx);       /* ... and after its last */
    void (*awake)(void *ctx);       /* time has gone on: before the mail of each turn */
    bool (*turn)(void *ctx);        /* true: there is more to do at once */
    uint64_t (*next_ns)(void *ctx); /* time of the lane's next timer, or SIM_NEVER */
};

struct sim_world *sim_world_new(uint64_t seed, bool threads);
/* Lanes must be stopped. */
void sim_world_free(struct sim_world **w);
bool sim_world_threads(const struct sim_world *w);
struct sim_net *sim_world_net(const struct sim_world *w);

/* -- time, chance, events: the world's thread only -- */

uint64_t sim_now(const struct sim_world *w); /* any thread */
struct sim_prng *sim_prng(struct sim_world *w);
/* fn(ctx, arg) at the given time, not before this call returns. Events cannot be taken back: what
 * ctx points to must outlive them. */
typedef void sim_event_fn(void *ctx, uint64_t arg);
void sim_at(struct sim_world *w, uint64_t at_ns, sim_event_fn *fn, void *ctx, uint64_t arg);
void sim_in(struct sim_world *w, uint64_t after_ns, sim_event_fn *fn, void *ctx, uint64_t arg);

/* Mixes an occurrence into the trace hash (stepped worlds; a no-op in the other). */
void sim_trace(struct sim_world *w, uint32_t what, uint64_t a, uint64_t b);
uint64_t sim_trace_hash(const struct sim_world *w);
uint64_t sim_steps(const struct sim_world *w);

/* After this many steps a run counts as endless and fails; the default is 20 million. */
void sim_set_steps_max(struct sim_world *w, uint64_t steps);

/* A broken invariant: prints one line, "label: what", and ends the process, which runs one world
 * only (main.c). The label names seed and scenario; it must outlive the world. */
void sim_set_label(struct sim_world *w, const char *label);
_Noreturn void sim_fail(struct sim_world *w, const char *fmt, ...) RT_PRINTF(2, 3);

/*
 * Runs until done(ctx) (asked after every step), until virtual time reaches until_ns, or until
 * nothing can happen any more. Returns whether done said so.
 */
typedef bool sim_done_fn(void *ctx);
bool sim_run(struct sim_world *w, uint64_t until_ns, sim_done_fn *done, void *ctx);
/* Called after every step, for invariants that must always hold. */
void sim_set_checker(struct sim_world *w, void (*check)(void *ctx), void *ctx);

/* -- lanes -- */

struct sim_lane *sim_lane_new(struct sim_world *w, const struct sim_lane_ops *ops, void *ctx);
/* Ends and joins the thread, if any. Stop all lanes of a relay before one is freed: a thread may
 * still wake another lane. */
void sim_lane_stop(struct sim_lane *l);
/* Stops the lane, runs the mail that is left, frees it. World's thread, outside sim_run. */
void sim_lane_free(struct sim_lane **l);
struct sim_world *sim_lane_world(const struct sim_lane *l);
/* The address what it dials comes from (with a port of its own each). Before it dials. */
void sim_lane_live_at(struct sim_lane *l, const struct sockaddr_storage *home);
/* "Mark runnable": any thread. */
void sim_lane_wake(struct sim_lane *l);
/* Any thread. Mail from one thread arrives in the order posted. */
void sim_lane_post(struct sim_lane *l, struct sim_mail *m);
/* To the world's thread, from any. */
void sim_world_post(struct sim_world *w, struct sim_mail *m);
/* Runs fn(ctx) on the lane and returns when it has run (the world goes on meanwhile). */
void sim_lane_call(struct sim_lane *l, void (*fn)(void *ctx), void *ctx);

/* -- the seams, for rt_system_new; good while the world lives -- */
const struct rt_seams *sim_seams(struct sim_world *w);

/* calloc that aborts */
void *sim_alloc(size_t size);

#endif
