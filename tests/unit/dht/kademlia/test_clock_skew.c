/* SPDX-License-Identifier: MPL-2.0 */
/*
 * Plan: one network alone reports nothing. Two networks that agree on the direction report the
 * smaller difference. One network that finds our clock right prevents it, also among many. Up to
 * 300 s is no difference. Samples are dropped after an hour. A skew is reported once an hour. A
 * newer sample of a network replaces its older one.
 */
#include "unit/dht/support.h"

#include "dht/kademlia/clock_skew.h"
#include "base/seams.h"

#define T0 (100 * RT_S)

static bool note(struct dht_clock_skew *s, uint64_t net, int64_t skew_s, uint64_t now_ns,
                 int64_t *off)
{
    return dht_clock_skew_note(s, net, skew_s, now_ns, off);
}

static void test_two_networks_must_agree(void **state)
{
    struct dht_clock_skew s = {0};
    int64_t off = 0;

    (void)state;
    assert_false(note(&s, 1, 5000, T0, &off));
    assert_false(note(&s, 1, 5001, T0, &off));
    assert_false(note(&s, 2, -5000, T0, &off)); /* the other direction */
    assert_false(note(&s, 3, 4000, T0, &off));  /* ... prevents the report */
    s = (struct dht_clock_skew){0};
    assert_false(note(&s, 1, 5000, T0, &off));
    assert_true(note(&s, 2, 4000, T0, &off));
    assert_int_equal(off, 4000);
    s = (struct dht_clock_skew){0};
    assert_false(note(&s, 1, -5000, T0, &off));
    assert_true(note(&s, 2, -400, T0, &off));
    assert_int_equal(off, -400);
}

static void test_one_right_clock_prevents_the_report(void **state)
{
    struct dht_clock_skew s = {0};
    int64_t off;

    (void)state;
    assert_false(note(&s, 9, 300, T0, &off));
    for (uint64_t net = 1; net < 7; net++)
        assert_false(note(&s, net, 5000, T0, &off));
    assert_false(note(&s, 9, 301, T0 + 1, &off) && off != 301);
    s = (struct dht_clock_skew){0};
    assert_false(note(&s, 1, 5000, T0, &off));
    assert_false(note(&s, 2, 300, T0, &off));
    assert_false(note(&s, 3, -300, T0, &off));
}

static void test_reported_once_an_hour_and_dropped_after_it(void **state)
{
    struct dht_clock_skew s = {0};
    int64_t off;

    (void)state;
    assert_false(note(&s, 1, 5000, T0, &off));
    assert_true(note(&s, 2, 5000, T0, &off));
    assert_false(note(&s, 1, 5000, T0 + RT_S, &off));
    assert_false(note(&s, 2, 5000, T0 + 3599 * RT_S, &off));
    assert_true(note(&s, 1, 5000, T0 + 3600 * RT_S, &off));
    s = (struct dht_clock_skew){0};
    assert_false(note(&s, 1, 5000, T0, &off));
    assert_false(note(&s, 2, 5000, T0 + 3601 * RT_S, &off));
}

static void test_newer_sample_replaces_the_older(void **state)
{
    struct dht_clock_skew s = {0};
    int64_t off;

    (void)state;
    assert_false(note(&s, 1, 5000, T0, &off));
    assert_false(note(&s, 1, 0, T0, &off)); /* corrected meanwhile */
    assert_false(note(&s, 2, 5000, T0, &off));
    for (uint64_t net = 10; net < 40; net++) /* any number of networks */
        (void)note(&s, net, 5000, T0, &off);
    assert_true(s.count <= DHT_CLOCK_SKEW_SAMPLES);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_two_networks_must_agree),
        cmocka_unit_test(test_one_right_clock_prevents_the_report),
        cmocka_unit_test(test_reported_once_an_hour_and_dropped_after_it),
        cmocka_unit_test(test_newer_sample_replaces_the_older),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
