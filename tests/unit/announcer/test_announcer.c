/* SPDX-License-Identifier: MPL-2.0 */
/*
 * Plan: the whole actor, with a simulated DHT.
 *  - It announces at start under both keys of the hour, again within the interval, and before the
 *    hour under the next keys; each announcement is newer. This is checked over six hours.
 *  - Its own announcement is in every list from the start, also when no node stores it. It is not
 *    when there is no address to announce, until an address appears.
 *  - The final announcement is published under the same keys, is newer than all before and expires
 *    in a minute. It is also sent to listed relays. It does not wait for a publication under way.
 *    Without replies the shutdown takes three seconds; without an announcement it takes none.
 *    Nothing is published or dialled afterwards.
 *  - Relays from look-ups and from lists of nodes are dialled and then listed. A relay with a false
 *    signature is not dialled. An unreachable relay is not listed. A relay that stops replying is
 *    dropped.
 *  - A list may contain 64 announcements and 32 unknown relays. Our own address in it is verified.
 *  - Listed relays are stored in our own store, before the hour under the next keys too, while they
 *    are few.
 *  - Replies respect max_count and 1 MiB. Every limit increases its counter.
 */
#include "room.h"

#include "announcer/announcer_metrics.h"
#include "wire_announce.h"
#include "wire_limits.h"

/* Checks that stores [first ..) contain both keys of the current hour, each in both forms. */
static bool has_hour(uint32_t first, uint64_t of_s)
{
    uint64_t bucket = of_s / 3600;
    uint32_t found = 0;

    for (uint8_t n = 0; n < 4; n++) {
        uint8_t key[32], which = n / 2;

        wire_rendezvous_key(bucket, wire_rendezvous_slot(room.identity.public_key, bucket, which),
                            key);
        for (uint32_t i = first; i < room.store_count; i++)
            if (room.stores[i].form == n % 2 && memcmp(room.stores[i].key, key, 32) == 0) {
                found++;
                break;
            }
    }
    return found == 4;
}

static void test_announces(void **state)
{
    uint32_t at_start;

    (void)state;
    room_init();
    room_start();
    at_start = room.store_count;
    assert_true(at_start == 2 || at_start == 4);
    assert_true(has_hour(0, room_now_s()));
    assert_int_equal(room.stores[0].issued_at, room_now_s());
    assert_int_equal(room.stores[0].expires_at, room_now_s() + LIM_ANNOUNCEMENT_S);
    room_run(60 * RT_S);
    assert_int_equal(room.store_count, 3 * at_start);
    room_run(1800 * RT_S);
    assert_in_range(room.store_count, 7 * at_start, 9 * at_start);
    /* No relay reported it: a warning after two minutes, then once per interval. */
    assert_int_equal(room_count_log("is not verified"), 1);
    assert_false(has_hour(0, room_now_s() + 3600));
    room_run((3600 - 1800 - 60 - 360) * RT_S);
    assert_true(has_hour(0, room_now_s() + 3600));
    for (uint32_t i = 1; i < room.store_count; i++)
        assert_true(room.stores[i].issued_at >= room.stores[i - 1].issued_at);
    room_end();
}

static void test_lists_itself(void **state)
{
    (void)state;
    room_init();
    memset(room.stored, 0, sizeof(room.stored));
    room.peers[WIRE_DIALECT_A] = 0;
    room_start();
    assert_int_equal(room_ask_list(64), 1);
    assert_true(room_is_listed(&room.identity));
    assert_int_equal(room_ask_list(0), 0);
    room_run(7 * 3600 * RT_S); /* beyond the first one's life */
    assert_int_equal(room_ask_list(1), 1);
    assert_true(room_is_listed(&room.identity));
    room_end();
}

