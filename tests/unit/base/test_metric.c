/* SPDX-License-Identifier: MPL-2.0 */
/*
 * Plan: counters and gauges change by the given number, and a table lists them in order. A name has
 * one counter. Past the limit all names share one counter, which is listed only if it was used.
 * Additions of several threads are all counted.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
#include <pthread.h>
#include <stdio.h>
#include <string.h>

#include "base/metric.h"

#define THREADS 4
#define ADDS 20000

#define TEST_METRICS(X)                                                                            \
    X(REQUESTS, "requests_total", "counter of this test")                                          \
    X(TUNNELS, "tunnels", "gauge of this test")                                                    \
    X(ERRORS, "errors_total", "counter of the threads")

TEST_METRICS(RT_METRIC_DECLARE)
extern const struct rt_metric_table test_metrics;
RT_METRIC_TABLE(test_metrics, TEST_METRICS);

struct seen {
    const char *names[RT_METRIC_NAMED_MAX + 1];
    uint64_t values[RT_METRIC_NAMED_MAX + 1];
    size_t count;
};

static void collect(void *ctx, const char *name, uint64_t value)
{
    struct seen *seen = ctx;

    assert_true(seen->count < sizeof seen->names / sizeof seen->names[0]);
    seen->names[seen->count] = name;
    seen->values[seen->count++] = value;
}

static void test_counters_and_gauges(void **state)
{
    uint64_t requests = rt_metric_get(RT_METRIC_REQUESTS);

    (void)state;
    rt_metric_inc(RT_METRIC_REQUESTS);
    rt_metric_add(RT_METRIC_REQUESTS, 41);
    assert_int_equal(rt_metric_get(RT_METRIC_REQUESTS), requests + 42);
    rt_metric_add(RT_METRIC_TUNNELS, 3);
    rt_metric_sub(RT_METRIC_TUNNELS, 2);
    assert_int_equal(rt_metric_get(RT_METRIC_TUNNELS), 1);
}

static void test_table(void **state)
{
    struct seen seen = {0};

    (void)state;
    rt_metric_each(&test_metrics, collect, &seen);
    assert_int_equal(seen.count, 3);
    assert_string_equal(seen.names[0], "requests_total");
    assert_string_equal(seen.names[2], "errors_total");
    assert_int_equal(seen.values[1], rt_metric_get(RT_METRIC_TUNNELS));
}

static void *add_many(void *arg)
{
    _Atomic uint64_t *named = rt_metric_named("threads_shared");

    (void)arg;
    for (int i = 0; i < ADDS; i++) {
        atomic_fetch_add_explicit(named, 1, memory_order_relaxed);
        rt_metric_inc(RT_METRIC_ERRORS);
    }
    return NULL;
}

static void test_threads_lose_nothing(void **state)
{
    pthread_t threads[THREADS];

    (void)state;
    for (int i = 0; i < THREADS; i++)
        assert_int_equal(pthread_create(&threads[i], NULL, add_many, NULL), 0);
    for (int i = 0; i < THREADS; i++)
        pthread_join(threads[i], NULL);
    assert_int_equal(atomic_load(rt_metric_named("threads_shared")), THREADS * ADDS);
    assert_int_equal(rt_metric_get(RT_METRIC_ERRORS), THREADS * ADDS);
}

static void test_named_are_bounded(void **state)
{
    _Atomic uint64_t *one, *past = NULL;
    struct seen seen = {0};
    char name[32];

    (void)state;
    snprintf(name, sizeof name, "plugin_one");
    one = rt_metric_named(name);
    memset(name, 'x', sizeof name - 1);
    atomic_fetch_add(one, 7);
    assert_ptr_equal(rt_metric_named("plugin_one"), one);
    for (int i = 0; i < RT_METRIC_NAMED_MAX + 5; i++) {
        snprintf(name, sizeof name, "plugin_many_%d", i);
        past = rt_metric_named(name);
    }
    assert_ptr_equal(rt_metric_named("plugin_past_the_end"), past);
    assert_ptr_equal(rt_metric_named("plugin_one"), one);
    rt_metric_named_each(collect, &seen);
    assert_int_equal(seen.count, RT_METRIC_NAMED_MAX);
    atomic_fetch_add(past, 1);
    seen.count = 0;
    rt_metric_named_each(collect, &seen);
    assert_int_equal(seen.count, RT_METRIC_NAMED_MAX + 1);
    for (size_t i = 0; i < seen.count; i++) {
        if (strcmp(seen.names[i], "plugin_one") == 0)
            assert_int_equal(seen.values[i], 7);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_counters_and_gauges),
        cmocka_unit_test(test_table),
        cmocka_unit_test(test_threads_lose_nothing),
        cmocka_unit_test(test_named_are_bounded),
    };

    return cmocka_run_group_tests_name("base/metric", tests, NULL, NULL);
}
