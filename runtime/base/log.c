/* SPDX-License-Identifier: MPL-2.0 */
#include "base/log.h"

#include <stdatomic.h>
#include <stdio.h>
#include <time.h>
#include <unistd.h>

#include "base/base_metrics.h"
#include "base/check.h"
#include "base/log_format.h"
#include "base/seams.h"

static _Atomic int log_level = RELAY_LOG_INFO;
static _Atomic int log_format = RT_LOG_TEXT;

/* The default is the OS clock and not a seam, so that also a line before start has its time. */
static uint64_t os_wall_ns(void *ctx)
{
    struct timespec now;

    (void)ctx;
    clock_gettime(CLOCK_REALTIME, &now);
    return (uint64_t)now.tv_sec * RT_S + (uint64_t)now.tv_nsec;
}

static uint64_t (*clock_fn)(void *ctx) = os_wall_ns;
static void *clock_ctx;

void rt_log_configure(enum relay_log_level level, enum rt_log_format format)
{
    RT_REQUIRE(level <= RELAY_LOG_TRACE);
    atomic_store_explicit(&log_level, (int)level, memory_order_relaxed);
    atomic_store_explicit(&log_format, (int)format, memory_order_relaxed);
}

void rt_log_set_clock(uint64_t (*wall_ns)(void *ctx), void *ctx)
{
    clock_fn = wall_ns ? wall_ns : os_wall_ns;
    clock_ctx = ctx;
}

bool rt_log_enabled(enum relay_log_level level)
{
    return (int)level <= atomic_load_explicit(&log_level, memory_order_relaxed);
}

void rt_log(enum relay_log_level level, const char *msg, const char *fields, ...)
{
    char formatted[RT_LOG_LINE_MAX] = "", line[RT_LOG_LINE_MAX];
    struct rt_log_parts parts = {.level = level, .msg = msg, .fields = formatted};
    size_t len;

    if (!rt_log_enabled(level))
        return;
    if (fields) {
        va_list ap;

        va_start(ap, fields);
        parts.is_fields_cut =
            vsnprintf(formatted, sizeof formatted, fields, ap) >= (int)sizeof formatted;
        va_end(ap);
    }
    parts.wall_ns = clock_fn(clock_ctx);
    len = rt_log_format_line(
        &parts, (enum rt_log_format)atomic_load_explicit(&log_format, memory_order_relaxed), line);
    if (!rt_log_ring_put(line, len) && write(STDERR_FILENO, line, len) < 0)
        rt_metric_inc(RT_METRIC_LOG_DROPPED);
}

bool rt_log_allowed(struct rt_log_site *site, uint32_t burst, uint64_t now_ns)
{
    uint64_t second = now_ns / RT_S + 1; /* never 0, so that a zeroed site starts a window */
    uint64_t window = atomic_load_explicit(&site->window_s, memory_order_relaxed);

    if (window != second &&
        atomic_compare_exchange_strong_explicit(&site->window_s, &window, second,
                                                memory_order_relaxed, memory_order_relaxed))
        atomic_store_explicit(&site->used, 0, memory_order_relaxed);
    if (atomic_load_explicit(&site->used, memory_order_relaxed) < burst &&
        atomic_fetch_add_explicit(&site->used, 1, memory_order_relaxed) < burst)
        return true;
    atomic_fetch_add_explicit(&site->withheld, 1, memory_order_relaxed);
    rt_metric_inc(RT_METRIC_LOG_LIMITED);
    return false;
}
