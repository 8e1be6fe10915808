/* SPDX-License-Identifier: MPL-2.0 */
/*
 * Plan: a publication ends with the reply to the last of two requests per key. The stores of a key
 * are summed over both forms, so one form without stores is not a failure. The key with the fewest
 * stores counts. A publication that begins while another is pending ends after the replies to both.
 * Replies for keys of the replaced publication do not count as stores.
 */
#include "unit/announcer/support.h"

#include "announcer/directory/publication.h"

static struct rendezvous_keys keys_of(uint8_t first, uint32_t count)
{
    struct rendezvous_keys k = {.count = count};

    for (uint32_t i = 0; i < count; i++)
        k.at[i][0] = (uint8_t)(first + i);
    return k;
}

static void test_sums(void **state)
{
    struct rendezvous_keys k = keys_of(1, 2);
    struct publication p = {0};

    (void)state;
    publication_begin(&p, &k);
    assert_false(publication_ended(&p, k.at[0], 0));
    assert_false(publication_ended(&p, k.at[1], 20));
    assert_false(publication_ended(&p, k.at[0], 3));
    assert_true(publication_ended(&p, k.at[1], 1));
    assert_int_equal(publication_fewest(&p), 3);
    assert_int_equal(p.stored[1], 21);
    publication_begin(&p, &k);
    for (uint32_t i = 0; i < 3; i++)
        assert_false(publication_ended(&p, k.at[0], 5));
    assert_true(publication_ended(&p, k.at[1], 0));
    assert_int_equal(publication_fewest(&p), 0);
}

static void test_replaced(void **state)
{
    struct rendezvous_keys old = keys_of(1, 1), new = keys_of(9, 1);
    struct publication p = {0};

    (void)state;
    publication_begin(&p, &old);
    publication_begin(&p, &new);
    assert_false(publication_ended(&p, old.at[0], 20));
    assert_false(publication_ended(&p, new.at[0], 1));
    assert_false(publication_ended(&p, old.at[0], 20));
    assert_true(publication_ended(&p, new.at[0], 1));
    assert_int_equal(publication_fewest(&p), 2);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_sums),
        cmocka_unit_test(test_replaced),
    };

    return cmocka_run_group_tests(tests, test_setup, NULL);
}
