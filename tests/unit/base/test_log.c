/* SPDX-License-Identifier: MPL-2.0 */
/*
 * Plan: below the level nothing is written; without a writer a line goes to standard error at once;
 * with the ring it is notified and taken in order, over the ring's edge too; a full ring drops and
 * counts, keeps what it has, and takes lines again when there is room; several threads' lines come
 * out whole, each thread's in its order. The limit per site lets a burst a second pass and counts
 * the rest.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/base_limits.h"
#include "base/base_metrics.h"
#include "base/log.h"
#include "base/seams.h"

#define THREADS 4
#define LINES 200

static _Atomic unsigned notified;

static void on_line(void)
{
    atomic_fetch_add(&notified, 1);
}

static uint64_t fixed_clock(void *ctx)
{
    return *(uint64_t *)ctx;
}

static int setup(void **state)
{
    static uint64_t wall_ns = 86400 * RT_S;

    (void)state;
    rt_log_set_clock(fixed_clock, &wall_ns);
    rt_log_configure(RELAY_LOG_INFO, RT_LOG_TEXT);
    atomic_store(&notified, 0);
    return 0;
}

static void test_levels(void **state)
{
    char line[RT_LOG_LINE_MAX];

    (void)state;
    rt_log_ring_start(on_line);
    assert_true(rt_log_enabled(RELAY_LOG_ERROR));
    assert_true(rt_log_enabled(RELAY_LOG_INFO));
    assert_false(rt_log_enabled(RELAY_LOG_DEBUG));
    rt_log(RELAY_LOG_DEBUG, "hidden", NULL);
    assert_int_equal(rt_log_ring_take(line, sizeof line), 0);
    rt_log_configure(RELAY_LOG_TRACE, RT_LOG_JSON);
    rt_log(RELAY_LOG_TRACE, "shown", "n=%d", 7);
    line[rt_log_ring_take(line, sizeof line)] = '\0';
    assert_string_equal(
        line, "{\"ts\":\"1970-01-02T00:00:00.000Z\",\"level\":\"trace\",\"msg\":\"shown\","
              "\"n\":\"7\"}\n");
    assert_int_equal(notified, 1);
    rt_log_ring_stop();
}

static void test_without_writer(void **state)
{
    int pipe_fds[2], saved = dup(STDERR_FILENO);
    char text[256];
    ssize_t n;

    (void)state;
    assert_int_equal(pipe(pipe_fds), 0);
    dup2(pipe_fds[1], STDERR_FILENO);
    rt_log(RELAY_LOG_WARN, "direct", "a=%s", "b");
    dup2(saved, STDERR_FILENO);
    close(saved);
    close(pipe_fds[1]);
    n = read(pipe_fds[0], text, sizeof text - 1);
    close(pipe_fds[0]);
    assert_true(n > 0);
    text[n] = '\0';
    assert_string_equal(text, "1970-01-02T00:00:00.000Z WARN  direct a=b\n");
    assert_int_equal(notified, 0);
}

static void expect(unsigned n)
{
    char line[RT_LOG_LINE_MAX + 1], wanted[64];
    size_t len = rt_log_ring_take(line, RT_LOG_LINE_MAX);

    assert_true(len > 0);
    line[len] = '\0';
    snprintf(wanted, sizeof wanted, "INFO  line n=%u pad=", n);
    assert_non_null(strstr(line, wanted));
    assert_int_equal(line[len - 1], '\n');
}

static void test_full_ring(void **state)
{
    uint64_t dropped = rt_metric_get(RT_METRIC_LOG_DROPPED);
    unsigned put = 0, taken = 0;

    (void)state;
    rt_log_ring_start(on_line);
    /* Odd sizes, and three times around. */
    for (int round = 0; round < 3; round++) {
        while (rt_metric_get(RT_METRIC_LOG_DROPPED) == dropped) {
            rt_log(RELAY_LOG_INFO, "line", "n=%u pad=%0*d", put, 100 + (int)(put % 301), 0);
            put++;
        }
        put--;
        dropped++;
        assert_true(put - taken > LIM_LOG_RING_BYTES / 500);
        assert_int_equal(rt_metric_get(RT_METRIC_LOG_DROPPED), dropped);
        while (put - taken > (round == 2 ? 0u : 10u))
            expect(taken++);
    }
    assert_int_equal(notified, put);
    rt_log_ring_stop();
}

