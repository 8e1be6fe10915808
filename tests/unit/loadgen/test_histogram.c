/* SPDX-License-Identifier: MPL-2.0 */
/*
 * Plan: small values are exact. The percentile of a single value is at most one step (3.2 %) above
 * it. Percentiles of a known distribution are correct and never decrease. Merging two histograms
 * equals recording all values in one. An empty histogram returns 0.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
#include <stdlib.h>
#include <string.h>

#include "loadgen/histogram.h"

static void test_one_value_within_a_step(void **state)
{
    static struct histogram h;

    (void)state;
    for (uint64_t v = 1; v < UINT64_C(1) << 43; v = v * 17 / 13 + 1) {
        uint64_t p;

        memset(&h, 0, sizeof(h));
        histogram_add(&h, v);
        histogram_add(&h, v + 1 + v / 2); /* so that the largest does not cap the first */
        p = histogram_percentile(&h, 50);
        assert_true(p >= v);
        assert_true((double)(p - v) <= 0.032 * (double)v);
    }
}

static void test_percentiles_of_a_ramp(void **state)
{
    static struct histogram h;
    uint64_t last = 0;

    (void)state;
    memset(&h, 0, sizeof(h));
    for (uint64_t i = 1; i <= 100000; i++)
        histogram_add(&h, i * 1000);
    for (int p = 1; p <= 100; p++) {
        uint64_t v = histogram_percentile(&h, p);

        assert_true(v >= last);
        assert_true((double)v >= p * 1e6 * 0.999 && (double)v <= p * 1e6 * 1.033);
        last = v;
    }
    assert_int_equal(histogram_percentile(&h, 100), 100000000);
    assert_int_equal(h.count, 100000);
}

static void test_merge_equals_one(void **state)
{
    static struct histogram a, b, all;
    unsigned seed = 7;

    (void)state;
    print_message("seed %u\n", seed);
    for (int i = 0; i < 50000; i++) {
        uint64_t v = (uint64_t)rand_r(&seed) * (uint64_t)(rand_r(&seed) % 1000 + 1);

        histogram_add(i % 3 ? &a : &b, v);
        histogram_add(&all, v);
    }
    histogram_merge(&a, &b);
    assert_memory_equal(&a, &all, sizeof(a));
}

static void test_empty_and_enormous(void **state)
{
    static struct histogram h;

    (void)state;
    assert_int_equal(histogram_percentile(&h, 99), 0);
    histogram_add(&h, UINT64_MAX);
    assert_true(histogram_percentile(&h, 50) > UINT64_C(1) << 43);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_one_value_within_a_step),
        cmocka_unit_test(test_percentiles_of_a_ramp),
        cmocka_unit_test(test_merge_equals_one),
        cmocka_unit_test(test_empty_and_enormous),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
