/* SPDX-License-Identifier: MPL-2.0 */
/*
 * Plan: an added key is found, and adding it again changes nothing. When the table is full, the key
 * of a relay that was not reached is refused. The key of a reached relay evicts the oldest. Both
 * report that there was no room. No other key is evicted.
 */
#include "unit/announcer/support.h"

#include "announcer/directory/revoked.h"

static const uint8_t hash_key[16] = {5};

static const uint8_t *key_of(uint32_t number)
{
    static uint8_t key[32];

    memcpy(key, &number, sizeof(number));
    return key;
}

static void test_full(void **state)
{
    struct revoked_keys *r = revoked_new(hash_key);

    (void)state;
    assert_false(revoked_has(r, key_of(0)));
    for (uint32_t i = 0; i < LIM_RELAYS_REVOKED; i++)
        assert_true(revoked_add(r, key_of(i), false));
    assert_true(revoked_add(r, key_of(0), false));
    assert_false(revoked_add(r, key_of(5000), false));
    assert_false(revoked_has(r, key_of(5000)));
    assert_true(revoked_has(r, key_of(0)));
    assert_false(revoked_add(r, key_of(6000), true));
    assert_true(revoked_has(r, key_of(6000)));
    assert_false(revoked_has(r, key_of(0)));
    for (uint32_t i = 1; i < LIM_RELAYS_REVOKED; i++)
        assert_true(revoked_has(r, key_of(i)));
    revoked_free(&r);
    assert_null(r);
    revoked_free(&r);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_full),
    };

    return cmocka_run_group_tests(tests, test_setup, NULL);
}