static void test_nothing_to_announce(void **state)
{
    (void)state;
    room_init();
    room.where.configured_count = 0;
    room.where.bound_count = 1;
    room.where.bound[0] = test_hop(0x0a000001);
    room_start();
    room_run(3600 * RT_S);
    assert_int_equal(room.store_count, 0);
    assert_int_equal(room_ask_list(64), 0);
    assert_int_equal(room_count_log("this relay is not announced"), 1);
    room.where.bound[0] = test_hop(0x08080404);
    room_run(60 * RT_S);
    assert_true(has_hour(0, room_now_s()));
    assert_int_equal(room_ask_list(64), 1);
    assert_int_equal(room_count_log("announces itself addr=tcp://8.8.4.4:7001"), 1);
    room_shutdown();
    room_run(RT_S);
    assert_int_equal(room.shutdown_replies, 1);
    room_end();
}

static void test_final_announcement(void **state)
{
    uint32_t before;

    (void)state;
    room_init();
    room_start();
    before = room.store_count;
    room_shutdown(); /* in the same second */
    assert_int_equal(room.shutdown_replies, 1);
    assert_int_equal(room.store_count, 2 * before);
    assert_true(has_hour(before, room_now_s()));
    assert_true(room.stores[before].issued_at > room.stores[before - 1].issued_at);
    assert_int_equal(room.stores[before].expires_at - room.stores[before].issued_at,
                     LIM_FINAL_ANNOUNCEMENT_S);
    room_run(7200 * RT_S);
    assert_int_equal(room.store_count, 2 * before);
    assert_int_equal(room.lookups + room.dial_count + room.exchanges, 0);
    room_end();
}

static void test_final_announcement_for_both_hours(void **state)
{
    uint32_t before;

    (void)state;
    room_init();
    room_start();
    room_run(3300 * RT_S);
    before = room.store_count;
    room_shutdown();
    assert_int_equal(room.shutdown_replies, 1);
    assert_true(has_hour(before, room_now_s()));
    assert_true(has_hour(before, room_now_s() + 3600));
    room_end();
}

static void test_shutdown_is_not_delayed(void **state)
{
    uint64_t begun_ns;

    (void)state;
    room_init();
    room.is_silent = true;
    room_start(); /* its first announcement never ends */
    begun_ns = room.now_ns;
    room_shutdown();
    assert_int_equal(room.shutdown_replies, 0);
    room_run(10 * RT_S);
    assert_int_equal(room.shutdown_replies, 1);
    assert_in_range(room.shutdown_reply_ns - begun_ns, LIM_WITHDRAWAL_NS,
                    LIM_WITHDRAWAL_NS + 10 * RT_MS);
    room_end();

    room_init();
    memset(room.stored, 0, sizeof(room.stored)); /* no node has an announcement of ours */
    room_start();
    room_shutdown();
    assert_int_equal(room.shutdown_replies, 1);
    room_shutdown(); /* asked again */
    assert_int_equal(room.shutdown_replies, 2);
    room_end();
}

static void test_finds_others(void **state)
{
    struct test_relay *found, *listed_only, *forged;

    (void)state;
    room_init();
    found = room_relay(1, 0x09090909);
    listed_only = room_relay(2, 0x0a090909);
    forged = room_relay(3, 0x0b090909);
    /* The second is not to be found, but listed by nodes; the third says more than it signed. */
    listed_only->ann.issued_at -= 7300;
    listed_only->of.issued_at -= 7300;
    listed_only->of.expires_at -= 7300;
    test_relay_make(listed_only);
    relay_slice_drop(&forged->bytes);
    forged->ann.max_tunnels++;
    forged->bytes = announcement_encode(&forged->ann);
    room.listed_count = 3;
    room_start();
    room_run(60 * RT_S);
    assert_int_equal(room.lookups % 48, 0);
    assert_true(room.lookups >= 96);
    assert_int_equal(room_ask_list(64), 3);
    assert_true(room_is_listed(&found->identity) && room_is_listed(&listed_only->identity));
    assert_int_equal(room.dial_count, 2);
    assert_true(rt_metric_get(RT_METRIC_RELAYS_REFUSED) > 0);
    assert_int_equal(rt_metric_get(RT_METRIC_RELAYS), 2);
    /* They fall silent: each is asked once more, then gone. */
    room.dials = DHT_CALL_TIMEOUT;
    room.listed_count = 0;
    room.relay_count = 0;
    room_run(700 * RT_S);
    assert_int_equal(room_ask_list(64), 1);
    assert_int_equal(rt_metric_get(RT_METRIC_RELAYS_LOST), 2);
    room.relay_count = 3;
    room_end();
    assert_int_equal(rt_metric_get(RT_METRIC_RELAYS), 0);
}

