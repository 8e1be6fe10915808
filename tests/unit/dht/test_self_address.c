/* SPDX-License-Identifier: MPL-2.0 */
/*
 * Plan: announced addresses set the scope, else the bound ones; a refresh reports changes only.
 * Others may name addresses of the scopes that we announce or bootstrap at, and global ones.
 * Addresses of narrower scope and our own are not kept. Addresses where a dial reached ourselves
 * are our own, up to a limit. Only our own addresses are reported when others name them. Our
 * addresses for others are those of the widest scope, with our key.
 */
#include "part_room.h"

#define GLOBAL 0x0b000201u
#define PRIVATE 0xc0a80105u
#define LOOPBACK 0x7f000001u

static bool may_keep(uint32_t ip)
{
    struct wire_peer_hop h = test_hop(ip, 7001);

    return self_address_may_keep(&room_self, &h);
}

static void test_scope(void **state)
{
    (void)state;
    assert_true(may_keep(GLOBAL));
    assert_false(may_keep(PRIVATE));
    assert_false(may_keep(0x0b0000fe)); /* our own */
    assert_false(self_address_refresh(&room_self));
    room_addresses.announced_count = 1;
    room_addresses.announced[0] = test_hop(0xc0a80101, 7001);
    assert_true(self_address_refresh(&room_self));
    assert_true(may_keep(PRIVATE)); /* the announced address decides */
    assert_false(may_keep(LOOPBACK));
    assert_false(may_keep(0xc0a80101));
    memset(&room_addresses, 0, sizeof(room_addresses));
    assert_true(self_address_refresh(&room_self));
    assert_true(may_keep(LOOPBACK)); /* no address, no scope */
    assert_false(may_keep(0xe0000001));
}

static bool may_trust(uint32_t ip)
{
    struct wire_peer_hop h = test_hop(ip, 7001);

    return self_address_may_trust(&room_self, &h);
}

static void use(uint32_t announced, uint32_t bound)
{
    memset(&room_addresses, 0, sizeof(room_addresses));
    room_addresses.announced_count = announced != 0;
    room_addresses.announced[0] = test_hop(announced, 7001);
    room_addresses.bound_count = bound != 0;
    room_addresses.bound[0] = test_hop(bound, 7001);
    assert_true(self_address_refresh(&room_self));
}

static void test_scopes_that_others_may_name(void **state)
{
    static const struct {
        uint32_t announced, bound, bootstrap;
        bool global, private, loopback;
    } cases[] = {
        {0, GLOBAL, 0, true, false, false},
        {0, PRIVATE, 0, true, false, false},
        {0, PRIVATE, GLOBAL, true, false, false},
        {0, PRIVATE, 0xac100001, true, true, false}, /* another network of the same scope */
        {0, PRIVATE, LOOPBACK, true, false, true},
        {PRIVATE, GLOBAL, 0, true, true, false},
        {PRIVATE, LOOPBACK, 0, true, true, false},
        {GLOBAL, PRIVATE, 0, true, false, false},
        {0, LOOPBACK, 0, true, false, true},
        {GLOBAL, LOOPBACK, 0, true, false, false},
        {LOOPBACK, PRIVATE, 0, true, false, true},
    };

    (void)state;
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        struct wire_peer_hop bootstrap = test_hop(cases[i].bootstrap, 7001);

        room_self.bootstrap_scopes = 0;
        memset(&room_self.now, 0xee, sizeof(room_self.now));
        use(cases[i].announced, cases[i].bound);
        if (cases[i].bootstrap)
            self_address_bootstrapped(&room_self, &bootstrap);
        if (may_trust(GLOBAL + 256) != cases[i].global ||
            may_trust(PRIVATE + 1) != cases[i].private ||
            may_trust(LOOPBACK + 1) != cases[i].loopback)
            fail_msg("case %zu", i);
        assert_false(may_trust(0xa9fe0101)); /* link-local */
        assert_false(may_trust(0xe0000001));
    }
}

static void test_addresses_that_reach_ourselves(void **state)
{
    (void)state;
    for (uint32_t i = 0; i < DHT_SELF_MAX + 1; i++) {
        struct wire_peer_hop h = test_hop(GLOBAL + (i << 8), 7001);

        self_address_met(&room_self, &h);
        self_address_met(&room_self, &h); /* counts once */
        assert_int_equal(self_address_may_keep(&room_self, &h), i == DHT_SELF_MAX);
    }
}

static void test_only_our_own_are_reported(void **state)
{
    struct wire_peer_hop other = test_hop(GLOBAL, 7001);

    (void)state;
    self_address_named(&room_self, &other);
    assert_int_equal(room_named, 0);
    self_address_named(&room_self, &room_addresses.bound[0]);
    assert_int_equal(room_named, 1);
}

static void test_addresses_for_others(void **state)
{
    struct wire_peer out[DHT_SELF_MAX];

    (void)state;
    room_addresses.bound_count = 2;
    room_addresses.bound[1] = test_hop(PRIVATE, 7001);
    assert_true(self_address_refresh(&room_self));
    assert_int_equal(self_address_peers(&room_self, out), 1);
    assert_true(dht_hop_same(&out[0].hop, &room_addresses.bound[0]));
    assert_true(out[0].hop.has_pubkey_hint);
    assert_memory_equal(out[0].hop.pubkey_hint, room_context.identity->public_key, 32);
    memset(&room_addresses, 0, sizeof(room_addresses));
    assert_true(self_address_refresh(&room_self));
    assert_int_equal(self_address_peers(&room_self, out), 0);
}

int main(void)
{
#define TEST(f) cmocka_unit_test_setup_teardown(f, room_begin, room_end)
    const struct CMUnitTest tests[] = {
        TEST(test_scope),
        TEST(test_scopes_that_others_may_name),
        TEST(test_addresses_that_reach_ourselves),
        TEST(test_only_our_own_are_reported),
        TEST(test_addresses_for_others),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
