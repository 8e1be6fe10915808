/* SPDX-License-Identifier: MPL-2.0 */
/*
 * Plan: a charge fits up to the last byte and no further, for all sizes, also near the end of the
 * number range. A refusal is counted and charges nothing. Pressure begins above 3/4 of the limit,
 * and frames may not use the last 1/8.
 * Buffers charge capacity and header. Growing charges the difference and keeps the bytes; a refused
 * growth changes nothing. The last drop returns the whole charge.
 * Threads that take and give at random never see a charge above the limit. The charge ends at zero.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
#include <pthread.h>
#include <string.h>

#include "base/base_metrics.h"
#include "base/budget.h"

#define HEAD sizeof(struct relay_buf)
#define THREADS 4
#define ROUNDS 20000
#define SHARED_MAX 10000

static void test_exact_limit(void **state)
{
    uint64_t refused = rt_metric_get(RT_METRIC_MEMORY_REFUSED);

    (void)state;
    rt_budget_configure(1000);
    assert_int_equal(rt_budget_max(), 1000);
    assert_true(rt_budget_take(400));
    assert_false(rt_budget_take(601));
    assert_int_equal(rt_budget_used(), 400);
    assert_false(rt_budget_take(SIZE_MAX));
    assert_false(rt_budget_take(SIZE_MAX - 399));
    assert_int_equal(rt_metric_get(RT_METRIC_MEMORY_REFUSED), refused + 3);
    assert_true(rt_budget_take(600));
    assert_false(rt_budget_take(1));
    assert_true(rt_budget_take(0));
    assert_int_equal(rt_metric_get(RT_METRIC_MEMORY_BYTES), 1000);
    rt_budget_give(1000);
    assert_int_equal(rt_budget_used(), 0);
}

static void test_pressed(void **state)
{
    (void)state;
    rt_budget_configure(800);
    assert_true(rt_budget_take(600));
    assert_false(rt_budget_is_pressed());
    assert_true(rt_budget_take(1));
    assert_true(rt_budget_is_pressed());
    rt_budget_give(601);
    assert_false(rt_budget_is_pressed());
}

static void test_transports_keep_the_last_eighth(void **state)
{
    uint64_t refused = rt_metric_get(RT_METRIC_MEMORY_REFUSED);

    (void)state;
    rt_budget_configure(800);
    assert_true(rt_budget_take(600));
    assert_true(rt_budget_has_room(100));
    assert_false(rt_budget_has_room(101));
    assert_false(rt_budget_has_room(SIZE_MAX));
    assert_int_equal(rt_metric_get(RT_METRIC_MEMORY_REFUSED), refused + 2);
    assert_true(rt_budget_take(200));
    assert_false(rt_budget_has_room(0));
    rt_budget_give(800);
}

static void test_buffers(void **state)
{
    struct relay_buf *b, *grown;
    struct relay_slice part;

    (void)state;
    rt_budget_configure(1000 + HEAD);
    b = rt_buf_new(100);
    assert_non_null(b);
    assert_int_equal(b->capacity, 100);
    assert_int_equal(rt_budget_used(), 100 + HEAD);
    assert_int_equal(rt_buf_live(), 1);
    memset(b->bytes, 0x5a, 100);
    assert_ptr_equal(rt_buf_grow(b, 50), b);
    assert_int_equal(b->capacity, 100);
    assert_null(rt_buf_grow(b, 1001));
    assert_int_equal(rt_budget_used(), 100 + HEAD);
    grown = rt_buf_grow(b, 1000);
    assert_non_null(grown);
    assert_int_equal(grown->capacity, 1000);
    assert_int_equal(rt_budget_used(), 1000 + HEAD);
    for (int i = 0; i < 100; i++)
        assert_int_equal(grown->bytes[i], 0x5a);
    memset(grown->bytes, 1, 1000);
    assert_null(rt_buf_new(0));
    part = relay_slice_own(grown, grown->bytes, 1000);
    part = relay_slice_sub(part, 10, 20);
    assert_int_equal(rt_buf_live(), 1);
    relay_buf_drop(&grown);
    assert_int_equal(rt_budget_used(), 1000 + HEAD);
    relay_slice_drop(&part);
    assert_int_equal(rt_budget_used(), 0);
    assert_int_equal(rt_buf_live(), 0);
}

static void test_slice_copy(void **state)
{
    static const uint8_t bytes[] = {1, 2, 3};
    struct relay_slice s, none;

    (void)state;
    rt_budget_configure(3 + 2 * HEAD);
    s = rt_slice_copy(bytes, 3);
    assert_non_null(s.owner);
    assert_int_equal(s.len, 3);
    assert_memory_equal(s.ptr, bytes, 3);
    none = rt_slice_copy(bytes, 1);
    assert_null(none.owner);
    assert_null(none.ptr);
    none = rt_slice_copy(NULL, 0);
    assert_non_null(none.owner);
    assert_int_equal(none.len, 0);
    relay_slice_drop(&none);
    relay_slice_drop(&s);
    assert_int_equal(rt_buf_live(), 0);
}

static void *take_and_give(void *arg)
{
    uint32_t random = (uint32_t)(uintptr_t)arg * 2654435761u + 1;
    uintptr_t exceeded = 0;

    for (int i = 0; i < ROUNDS; i++) {
        struct relay_buf *b;

        random = random * 1664525u + 1013904223u;
        b = rt_buf_new((random >> 8) % (SHARED_MAX / 2));
        exceeded += rt_budget_used() > SHARED_MAX;
        relay_buf_drop(&b);
    }
    return (void *)exceeded;
}

static void test_threads(void **state)
{
    pthread_t threads[THREADS];

    (void)state;
    rt_budget_configure(SHARED_MAX);
    for (uintptr_t i = 0; i < THREADS; i++)
        assert_int_equal(pthread_create(&threads[i], NULL, take_and_give, (void *)i), 0);
    for (int i = 0; i < THREADS; i++) {
        void *exceeded;

        pthread_join(threads[i], &exceeded);
        assert_null(exceeded);
    }
    assert_int_equal(rt_budget_used(), 0);
    assert_int_equal(rt_buf_live(), 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_exact_limit),
        cmocka_unit_test(test_pressed),
        cmocka_unit_test(test_transports_keep_the_last_eighth),
        cmocka_unit_test(test_buffers),
        cmocka_unit_test(test_slice_copy),
        cmocka_unit_test(test_threads),
    };

    return cmocka_run_group_tests_name("base/budget", tests, NULL, NULL);
}
