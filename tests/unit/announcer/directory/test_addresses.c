/* SPDX-License-Identifier: MPL-2.0 */
/*
 * Plan: configured addresses are announced as they are (also loopback and private ones), each once,
 * normalised and without a key; bound addresses are then ignored. Without configured addresses,
 * only bound addresses of global scope are announced, or none. A verified address stays verified
 * while it is announced. Only a change is reported. Only announced addresses can be verified, once
 * each. At most LIM_RELAY_ADDRS_MAX are announced.
 */
#include "unit/announcer/support.h"

#include "dht/address/addr.h"
#include "announcer/directory/addresses.h"

static void configure(struct announcer_where *w, uint32_t ip)
{
    w->configured[w->configured_count++] = test_hop(ip);
}

static void bind_to(struct announcer_where *w, uint32_t ip)
{
    w->bound[w->bound_count++] = test_hop(ip);
}

static bool has(const struct announcer_addrs *a, uint32_t ip)
{
    struct wire_peer_hop hop = test_hop(ip);

    for (uint32_t i = 0; i < a->count; i++)
        if (dht_hop_same(&a->at[i], &hop))
            return true;
    return false;
}

static void test_configured(void **state)
{
    struct announcer_where w = {0};
    struct announcer_addrs a = {0};

    (void)state;
    configure(&w, 0x7f000001);
    configure(&w, 0xc0a80001);
    configure(&w, 0x7f000001);
    w.configured[0].has_pubkey_hint = true;
    bind_to(&w, 0x08080808);
    /* ::ffff:192.168.0.1 */
    w.configured[w.configured_count] =
        (struct wire_peer_hop){.ip = {0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0xff, 0xff, 0xc0, 0xa8, 0, 1},
                               .is_ipv6 = true,
                               .port = 7001,
                               .transport = WIRE_TCP};
    w.configured_count++;
    assert_true(announcer_addrs_choose(&a, &w));
    assert_int_equal(a.count, 2);
    assert_true(has(&a, 0x7f000001) && has(&a, 0xc0a80001));
    assert_false(a.at[0].has_pubkey_hint);
    assert_false(announcer_addrs_choose(&a, &w));
}

static void test_bound(void **state)
{
    static const uint32_t hidden[] = {
        0x00000000, 0x7f000001, 0x0a000001, 0xac100001, 0xc0a80001,
        0xa9fe0001, 0x64400001, 0xe0000001, 0xffffffff,
    };
    struct announcer_where w = {0};
    struct announcer_addrs a = {0};

    (void)state;
    for (size_t i = 0; i < sizeof(hidden) / sizeof(hidden[0]); i++)
        bind_to(&w, hidden[i]);
    w.bound[w.bound_count++] = (struct wire_peer_hop){
        .ip = {0xfe, 0x80, [15] = 1}, .is_ipv6 = true, .port = 7001, .transport = WIRE_TCP};
    w.bound[w.bound_count++] = (struct wire_peer_hop){
        .ip = {0xfd, 0, [15] = 1}, .is_ipv6 = true, .port = 7001, .transport = WIRE_TCP};
    assert_false(announcer_addrs_choose(&a, &w)); /* none before, none now */
    assert_int_equal(a.count, 0);
    bind_to(&w, 0x08080808);
    bind_to(&w, 0x08080404);
    assert_true(announcer_addrs_choose(&a, &w));
    assert_int_equal(a.count, 2);
    assert_true(has(&a, 0x08080808) && has(&a, 0x08080404));
}

static void test_verified(void **state)
{
    struct wire_peer_hop first = test_hop(0x08080808), other = test_hop(0x01010101), quic = first;
    struct announcer_where w = {0};
    struct announcer_addrs a = {0};

    (void)state;
    bind_to(&w, 0x08080808);
    bind_to(&w, 0x08080404);
    assert_true(announcer_addrs_choose(&a, &w));
    quic.transport = WIRE_QUIC;
    assert_false(announcer_addrs_verified(&a, &other));
    assert_false(announcer_addrs_verified(&a, &quic));
    assert_true(announcer_addrs_verified(&a, &first));
    assert_false(announcer_addrs_verified(&a, &first));
    assert_true(a.is_verified[0]);
    assert_false(a.is_verified[1]);
    w.bound[0] = test_hop(0x09090909);
    w.bound[1] = first;
    assert_true(announcer_addrs_choose(&a, &w));
    assert_false(a.is_verified[0]);
    assert_true(a.is_verified[1]);
    w.bound_count = 1;
    assert_true(announcer_addrs_choose(&a, &w));
    w.bound_count = 2;
    assert_true(announcer_addrs_choose(&a, &w));
    assert_false(a.is_verified[1]); /* it was gone meanwhile */
}

static void test_bound_of_the_table(void **state)
{
    struct announcer_where w = {0};
    struct announcer_addrs a = {0};

    (void)state;
    for (uint32_t i = 0; i < LIM_RELAY_ADDRS_MAX; i++) {
        configure(&w, 0x7f000001 + i);
        bind_to(&w, 0x08080801 + i);
    }
    assert_true(announcer_addrs_choose(&a, &w));
    assert_int_equal(a.count, LIM_RELAY_ADDRS_MAX);
    assert_true(has(&a, 0x7f000001) && has(&a, 0x7f000000 + LIM_RELAY_ADDRS_MAX));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_configured),
        cmocka_unit_test(test_bound),
        cmocka_unit_test(test_verified),
        cmocka_unit_test(test_bound_of_the_table),
    };

    return cmocka_run_group_tests(tests, test_setup, NULL);
}
