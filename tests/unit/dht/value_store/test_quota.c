/* SPDX-License-Identifier: MPL-2.0 */
/* Plan: values and bytes are counted per origin, and the last one frees the record. */
#include "unit/dht/support.h"

#include "dht/value_store/quota.h"

static void test_counts_per_origin(void **state)
{
    struct rt_map owners = {0};
    struct dht_quota *a = dht_quota_add(&owners, 1, 10), *b = dht_quota_add(&owners, 2, 5);

    (void)state;
    assert_ptr_equal(dht_quota_add(&owners, 1, 7), a);
    assert_int_equal(dht_quota_find(&owners, 1)->values, 2);
    assert_int_equal(dht_quota_find(&owners, 1)->bytes, 17);
    dht_quota_remove(&owners, a, 10);
    assert_int_equal(dht_quota_find(&owners, 1)->bytes, 7);
    dht_quota_remove(&owners, a, 7);
    assert_null(dht_quota_find(&owners, 1));
    dht_quota_remove(&owners, b, 5);
    assert_int_equal(owners.count, 0);
    free((void *)owners.buckets);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_counts_per_origin),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
