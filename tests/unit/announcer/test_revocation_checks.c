/* SPDX-License-Identifier: MPL-2.0 */
/*
 * Plan: the part alone.
 *  - Checks of newcomers run at the same time. Each reply ends its own check, in any order, by its
 *    cookie, also when two checks are of the same key.
 *  - A revocation of the key revokes it in the directory. A revocation of another key, and a
 * look-up that bounced, do not.
 *  - A place is free again after its check.
 */
#include "part_world.h"

#include "announcer/announcer_limits.h"
#include "announcer/part.h"
#include "announcer/revocation_checks.h"
#include "wire_community.h"

static const uint8_t hash_key[16] = {6}, own_pubkey[32] = {9};
static struct relay_directory directory;
static struct revocation_checks checks;
static uint64_t rng = 20261204;
static uint32_t checked_count;
static struct wire_peer_hop checked; /* the last one */

static void on_checked(void *ctx, const struct wire_peer_hop *at, uint8_t dialects)
{
    (void)ctx;
    assert_int_equal(dialects, WIRE_DIALECTS_ALL);
    checked_count++;
    checked = *at;
}

static const struct revocation_checks_callbacks callbacks = {world_request, on_checked};

static void begin(void)
{
    world_begin();
    checked_count = 0;
    directory_init(&directory, hash_key, test_random, &rng);
    revocation_checks_init(&checks, world.worker, &directory, own_pubkey, &callbacks, NULL);
    revocation_checks_start(&checks);
}

static void end(void)
{
    revocation_checks_stop(&checks);
    directory_fini(&directory);
    world_end();
}

static struct wire_peer_hop relay(uint8_t key, uint32_t ip)
{
    struct wire_peer_hop hop = test_hop(ip);

    hop.has_pubkey_hint = true;
    hop.pubkey_hint[0] = key;
    return hop;
}

static struct dht_lookup_request *check(const struct wire_peer_hop *at)
{
    revocation_checks_add(&checks, at, WIRE_DIALECTS_ALL);
    return (struct dht_lookup_request *)world_take(DHT_LOOKUP_REQUEST);
}

/* Ends the look-up with a revocation of this key; NULL: without a value. */
static void reply(struct dht_lookup_request *l, const uint8_t *key)
{
    struct wire_revocation r = {.subject_kind = WIRE_SUBJECT_NODE, .issued_at = NOW_S};
    struct rt_msg *m = &l->msg;
    uint8_t bytes[512];
    struct wire_writer w;
    bool fits;

    if (key) {
        memcpy(r.pubkey, key, sizeof(r.pubkey));
        wire_writer_init(&w, bytes, sizeof(bytes));
        wire_write_revocation(&w, &r);
        l->values[l->count++] = rt_slice_copy(bytes, (uint32_t)wire_writer_len(&w, &fits));
    }
    revocation_checks_looked_up(&checks, l->cookie - COOKIE_REVOCATION_CHECK, l);
    rt_msg_free(&m);
}

static bool is_revoked(const struct wire_peer_hop *at)
{
    return revoked_has(directory.revoked, at->pubkey_hint);
}

static void test_each_check_gets_its_reply(void **state)
{
    struct dht_lookup_request *l[LIM_RELAY_DIALS_MAX];
    struct wire_peer_hop hops[LIM_RELAY_DIALS_MAX];

    (void)state;
    begin();
    for (uint32_t i = 0; i < LIM_RELAY_DIALS_MAX; i++) {
        hops[i] = relay((uint8_t)(1 + i / 2), 0x09000001 + i);
        l[i] = check(&hops[i]);
        assert_int_equal(l[i]->dialect, WIRE_DIALECT_C);
    }
    for (uint32_t i = LIM_RELAY_DIALS_MAX; i-- > 0;) {
        reply(l[i], NULL);
        assert_memory_equal(checked.ip, hops[i].ip, 4);
        assert_false(is_revoked(&hops[i]));
    }
    assert_int_equal(checked_count, LIM_RELAY_DIALS_MAX);
    reply(check(&hops[0]), NULL);
    assert_int_equal(checked_count, LIM_RELAY_DIALS_MAX + 1);
    end();
}

static void test_revocation(void **state)
{
    struct wire_peer_hop good = relay(1, 0x09000001), bad = relay(2, 0x0a000001);
    struct dht_lookup_request *l;

    (void)state;
    begin();
    reply(check(&good), bad.pubkey_hint);
    assert_false(is_revoked(&good) || is_revoked(&bad));
    l = check(&bad);
    l->msg.is_bounced = true;
    reply(l, bad.pubkey_hint);
    assert_false(is_revoked(&bad));
    reply(check(&bad), bad.pubkey_hint);
    assert_true(is_revoked(&bad));
    assert_int_equal(checked_count, 3);
    end();
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_each_check_gets_its_reply),
        cmocka_unit_test(test_revocation),
    };

    return cmocka_run_group_tests(tests, test_setup, NULL);
}
