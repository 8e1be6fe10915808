/* SPDX-License-Identifier: MPL-2.0 */
/*
 * Plan: an empty map finds nothing; what is put in is found until it is removed, across every
 * growth; nodes that share an id, or only a bucket, are told apart; fini hands back each node once.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <string.h>

#include <cmocka.h>

#include "tunnel/id_map.h"

#define NODES 1000u

static uint32_t released;

static void count_release(struct id_node *n)
{
    (void)n;
    released++;
}

static void test_empty_map_finds_nothing(void **state)
{
    struct id_map m = {0};

    (void)state;
    assert_null(id_map_find(&m, 0));
    assert_null(id_map_find(&m, 7));
    released = 0;
    id_map_fini(&m, count_release);
    assert_int_equal(released, 0);
}

static void test_found_until_removed_across_growth(void **state)
{
    static struct id_node nodes[NODES];
    struct id_map m = {0};

    (void)state;
    for (uint32_t i = 0; i < NODES; i++)
        id_map_put(&m, &nodes[i], UINT64_C(0x100000001) * i);
    assert_int_equal(m.count, NODES);
    for (uint32_t i = 0; i < NODES; i++)
        assert_ptr_equal(id_map_find(&m, UINT64_C(0x100000001) * i), &nodes[i]);
    for (uint32_t i = 0; i < NODES; i += 2)
        id_map_remove(&m, &nodes[i]);
    for (uint32_t i = 0; i < NODES; i++)
        assert_ptr_equal(id_map_find(&m, UINT64_C(0x100000001) * i), i % 2 == 0 ? NULL : &nodes[i]);
    released = 0;
    id_map_fini(&m, count_release);
    assert_int_equal(released, NODES / 2);
    assert_null(id_map_find(&m, UINT64_C(0x100000001)));
}

static void test_same_bucket_and_same_id(void **state)
{
    struct id_node a, b, c;
    struct id_map m = {0};
    struct id_node *first, *second;

    (void)state;
    id_map_put(&m, &a, 5);
    id_map_put(&m, &b, 5 + (UINT64_C(1) << 40));
    id_map_put(&m, &c, 5);
    assert_ptr_equal(id_map_find(&m, 5 + (UINT64_C(1) << 40)), &b);
    first = id_map_find(&m, 5);
    second = id_map_find_next(first);
    assert_true((first == &a && second == &c) || (first == &c && second == &a));
    assert_null(id_map_find_next(second));
    id_map_remove(&m, &a);
    assert_ptr_equal(id_map_find(&m, 5), &c);
    assert_null(id_map_find_next(&c));
    id_map_fini(&m, count_release);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_empty_map_finds_nothing),
        cmocka_unit_test(test_found_until_removed_across_growth),
        cmocka_unit_test(test_same_bucket_and_same_id),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
