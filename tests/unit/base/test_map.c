/* SPDX-License-Identifier: MPL-2.0 */
/*
 * Plan: an empty map finds nothing. A node is found from its insertion to its removal, also while
 * the map grows. Nodes with the same number, or only the same bucket, are distinguished.
 * rt_map_fini returns each node once. Random insertions, removals and look-ups agree with an array
 * (seeded). Random selection reaches every node, and none in an empty map.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <string.h>

#include <cmocka.h>

#include "base/map.h"

#define NODES 1000u
#define RANDOM_NODES 500u

/* splitmix64 */
static uint64_t next_random(uint64_t *state)
{
    uint64_t z = *state += UINT64_C(0x9e3779b97f4a7c15);

    z = (z ^ z >> 30) * UINT64_C(0xbf58476d1ce4e5b9);
    z = (z ^ z >> 27) * UINT64_C(0x94d049bb133111eb);
    return z ^ z >> 31;
}

static void forget(void *ctx, struct rt_map_node *n)
{
    (void)n;
    ++*(uint32_t *)ctx;
}

static void test_empty_map_finds_nothing(void **state)
{
    struct rt_map m = {0};
    uint32_t released = 0;

    (void)state;
    assert_null(rt_map_find(&m, 0));
    assert_null(rt_map_find(&m, 7));
    rt_map_fini(&m, forget, &released);
    assert_int_equal(released, 0);
}

static void test_found_until_removed_across_growth(void **state)
{
    static struct rt_map_node nodes[NODES];
    struct rt_map m = {0};
    uint32_t released = 0;

    (void)state;
    for (uint32_t i = 0; i < NODES; i++)
        rt_map_put(&m, &nodes[i], UINT64_C(0x100000001) * i);
    assert_int_equal(m.count, NODES);
    for (uint32_t i = 0; i < NODES; i++)
        assert_ptr_equal(rt_map_find(&m, UINT64_C(0x100000001) * i), &nodes[i]);
    for (uint32_t i = 0; i < NODES; i += 2)
        rt_map_remove(&m, &nodes[i]);
    for (uint32_t i = 0; i < NODES; i++)
        assert_ptr_equal(rt_map_find(&m, UINT64_C(0x100000001) * i), i % 2 == 0 ? NULL : &nodes[i]);
    rt_map_fini(&m, forget, &released);
    assert_int_equal(released, NODES / 2);
    assert_null(rt_map_find(&m, UINT64_C(0x100000001)));
}

static void test_same_bucket_and_same_id(void **state)
{
    struct rt_map_node a, b, c;
    struct rt_map m = {0};
    struct rt_map_node *first, *second;
    uint32_t released = 0;

    (void)state;
    rt_map_put(&m, &a, 5);
    rt_map_put(&m, &b, 5 + (UINT64_C(1) << 40));
    rt_map_put(&m, &c, 5);
    assert_ptr_equal(rt_map_find(&m, 5 + (UINT64_C(1) << 40)), &b);
    first = rt_map_find(&m, 5);
    second = rt_map_find_next(first);
    assert_true((first == &a && second == &c) || (first == &c && second == &a));
    assert_null(rt_map_find_next(second));
    rt_map_remove(&m, &a);
    assert_ptr_equal(rt_map_find(&m, 5), &c);
    assert_null(rt_map_find_next(&c));
    rt_map_fini(&m, forget, &released);
}

static void test_against_a_naive_map(void **state)
{
    static struct rt_map_node nodes[RANDOM_NODES];
    static bool is_in[RANDOM_NODES];
    struct rt_map m = {0};
    uint64_t seed = 20261201;
    uint32_t count = 0, released = 0;

    (void)state;
    print_message("seed %llu\n", (unsigned long long)seed);
    assert_null(rt_map_draw(&m, 7));
    for (uint32_t step = 0; step < 20000; step++) {
        uint32_t i = (uint32_t)next_random(&seed) % RANDOM_NODES, same = 0;

        if (is_in[i]) {
            rt_map_remove(&m, &nodes[i]);
            count--;
        } else {
            rt_map_put(&m, &nodes[i], i / 3); /* three share each hash */
            count++;
        }
        is_in[i] = !is_in[i];
        assert_int_equal(m.count, count);
        i = (uint32_t)next_random(&seed) % RANDOM_NODES;
        for (struct rt_map_node *n = rt_map_find(&m, i / 3); n; n = rt_map_find_next(n)) {
            assert_true(is_in[n - nodes] && (n - nodes) / 3 == i / 3);
            same++;
        }
        for (uint32_t k = i / 3 * 3; k < i / 3 * 3 + 3 && k < RANDOM_NODES; k++)
            same -= is_in[k];
        assert_int_equal(same, 0);
    }
    rt_map_fini(&m, forget, &released);
    assert_int_equal(released, count);
    assert_null(rt_map_find(&m, 1));
}

static void test_draw_reaches_all(void **state)
{
    struct rt_map_node nodes[40];
    uint32_t hit[40] = {0}, released = 0;
    struct rt_map m = {0};
    uint64_t seed = 20261202;

    (void)state;
    for (uint32_t i = 0; i < 40; i++)
        rt_map_put(&m, &nodes[i], next_random(&seed) % 64);
    for (uint32_t i = 0; i < 20000; i++)
        hit[rt_map_draw(&m, next_random(&seed)) - nodes]++;
    for (uint32_t i = 0; i < 40; i++)
        assert_true(hit[i] > 0);
    rt_map_fini(&m, forget, &released);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_empty_map_finds_nothing),
        cmocka_unit_test(test_found_until_removed_across_growth),
        cmocka_unit_test(test_same_bucket_and_same_id),
        cmocka_unit_test(test_against_a_naive_map),
        cmocka_unit_test(test_draw_reaches_all),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
