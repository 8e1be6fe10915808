/* SPDX-License-Identifier: MPL-2.0 */
/*
 * Plan: the part alone.
 *  - A relay that is new in the list is stored under different keys, with its announcement and the
 *    dialects in which it was reached. A relay that is not listed is not stored.
 *  - The list is stored again for the next hour, ten minutes before it begins, and only once.
 *  - After the stop the timer stores nothing.
 */
#include "part_world.h"

#include "announcer/announcer_limits.h"
#include "announcer/local_publish.h"

#define REACHED (1u << WIRE_DIALECT_C)
#define TO_NEXT_HOUR_NS ((3600 - NOW_S % 3600) * RT_S)

static const uint8_t hash_key[16] = {6}, own_pubkey[32] = {9};
static struct relay_list *list;
static struct local_publish publish;
static struct test_relay *relay;
static uint64_t rng;

static int begin(void **state)
{
    static const struct local_publish_callbacks callbacks = {world_request};

    (void)state;
    world_begin();
    rng = 20261206;
    relay = test_relay(1, 0x0b000101, NOW_S);
    list = relay_list_new(hash_key, test_random, &rng);
    local_publish_init(&publish, world.worker, list, own_pubkey, &callbacks, NULL);
    local_publish_start(&publish);
    return 0;
}

static int end(void **state)
{
    (void)state;
    local_publish_stop(&publish);
    relay_list_free(&list);
    test_relay_free(&relay);
    world_end();
    return 0;
}

static void list_relay(void)
{
    struct wire_peer_hop at = test_hop(0x0b000101);

    at.has_pubkey_hint = true;
    memcpy(at.pubkey_hint, relay->ann.relay_pubkey, 32);
    relay_list_put(list, &relay->ann, rt_slice_copy(relay->bytes.ptr, relay->bytes.len), &at,
                   REACHED, world.now_ns, NOW_S);
}

/* Takes all requests: stores of the relay, each under another key. Returns their number. */
static uint32_t take_stores(uint8_t out_keys[WORLD_REQUESTS_MAX][32])
{
    uint32_t count = 0;

    while (world.request_count > 0) {
        struct rt_msg *m = world_take(DHT_REQUEST);
        struct dht_request *q = (struct dht_request *)m;

        assert_int_equal(q->op, DHT_STORE);
        assert_int_equal(q->reached_dialects, REACHED);
        assert_memory_equal(q->origin.pubkey_hint, own_pubkey, 32);
        assert_int_equal(q->payload.len, relay->bytes.len);
        assert_memory_equal(q->payload.ptr, relay->bytes.ptr, relay->bytes.len);
        for (uint32_t i = 0; i < count; i++)
            assert_memory_not_equal(out_keys[i], q->key, 32);
        memcpy(out_keys[count++], q->key, 32);
        rt_msg_free(&m);
    }
    return count;
}

static void test_a_new_relay_is_stored(void **state)
{
    uint8_t keys[WORLD_REQUESTS_MAX][32];

    (void)state;
    local_publish_add(&publish, relay->ann.relay_pubkey, ANNOUNCEMENT_FORM_5);
    assert_int_equal(world.request_count, 0);
    list_relay();
    local_publish_add(&publish, relay->ann.relay_pubkey, ANNOUNCEMENT_FORM_5);
    assert_true(take_stores(keys) > 0);
}

static void test_the_list_is_stored_for_the_next_hour(void **state)
{
    uint8_t now[WORLD_REQUESTS_MAX][32], next[WORLD_REQUESTS_MAX][32];
    uint32_t now_count, next_count;

    (void)state;
    list_relay();
    local_publish_add(&publish, relay->ann.relay_pubkey, ANNOUNCEMENT_FORM_5);
    now_count = take_stores(now);
    world_run(TO_NEXT_HOUR_NS - 660 * RT_S);
    assert_int_equal(world.request_count, 0);
    world_run(120 * RT_S);
    next_count = take_stores(next);
    assert_int_equal(next_count, now_count);
    for (uint32_t i = 0; i < now_count; i++)
        for (uint32_t j = 0; j < next_count; j++)
            assert_memory_not_equal(now[i], next[j], 32);
    world_run(1800 * RT_S);
    assert_int_equal(world.request_count, 0);
}

static void test_nothing_is_stored_after_the_stop(void **state)
{
    (void)state;
    list_relay();
    local_publish_stop(&publish);
    world_run(7200 * RT_S);
    assert_int_equal(world.request_count, 0);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, begin, end)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(test_a_new_relay_is_stored),
        TEST(test_the_list_is_stored_for_the_next_hour),
        TEST(test_nothing_is_stored_after_the_stop),
    };

    return cmocka_run_group_tests(tests, test_setup, NULL);
}
