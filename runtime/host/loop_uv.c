/* SPDX-License-Identifier: MPL-2.0 */
#include "host/loop_uv.h"

#include <pthread.h>
#include <sched.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <time.h>
#include <uv.h>

#include "base/check.h"
#include "base/log.h"
#include "host/thread.h"
#include "host/wake_fd.h"

#define CLOSE_TRIES 500u
#define CLOSE_PAUSE_NS (10 * RT_MS)

struct rt_loop {
    struct rt_worker *worker;
    struct rt_wake_fd wake;
    uv_loop_t uv;
    uv_poll_t wake_poll;
    uv_prepare_t turn;   /* runs first before each poll ... */
    uv_prepare_t settle; /* ... and this last; between them transports write */
    uv_timer_t timer;    /* ends a poll when the worker's next timer is due */
    uv_idle_t idle;      /* active: polls do not wait */
    uint64_t armed_ns;   /* the deadline of `timer` */
    pthread_t thread;
    bool is_started, has_more;
    _Atomic bool is_stopping;
};

static void on_wake(uv_poll_t *handle, int status, int events)
{
    struct rt_loop *l = handle->data;

    (void)events;
    RT_INSIST(status == 0);
    rt_wake_fd_clear(&l->wake);
}

static void on_timer(uv_timer_t *handle)
{
    (void)handle;
}

static void on_idle(uv_idle_t *handle)
{
    (void)handle;
}

static void arm_timer(struct rt_loop *l)
{
    uint64_t next_ns = rt_worker_next_timer(l->worker), now_ns;
    const struct rt_seams *seams;

    if (next_ns == UINT64_MAX) {
        uv_timer_stop(&l->timer);
        return;
    }
    if (next_ns == l->armed_ns && uv_is_active((uv_handle_t *)&l->timer))
        return;
    seams = rt_worker_seams(l->worker);
    now_ns = seams->mono_ns(seams->ctx);
    uv_update_time(&l->uv);
    uv_timer_start(&l->timer, on_timer,
                   next_ns > now_ns ? (next_ns - now_ns + RT_MS - 1) / RT_MS : 0, 0);
    l->armed_ns = next_ns;
}

/* A turn before the poll and not after it: closing callbacks run after the polls' and leave
 * messages, too, and no poll may wait while there is one. */
static void on_turn(uv_prepare_t *handle)
{
    struct rt_loop *l = handle->data;

    l->has_more = rt_worker_turn(l->worker);
}

static void on_settle(uv_prepare_t *handle)
{
    struct rt_loop *l = handle->data;

    if (l->has_more || rt_worker_has_more(l->worker)) {
        uv_idle_start(&l->idle, on_idle);
    } else {
        uv_idle_stop(&l->idle);
        if (atomic_load_explicit(&l->is_stopping, memory_order_acquire))
            uv_stop(&l->uv);
        arm_timer(l);
    }
    rt_worker_refresh_clock(l->worker);
}

/* The library runs the prepare handle that was started last first: settle is started with the loop,
 * those of transports after it, and turn when the thread begins. */
static rt_err open_handles(struct rt_loop *l)
{
    if (uv_poll_init(&l->uv, &l->wake_poll, l->wake.fd) != 0)
        return RT_ERR_SYSTEM;
    l->wake_poll.data = l;
    RT_INSIST(uv_poll_start(&l->wake_poll, UV_READABLE, on_wake) == 0);
    RT_INSIST(uv_prepare_init(&l->uv, &l->turn) == 0);
    RT_INSIST(uv_prepare_init(&l->uv, &l->settle) == 0);
    l->turn.data = l->settle.data = l;
    RT_INSIST(uv_prepare_start(&l->settle, on_settle) == 0);
    RT_INSIST(uv_timer_init(&l->uv, &l->timer) == 0);
    RT_INSIST(uv_idle_init(&l->uv, &l->idle) == 0);
    return RT_ERR_OK;
}