/* Lines of `len` bytes until one is dropped: with the two bytes of their length, as many as fit. */
static void fill_with(size_t len)
{
    enum { HEAD = 2, AROUND = 32 };
    char msg[RT_LOG_LINE_MAX], line[RT_LOG_LINE_MAX];
    uint64_t dropped = rt_metric_get(RT_METRIC_LOG_DROPPED);
    size_t fits = LIM_LOG_RING_BYTES / (len + HEAD);

    memset(msg, 'x', len - AROUND);
    msg[len - AROUND] = '\0';
    for (size_t i = 0; i < fits + 1; i++)
        rt_log(RELAY_LOG_INFO, msg, NULL);
    assert_int_equal(rt_metric_get(RT_METRIC_LOG_DROPPED), dropped + 1);
    for (size_t i = 0; i < fits; i++)
        assert_int_equal(rt_log_ring_take(line, sizeof line), len);
    assert_int_equal(rt_log_ring_take(line, sizeof line), 0);
}

static void test_full_to_the_byte(void **state)
{
    (void)state;
    rt_log_ring_start(on_line);
    assert_int_equal(LIM_LOG_RING_BYTES % 481, 480); /* the last gap is one byte short */
    fill_with(479);
    assert_int_equal(LIM_LOG_RING_BYTES % 512, 0); /* no gap */
    fill_with(510);
    rt_log_ring_stop();
}

static void *log_many(void *arg)
{
    for (int i = 0; i < LINES; i++)
        rt_log(RELAY_LOG_INFO, "threads", "who=%d n=%d.", (int)(uintptr_t)arg, i);
    return NULL;
}

static void test_threads(void **state)
{
    char line[RT_LOG_LINE_MAX + 1];
    int next[THREADS] = {0}, total = 0;
    pthread_t threads[THREADS];

    (void)state;
    rt_log_ring_start(on_line);
    for (uintptr_t i = 0; i < THREADS; i++)
        assert_int_equal(pthread_create(&threads[i], NULL, log_many, (void *)i), 0);
    while (total < THREADS * LINES) {
        size_t len = rt_log_ring_take(line, RT_LOG_LINE_MAX);
        int who, n;
        char *at;

        if (len == 0)
            continue;
        line[len] = '\0';
        at = strstr(line, "threads who=");
        assert_non_null(at);
        assert_int_equal(sscanf(at, "threads who=%d n=%d.\n", &who, &n), 2);
        assert_string_equal(line + len - 2, ".\n");
        assert_int_equal(n, next[who]++);
        total++;
    }
    for (int i = 0; i < THREADS; i++)
        pthread_join(threads[i], NULL);
    assert_int_equal(rt_log_ring_take(line, RT_LOG_LINE_MAX), 0);
    rt_log_ring_stop();
}

static void test_site_limit(void **state)
{
    struct rt_log_site site = {0};
    uint64_t limited = rt_metric_get(RT_METRIC_LOG_LIMITED);

    (void)state;
    for (uint64_t second = 0; second < 3; second++) {
        for (int i = 0; i < 10; i++)
            assert_int_equal(rt_log_allowed(&site, 4, second * RT_S + (uint64_t)i), i < 4);
    }
    assert_int_equal(site.withheld, 18);
    assert_int_equal(rt_metric_get(RT_METRIC_LOG_LIMITED), limited + 18);
    assert_false(rt_log_allowed(&site, 0, 9 * RT_S));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup(test_levels, setup),
        cmocka_unit_test_setup(test_without_writer, setup),
        cmocka_unit_test_setup(test_full_ring, setup),
        cmocka_unit_test_setup(test_full_to_the_byte, setup),
        cmocka_unit_test_setup(test_threads, setup),
        cmocka_unit_test_setup(test_site_limit, setup),
    };

    return cmocka_run_group_tests_name("base/log", tests, NULL, NULL);
}
