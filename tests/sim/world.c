/* SPDX-License-Identifier: MPL-2.0 */
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/check.h"
#include "net.h"
#include "world_private.h"

/* A world that takes more steps than this turns on the spot. */
#define STEPS_MAX UINT64_C(20000000)
/* Reading the clock takes up to this time in a stepped world: work has a cost, turns come to an
 * end.
 */
#define CLOCK_COST_NS_MAX 4000u

void *sim_alloc(size_t size)
{
    void *p = calloc(1, size);

    RT_INSIST(p != NULL);
    return p;
}

/* -- seams -- */

static uint64_t seam_mono(void *ctx)
{
    struct sim_world *w = ctx;

    if (w->is_threaded)
        return atomic_load(&w->now_ns);
    atomic_fetch_add(&w->now_ns, sim_prng_below(&w->clock_prng, CLOCK_COST_NS_MAX));
    return sim_now(w);
}

static uint64_t seam_wall(void *ctx)
{
    return SIM_WALL_START_S * RT_S + sim_now(ctx);
}

/* Counted, not chained, so that threads draw without a lock. */
static void seam_random(void *ctx, void *out, size_t len)
{
    struct sim_world *w = ctx;
    uint8_t *p = out;

    while (len > 0) {
        uint64_t n = atomic_fetch_add_explicit(&w->random_count, 1, memory_order_relaxed);
        uint64_t v = sim_mix(w->seed ^ sim_mix(n + UINT64_C(0x5eed)));
        size_t k = len < sizeof(v) ? len : sizeof(v);

        memcpy(p, &v, k);
        p += k;
        len -= k;
    }
}

const struct rt_seams *sim_seams(struct sim_world *w)
{
    return &w->seams;
}

/* -- life -- */

struct sim_world *sim_world_new(uint64_t seed, bool threads)
{
    struct sim_world *w = sim_alloc(sizeof(*w));

    w->seed = seed;
    w->label = "";
    w->steps_max = STEPS_MAX;
    w->is_threaded = threads;
    atomic_init(&w->now_ns, 1000 * RT_S);
    w->prng.state = sim_mix(seed + 1);
    w->clock_prng.state = sim_mix(seed + 2);
    w->seams = (struct rt_seams){seam_mono, seam_wall, seam_random, w};
    w->hash = UINT64_C(0xcbf29ce484222325);
    sim_mailbox_init(&w->mail);
    RT_INSIST(pthread_mutex_init(&w->lock, NULL) == 0);
    RT_INSIST(pthread_cond_init(&w->quiet, NULL) == 0);
    w->net = sim_net_new(w);
    return w;
}

static struct sim_mail *world_mail(struct sim_world *w)
{
    struct sim_mail *m;

    pthread_mutex_lock(&w->lock);
    m = sim_mailbox_take(&w->mail);
    pthread_mutex_unlock(&w->lock);
    return m;
}

void sim_world_free(struct sim_world **world)
{
    struct sim_world *w = *world;

    *world = NULL;
    if (!w)
        return;
    RT_REQUIRE(w->lanes == NULL);
    sim_mail_run_all(world_mail(w));
    sim_net_free(&w->net);
    pthread_mutex_destroy(&w->lock);
    pthread_cond_destroy(&w->quiet);
    free(w->events);
    free((void *)w->ready);
    free((void *)w->timers);
    free(w);
}

bool sim_world_threads(const struct sim_world *w)
{
    return w->is_threaded;
}

struct sim_net *sim_world_net(const struct sim_world *w)
{
    return w->net;
}

uint64_t sim_now(const struct sim_world *w)
{
    return atomic_load(&w->now_ns);
}

struct sim_prng *sim_prng(struct sim_world *w)
{
    return &w->prng;
}

/* -- events -- */

static bool is_before(const struct sim_event *a, const struct sim_event *b)
{
    return a->at_ns != b->at_ns ? a->at_ns < b->at_ns : a->sequence < b->sequence;
}

void sim_at(struct sim_world *w, uint64_t at_ns, sim_event_fn *fn, void *ctx, uint64_t arg)
{
    struct sim_event e = {at_ns, w->next_sequence++, fn, ctx, arg};
    uint32_t i = w->event_count++;

    if (i == w->event_room) {
        w->event_room = w->event_room ? w->event_room * 2 : 256;
        w->events = realloc(w->events, w->event_room * sizeof(*w->events));
        RT_INSIST(w->events != NULL);
    }
    while (i > 0 && is_before(&e, &w->events[(i - 1) / 2])) {
        w->events[i] = w->events[(i - 1) / 2];
        i = (i - 1) / 2;
    }
    w->events[i] = e;
}

void sim_in(struct sim_world *w, uint64_t after_ns, sim_event_fn *fn, void *ctx, uint64_t arg)
{
    sim_at(w, sim_now(w) + after_ns, fn, ctx, arg);
}

static struct sim_event event_pop(struct sim_world *w)
{
    struct sim_event top = w->events[0], last = w->events[--w->event_count];
    uint32_t i = 0, child;

