/* SPDX-License-Identifier: MPL-2.0 */
/* Shared by world.c (time, events, running) and lane.c (mailboxes, threads). */
#ifndef SIM_WORLD_PRIVATE_H
#define SIM_WORLD_PRIVATE_H

#include <pthread.h>
#include <stdatomic.h>
#include <sys/socket.h>

#include "world.h"

/* First in, first out; push is the only call allowed from other threads, under the owner's lock. */
struct sim_mailbox {
    struct sim_mail *head, **tail;
};

struct sim_event {
    uint64_t at_ns, sequence;
    sim_event_fn *fn;
    void *ctx;
    uint64_t arg;
};

struct sim_lane {
    struct sim_world *world;
    struct sim_lane *next;
    const struct sim_lane_ops *ops;
    void *ctx;
    uint32_t index;
    pthread_t thread;

    pthread_mutex_t lock; /* guards all below */
    pthread_cond_t wakened;
    struct sim_mailbox mail;
    bool is_woken, is_busy, is_stopping, has_thread;
    uint64_t next_ns; /* as of the end of its last turn */

    uint32_t ready_at, timer_at;  /* stepped: its places in the world's lists, from 1; 0: none */
    struct sockaddr_storage home; /* source address of its dials; family 0: any */
};

struct sim_world {
    uint64_t seed;
    bool is_threaded;
    _Atomic uint64_t now_ns;
    struct sim_prng prng, clock_prng;
    _Atomic uint64_t random_count;
    struct rt_seams seams;
    struct sim_net *net;

    struct sim_event *events; /* a binary heap */
    uint32_t event_count, event_room;
    uint64_t next_sequence, hash, steps, quiet_ns;
    const char *label;
    void (*check)(void *ctx);
    void *check_ctx;
    struct sim_lane *lanes;
    uint32_t lane_count;
    struct sim_lane **ready, **timers; /* stepped: lanes with something to do; a heap by next_ns */
    uint32_t ready_count, ready_room, timer_count, timer_room;
    uint64_t steps_max;

    _Atomic uint32_t busy; /* lanes that run or have been woken */
    pthread_mutex_t lock;  /* guards mail; the world's thread sleeps on quiet */
    pthread_cond_t quiet;
    struct sim_mailbox mail;
};

void sim_mailbox_init(struct sim_mailbox *b);
struct sim_mail *sim_mailbox_take(struct sim_mailbox *b);
void sim_mail_run_all(struct sim_mail *m);

/* Threads: starts those that do not run yet. */
void sim_lanes_start(struct sim_world *w);
/* A stepped lane: its mail, then one turn. */
void sim_lane_step(struct sim_lane *l);

/* ready.c, stepped: the lane has something to do; its turn begins; its next_ns has changed; lanes
 * whose time has come have something to do; the next timer of all; the lane goes. */
void sim_ready_wake(struct sim_lane *l);
void sim_ready_sleep(struct sim_lane *l);
void sim_ready_timer(struct sim_lane *l);
void sim_ready_due(struct sim_world *w, uint64_t now_ns);
uint64_t sim_ready_next(const struct sim_world *w);
void sim_ready_forget(struct sim_lane *l);

/* Threads: the earliest timer of all idle lanes; wakes those whose time has come. */
uint64_t sim_lanes_next(struct sim_world *w);
void sim_lanes_wake_due(struct sim_world *w);

#endif
