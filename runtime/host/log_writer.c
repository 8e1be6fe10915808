/* SPDX-License-Identifier: MPL-2.0 */
#include "host/log_writer.h"

#include <errno.h>
#include <inttypes.h>
#include <poll.h>
#include <pthread.h>
#include <semaphore.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>
#include <unistd.h>

#include "base/base_metrics.h"
#include "base/check.h"
#include "base/log.h"
#include "host/thread.h"

/* A pipe that polls writable takes this much without blocking (PIPE_BUF). */
#define BATCH_BYTES 4096u
#define WRITE_TIMEOUT_MS 1000 /* at the end */

_Static_assert(RT_LOG_LINE_MAX <= BATCH_BYTES, "a line fits a batch");

static struct {
    pthread_t thread;
    sem_t mail;
    _Atomic bool is_mail_posted; /* mail was posted and not yet taken */
    _Atomic bool is_stopping;
    bool is_started;
    bool has_given_up;         /* the writer's own: at the end, standard error took nothing */
    uint64_t dropped_reported; /* lost lines reported so far */
} writer;

static void notify(void)
{
    if (!atomic_exchange_explicit(&writer.is_mail_posted, true, memory_order_acq_rel))
        sem_post(&writer.mail);
}

/* False: standard error is gone, or at the end takes nothing. */
static bool wait_writable(void)
{
    struct pollfd err_fd = {.fd = STDERR_FILENO, .events = POLLOUT};
    int waited_ms = 0;

    while (!writer.has_given_up) {
        int n = poll(&err_fd, 1, 100);

        if (n > 0)
            return (err_fd.revents & POLLOUT) != 0;
        if (n < 0 && errno != EINTR)
            return false;
        if (atomic_load_explicit(&writer.is_stopping, memory_order_acquire))
            waited_ms += 100;
        writer.has_given_up = waited_ms >= WRITE_TIMEOUT_MS;
    }
    return false;
}

static void write_all(const char *bytes, size_t len)
{
    while (len > 0) {
        ssize_t n;

        if (!wait_writable())
            return;
        n = write(STDERR_FILENO, bytes, len);
        if (n < 0 && errno != EINTR && errno != EAGAIN)
            return;
        if (n > 0) {
            bytes += n;
            len -= (size_t)n;
        }
    }
}

static void drain(void)
{
    char batch[BATCH_BYTES];
    size_t used = 0, n;

    do {
        n = rt_log_ring_take(batch + used, RT_LOG_LINE_MAX);
        used += n;
        if (used > 0 && (n == 0 || BATCH_BYTES - used < RT_LOG_LINE_MAX)) {
            write_all(batch, used);
            used = 0;
        }
    } while (n > 0);
}

static void report_dropped(void)
{
    uint64_t dropped = rt_metric_get(RT_METRIC_LOG_DROPPED);

    if (dropped == writer.dropped_reported)
        return;
    rt_log(RELAY_LOG_WARN, "log lines lost, the writer was too slow", "lines=%" PRIu64,
           dropped - writer.dropped_reported);
    writer.dropped_reported = dropped;
}

static void *run(void *arg)
{
    bool is_stopping;

    (void)arg;
    do {
        while (sem_wait(&writer.mail) != 0)
            RT_INSIST(errno == EINTR);
        is_stopping = atomic_load_explicit(&writer.is_stopping, memory_order_acquire);
        /* Lowered before the ring is looked at, or a line could stay behind. */
        atomic_exchange_explicit(&writer.is_mail_posted, false, memory_order_acq_rel);
        drain();
        report_dropped();
    } while (!is_stopping);
    drain();
    return NULL;
}

rt_err rt_log_writer_start(void)
{
    rt_err err;

    RT_REQUIRE(!writer.is_started);
    RT_INSIST(sem_init(&writer.mail, 0, 0) == 0);
    atomic_store_explicit(&writer.is_mail_posted, false, memory_order_relaxed);
    atomic_store_explicit(&writer.is_stopping, false, memory_order_relaxed);
    writer.has_given_up = false;
    writer.dropped_reported = rt_metric_get(RT_METRIC_LOG_DROPPED);
    err = rt_thread_start("log", run, NULL, &writer.thread);
    if (err != RT_ERR_OK) {
        sem_destroy(&writer.mail);
        return err;
    }
    writer.is_started = true;
    rt_log_ring_start(notify);
    return RT_ERR_OK;
}

void rt_log_writer_stop(void)
{
    if (!writer.is_started)
        return;
    atomic_store_explicit(&writer.is_stopping, true, memory_order_release);
    sem_post(&writer.mail);
    pthread_join(writer.thread, NULL);
    rt_log_ring_stop();
    drain();
    sem_destroy(&writer.mail);
    writer.is_started = false;
}
