/* SPDX-License-Identifier: MPL-2.0 */
/*
 * Plan: the part alone.
 *  - A candidate is dialled at its address, with its key. A successful dial is reported. A failed
 *    one is not, and the address is not dialled again at once.
 *  - A listed relay gets a RelayListRequest every LIM_RELAY_CHECK_NS. The list in its reply is
 *    handed on, an error is not. A reply in fewer dialects is reported.
 *  - After the stop there are no requests.
 */
#include "part_world.h"

#include "announcer/announcer_limits.h"
#include "announcer/part.h"
#include "announcer/reach_checks.h"
#include "wire_envelope.h"

static const uint8_t hash_key[16] = {6};
static struct relay_directory directory;
static struct reach_checks checks;
static struct test_relay *relay;
static uint64_t rng;
static uint32_t reached, changed, lists;

static void on_reached(void *ctx, const struct wire_peer_hop *at, uint8_t dialects)
{
    (void)ctx;
    assert_memory_equal(at->pubkey_hint, relay->ann.relay_pubkey, 32);
    assert_int_equal(dialects, WIRE_DIALECTS_ALL);
    reached++;
}

static void on_changed(void *ctx, const uint8_t relay_pubkey[32])
{
    (void)ctx;
    assert_memory_equal(relay_pubkey, relay->ann.relay_pubkey, 32);
    changed++;
}

static void on_list(void *ctx, struct relay_slice payload)
{
    (void)ctx;
    assert_int_equal(payload.len, 4);
    assert_memory_equal(payload.ptr, "list", 4);
    relay_slice_drop(&payload);
    lists++;
}

static int begin(void **state)
{
    static const struct reach_checks_callbacks callbacks = {world_request, on_reached, on_changed,
                                                            on_list};

    (void)state;
    world_begin();
    rng = 20261205;
    reached = changed = lists = 0;
    relay = test_relay(1, 0x0b000101, NOW_S);
    directory_init(&directory, hash_key, test_random, &rng);
    reach_checks_init(&checks, world.worker, &directory, &callbacks, NULL);
    return 0;
}

static int end(void **state)
{
    (void)state;
    reach_checks_fini(&checks);
    directory_fini(&directory);
    test_relay_free(&relay);
    world_end();
    return 0;
}

static struct dht_call_request *take(enum request_cookie cookie)
{
    struct dht_call_request *c = (struct dht_call_request *)world_take(DHT_CALL_REQUEST);

    assert_int_equal(c->cookie, cookie);
    assert_memory_equal(c->to.pubkey_hint, relay->ann.relay_pubkey, 32);
    return c;
}

static void free_call(struct dht_call_request *c)
{
    struct rt_msg *m = &c->msg;

    rt_msg_free(&m);
}

static void dial_ends(enum dht_outcome outcome)
{
    struct dht_call_request *c = take(COOKIE_DIAL);

    assert_int_equal(c->dialect, DHT_DIALECT_ANY);
    assert_int_equal(c->type, 0);
    c->outcome = outcome;
    c->peer_dialects = outcome == DHT_CALL_REPLIED ? WIRE_DIALECTS_ALL : 0;
    reach_checks_dialled(&checks, c);
    free_call(c);
}

static void list_ends(enum dht_outcome outcome, uint8_t dialects, bool is_error)
{
    struct dht_call_request *c = take(COOKIE_LIST_REQUEST);

    assert_int_equal(c->type, WIRE_RELAY_LIST_REQUEST);
    c->outcome = outcome;
    c->peer_dialects = dialects;
    c->is_error = is_error;
    c->reply_type = WIRE_RELAY_LIST_RESPONSE;
    c->reply = rt_slice_copy("list", 4);
    reach_checks_list_replied(&checks, c);
    free_call(c);
}

static void offer(void)
{
    assert_false(directory_add(&directory, &relay->ann, world.now_ns, NOW_S));
    reach_checks_run(&checks);
}

static void list_relay(void)
{
    struct wire_peer_hop at = test_hop(0x0b000101);

    at.has_pubkey_hint = true;
    memcpy(at.pubkey_hint, relay->ann.relay_pubkey, 32);
    relay_list_put(directory.list, &relay->ann, rt_slice_copy(relay->bytes.ptr, relay->bytes.len),
                   &at, WIRE_DIALECTS_ALL, world.now_ns, NOW_S);
    reach_checks_run(&checks);
}

static void test_a_reached_candidate_is_reported(void **state)
{
    (void)state;
    offer();
    dial_ends(DHT_CALL_REPLIED);
    assert_int_equal(reached, 1);
}

static void test_an_unreachable_candidate_is_not_dialled_again_at_once(void **state)
{
    (void)state;
    offer();
    dial_ends(DHT_CALL_UNREACHABLE);
    world_run(30 * RT_S);
    assert_int_equal(reached, 0);
    assert_int_equal(world.request_count, 0);
}

static void test_a_listed_relay_is_checked(void **state)
{
    (void)state;
    list_relay();
    world_run(LIM_RELAY_CHECK_NS / 2);
    assert_int_equal(world.request_count, 0);
    world_run(LIM_RELAY_CHECK_NS);
    assert_int_equal(world.request_count, 1);
    list_ends(DHT_CALL_REPLIED, WIRE_DIALECTS_ALL, false);
    assert_int_equal(lists, 1);
    assert_int_equal(changed, 0);
    list_ends(DHT_CALL_REPLIED, WIRE_DIALECTS_ALL, true);
    assert_int_equal(lists, 1);
}

static void test_fewer_dialects_are_reported(void **state)
{
    (void)state;
    list_relay();
    world_run(2 * LIM_RELAY_CHECK_NS);
    list_ends(DHT_CALL_REPLIED, 1u << WIRE_DIALECT_C, false);
    assert_int_equal(changed, 1);
}

static void test_no_requests_after_the_stop(void **state)
{
    (void)state;
    list_relay();
    reach_checks_stop(&checks);
    offer();
    world_run(3 * LIM_RELAY_CHECK_NS);
    assert_int_equal(world.request_count, 0);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, begin, end)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(test_a_reached_candidate_is_reported),
        TEST(test_an_unreachable_candidate_is_not_dialled_again_at_once),
        TEST(test_a_listed_relay_is_checked),
        TEST(test_fewer_dialects_are_reported),
        TEST(test_no_requests_after_the_stop),
    };

    return cmocka_run_group_tests(tests, test_setup, NULL);
}
