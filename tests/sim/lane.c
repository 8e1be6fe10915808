/* SPDX-License-Identifier: MPL-2.0 */
#include <stdlib.h>

#include "base/check.h"
#include "world_private.h"

void sim_mailbox_init(struct sim_mailbox *b)
{
    b->head = NULL;
    b->tail = &b->head;
}

static void sim_mailbox_push(struct sim_mailbox *b, struct sim_mail *m)
{
    m->next = NULL;
    *b->tail = m;
    b->tail = &m->next;
}

struct sim_mail *sim_mailbox_take(struct sim_mailbox *b)
{
    struct sim_mail *m = b->head;

    sim_mailbox_init(b);
    return m;
}

void sim_mail_run_all(struct sim_mail *m)
{
    while (m) {
        struct sim_mail *next = m->next;

        m->run(m);
        m = next;
    }
}

/* -- waking -- */

/* Under l->lock. A busy lane looks again before it goes idle, so it is counted once. */
static void wake_locked(struct sim_lane *l)
{
    l->is_woken = true;
    sim_ready_wake(l);
    if (l->is_busy)
        return;
    l->is_busy = true;
    atomic_fetch_add(&l->world->busy, 1);
    pthread_cond_signal(&l->wakened);
}

void sim_lane_wake(struct sim_lane *l)
{
    pthread_mutex_lock(&l->lock);
    wake_locked(l);
    pthread_mutex_unlock(&l->lock);
}

void sim_lane_post(struct sim_lane *l, struct sim_mail *m)
{
    pthread_mutex_lock(&l->lock);
    sim_mailbox_push(&l->mail, m);
    wake_locked(l);
    pthread_mutex_unlock(&l->lock);
}

void sim_world_post(struct sim_world *w, struct sim_mail *m)
{
    pthread_mutex_lock(&w->lock);
    sim_mailbox_push(&w->mail, m);
    pthread_cond_signal(&w->quiet);
    pthread_mutex_unlock(&w->lock);
}

/* -- one turn -- */

/* Takes the lane's mail and lowers its flag: whatever comes later raises it again. */
static struct sim_mail *lane_begin(struct sim_lane *l)
{
    struct sim_mail *m;

    pthread_mutex_lock(&l->lock);
    l->is_woken = false;
    sim_ready_sleep(l);
    m = sim_mailbox_take(&l->mail);
    pthread_mutex_unlock(&l->lock);
    return m;
}

/* Under l->lock, after a turn: idle unless there is more to do. */
static void lane_end_locked(struct sim_lane *l, bool has_more)
{
    struct sim_world *w = l->world;

    l->next_ns = l->ops->next_ns(l->ctx);
    if (has_more || l->next_ns <= sim_now(w))
        l->is_woken = true;
    if (l->is_woken)
        sim_ready_wake(l);
    else
        sim_ready_timer(l);
    if (l->is_woken)
        return;
    l->is_busy = false;
    if (atomic_fetch_sub(&w->busy, 1) == 1) {
        pthread_mutex_lock(&w->lock);
        pthread_cond_signal(&w->quiet);
        pthread_mutex_unlock(&w->lock);
    }
}

void sim_lane_step(struct sim_lane *l)
{
    struct sim_world *w = l->world;
    bool has_more;

    sim_trace(w, 'L', l->index, sim_now(w));
    if (!l->is_busy)
        sim_lane_wake(l);
    l->ops->awake(l->ctx);
    sim_mail_run_all(lane_begin(l));
    has_more = l->ops->turn(l->ctx);
    pthread_mutex_lock(&l->lock);
    lane_end_locked(l, has_more);
    pthread_mutex_unlock(&l->lock);
}

static void *lane_thread(void *arg)
{
    struct sim_lane *l = arg;
    bool has_more;

    l->ops->enter(l->ctx);
    for (;;) {
        pthread_mutex_lock(&l->lock);
        while (!l->is_woken && !l->is_stopping)
            pthread_cond_wait(&l->wakened, &l->lock);
        has_more = l->is_woken;
        pthread_mutex_unlock(&l->lock);
        if (!has_more)
            break;
        l->ops->awake(l->ctx);
        sim_mail_run_all(lane_begin(l));
        has_more = l->ops->turn(l->ctx);
        pthread_mutex_lock(&l->lock);
        lane_end_locked(l, has_more);
        pthread_mutex_unlock(&l->lock);
    }
    l->ops->leave(l->ctx);
    return NULL;
}

