/* SPDX-License-Identifier: MPL-2.0 */
/*
 * The table of actors and the turn.
 *
 * Invariant: an actor is in at most one place, a place's generation never repeats within 2^32
 * actors, and nothing runs on a worker but from its turn or from its driver.
 */
#include "actor/worker.h"

#include <stdlib.h>
#include <string.h>

#include "actor/actor_limits.h"
#include "base/check.h"

#define CLOCK_EVERY 8u /* steps of a turn between two readings of the clock */
#define PLACES_FIRST 64u

static _Thread_local struct rt_worker *current_worker;

void rt_worker_init(struct rt_worker *w, struct rt_system *sys, uint16_t index)
{
    memset(w, 0, sizeof *w);
    w->system = sys;
    w->index = index;
    rt_inbox_init(&w->inbox);
    rt_queue_init(&w->queue);
    rt_list_init(&w->jobs);
    rt_wheel_init(&w->wheel, sys->seams.mono_ns(sys->seams.ctx));
}

static void take_inbox(struct rt_worker *w)
{
    struct rt_msg *last, *first = rt_inbox_drain(&w->inbox, &last);

    if (first)
        rt_queue_append(&w->queue, first, last);
}

void rt_worker_fini(struct rt_worker *w)
{
    RT_REQUIRE(!w->is_bound);
    take_inbox(w);
    rt_queue_clear(&w->queue);
    free(w->places);
    w->places = NULL;
}

/* -- actors -- */

static void grow_places(struct rt_worker *w)
{
    uint32_t old = w->place_count, count = old > 0 ? 2 * old : PLACES_FIRST;

    RT_INSIST(count > old);
    w->places = realloc(w->places, count * sizeof *w->places);
    RT_INSIST(w->places != NULL);
    for (uint32_t i = old; i < count; i++)
        w->places[i] = (struct rt_place){.next_free = i + 1};
    w->place_count = count;
}

void rt_actor_start(struct rt_actor *a, struct rt_worker *w, rt_actor_fn *on_msg)
{
    struct rt_place *place;

    RT_REQUIRE(rt_worker_is_current(w));
    RT_REQUIRE(on_msg != NULL);
    if (w->first_free == w->place_count)
        grow_places(w);
    place = &w->places[w->first_free];
    if (++place->generation == 0)
        place->generation = 1;
    place->actor = a;
    *a = (struct rt_actor){
        .on_msg = on_msg, .worker = w, .index = w->first_free, .generation = place->generation};
    w->first_free = place->next_free;
}

void rt_actor_stop(struct rt_actor *a)
{
    struct rt_worker *w = a->worker;
    struct rt_place *place;

    RT_REQUIRE(rt_worker_is_current(w));
    RT_REQUIRE(a->index < w->place_count);
    place = &w->places[a->index];
    RT_REQUIRE(place->actor == a);
    place->actor = NULL;
    place->next_free = w->first_free;
    w->first_free = a->index;
    a->generation = 0;
}

struct rt_addr rt_actor_addr(const struct rt_actor *a)
{
    return (struct rt_addr){
        .index = a->index, .generation = a->generation, .worker = a->worker->index};
}

static void deliver(struct rt_worker *w, struct rt_msg *m)
{
    if (m->to.index < w->place_count) {
        struct rt_place *place = &w->places[m->to.index];

        if (place->actor && place->generation == m->to.generation) {
            place->actor->on_msg(place->actor, m);
            return;
        }
    }
    rt_msg_stale(w, m);
}

/* -- the turn -- */

struct turn {
    uint64_t end_ns;
    uint32_t steps, steps_max; /* a turn ends also with a clock that does not advance */
};

static uint64_t read_clock(const struct rt_worker *w)
{
    return w->system->seams.mono_ns(w->system->seams.ctx);
}

/* Called before each step. */
static bool is_over(const struct rt_worker *w, struct turn *turn)
{
    if (turn->steps >= turn->steps_max)
        return true;
    if (turn->steps > 0 && turn->steps % CLOCK_EVERY == 0 && read_clock(w) >= turn->end_ns) {
        turn->steps = turn->steps_max;
        return true;
    }
    turn->steps++;
    return false;
}

static void fire_timers(struct rt_worker *w, struct turn *turn)
{
    struct relay_timer *t;

    rt_wheel_begin(&w->wheel);
    while (!is_over(w, turn) && (t = rt_wheel_take(&w->wheel, w->now_ns)))
        t->fire(t);
}

static void handle_messages(struct rt_worker *w, struct turn *turn)
{
    struct rt_msg *m;

    while (!is_over(w, turn)) {
        if (rt_queue_is_empty(&w->queue))
            take_inbox(w);
        m = rt_queue_pop(&w->queue);
        if (!m)
            return;
        deliver(w, m);
    }
}

