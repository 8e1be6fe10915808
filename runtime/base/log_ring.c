/* SPDX-License-Identifier: MPL-2.0 */
/*
 * A byte ring of lines, each behind a two-byte length. The lock is held for one copy of at most
 * RT_LOG_LINE_MAX bytes and never over a system call, so no worker waits for the one that writes.
 */
#include <pthread.h>
#include <string.h>

#include "base/base_limits.h"
#include "base/base_metrics.h"
#include "base/check.h"
#include "base/log_format.h"

#define HEAD_BYTES 2u

_Static_assert(RT_LOG_LINE_MAX <= UINT16_MAX, "a line's length fits its head");
_Static_assert(RT_LOG_LINE_MAX + HEAD_BYTES <= LIM_LOG_RING_BYTES, "a line fits the ring");

static struct {
    pthread_mutex_t lock;
    void (*notify)(void); /* NULL: not in use */
    size_t start, used;
    char bytes[LIM_LOG_RING_BYTES];
} ring = {.lock = PTHREAD_MUTEX_INITIALIZER};

static void copy_in(const void *from, size_t len)
{
    size_t at = (ring.start + ring.used) % LIM_LOG_RING_BYTES;
    size_t first = LIM_LOG_RING_BYTES - at < len ? LIM_LOG_RING_BYTES - at : len;

    memcpy(ring.bytes + at, from, first);
    memcpy(ring.bytes, (const char *)from + first, len - first);
    ring.used += len;
}

static void copy_out(void *to, size_t len)
{
    size_t first = LIM_LOG_RING_BYTES - ring.start < len ? LIM_LOG_RING_BYTES - ring.start : len;

    memcpy(to, ring.bytes + ring.start, first);
    memcpy((char *)to + first, ring.bytes, len - first);
    ring.start = (ring.start + len) % LIM_LOG_RING_BYTES;
    ring.used -= len;
}

bool rt_log_ring_put(const char *line, size_t len)
{
    uint16_t head = (uint16_t)len;
    void (*notify)(void);
    bool is_full;

    pthread_mutex_lock(&ring.lock);
    notify = ring.notify;
    is_full = notify && LIM_LOG_RING_BYTES - ring.used < len + HEAD_BYTES;
    if (notify && !is_full) {
        copy_in(&head, HEAD_BYTES);
        copy_in(line, len);
    }
    pthread_mutex_unlock(&ring.lock);
    if (is_full)
        rt_metric_inc(RT_METRIC_LOG_DROPPED);
    else if (notify)
        notify();
    return notify != NULL;
}

size_t rt_log_ring_take(char *out, size_t cap)
{
    uint16_t len = 0;

    RT_REQUIRE(cap >= RT_LOG_LINE_MAX);
    pthread_mutex_lock(&ring.lock);
    if (ring.used > 0) {
        copy_out(&len, HEAD_BYTES);
        copy_out(out, len);
    }
    pthread_mutex_unlock(&ring.lock);
    return len;
}

void rt_log_ring_start(void (*notify)(void))
{
    RT_REQUIRE(notify != NULL);
    pthread_mutex_lock(&ring.lock);
    ring.notify = notify;
    pthread_mutex_unlock(&ring.lock);
}

void rt_log_ring_stop(void)
{
    pthread_mutex_lock(&ring.lock);
    ring.notify = NULL;
    pthread_mutex_unlock(&ring.lock);
}
