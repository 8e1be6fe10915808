/* SPDX-License-Identifier: MPL-2.0 */
/*
 * Plan: the whole actor among nodes of three dialects, with a simulated DHT.
 *  - Our announcement is published in both forms. A publication fails only if no node stores any
 *    form.
 *  - Every requester gets the form of its dialect, our announcement first, and only relays that
 *    were reached in its dialect. A relay of this implementation is in the lists of all three.
 *  - A round looks up every key of the hour once in each dialect and sends requests to nodes of
 *    each.
 *  - A listed relay gets one request in each dialect that it speaks and none in others. A relay
 *    that changes its dialect is listed in the new one.
 *  - Our own store gets both forms, with the dialects in which the relay was reached.
 *  - The last announcement is sent to each relay in the forms that it verifies, on a session of the
 *    newest dialect that it speaks.
 */
#include "announcer/announcer_metrics.h"
#include "room.h"

#define A WIRE_DIALECT_BIT(WIRE_DIALECT_A)
#define B WIRE_DIALECT_BIT(WIRE_DIALECT_B)
#define C WIRE_DIALECT_BIT(WIRE_DIALECT_C)

static void test_one_network_is_enough(void **state)
{
    uint32_t at_start;

    (void)state;
    for (int only = 0; only < ANNOUNCEMENT_FORMS; only++) {
        room_init();
        room.stored[only] = 0;
        room_start();
        at_start = room.store_count;
        assert_int_equal(room.stores[0].form != room.stores[1].form, true);
        room_run(5 * RT_S);
        assert_int_equal(room.store_count, at_start); /* not again at once */
        assert_int_equal(room_count_log("announcement published stores=20"), 1);
        room_end();
    }
    room_init();
    memset(room.stored, 0, sizeof(room.stored));
    room_start();
    at_start = room.store_count;
    room_run(5 * RT_S);
    assert_true(room.store_count > at_start);
    room_end();
}

static void test_lists(void **state)
{
    struct test_relay *a, *b, *c, *ours;

    (void)state;
    room_init();
    a = room_relay_in(A, 1, 0x09090909);
    b = room_relay_in(B, 2, 0x0a090909);
    c = room_relay_in(C, 3, 0x0b090909);
    ours = room_relay_in(A | B | C, 4, 0x0c090909);
    room.peers[WIRE_DIALECT_A] = room.peers[WIRE_DIALECT_B] = room.peers[WIRE_DIALECT_C] = 1;
    room_start();
    assert_int_equal(room_ask_list_in(WIRE_DIALECT_B, 64), 1); /* our own entry, at once */
    room_run(60 * RT_S);
    assert_int_equal(room.dial_count, 4);
    assert_int_equal(room_ask_list_in(WIRE_DIALECT_A, 64), 3);
    assert_true(room_is_listed(&a->identity) && room_is_listed(&ours->identity));
    assert_int_equal(room_ask_list_in(WIRE_DIALECT_B, 64), 3);
    assert_true(room_is_listed(&b->identity) && room_is_listed(&ours->identity));
    assert_int_equal(room_ask_list_in(WIRE_DIALECT_C, 64), 3);
    assert_true(room_is_listed(&c->identity) && room_is_listed(&ours->identity));
    assert_int_equal(room_ask_list_in(WIRE_DIALECT_C, 1), 1);
    assert_true(room_is_listed(&room.identity));
    assert_int_equal(rt_metric_get(RT_METRIC_RELAYS), 4);
    room_end();
}

static void test_rounds(void **state)
{
    (void)state;
    room_init();
    room.peers[WIRE_DIALECT_A] = 1;
    room.peers[WIRE_DIALECT_C] = 9;
    room_start();
    room_run(6 * RT_S); /* the first round */
    for (int d = 0; d < WIRE_DIALECTS; d++)
        assert_int_equal(room.lookups_in[d], 16);
    assert_int_equal(room.exchanges_in[WIRE_DIALECT_A], 1);
    assert_int_equal(room.exchanges_in[WIRE_DIALECT_B], 0);
    assert_int_equal(room.exchanges_in[WIRE_DIALECT_C], 4);
    /* Nodes of B appear much later: rounds become frequent again. */
    room_run(7200 * RT_S);
    room.peers[WIRE_DIALECT_B] = 1;
    room_run(900 * RT_S);
    assert_in_range(room.exchanges_in[WIRE_DIALECT_B], 1, 9);
    room_run(100 * RT_S);
    assert_in_range(room.exchanges_in[WIRE_DIALECT_B], 3, 11);
    room_end();
}

static void test_checks(void **state)
{
    (void)state;
    room_init();
    memset(room.peers, 0, sizeof(room.peers));
    (void)room_relay_in(A | B | C, 1, 0x09090909);
    (void)room_relay_in(B, 2, 0x0a090909);
    room_start();
    room_run(30 * RT_S);
    assert_int_equal(room.exchanges, 0);
    room_run(LIM_RELAY_CHECK_NS);
    assert_int_equal(room.exchanges_in[WIRE_DIALECT_A], 1);
    assert_int_equal(room.exchanges_in[WIRE_DIALECT_B], 2);
    assert_int_equal(room.exchanges_in[WIRE_DIALECT_C], 1);
    /* Now the first relay speaks A only, the second C only. */
    room.dialects[0] = room.dialects[1] = A;
    room.dialects[2] = C;
    room_run(LIM_RELAY_CHECK_NS);
    assert_int_equal(room_ask_list_in(WIRE_DIALECT_A, 64), 2);
    assert_int_equal(room_ask_list_in(WIRE_DIALECT_B, 64), 1);
    assert_int_equal(room_ask_list_in(WIRE_DIALECT_C, 64), 2);
    assert_int_equal(room.local_reached & B, 0);
    assert_int_equal(room.dial_count, 2);
    assert_int_equal(rt_metric_get(RT_METRIC_RELAYS), 2);
    room_end();
}

static void test_local_and_final_stores(void **state)
{
    uint32_t local_stores, keys;

    (void)state;
    room_init();
    (void)room_relay_in(A | B | C, 1, 0x09090909);
    room_start();
    room_run(60 * RT_S);
    local_stores = room.local_stores_in[ANNOUNCEMENT_FORM_5];
    assert_in_range(local_stores, 1, 2);
    assert_int_equal(room.local_stores_in[ANNOUNCEMENT_FORM_8], local_stores);
    assert_int_equal(room.local_reached, A | B | C);
    (void)room_relay_in(B, 2, 0x0a090909);
    room_run(900 * RT_S);
    assert_int_equal(room.local_reached, B);
    keys = room.store_count;
    room_shutdown();
    keys = (room.store_count - keys) / ANNOUNCEMENT_FORMS;
    assert_int_equal(room.shutdown_replies, 1);
    assert_int_equal(room.final_stores, 3 * keys);
    assert_int_equal(room.final_stores_in[WIRE_DIALECT_C][ANNOUNCEMENT_FORM_5], keys);
    assert_int_equal(room.final_stores_in[WIRE_DIALECT_C][ANNOUNCEMENT_FORM_8], keys);
    assert_int_equal(room.final_stores_in[WIRE_DIALECT_B][ANNOUNCEMENT_FORM_8], keys);
    room_end();
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_one_network_is_enough),
        cmocka_unit_test(test_lists),
        cmocka_unit_test(test_rounds),
        cmocka_unit_test(test_checks),
        cmocka_unit_test(test_local_and_final_stores),
    };

    return cmocka_run_group_tests(tests, test_setup, NULL);
}