    while ((child = 2 * i + 1) < w->event_count) {
        if (child + 1 < w->event_count && is_before(&w->events[child + 1], &w->events[child]))
            child++;
        if (!is_before(&w->events[child], &last))
            break;
        w->events[i] = w->events[child];
        i = child;
    }
    w->events[i] = last;
    return top;
}

static uint64_t event_next(const struct sim_world *w)
{
    return w->event_count ? w->events[0].at_ns : SIM_NEVER;
}

static void event_fire(struct sim_world *w)
{
    struct sim_event e = event_pop(w);

    sim_trace(w, 'E', e.at_ns, e.sequence);
    e.fn(e.ctx, e.arg);
}

/* -- trace and failure -- */

void sim_trace(struct sim_world *w, uint32_t what, uint64_t a, uint64_t b)
{
    if (!w->is_threaded)
        w->hash = sim_mix(w->hash ^ sim_mix(what + 131 * a) ^ (b << 1));
}

uint64_t sim_trace_hash(const struct sim_world *w)
{
    return w->hash;
}

uint64_t sim_steps(const struct sim_world *w)
{
    return w->steps;
}

void sim_set_steps_max(struct sim_world *w, uint64_t steps)
{
    w->steps_max = steps;
}

void sim_set_label(struct sim_world *w, const char *label)
{
    w->label = label;
}

void sim_fail(struct sim_world *w, const char *fmt, ...)
{
    char what[400], line[600];
    va_list ap;
    int n;

    va_start(ap, fmt);
    vsnprintf(what, sizeof(what), fmt, ap);
    va_end(ap);
    n = snprintf(line, sizeof(line), "sim: FAILED %s t=%.6fs: %s\n", w->label,
                 (double)sim_now(w) / (double)RT_S - 1000.0, what);
    if (write(STDOUT_FILENO, line, (size_t)n) != n)
        _exit(2);
    _exit(1);
}

void sim_set_checker(struct sim_world *w, void (*check)(void *ctx), void *ctx)
{
    w->check = check;
    w->check_ctx = ctx;
}

/* -- running -- */

static void advance(struct sim_world *w, uint64_t to_ns)
{
    if (to_ns > sim_now(w))
        atomic_store(&w->now_ns, to_ns);
}

/* One lane or one event, by chance; or, when nothing is due, time goes on. False: nothing will ever
 * happen before until_ns. */
static bool step_one(struct sim_world *w, uint64_t until_ns)
{
    uint64_t now = sim_now(w), next = event_next(w);
    uint32_t choices = next <= now, pick;

    sim_ready_due(w, now);
    choices += w->ready_count;
    if (choices == 0) {
        next = sim_ready_next(w) < next ? sim_ready_next(w) : next;
        if (next > until_ns || next == SIM_NEVER)
            return false;
        advance(w, next);
        return true;
    }
    pick = (uint32_t)sim_prng_below(&w->prng, choices);
    if (pick == w->ready_count)
        event_fire(w);
    else
        sim_lane_step(w->ready[pick]);
    return true;
}

/* Sleeps until the lanes are idle or have sent mail. True: idle, and no mail. */
static bool await_quiet(struct sim_world *w)
{
    bool is_quiet;

    pthread_mutex_lock(&w->lock);
    while (atomic_load(&w->busy) > 0 && !w->mail.head)
        pthread_cond_wait(&w->quiet, &w->lock);
    is_quiet = !w->mail.head;
    pthread_mutex_unlock(&w->lock);
    return is_quiet;
}

static bool step_threads(struct sim_world *w, uint64_t until_ns)
{
    uint64_t next = event_next(w);

    if (next <= sim_now(w)) {
        event_fire(w);
        return true;
    }
    if (next <= w->quiet_ns + SIM_QUANTUM_NS && next <= until_ns) {
        advance(w, next);
        sim_lanes_wake_due(w);
        return true;
    }
    if (!await_quiet(w))
        return true;
    if (sim_lanes_next(w) < next)
        next = sim_lanes_next(w);
    if (next > until_ns || next == SIM_NEVER)
        return false;
    advance(w, next);
    w->quiet_ns = sim_now(w);
    sim_lanes_wake_due(w);
    return true;
}

bool sim_run(struct sim_world *w, uint64_t until_ns, sim_done_fn *done, void *ctx)
{
    if (w->is_threaded)
        sim_lanes_start(w);
    for (;;) {
        sim_mail_run_all(world_mail(w));
        if (w->check)
            w->check(w->check_ctx);
        if (done && done(ctx))
            return true;
        if (++w->steps > w->steps_max)
            sim_fail(w, "no end after %llu steps", (unsigned long long)w->steps_max);
        if (!(w->is_threaded ? step_threads(w, until_ns) : step_one(w, until_ns)))
            break;
    }
    if (until_ns != SIM_NEVER)
        advance(w, until_ns);
    return false;
}
