/* SPDX-License-Identifier: MPL-2.0 */
/*
 * Plan: the whole actor and revocations, with a simulated DHT. The revocation of a relay is looked
 * up in dialect C after the relay was reached and before it is listed. A found revocation keeps the
 * relay out of the list and of our own store permanently, also with new announcements. A listed
 * relay is dropped when the value store notifies the actor of the revocation, or when the daily
 * look-up finds one. A value that is not a revocation of that key changes nothing. Daily look-ups
 * are spaced. A relay revoked before its first announcement is not dialled. The counters increase.
 */
#include "room.h"

#include "announcer/announcer_metrics.h"
#include "wire_community.h"
#include "wire_limits.h"

static uint64_t revoked_before;

static uint64_t revoked_since(void)
{
    return rt_metric_get(RT_METRIC_RELAYS_REVOKED) - revoked_before;
}

static void begin(void)
{
    room_init();
    revoked_before = rt_metric_get(RT_METRIC_RELAYS_REVOKED);
}

static void test_not_listed(void **state)
{
    struct test_relay *bad, *good;

    (void)state;
    begin();
    bad = room_relay_in(WIRE_DIALECTS_ALL, 1, 0x09090909);
    good = room_relay_in(WIRE_DIALECTS_ALL, 2, 0x0a090909);
    room_revoke(&bad->identity);
    room_start();
    room_run(60 * RT_S);
    assert_int_equal(room_ask_list_in(WIRE_DIALECT_C, 64), 2);
    assert_true(room_is_listed(&good->identity));
    assert_int_equal(room.dial_count, 2);
    assert_int_equal(room.revocation_lookups, 2);
    assert_int_equal(revoked_since(), 1);
    assert_in_range(room.local_stores, 2, 4);
    bad->of.issued_at += 600; /* another announcement, with another address */
    bad->addrs.at[0] = test_hop(0x0c090909);
    test_relay_make(bad);
    relay_slice_drop(&room.revocation);
    room_run(1800 * RT_S);
    assert_int_equal(room_ask_list_in(WIRE_DIALECT_C, 64), 2);
    assert_int_equal(room.dial_count, 2);
    room_end();
}

static void test_dropped_when_notified(void **state)
{
    struct test_relay *relay;

    (void)state;
    begin();
    relay = room_relay_in(WIRE_DIALECTS_ALL, 1, 0x09090909);
    room_start();
    room_run(60 * RT_S);
    assert_int_equal(room_ask_list_in(WIRE_DIALECT_B, 64), 2);
    room_notify_revoked(&relay->identity);
    assert_int_equal(room_ask_list_in(WIRE_DIALECT_B, 64), 1);
    assert_int_equal(room_count_log("its key is revoked"), 1);
    room_notify_revoked(&relay->identity);
    assert_int_equal(revoked_since(), 1);
    room_run(1800 * RT_S);
    assert_int_equal(room_ask_list_in(WIRE_DIALECT_A, 64), 1);
    assert_int_equal(room.dial_count, 1);
    room_notify_revoked(&room.identity); /* our own key: a warning */
    assert_int_equal(room_count_log("the key of this relay is revoked"), 1);
    room_end();
}

static void test_never_dialled(void **state)
{
    struct test_relay *relay;

    (void)state;
    begin();
    relay = room_relay_in(WIRE_DIALECTS_ALL, 1, 0x09090909);
    room_start();
    room_notify_revoked(&relay->identity);
    room_run(1800 * RT_S);
    assert_int_equal(room.dial_count, 0);
    assert_int_equal(room.revocation_lookups, 0);
    room_end();
}

static void test_daily(void **state)
{
    struct test_relay *relay = NULL;
    uint32_t at_start;

    (void)state;
    begin();
    for (uint32_t i = 0; i < 20; i++)
        relay = room_relay_in(WIRE_DIALECTS_ALL, 10 + i, 0x09000001 + i * 0x10000);
    room_start();
    room_run(120 * RT_S);
    at_start = room.revocation_lookups;
    assert_int_equal(at_start, 20);
    for (uint32_t hour = 0; hour < 20; hour += 5) { /* the relays announce themselves again */
        room_run(5 * 3600 * RT_S);
        for (uint32_t i = 0; i < room.relay_count; i++) {
            room.relays[i]->of.issued_at = room_now_s();
            room.relays[i]->of.expires_at = room_now_s() + LIM_ANNOUNCEMENT_S;
            test_relay_make(room.relays[i]);
        }
    }
    assert_int_equal(room_ask_list_in(WIRE_DIALECT_C, 64), 21);
    assert_int_equal(room.revocation_lookups, at_start);
    /* The value found is not a revocation of this key. */
    room_revoke(&room.relays[0]->identity);
    wire_revocation_key(relay->identity.public_key, room.revocation_key);
    room_run(4 * 3600 * RT_S - 60 * RT_S);
    assert_in_range(room.revocation_lookups, at_start + 2, at_start + 8);
    room_run(200 * RT_S);
    assert_int_equal(room.revocation_lookups, at_start + 20);
    assert_int_equal(room_ask_list_in(WIRE_DIALECT_C, 64), 21);
    for (uint32_t hour = 0; hour < 25; hour += 5) {
        room_revoke(&relay->identity);
        for (uint32_t i = 0; i < room.relay_count; i++) {
            room.relays[i]->of.issued_at = room_now_s();
            room.relays[i]->of.expires_at = room_now_s() + LIM_ANNOUNCEMENT_S;
            test_relay_make(room.relays[i]);
        }
        room_run(5 * 3600 * RT_S);
    }
    assert_int_equal(room_ask_list_in(WIRE_DIALECT_C, 64), 20);
    assert_false(room_is_listed(&relay->identity));
    assert_int_equal(revoked_since(), 1);
    room_end();
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_not_listed),
        cmocka_unit_test(test_dropped_when_notified),
        cmocka_unit_test(test_never_dialled),
        cmocka_unit_test(test_daily),
    };

    return cmocka_run_group_tests(tests, test_setup, NULL);
}