rt_err rt_loop_new(struct rt_worker *w, struct rt_loop **out)
{
    struct rt_loop *l = calloc(1, sizeof *l);

    RT_INSIST(l != NULL);
    l->worker = w;
    if (rt_wake_fd_init(&l->wake) != RT_ERR_OK)
        goto free_loop;
    if (uv_loop_init(&l->uv) != 0)
        goto close_wake;
    if (open_handles(l) != RT_ERR_OK)
        goto close_loop;
    rt_worker_set_waker(w, rt_wake_fd_waker(&l->wake));
    rt_worker_set_loop(w, &l->uv);
    *out = l;
    return RT_ERR_OK;

close_loop:
    RT_INSIST(uv_loop_close(&l->uv) == 0);
close_wake:
    rt_wake_fd_fini(&l->wake);
free_loop:
    free(l);
    return RT_ERR_SYSTEM;
}

/* On shared cores, a thread that preempts another at each packet loses time to context switches.
 * Under SCHED_BATCH a worker waits for its time slice and then handles more packets at once.
 * Another policy of the process stays; if the system refuses this one, the default stays. */
static void use_sched_batch(void)
{
    static const struct sched_param none = {0};
    struct sched_param now;
    int policy;

    if (pthread_getschedparam(pthread_self(), &policy, &now) == 0 && policy == SCHED_OTHER)
        (void)pthread_setschedparam(pthread_self(), SCHED_BATCH, &none);
}

static void *run(void *arg)
{
    struct rt_loop *l = arg;

    use_sched_batch();
    rt_worker_bind_thread(l->worker);
    uv_run(&l->uv, UV_RUN_DEFAULT);
    rt_worker_unbind_thread(l->worker);
    return NULL;
}

rt_err rt_loop_start(struct rt_loop *l, const char *thread_name)
{
    rt_err err;

    RT_REQUIRE(!l->is_started);
    RT_INSIST(uv_prepare_start(&l->turn, on_turn) == 0);
    err = rt_thread_start(thread_name, run, l, &l->thread);
    l->is_started = err == RT_ERR_OK;
    return err;
}

void rt_loop_stop(struct rt_loop *l)
{
    atomic_store_explicit(&l->is_stopping, true, memory_order_release);
    rt_wake_fd_signal(&l->wake);
}

void rt_loop_join(struct rt_loop *l)
{
    if (!l->is_started)
        return;
    pthread_join(l->thread, NULL);
    l->is_started = false;
}

static void count_handle(uv_handle_t *handle, void *arg)
{
    (void)handle;
    ++*(unsigned *)arg;
}

void rt_loop_free(struct rt_loop **l)
{
    static const struct timespec pause = {.tv_nsec = CLOSE_PAUSE_NS};
    struct rt_loop *old = *l;
    unsigned left = 0;

    *l = NULL;
    if (!old)
        return;
    RT_REQUIRE(!old->is_started);
    uv_close((uv_handle_t *)&old->wake_poll, NULL);
    uv_close((uv_handle_t *)&old->turn, NULL);
    uv_close((uv_handle_t *)&old->settle, NULL);
    uv_close((uv_handle_t *)&old->timer, NULL);
    uv_close((uv_handle_t *)&old->idle, NULL);
    for (unsigned i = 0; uv_run(&old->uv, UV_RUN_NOWAIT) != 0 && i < CLOSE_TRIES; i++)
        nanosleep(&pause, NULL);
    rt_worker_set_waker(old->worker, (struct rt_waker){0});
    rt_worker_set_loop(old->worker, NULL);
    if (uv_loop_close(&old->uv) != 0) {
        /* A handle is still open. The loop must outlive it, so it is not freed. */
        uv_walk(&old->uv, count_handle, &left);
        rt_log(RELAY_LOG_ERROR, "event loop has open handles at its end", "handles=%u", left);
        return;
    }
    rt_wake_fd_fini(&old->wake);
    free(old);
}