static void test_unreachable(void **state)
{
    static const enum dht_outcome failures[] = {DHT_CALL_UNREACHABLE,  DHT_CALL_WRONG_KEY,
                                                DHT_CALL_REFUSED,      DHT_CALL_TIMEOUT,
                                                DHT_CALL_NO_TRANSPORT, DHT_CALL_BUSY};

    (void)state;
    for (size_t i = 0; i < sizeof(failures) / sizeof(failures[0]); i++) {
        room_init();
        room.dials = failures[i];
        room_relay(1, 0x09090909);
        room_start();
        room_run(30 * RT_S);
        assert_true(room.dial_count > 0);
        assert_int_equal(room_ask_list(64), 1);
        room.dials = DHT_CALL_REPLIED;
        room_run(900 * RT_S);
        assert_int_equal(room_ask_list(64), 2);
        room_end();
    }
}

static void test_one_answer(void **state)
{
    uint64_t excess = rt_metric_get(RT_METRIC_RELAYS_EXCESS);

    (void)state;
    room_init();
    /* Too old to be found: they are listed only. */
    for (uint32_t i = 0; i < 70; i++) {
        struct test_relay *r = room_relay(10 + i, 0x09000001 + i * 0x10000);

        r->of.issued_at -= 7300;
        r->of.expires_at -= 7300;
        test_relay_make(r);
    }
    room.listed_count = 70;
    room.lists_own = true;
    room_start();
    room_run(6 * RT_S); /* the first round */
    assert_int_equal(room.exchanges, 1);
    assert_int_equal(rt_metric_get(RT_METRIC_RELAYS_EXCESS) - excess,
                     70 + 1 - LIM_RELAY_ASKED + LIM_RELAY_ASKED - LIM_RELAY_UNKNOWN_MAX);
    room_run(24 * RT_S);
    assert_true(room_ask_list(1024) <= 1 + 64);
    room.listed_count = 10; /* we are among the first of them */
    room_run(400 * RT_S);
    assert_int_equal(room_count_log("address is verified"), 1);
    assert_int_equal(room_count_log("is not verified"), 0);
    room_end();
}

static void test_too_many_wait(void **state)
{
    uint64_t dropped = rt_metric_get(RT_METRIC_RELAYS_WAITING);

    (void)state;
    room_init();
    for (uint32_t i = 0; i < 399; i++)
        room_relay(10 + i, 0x09000001); /* one network: one after the other */
    room.peers[WIRE_DIALECT_A] = 4;
    room.listed_count = room.listed_step = LIM_RELAY_UNKNOWN_MAX;
    room_start();
    room_run(60 * RT_S);
    assert_true(rt_metric_get(RT_METRIC_RELAYS_WAITING) > dropped);
    assert_in_range(room.dial_count, 80, 60 * LIM_RELAY_DIALS_PER_S + 1);
    room_end();
}

