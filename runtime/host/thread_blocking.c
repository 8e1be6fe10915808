/* SPDX-License-Identifier: MPL-2.0 */
#include "host/thread_blocking.h"

#include <poll.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <time.h>

#include "base/check.h"
#include "host/thread.h"
#include "host/wake_fd.h"

struct rt_blocking {
    struct rt_worker *worker;
    struct rt_wake_fd wake;
    pthread_t thread;
    bool is_started;
    _Atomic bool is_stopping;
};

rt_err rt_blocking_new(struct rt_worker *w, struct rt_blocking **out)
{
    struct rt_blocking *b = calloc(1, sizeof *b);

    RT_INSIST(b != NULL);
    b->worker = w;
    if (rt_wake_fd_init(&b->wake) != RT_ERR_OK) {
        free(b);
        return RT_ERR_SYSTEM;
    }
    rt_worker_set_waker(w, rt_wake_fd_waker(&b->wake));
    *out = b;
    return RT_ERR_OK;
}

static void wait_for_mail(struct rt_blocking *b)
{
    const struct rt_seams *seams = rt_worker_seams(b->worker);
    uint64_t next_ns = rt_worker_next_timer(b->worker), now_ns = seams->mono_ns(seams->ctx);
    uint64_t wait_ns = next_ns > now_ns ? next_ns - now_ns : 0;
    struct timespec wait = {.tv_sec = (time_t)(wait_ns / RT_S), .tv_nsec = (long)(wait_ns % RT_S)};
    struct pollfd poll_fd = {.fd = b->wake.fd, .events = POLLIN};

    if (ppoll(&poll_fd, 1, next_ns == UINT64_MAX ? NULL : &wait, NULL) > 0)
        rt_wake_fd_clear(&b->wake);
}

static void *run(void *arg)
{
    struct rt_blocking *b = arg;

    rt_worker_bind_thread(b->worker);
    for (;;) {
        /* Read before the turn: what was sent before the stop is in the inbox by now. */
        bool is_stopping = atomic_load_explicit(&b->is_stopping, memory_order_acquire);

        if (rt_worker_turn(b->worker))
            continue;
        if (is_stopping)
            break;
        wait_for_mail(b);
    }
    rt_worker_unbind_thread(b->worker);
    return NULL;
}

rt_err rt_blocking_start(struct rt_blocking *b, const char *thread_name)
{
    rt_err err;

    RT_REQUIRE(!b->is_started);
    err = rt_thread_start(thread_name, run, b, &b->thread);
    b->is_started = err == RT_ERR_OK;
    return err;
}

void rt_blocking_stop(struct rt_blocking *b)
{
    atomic_store_explicit(&b->is_stopping, true, memory_order_release);
    rt_wake_fd_signal(&b->wake);
}

void rt_blocking_join(struct rt_blocking *b)
{
    if (!b->is_started)
        return;
    pthread_join(b->thread, NULL);
    b->is_started = false;
}

void rt_blocking_free(struct rt_blocking **b)
{
    struct rt_blocking *old = *b;

    *b = NULL;
    if (!old)
        return;
    RT_REQUIRE(!old->is_started);
    rt_worker_set_waker(old->worker, (struct rt_waker){0});
    rt_wake_fd_fini(&old->wake);
    free(old);
}
