/* SPDX-License-Identifier: MPL-2.0 */
/*
 * Plan: a bootstrap peer is dialled after the start; the first key is pinned and reported with all
 * pins, the peer becomes a seed of its dialects, and ourselves are looked up. The entry of a
 * reply is the one that was dialled. A wrong key makes no seed. A failed attempt is repeated by
 * the timer, not after the stop. A seed whose key is not accepted any more goes with the verdict.
 */
#include "dht/bootstrap_run.h"
#include "part_room.h"
#include "trust_support.h"
#include "wire_envelope.h"

static struct lookup_runs runs;
static struct bootstrap_run boot;
static struct dht_trust *trust;
static struct dht_boot_peer peers[2];
static uint32_t pinned, pin_bytes;

static uint32_t get_seeds(void *ctx, enum wire_dialect dialect, struct wire_peer_hop *out)
{
    (void)ctx;
    return bootstrap_run_seeds(&boot, dialect, out);
}

static void on_pinned(void *ctx, struct relay_slice pins)
{
    (void)ctx;
    pinned++;
    pin_bytes = pins.len;
    relay_slice_drop(&pins);
}

static int begin(void **state)
{
    static const struct lookup_run_callbacks lookups = {get_seeds, NULL};
    static const struct bootstrap_run_callbacks callbacks = {on_pinned, NULL};
    static const struct dht_trust_hooks hooks;
    struct bootstrap_run_config config = {.peers = peers, .count = 2};

    (void)room_begin(state);
    memset(peers, 0, sizeof(peers));
    for (uint32_t i = 0; i < 2; i++) {
        peers[i].hop = test_hop(0x0b000201 + (i << 8), 7001);
        snprintf(peers[i].text, sizeof(peers[i].text), "11.0.%u.1:7001", 2 + i);
    }
    peers[1].hop = test_node(0x0b000301, 30); /* with its key */
    config.trust = trust = dht_trust_new(room_context.hash_key, &hooks);
    lookup_run_init(&runs, &room_context, &room_members, fake_rpc_pool(), &lookups);
    bootstrap_run_init(&boot, &room_context, &room_members, &runs, fake_rpc_pool(), &config,
                       &callbacks);
    dht_trust_begin(trust);
    pinned = pin_bytes = 0;
    bootstrap_run_start(&boot);
    world_run();
    return 0;
}

static int end(void **state)
{
    bootstrap_run_stop(&boot);
    fake_rpc_end();
    lookup_run_fini(&runs);
    bootstrap_run_fini(&boot);
    dht_trust_free(&trust);
    return room_end(state);
}

static uint32_t count_seeds(void)
{
    struct wire_peer_hop out[LOOKUP_RUN_SEEDS_MAX];

    return bootstrap_run_seeds(&boot, WIRE_DIALECT_C, out);
}

static void test_first_key_is_pinned(void **state)
{
    struct wire_peer_hop out[LOOKUP_RUN_SEEDS_MAX];
    uint8_t key[32];

    (void)state;
    test_key(20, key);
    assert_int_equal(fake_rpc_count(), 2);
    assert_false(fake_rpc_to(&peers[0].hop)->to.has_pubkey_hint);
    assert_true(fake_rpc_to(&peers[1].hop)->to.has_pubkey_hint);
    fake_rpc_reply(fake_rpc_to(&peers[0].hop), key, 0, "", 0);
    assert_int_equal(pinned, 1);
    assert_true(pin_bytes > 32);
    assert_int_equal(bootstrap_run_seeds(&boot, WIRE_DIALECT_B, out), 1);
    assert_memory_equal(out[0].pubkey_hint, key, 32);
    assert_non_null(fake_rpc_of(WIRE_FIND_NODE)); /* ourselves, from the seed */
    assert_memory_equal(dht_boot_key(boot.boot, 0), key, 32);
}

static void test_wrong_key_makes_no_seed(void **state)
{
    uint8_t key[32];

    (void)state;
    test_key(20, key);
    fake_rpc_reply(fake_rpc_to(&peers[1].hop), key, 0, "", 0);
    assert_int_equal(count_seeds(), 0);
    assert_int_equal(pinned, 0);
    assert_int_equal(dht_boot_fault(boot.boot, 1), DHT_BOOT_WRONG_KEY);
    assert_int_equal(dht_boot_failures(boot.boot, 0), 0);
}

static void fail_all(void)
{
    for (uint32_t i = 0; i < 2; i++)
        while (fake_rpc_to(&peers[i].hop))
            fake_rpc_fail(fake_rpc_to(&peers[i].hop), DHT_CALL_UNREACHABLE);
    while (fake_rpc_count() > 0) /* the other transport's port */
        fake_rpc_fail(fake_rpc_of(0), DHT_CALL_NO_TRANSPORT);
}

static void test_attempts_are_repeated_until_the_stop(void **state)
{
    (void)state;
    fail_all();
    assert_int_equal(dht_boot_failures(boot.boot, 0), 1);
    assert_int_equal(dht_boot_failures(boot.boot, 1), 1);
    world_pass(2 * RT_S);
    assert_non_null(fake_rpc_to(&peers[0].hop));
    assert_non_null(fake_rpc_to(&peers[1].hop));
    fail_all();
    room_context.is_stopped = true;
    world_pass(600 * RT_S);
    assert_int_equal(fake_rpc_count(), 0);
}

/* The pinned key is revoked. */
static void test_verdict_removes_a_seed(void **state)
{
    struct dht_trust_judgement j = {.verdict = DHT_TRUST_REVOKED};

    (void)state;
    j.root = j.key = trust_pub(0);
    fake_rpc_reply(fake_rpc_to(&peers[0].hop), trust_pub(0), 0, "", 0);
    bootstrap_run_judged(&boot, &j);
    assert_int_equal(count_seeds(), 1); /* the chain of the key is still sound */
    assert_true(trust_note(trust, trust_revocation(0)));
    bootstrap_run_judged(&boot, &j);
    assert_int_equal(count_seeds(), 0);
}

int main(void)
{
#define TEST(f) cmocka_unit_test_setup_teardown(f, begin, end)
    const struct CMUnitTest tests[] = {
        TEST(test_first_key_is_pinned),
        TEST(test_wrong_key_makes_no_seed),
        TEST(test_attempts_are_repeated_until_the_stop),
        TEST(test_verdict_removes_a_seed),
    };

    return cmocka_run_group_tests(tests, trust_setup, NULL);
}
