/* SPDX-License-Identifier: MPL-2.0 */
/*
 * Plan: counters and gauges move by what they are told, and are named once each, all in one style;
 * a named counter is one per name, and past the table all names share one that shows only when it
 * was used; adds of several threads all arrive. Refusals: each has a reason of its own and its own
 * total; `rate limit` stands exactly where waiting helps.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
#include <ctype.h>
#include <pthread.h>
#include <stdio.h>
#include <string.h>

#include "base/metric.h"
#include "base/refusal.h"

#define THREADS 4
#define ADDS 20000

struct seen {
    const char *names[RT_METRIC_COUNT + RT_METRIC_NAMED_MAX + 1];
    uint64_t values[RT_METRIC_COUNT + RT_METRIC_NAMED_MAX + 1];
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

static void test_names_are_unique(void **state)
{
    struct seen seen = {0};

    (void)state;
    rt_metric_each(collect, &seen);
    assert_true(seen.count >= RT_METRIC_COUNT);
    assert_string_equal(seen.names[RT_METRIC_CONNECTIONS], "connections");
    assert_string_equal(seen.names[RT_METRIC_LOG_LIMITED], "log_lines_limited_total");
    for (size_t i = 0; i < seen.count; i++) {
        for (const char *c = seen.names[i]; *c; c++)
            assert_true(islower(*c) || isdigit(*c) || *c == '_');
        for (size_t j = 0; j < i; j++)
            assert_string_not_equal(seen.names[i], seen.names[j]);
    }
}

static void *add_many(void *arg)
{
    _Atomic uint64_t *named = rt_metric_named("threads_shared");

    (void)arg;
    for (int i = 0; i < ADDS; i++) {
        atomic_fetch_add_explicit(named, 1, memory_order_relaxed);
        rt_metric_inc(RT_METRIC_ERRORS_SENT);
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
    assert_int_equal(rt_metric_get(RT_METRIC_ERRORS_SENT), THREADS * ADDS);
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
    rt_metric_each(collect, &seen);
    assert_int_equal(seen.count, RT_METRIC_COUNT + RT_METRIC_NAMED_MAX);
    atomic_fetch_add(past, 1);
    seen.count = 0;
    rt_metric_each(collect, &seen);
    assert_int_equal(seen.count, RT_METRIC_COUNT + RT_METRIC_NAMED_MAX + 1);
    for (size_t i = 0; i < seen.count; i++) {
        if (strcmp(seen.names[i], "plugin_one") == 0)
            assert_int_equal(seen.values[i], 7);
    }
}

static void test_refusals(void **state)
{
    (void)state;
    for (int i = 1; i < RT_REFUSAL_COUNT; i++) {
        const struct rt_refusal_info *info = rt_refusal_info((enum rt_refusal)i);

        assert_true(strlen(info->reason) > 0);
        assert_non_null(info->text);
        assert_true(info->text[0] != '\0' || info->closes);
        for (int j = 1; j < i; j++)
            assert_string_not_equal(info->reason, rt_refusal_info((enum rt_refusal)j)->reason);
    }
    assert_non_null(strstr(rt_refusal_info(RT_REFUSAL_RATE_RELAY)->text, "rate limit"));
    assert_null(strstr(rt_refusal_info(RT_REFUSAL_TUNNELS_FULL)->text, "rate limit"));
    assert_true(rt_refusal_info(RT_REFUSAL_HELLO_REPLAY)->closes);
    assert_false(rt_refusal_info(RT_REFUSAL_SLOT_NOT_FOUND)->closes);
    rt_refusal_count(RT_REFUSAL_SLOT_NOT_FOUND);
    rt_refusal_count(RT_REFUSAL_SLOT_NOT_FOUND);
    assert_int_equal(rt_refusal_total(RT_REFUSAL_SLOT_NOT_FOUND), 2);
    assert_int_equal(rt_refusal_total(RT_REFUSAL_HELLO_REPLAY), 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_counters_and_gauges),
        cmocka_unit_test(test_names_are_unique),
        cmocka_unit_test(test_threads_lose_nothing),
        cmocka_unit_test(test_named_are_bounded),
        cmocka_unit_test(test_refusals),
    };

    return cmocka_run_group_tests_name("base/metric, base/refusal", tests, NULL, NULL);
}