static void test_answers_are_capped(void **state)
{
    uint64_t cut = rt_metric_get(RT_METRIC_RELAY_LISTS_CUT);

    (void)state;
    room_init();
    for (uint32_t i = 0; i < ROOM_RELAYS; i++) {
        struct test_relay *r = room_relay(10 + i, 0x09000001 + i * 0x10000);

        r->addrs.count = LIM_RELAY_ADDRS_MAX;
        for (uint32_t k = 1; k < LIM_RELAY_ADDRS_MAX; k++) {
            r->addrs.at[k] = (struct wire_peer_hop){.is_ipv6 = true, .port = 60000};
            memset(r->addrs.at[k].ip, 0xe0, 16);
            r->addrs.at[k].ip[15] = (uint8_t)k;
        }
        test_relay_make(r);
    }
    room.peers[WIRE_DIALECT_A] = 4;
    room.listed_count = room.listed_step = LIM_RELAY_UNKNOWN_MAX;
    room_start();
    room_run(3600 * RT_S);
    assert_int_equal(room_ask_list(10), 10);
    assert_true(room_is_listed(&room.identity));
    assert_int_equal(rt_metric_get(RT_METRIC_RELAY_LISTS_CUT), cut);
    assert_in_range(room_ask_list(1024), 200, ROOM_RELAYS);
    assert_in_range(room.list.len, LIM_PAYLOAD_MAX - LIM_RELAY_BYTES_MAX, LIM_PAYLOAD_MAX);
    assert_int_equal(rt_metric_get(RT_METRIC_RELAY_LISTS_CUT), cut + 1);
    room_end();
}

static void test_local_and_final_stores(void **state)
{
    struct test_relay *other;
    uint32_t local_stores, keys;

    (void)state;
    room_init();
    other = room_relay(1, 0x09090909);
    room_start();
    room_run(30 * RT_S);
    assert_int_equal(room_ask_list(64), 2);
    local_stores = room.local_stores;
    assert_in_range(local_stores, 1, 2);
    other->of.issued_at += 600;
    other->of.expires_at += 600;
    test_relay_make(other);
    room_run(2900 * RT_S);
    assert_int_equal(room.local_stores, 2 * local_stores); /* renewed */
    room_run(300 * RT_S);
    assert_in_range(room.local_stores, 2 * local_stores + 1,
                    2 * local_stores + 2); /* the next hour's */
    local_stores = room.local_stores;
    room_run(7200 * RT_S);
    assert_int_equal(room.local_stores, local_stores); /* too old by then for the hours that came */
    keys = room.store_count;
    room_shutdown();
    keys = room.store_count - keys;
    assert_int_equal(room.shutdown_replies, 1);
    assert_int_equal(room.final_stores, keys / 2); /* dialect A takes form 5 only */
    assert_memory_equal(room.final_store_to.pubkey_hint, other->ann.relay_pubkey, 32);
    room_end();
}

static void test_too_many_for_local_stores(void **state)
{
    (void)state;
    room_init();
    for (uint32_t i = 0; i < LIM_RELAYS_STORED + 100; i++)
        room_relay(10 + i, 0x09000001 + i * 0x10000);
    room.peers[WIRE_DIALECT_A] = 4;
    room.listed_count = room.listed_step = LIM_RELAY_UNKNOWN_MAX;
    room_start();
    room_run(3600 * RT_S);
    assert_true(room_ask_list(1024) > (int)LIM_RELAYS_STORED + 1);
    assert_in_range(room.local_stores, LIM_RELAYS_STORED, 2 * LIM_RELAYS_STORED);
    room_shutdown();
    assert_int_equal(room.final_stores, 0);
    assert_int_equal(room.shutdown_replies, 1);
    room_end();
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_announces),
        cmocka_unit_test(test_lists_itself),
        cmocka_unit_test(test_nothing_to_announce),
        cmocka_unit_test(test_final_announcement),
        cmocka_unit_test(test_final_announcement_for_both_hours),
        cmocka_unit_test(test_shutdown_is_not_delayed),
        cmocka_unit_test(test_finds_others),
        cmocka_unit_test(test_unreachable),
        cmocka_unit_test(test_one_answer),
        cmocka_unit_test(test_too_many_wait),
        cmocka_unit_test(test_answers_are_capped),
        cmocka_unit_test(test_local_and_final_stores),
        cmocka_unit_test(test_too_many_for_local_stores),
    };

    return cmocka_run_group_tests(tests, test_setup, NULL);
}
