/* SPDX-License-Identifier: MPL-2.0 */
/*
 * Plan: the number of common bits for a difference at every position. The comparison is
 * antisymmetric, and an id with more bits in common with the target is closer (seeded).
 */
#include "unit/dht/support.h"

#include "dht/kademlia/distance.h"

static void test_distance(void **state)
{
    uint8_t a[20] = {0}, b[20], c[20];
    uint64_t rng = 1;

    (void)state;
    assert_int_equal(dht_common_bits(a, a), 160);
    for (uint32_t i = 0; i < 160; i++) {
        memset(b, 0, sizeof(b));
        b[i / 8] = (uint8_t)(0x80u >> i % 8);
        assert_int_equal(dht_common_bits(a, b), i);
        memset(b + i / 8 + 1, 0xff, 19 - i / 8);
        assert_int_equal(dht_common_bits(a, b), i);
    }
    for (uint32_t n = 0; n < 1000; n++) {
        for (int i = 0; i < 20; i++) {
            a[i] = (uint8_t)(test_random(&rng) & 3);
            b[i] = (uint8_t)(test_random(&rng) & 3);
            c[i] = (uint8_t)(test_random(&rng) & 3);
        }
        assert_int_equal(dht_closer(a, b, b), 0);
        assert_true((dht_closer(a, b, c) < 0) == (dht_closer(a, c, b) > 0));
        if (dht_common_bits(a, b) > dht_common_bits(a, c))
            assert_true(dht_closer(a, b, c) < 0);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_distance),
    };

    return cmocka_run_group_tests(tests, test_setup, NULL);
}