/* -- all lanes, for a world with threads -- */

uint64_t sim_lanes_next(struct sim_world *w)
{
    uint64_t next = SIM_NEVER;

    for (struct sim_lane *l = w->lanes; l; l = l->next) {
        pthread_mutex_lock(&l->lock);
        if (l->next_ns < next)
            next = l->next_ns;
        pthread_mutex_unlock(&l->lock);
    }
    return next;
}

void sim_lanes_wake_due(struct sim_world *w)
{
    for (struct sim_lane *l = w->lanes; l; l = l->next) {
        pthread_mutex_lock(&l->lock);
        if (l->next_ns <= sim_now(w))
            wake_locked(l);
        pthread_mutex_unlock(&l->lock);
    }
}

/* -- life -- */

struct sim_lane *sim_lane_new(struct sim_world *w, const struct sim_lane_ops *ops, void *ctx)
{
    struct sim_lane *l = sim_alloc(sizeof(*l));
    struct sim_lane **at = &w->lanes;

    while (*at)
        at = &(*at)->next;
    *at = l;
    l->world = w;
    l->ops = ops;
    l->ctx = ctx;
    l->index = w->lane_count++;
    l->next_ns = SIM_NEVER;
    sim_mailbox_init(&l->mail);
    RT_INSIST(pthread_mutex_init(&l->lock, NULL) == 0);
    RT_INSIST(pthread_cond_init(&l->wakened, NULL) == 0);
    sim_lane_wake(l);
    return l;
}

/* Threads start with the first run, so that everything before it may touch what the lane owns. */
static void lane_start(struct sim_lane *l)
{
    if (l->has_thread)
        return;
    l->has_thread = true;
    RT_INSIST(pthread_create(&l->thread, NULL, lane_thread, l) == 0);
}

void sim_lanes_start(struct sim_world *w)
{
    for (struct sim_lane *l = w->lanes; l; l = l->next)
        lane_start(l);
}

void sim_lane_stop(struct sim_lane *l)
{
    if (!l->has_thread)
        return;
    pthread_mutex_lock(&l->lock);
    l->is_stopping = true;
    pthread_cond_signal(&l->wakened);
    pthread_mutex_unlock(&l->lock);
    RT_INSIST(pthread_join(l->thread, NULL) == 0);
    l->has_thread = false;
}

void sim_lane_free(struct sim_lane **lane)
{
    struct sim_lane *l = *lane;
    struct sim_lane **at;

    *lane = NULL;
    if (!l)
        return;
    sim_lane_stop(l);
    sim_mail_run_all(sim_mailbox_take(&l->mail));
    if (l->is_busy)
        atomic_fetch_sub(&l->world->busy, 1);
    sim_ready_forget(l);
    for (at = &l->world->lanes; *at != l; at = &(*at)->next)
        continue;
    *at = l->next;
    pthread_mutex_destroy(&l->lock);
    pthread_cond_destroy(&l->wakened);
    free(l);
}

void sim_lane_live_at(struct sim_lane *l, const struct sockaddr_storage *home)
{
    l->home = *home;
}

struct sim_world *sim_lane_world(const struct sim_lane *l)
{
    return l->world;
}

/* -- calls -- */

struct lane_call {
    struct sim_mail mail;
    struct sim_world *world;
    void (*fn)(void *ctx);
    void *ctx;
    bool *done;
    bool has_run;
};

static void run_call(struct sim_mail *m)
{
    struct lane_call *c = (struct lane_call *)m;

    if (c->has_run) {
        *c->done = true;
        free(c);
        return;
    }
    c->fn(c->ctx);
    c->has_run = true;
    sim_world_post(c->world, m);
}

static bool is_called(void *ctx)
{
    return *(bool *)ctx;
}

void sim_lane_call(struct sim_lane *l, void (*fn)(void *ctx), void *ctx)
{
    struct lane_call *c = sim_alloc(sizeof(*c));
    bool done = false;

    c->mail.run = run_call;
    c->world = l->world;
    c->fn = fn;
    c->ctx = ctx;
    c->done = &done;
    sim_lane_post(l, &c->mail);
    while (!done)
        sim_run(l->world, SIM_NEVER, is_called, &done);
}