/* At least one job a turn, so that messages cannot starve the jobs. */
static void run_jobs(struct rt_worker *w)
{
    uint64_t end_ns;
    struct rt_list *node;

    if (rt_list_empty(&w->jobs))
        return;
    end_ns = read_clock(w) + LIM_TURN_JOBS_NS;
    for (uint32_t i = 0; i < LIM_TURN_JOBS; i++) {
        struct rt_job *job;

        node = rt_list_pop_front(&w->jobs);
        if (!node)
            return;
        job = RT_CONTAINER_OF(node, struct rt_job, node);
        job->run(job);
        if (read_clock(w) >= end_ns)
            return;
    }
}

bool rt_worker_has_more(const struct rt_worker *w)
{
    return !rt_queue_is_empty(&w->queue) || !rt_list_empty(&w->jobs) || rt_wheel_is_due(&w->wheel);
}

bool rt_worker_turn(struct rt_worker *w)
{
    struct turn turn = {.steps_max = LIM_TURN_STEPS};

    RT_REQUIRE(rt_worker_is_current(w));
    w->now_ns = read_clock(w);
    turn.end_ns = w->now_ns + LIM_TURN_NS;
    rt_inbox_raise(&w->inbox);
    take_inbox(w);
    fire_timers(w, &turn);
    handle_messages(w, &turn);
    run_jobs(w);
    if (rt_worker_has_more(w))
        return true;
    rt_inbox_lower(&w->inbox);
    take_inbox(w);
    return rt_worker_has_more(w);
}

/* -- accessors, timers, jobs -- */

void rt_worker_set_waker(struct rt_worker *w, struct rt_waker waker)
{
    w->waker = waker;
}

void rt_worker_set_loop(struct rt_worker *w, void *loop)
{
    w->loop = loop;
}

void *rt_worker_loop(const struct rt_worker *w)
{
    return w->loop;
}

uint64_t rt_worker_next_timer(const struct rt_worker *w)
{
    return rt_wheel_next_ns(&w->wheel);
}

void rt_worker_refresh_clock(struct rt_worker *w)
{
    w->now_ns = 0;
}

uint16_t rt_worker_index(const struct rt_worker *w)
{
    return w->index;
}

struct rt_system *rt_worker_system(const struct rt_worker *w)
{
    return w->system;
}

uint64_t rt_now_ns(const struct rt_worker *w)
{
    /* The time is a cache: to read it late changes nothing that a caller can observe. */
    if (w->now_ns == 0)
        ((struct rt_worker *)w)->now_ns = read_clock(w);
    return w->now_ns;
}

uint64_t rt_wall_ns(const struct rt_worker *w)
{
    return w->system->seams.wall_ns(w->system->seams.ctx);
}

void rt_random(struct rt_worker *w, void *out, size_t len)
{
    w->system->seams.random(w->system->seams.ctx, out, len);
}

const struct rt_seams *rt_worker_seams(const struct rt_worker *w)
{
    return &w->system->seams;
}

void rt_worker_set_local(struct rt_worker *w, struct rt_local_key *key, void *state)
{
    static uint32_t registered;

    if (key->index == 0) {
        RT_REQUIRE(registered < LIM_WORKER_LOCALS);
        key->index = ++registered;
    }
    w->locals[key->index] = state;
}

void *rt_worker_local(const struct rt_worker *w, const struct rt_local_key *key)
{
    return w->locals[key->index];
}

void rt_timer_arm(struct rt_worker *w, struct relay_timer *t, uint64_t at_ns)
{
    RT_REQUIRE(rt_worker_is_current(w));
    rt_wheel_arm(&w->wheel, t, at_ns, rt_now_ns(w));
}

void rt_timer_disarm(struct rt_worker *w, struct relay_timer *t)
{
    RT_REQUIRE(rt_worker_is_current(w));
    rt_wheel_disarm(&w->wheel, t);
}

void rt_job_queue(struct rt_worker *w, struct rt_job *job)
{
    RT_REQUIRE(rt_worker_is_current(w));
    RT_REQUIRE(rt_list_empty(&job->node));
    rt_list_push_back(&w->jobs, &job->node);
}

void rt_job_cancel(struct rt_worker *w, struct rt_job *job)
{
    RT_REQUIRE(rt_worker_is_current(w));
    rt_list_unlink(&job->node);
}

bool rt_worker_is_current(const struct rt_worker *w)
{
    return current_worker == w || !w->is_bound;
}

void rt_worker_bind_thread(struct rt_worker *w)
{
    RT_REQUIRE(!w->is_bound);
    w->is_bound = true;
    current_worker = w;
}

void rt_worker_unbind_thread(struct rt_worker *w)
{
    RT_REQUIRE(w->is_bound && current_worker == w);
    w->is_bound = false;
    current_worker = NULL;
}
