/* SPDX-License-Identifier: MPL-2.0 */
/*
 * Plan: the map against a naive array over random puts, removals and finds (seeded), with hashes
 * that collide whole; drawing reaches every node, and none of an empty map; owners count values and
 * bytes and are gone with the last.
 */
#include "support.h"

#include "dht/owners.h"

#define NODES 500u

static void forget(void *ctx, struct dht_map_node *n)
{
    (void)n;
    ++*(uint32_t *)ctx;
}

static void test_against_a_naive_map(void **state)
{
    static struct dht_map_node nodes[NODES];
    static bool is_in[NODES];
    struct dht_map m = {0};
    uint64_t seed = 20261201;
    uint32_t count = 0, released = 0;

    (void)state;
    print_message("seed %llu\n", (unsigned long long)seed);
    assert_null(dht_map_draw(&m, 7));
    for (uint32_t step = 0; step < 20000; step++) {
        uint32_t i = (uint32_t)test_random(&seed) % NODES, same = 0;

        if (is_in[i]) {
            dht_map_remove(&m, &nodes[i]);
            count--;
        } else {
            dht_map_put(&m, &nodes[i], i / 3); /* three share each hash */
            count++;
        }
        is_in[i] = !is_in[i];
        assert_int_equal(m.count, count);
        i = (uint32_t)test_random(&seed) % NODES;
        for (struct dht_map_node *n = dht_map_find(&m, i / 3); n; n = dht_map_find_next(n)) {
            assert_true(is_in[n - nodes] && (n - nodes) / 3 == i / 3);
            same++;
        }
        for (uint32_t k = i / 3 * 3; k < i / 3 * 3 + 3 && k < NODES; k++)
            same -= is_in[k];
        assert_int_equal(same, 0);
    }
    dht_map_fini(&m, forget, &released);
    assert_int_equal(released, count);
    assert_null(dht_map_find(&m, 1));
}

static void test_draw_reaches_all(void **state)
{
    struct dht_map_node nodes[40];
    uint32_t hit[40] = {0}, released = 0;
    struct dht_map m = {0};
    uint64_t seed = 20261202;

    (void)state;
    for (uint32_t i = 0; i < 40; i++)
        dht_map_put(&m, &nodes[i], test_random(&seed) % 64);
    for (uint32_t i = 0; i < 20000; i++)
        hit[dht_map_draw(&m, test_random(&seed)) - nodes]++;
    for (uint32_t i = 0; i < 40; i++)
        assert_true(hit[i] > 0);
    dht_map_fini(&m, forget, &released);
}

static void test_owners(void **state)
{
    struct dht_map owners = {0};
    struct dht_owner *a = dht_owner_take(&owners, 1, 10), *b = dht_owner_take(&owners, 2, 5);

    (void)state;
    assert_ptr_equal(dht_owner_take(&owners, 1, 7), a);
    assert_int_equal(dht_owner_find(&owners, 1)->values, 2);
    assert_int_equal(dht_owner_find(&owners, 1)->bytes, 17);
    dht_owner_give(&owners, a, 10);
    assert_int_equal(dht_owner_find(&owners, 1)->bytes, 7);
    dht_owner_give(&owners, a, 7);
    assert_null(dht_owner_find(&owners, 1));
    dht_owner_give(&owners, b, 5);
    assert_int_equal(owners.count, 0);
    free((void *)owners.buckets);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_against_a_naive_map),
        cmocka_unit_test(test_draw_reaches_all),
        cmocka_unit_test(test_owners),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
