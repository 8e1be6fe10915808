/* SPDX-License-Identifier: MPL-2.0 */
/*
 * Plan: protocol section 4, rule 9: who may register, renew, connect and stream, and the refusals;
 * the limits per key and in total; expiry 600 s after the last renewal, in order. At the end the
 * gauge and the maps are empty.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <string.h>

#include <cmocka.h>

#include "tunnel/tunnel_limits.h"
#include "tunnel/tables/temp_slots.h"
#include "tunnel/tunnel_metrics.h"

#define TTL_NS (LIM_TEMP_SLOT_TTL_S * RT_S)

static struct temp_slots t;
static uint8_t owner[32] = {1}, requester[32] = {2}, stranger[32] = {3};

static int begin(void **state)
{
    (void)state;
    temp_slots_init(&t, (const uint8_t[16]){9});
    return 0;
}

static int end(void **state)
{
    (void)state;
    temp_slots_fini(&t);
    assert_int_equal(rt_metric_get(RT_METRIC_TEMP_SLOTS), 0);
    return 0;
}

static enum wire_refusal stream(const uint8_t key[32], enum wire_relay_kind kind)
{
    return temp_slots_stream(&t, 7, key, kind, 0);
}

static void add(uint64_t id, const uint8_t key[32], uint64_t now)
{
    assert_int_equal(temp_slots_add(&t, id, key, now), WIRE_REFUSAL_NONE);
}

static void test_unknown_slot_is_not_found(void **state)
{
    (void)state;
    assert_false(temp_slots_has(&t, 7, 0));
    assert_int_equal(temp_slots_renew(&t, 7, owner, 0), WIRE_REFUSAL_SLOT_NOT_FOUND);
    assert_int_equal(temp_slots_connect(&t, 7, requester, 0), WIRE_REFUSAL_SLOT_NOT_FOUND);
    assert_int_equal(stream(owner, WIRE_KIND_CONTROL), WIRE_REFUSAL_SLOT_NOT_FOUND);
}

static void test_control_is_for_owner_and_requester(void **state)
{
    (void)state;
    add(7, owner, 0);
    assert_int_equal(stream(owner, WIRE_KIND_CONTROL), WIRE_REFUSAL_SLOT_NO_REQUESTER);
    assert_int_equal(stream(requester, WIRE_KIND_CONTROL), WIRE_REFUSAL_SLOT_UNAUTHORIZED);
    assert_int_equal(temp_slots_connect(&t, 7, requester, 0), WIRE_REFUSAL_NONE);
    assert_int_equal(stream(owner, WIRE_KIND_CONTROL), WIRE_REFUSAL_NONE);
    assert_int_equal(stream(requester, WIRE_KIND_CONTROL), WIRE_REFUSAL_NONE);
    assert_int_equal(stream(stranger, WIRE_KIND_CONTROL), WIRE_REFUSAL_SLOT_UNAUTHORIZED);
}

static void test_a_later_requester_replaces_an_earlier_one(void **state)
{
    (void)state;
    add(7, owner, 0);
    assert_int_equal(temp_slots_connect(&t, 7, requester, 0), WIRE_REFUSAL_NONE);
    assert_int_equal(temp_slots_connect(&t, 7, stranger, 0), WIRE_REFUSAL_NONE);
    assert_int_equal(stream(stranger, WIRE_KIND_CONTROL), WIRE_REFUSAL_NONE);
    assert_int_equal(stream(requester, WIRE_KIND_CONTROL), WIRE_REFUSAL_SLOT_UNAUTHORIZED);
}

static void test_content_is_refused(void **state)
{
    (void)state;
    add(7, owner, 0);
    assert_int_equal(temp_slots_connect(&t, 7, requester, 0), WIRE_REFUSAL_NONE);
    assert_int_equal(stream(owner, WIRE_KIND_CONTENT), WIRE_REFUSAL_SLOT_CONTENT);
    assert_int_equal(stream(requester, WIRE_KIND_CONTENT), WIRE_REFUSAL_SLOT_CONTENT);
}

static void test_only_the_owner_renews(void **state)
{
    (void)state;
    add(7, owner, 0);
    assert_int_equal(temp_slots_renew(&t, 7, stranger, 0), WIRE_REFUSAL_SLOT_OWNER_MISMATCH);
    assert_int_equal(temp_slots_renew(&t, 7, owner, TTL_NS - 1), WIRE_REFUSAL_NONE);
    assert_true(temp_slots_has(&t, 7, 2 * TTL_NS - 2));
    assert_false(temp_slots_has(&t, 7, 2 * TTL_NS - 1));
}

static void test_expiry_is_in_order_of_renewal(void **state)
{
    (void)state;
    add(1, owner, 0);
    add(2, owner, 10);
    assert_int_equal(temp_slots_expire(&t, 20), TTL_NS);
    assert_int_equal(temp_slots_renew(&t, 1, owner, 20), WIRE_REFUSAL_NONE);
    assert_int_equal(temp_slots_expire(&t, TTL_NS), TTL_NS + 10);
    assert_int_equal(temp_slots_expire(&t, TTL_NS + 10), TTL_NS + 20);
    assert_false(temp_slots_has(&t, 2, TTL_NS + 10));
    assert_int_equal(temp_slots_expire(&t, TTL_NS + 20), UINT64_MAX);
    assert_int_equal(rt_metric_get(RT_METRIC_TEMP_SLOTS), 0);
}

static void test_four_per_key_until_one_expires(void **state)
{
    (void)state;
    for (uint64_t id = 1; id <= LIM_TEMP_SLOTS_PER_KEY; id++)
        add(id, owner, id);
    assert_int_equal(temp_slots_add(&t, 50, owner, 10), WIRE_REFUSAL_SLOT_TEMP_KEY);
    add(60, stranger, 10);
    add(50, owner, TTL_NS + 1);
    assert_int_equal(temp_slots_add(&t, 51, owner, TTL_NS + 1), WIRE_REFUSAL_SLOT_TEMP_KEY);
}

static void test_full_for_all_then_free_again(void **state)
{
    uint8_t key[32] = {0};

    (void)state;
    for (uint32_t i = 0; i < LIM_TEMP_SLOTS_MAX; i++) {
        uint32_t who = i / LIM_TEMP_SLOTS_PER_KEY + 1;

        memcpy(key, &who, sizeof(who));
        add(i + 1, key, i);
    }
    assert_int_equal(rt_metric_get(RT_METRIC_TEMP_SLOTS), LIM_TEMP_SLOTS_MAX);
    memset(key, 0xff, sizeof(key));
    assert_int_equal(temp_slots_add(&t, UINT64_MAX, key, 0), WIRE_REFUSAL_SLOT_TEMP_FULL);
    add(UINT64_MAX, key, TTL_NS);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, begin, end)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(test_unknown_slot_is_not_found),
        TEST(test_control_is_for_owner_and_requester),
        TEST(test_a_later_requester_replaces_an_earlier_one),
        TEST(test_content_is_refused),
        TEST(test_only_the_owner_renews),
        TEST(test_expiry_is_in_order_of_renewal),
        TEST(test_four_per_key_until_one_expires),
        TEST(test_full_for_all_then_free_again),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
