/* SPDX-License-Identifier: MPL-2.0 */
/*
 * Plan:
 *  - An address is dialled over the configured transport, then over the other. A name is resolved
 *    on every attempt, and all addresses are dialled in the same order of transports.
 *  - A failed attempt is repeated after 1 s, doubling to 5 minutes, less up to half at random
 *    (seeded). The fault of a failed attempt is reported. A successful attempt is repeated after a
 *    quarter of an hour, or after a minute without contacts.
 *  - The first key is pinned under the entry as written, and the pin can be saved and loaded.
 *    Another key is refused and does not replace the pin; the next address may have the right key.
 *  - Any key of the pin's chain of rotations is accepted, and the pin does not change, also after
 *    loading. A void chain refuses every key. At most 1,024 pins are kept.
 *  - A configured key has priority over any pin and follows no rotation, revoked or not.
 *  - If a dial reaches this relay, the next address is dialled and nothing is pinned.
 *  - Several peers are handled at once.
 */
#include "unit/dht/trust_support.h"

#include "dht/kademlia/bootstrap.h"
#include "wire_state.h"
#include "dht/dht_limits.h"
#include "dht/dht_metrics.h"

static uint64_t rng = 20261204;
static struct dht_trust *trust; /* of the test */
static const uint8_t own_key[32] = "ourselves";

static struct dht_boot_peer literal(const char *text, uint32_t ip, uint16_t port)
{
    struct dht_boot_peer p = {.hop = test_hop(ip, port)};

    snprintf(p.text, sizeof(p.text), "%s", text);
    return p;
}

static struct dht_boot_peer named(const char *text, const char *host, uint16_t port)
{
    struct dht_boot_peer p = literal(text, 0, port);

    snprintf(p.host, sizeof(p.host), "%s", host);
    return p;
}

static struct dht_boot *boot_of(const struct dht_boot_peer *p)
{
    return dht_boot_new(p, 1, own_key, trust, test_random, &rng);
}

static void expect_dial(struct dht_boot *b, uint64_t now, uint32_t ip, uint16_t port,
                        enum wire_transport tr)
{
    struct wire_peer_hop hop, want = test_hop(ip, port);
    uint32_t entry;

    want.transport = tr;
    assert_int_equal(dht_boot_next(b, now, &entry, &hop), DHT_BOOT_DIAL);
    assert_int_equal(entry, 0);
    assert_true(dht_hop_same(&hop, &want));
}

static void expect_nothing(struct dht_boot *b, uint64_t now)
{
    struct wire_peer_hop hop;
    uint32_t entry;

    assert_int_equal(dht_boot_next(b, now, &entry, &hop), DHT_BOOT_NOTHING);
}

static void test_both_transports_then_back_off(void **state)
{
    struct dht_boot_peer p = literal("11.0.0.1:7001", 0x0b000001, 7001);
    struct dht_boot *b = boot_of(&p);
    uint64_t now = RT_S, wait = RT_S;

    (void)state;
    for (uint32_t i = 0; i < 14; i++) {
        uint64_t next;

        assert_int_equal(dht_boot_failures(b, 0), i);
        expect_dial(b, now, 0x0b000001, 7001, WIRE_TCP);
        expect_nothing(b, now);
        assert_int_equal(dht_boot_dialled(b, 0, NULL, now), DHT_BOOT_UNREACHABLE);
        expect_dial(b, now, 0x0b000001, 7000, WIRE_QUIC);
        assert_int_equal(dht_boot_dialled(b, 0, NULL, now), DHT_BOOT_UNREACHABLE);
        next = dht_boot_next_ns(b);
        assert_true(next >= now + wait / 2 && next <= now + wait);
        expect_nothing(b, next - 1);
        now = next;
        wait = 2 * wait < 300 * RT_S ? 2 * wait : 300 * RT_S;
    }
    assert_int_equal(wait, 300 * RT_S);
    dht_boot_free(&b);
}

static void test_jitter_spreads(void **state)
{
    struct dht_boot_peer p = literal("11.0.0.1:7001", 0x0b000001, 7001);
    uint32_t early = 0;

    (void)state;
    for (uint32_t i = 0; i < 200; i++) {
        struct dht_boot *b = boot_of(&p);

        for (int n = 0; n < 2; n++) {
            struct wire_peer_hop hop;
            uint32_t entry;

            assert_int_equal(dht_boot_next(b, RT_S, &entry, &hop), DHT_BOOT_DIAL);
            dht_boot_dialled(b, 0, NULL, RT_S);
        }
        early += dht_boot_next_ns(b) < RT_S + 750 * RT_MS;
        dht_boot_free(&b);
    }
    assert_true(early > 60 && early < 140);
}

static void test_names_are_resolved_every_time(void **state)
{
    struct dht_boot_peer p = named("relay.example:7001", "relay.example", 7001);
    struct wire_peer_hop addrs[2] = {test_hop(0x0b000001, 0), test_hop(0x0b000002, 0)}, hop;
    struct dht_boot *b = boot_of(&p);
    uint32_t entry;
    uint64_t now = RT_S;

    (void)state;
    assert_int_equal(dht_boot_next(b, now, &entry, &hop), DHT_BOOT_RESOLVE);
    expect_nothing(b, now);
    dht_boot_resolved(b, 0, NULL, 0, now); /* not resolved now */
    assert_int_equal(dht_boot_failures(b, 0), 1);
    now = dht_boot_next_ns(b);
    assert_int_equal(dht_boot_next(b, now, &entry, &hop), DHT_BOOT_RESOLVE);
    dht_boot_resolved(b, 0, addrs, 2, now);
    expect_dial(b, now, 0x0b000001, 7001, WIRE_TCP);
    dht_boot_dialled(b, 0, NULL, now);
    expect_dial(b, now, 0x0b000002, 7001, WIRE_TCP);
    dht_boot_dialled(b, 0, NULL, now);
    expect_dial(b, now, 0x0b000001, 7000, WIRE_QUIC);
    dht_boot_dialled(b, 0, NULL, now);
    expect_dial(b, now, 0x0b000002, 7000, WIRE_QUIC);
    dht_boot_dialled(b, 0, NULL, now);
    now = dht_boot_next_ns(b);
    assert_int_equal(dht_boot_next(b, now, &entry, &hop), DHT_BOOT_RESOLVE);
    dht_boot_free(&b);
}

static void test_trust_on_first_use(void **state)
{
    struct dht_boot_peer p = literal("11.0.0.1:7001", 0x0b000001, 7001);
    struct dht_boot *b = boot_of(&p), *again;
    uint8_t right[32], wrong[32], saved[512];
    uint64_t now = RT_S;
    size_t len;

    (void)state;
    test_key(1, right);
    test_key(2, wrong);
    assert_null(dht_boot_key(b, 0));
    expect_dial(b, now, 0x0b000001, 7001, WIRE_TCP);
    assert_int_equal(dht_boot_dialled(b, 0, right, now), DHT_BOOT_PINNED);
    assert_memory_equal(dht_boot_key(b, 0), right, 32);
    len = dht_boot_write_pins(b, saved, sizeof(saved));
    assert_true(len > 0 && len <= sizeof(saved));
    dht_boot_free(&b);

    again = boot_of(&p);
    dht_boot_load_pins(again, saved, len);
    assert_memory_equal(dht_boot_key(again, 0), right, 32);
    expect_dial(again, now, 0x0b000001, 7001, WIRE_TCP);
    assert_int_equal(dht_boot_dialled(again, 0, wrong, now), DHT_BOOT_KEY_CHANGED);
    assert_memory_equal(dht_boot_key(again, 0), right, 32); /* the pin did not change */
    expect_dial(again, now, 0x0b000001, 7000, WIRE_QUIC);   /* the other may be the right one */
    assert_int_equal(dht_boot_dialled(again, 0, right, now), DHT_BOOT_FINE);
    assert_int_equal(dht_boot_failures(again, 0), 0);
    dht_boot_free(&again);
}

static void test_pins_are_by_entry_as_written(void **state)
{
    struct dht_boot_peer a = literal("11.0.0.1:7001", 0x0b000001, 7001),
                         b = literal("tcp://11.0.0.1:7001", 0x0b000001, 7001);
    struct dht_boot *one = boot_of(&a), *two = boot_of(&b);
    uint8_t key[32], saved[512];

    (void)state;
    test_key(1, key);
    expect_dial(one, RT_S, 0x0b000001, 7001, WIRE_TCP);
    dht_boot_dialled(one, 0, key, RT_S);
    dht_boot_load_pins(two, saved, dht_boot_write_pins(one, saved, sizeof(saved)));
    assert_null(dht_boot_key(two, 0));
    /* the pin is kept until the entry is configured again */
    assert_int_equal(dht_boot_write_pins(two, NULL, 0), dht_boot_write_pins(one, NULL, 0));
    dht_boot_load_pins(two, saved, 3); /* garbage: ignored */
    dht_boot_free(&one);
    dht_boot_free(&two);
}

static void test_written_key_counts(void **state)
{
    struct dht_boot_peer p = literal("11.0.0.1:7001@..", 0x0b000001, 7001);
    struct dht_boot *b;
    uint8_t other[32];

    (void)state;
    p.hop.has_pubkey_hint = true;
    test_key(1, p.hop.pubkey_hint);
    test_key(2, other);
    b = boot_of(&p);
    expect_dial(b, RT_S, 0x0b000001, 7001, WIRE_TCP);
    assert_int_equal(dht_boot_dialled(b, 0, other, RT_S), DHT_BOOT_KEY_CHANGED);
    expect_dial(b, RT_S, 0x0b000001, 7000, WIRE_QUIC);
    assert_int_equal(dht_boot_dialled(b, 0, p.hop.pubkey_hint, RT_S), DHT_BOOT_FINE);
    assert_int_equal(dht_boot_write_pins(b, NULL, 0), 1); /* an empty map: nothing to pin */
    dht_boot_free(&b);
}

static void test_again_after_a_success(void **state)
{
    struct dht_boot_peer p = literal("11.0.0.1:7001", 0x0b000001, 7001);
    struct dht_boot *b = boot_of(&p);
    uint8_t key[32];
    uint64_t next;

    (void)state;
    test_key(1, key);
    dht_boot_hurry(b); /* nothing yet */
    expect_dial(b, RT_S, 0x0b000001, 7001, WIRE_TCP);
    dht_boot_dialled(b, 0, key, RT_S);
    next = dht_boot_next_ns(b);
    assert_true(next >= RT_S + 450 * RT_S && next <= RT_S + 900 * RT_S);
    dht_boot_hurry(b);
    assert_int_equal(dht_boot_next_ns(b), RT_S + 60 * RT_S);
    dht_boot_free(&b);
}

static void test_several_at_once(void **state)
{
    struct dht_boot_peer p[3] = {literal("a", 0x0b000001, 7001), named("b", "b.example", 7001),
                                 literal("c", 0x0b000003, 1)};
    struct dht_boot *b = dht_boot_new(p, 3, own_key, trust, test_random, &rng);
    struct wire_peer_hop hop;
    uint32_t entry;

    (void)state;
    assert_int_equal(dht_boot_next(b, RT_S, &entry, &hop), DHT_BOOT_DIAL);
    assert_int_equal(entry, 0);
    assert_int_equal(dht_boot_next(b, RT_S, &entry, &hop), DHT_BOOT_RESOLVE);
    assert_int_equal(entry, 1);
    assert_int_equal(dht_boot_next(b, RT_S, &entry, &hop), DHT_BOOT_DIAL);
    assert_int_equal(entry, 2);
    expect_nothing(b, RT_S);
    dht_boot_dialled(b, 2, NULL, RT_S); /* port 1 has no QUIC port below it */
    assert_int_equal(dht_boot_failures(b, 2), 1);
    expect_nothing(b, RT_S);
    dht_boot_free(&b);
}

/* A name for all seeds of a network, of which we are one: resolvers put our own address first. */
static void test_this_relay_among_the_seeds(void **state)
{
    struct dht_boot_peer p = named("seeds.example:7001", "seeds.example", 7001);
    struct dht_boot *b = boot_of(&p);
    struct wire_peer_hop addrs[2] = {test_hop(0x0b000001, 0), test_hop(0x0b000002, 0)}, hop;
    uint8_t key[32];
    uint32_t entry;

    (void)state;
    test_key(1, key);
    assert_int_equal(dht_boot_next(b, RT_S, &entry, &hop), DHT_BOOT_RESOLVE);
    dht_boot_resolved(b, 0, addrs, 2, RT_S);
    expect_dial(b, RT_S, 0x0b000001, 7001, WIRE_TCP);
    assert_int_equal(dht_boot_dialled(b, 0, own_key, RT_S), DHT_BOOT_SELF);
    assert_null(dht_boot_key(b, 0));
    expect_dial(b, RT_S, 0x0b000002, 7001, WIRE_TCP);
    assert_int_equal(dht_boot_dialled(b, 0, key, RT_S), DHT_BOOT_PINNED);
    assert_int_equal(dht_boot_failures(b, 0), 0);
    dht_boot_free(&b);
}

static void end_of_attempt(struct dht_boot *b, const uint8_t *first, const uint8_t *second,
                           enum dht_boot_fault want)
{
    struct wire_peer_hop hop;
    uint32_t entry, failures = dht_boot_failures(b, 0);
    uint64_t now = dht_boot_next_ns(b);

    assert_int_equal(dht_boot_next(b, now, &entry, &hop), DHT_BOOT_DIAL);
    (void)dht_boot_dialled(b, 0, first, now);
    assert_int_equal(dht_boot_next(b, now, &entry, &hop), DHT_BOOT_DIAL);
    (void)dht_boot_dialled(b, 0, second, now);
    assert_int_equal(dht_boot_failures(b, 0), failures + 1);
    assert_int_equal(dht_boot_fault(b, 0), want);
}

static void test_reasons_of_failed_attempts(void **state)
{
    struct dht_boot_peer p = literal("11.0.0.1:7001", 0x0b000001, 7001),
                         n = named("b.example:7001", "b.example", 7001);
    struct dht_boot *b;
    struct wire_peer_hop hop;
    uint8_t right[32], wrong[32];
    uint32_t entry;

    (void)state;
    test_key(1, right);
    test_key(2, wrong);
    p.hop.has_pubkey_hint = true;
    memcpy(p.hop.pubkey_hint, right, 32);
    b = boot_of(&p);
    end_of_attempt(b, NULL, NULL, DHT_BOOT_SILENT);
    end_of_attempt(b, wrong, NULL, DHT_BOOT_WRONG_KEY);
    end_of_attempt(b, own_key, wrong, DHT_BOOT_WRONG_KEY);
    end_of_attempt(b, NULL, own_key, DHT_BOOT_ONLY_OURSELVES);
    end_of_attempt(b, NULL, NULL, DHT_BOOT_SILENT);
    assert_int_equal(dht_boot_next(b, dht_boot_next_ns(b), &entry, &hop), DHT_BOOT_DIAL);
    dht_boot_closed(b, 0);
    (void)dht_boot_dialled(b, 0, NULL, RT_S);
    assert_int_equal(dht_boot_next(b, RT_S, &entry, &hop), DHT_BOOT_DIAL);
    (void)dht_boot_dialled(b, 0, NULL, RT_S);
    assert_int_equal(dht_boot_fault(b, 0), DHT_BOOT_CLOSED);
    dht_boot_free(&b);
    b = boot_of(&n);
    assert_int_equal(dht_boot_next(b, RT_S, &entry, &hop), DHT_BOOT_RESOLVE);
    dht_boot_resolved(b, 0, NULL, 0, RT_S);
    assert_int_equal(dht_boot_fault(b, 0), DHT_BOOT_NO_ADDRESS);
    dht_boot_free(&b);
}

/* -- rotation and revocation -- */

/* The first entry uses this key at both addresses in the next attempt. */
static enum dht_boot_verdict show(struct dht_boot *b, const uint8_t *key)
{
    uint64_t now = dht_boot_next_ns(b);
    enum dht_boot_verdict v = DHT_BOOT_UNREACHABLE;
    struct wire_peer_hop hop;
    uint32_t entry;

    while (dht_boot_next(b, now, &entry, &hop) == DHT_BOOT_DIAL)
        v = dht_boot_dialled(b, 0, key, now);
    return v;
}

static void test_a_rotated_key_is_followed(void **state)
{
    struct dht_boot_peer p = literal("11.0.0.1:7001", 0x0b000001, 7001);
    struct dht_boot *b = boot_of(&p);
    uint8_t saved[512];
    size_t len;

    (void)state;
    assert_int_equal(show(b, trust_pub(0)), DHT_BOOT_PINNED);
    assert_true(trust_note(trust, trust_rotation(0, 1, 1)));
    assert_true(trust_note(trust, trust_rotation(1, 2, 1)));
    assert_memory_equal(dht_boot_expected_key(b, 0), trust_pub(0), 32); /* the last used key */
    for (uint32_t i = 0; i < 3; i++) {
        assert_int_equal(show(b, trust_pub(i)), DHT_BOOT_FINE);
        assert_memory_equal(dht_boot_expected_key(b, 0), trust_pub(i), 32);
        assert_memory_equal(dht_boot_key(b, 0), trust_pub(0), 32);
    }
    assert_int_equal(show(b, trust_pub(3)), DHT_BOOT_KEY_CHANGED);
    assert_int_equal(dht_boot_fault(b, 0), DHT_BOOT_WRONG_KEY);
    assert_memory_equal(dht_boot_expected_key(b, 0), trust_pub(2), 32);
    len = dht_boot_write_pins(b, saved, sizeof(saved));
    dht_boot_free(&b);

    b = boot_of(&p);
    dht_boot_load_pins(b, saved, len);
    assert_memory_equal(dht_boot_key(b, 0), trust_pub(0), 32);
    assert_memory_equal(dht_boot_expected_key(b, 0), trust_pub(2), 32); /* the newest */
    assert_int_equal(show(b, trust_pub(1)), DHT_BOOT_FINE);
    assert_true(trust_note(trust, trust_rotation(0, 4, 2)));
    assert_memory_equal(dht_boot_expected_key(b, 0), trust_pub(4), 32); /* 1 left the chain */
    assert_int_equal(show(b, trust_pub(1)), DHT_BOOT_KEY_CHANGED);
    dht_boot_free(&b);
}

static void test_a_void_chain_refuses_every_key(void **state)
{
    struct dht_boot_peer p = literal("11.0.0.1:7001", 0x0b000001, 7001);
    struct dht_boot *b = boot_of(&p);

    (void)state;
    assert_int_equal(show(b, trust_pub(0)), DHT_BOOT_PINNED);
    assert_true(trust_note(trust, trust_rotation(0, 1, 1)));
    assert_true(trust_note(trust, trust_revocation(0)));
    for (uint32_t i = 0; i < 3; i++) {
        assert_int_equal(show(b, trust_pub(i)), DHT_BOOT_KEY_VOID);
        assert_int_equal(dht_boot_failures(b, 0), i + 1);
        assert_int_equal(dht_boot_fault(b, 0), DHT_BOOT_WRONG_KEY);
    }
    assert_memory_equal(dht_boot_key(b, 0), trust_pub(0), 32);
    assert_int_equal(show(b, own_key), DHT_BOOT_SELF);
    assert_int_equal(show(b, NULL), DHT_BOOT_UNREACHABLE);
    dht_boot_free(&b);
}

static void test_a_written_key_follows_no_rotation(void **state)
{
    struct dht_boot_peer p = literal("11.0.0.1:7001@..", 0x0b000001, 7001);
    struct dht_boot *b;

    (void)state;
    p.hop.has_pubkey_hint = true;
    memcpy(p.hop.pubkey_hint, trust_pub(0), 32);
    b = boot_of(&p);
    assert_int_equal(dht_trust_count(trust), 1);
    assert_true(trust_note(trust, trust_rotation(0, 1, 1)));
    assert_int_equal(show(b, trust_pub(1)), DHT_BOOT_KEY_CHANGED);
    assert_int_equal(show(b, trust_pub(0)), DHT_BOOT_FINE);
    dht_trust_add(trust, trust_pub(0), true); /* pinned for another entry */
    assert_true(dht_trust_accepts(trust, trust_pub(0), trust_pub(1)));
    assert_int_equal(show(b, trust_pub(1)), DHT_BOOT_KEY_CHANGED);
    assert_memory_equal(dht_boot_expected_key(b, 0), trust_pub(0), 32);
    assert_true(trust_note(trust, trust_revocation(0)));
    assert_int_equal(show(b, trust_pub(0)), DHT_BOOT_FINE); /* the operator's choice */
    dht_boot_free(&b);
}

static void test_pins_are_bounded(void **state)
{
    static uint8_t saved[(LIM_PINS_MAX + 8) * 80];
    struct dht_boot_peer p = literal("11.0.0.1:7001", 0x0b000001, 7001);
    struct dht_boot *b = boot_of(&p);
    uint64_t dropped = rt_metric_get(RT_METRIC_DHT_PINS_DROPPED);
    struct wire_writer w;
    bool fits;

    (void)state;
    wire_writer_init(&w, saved, sizeof(saved));
    wire_write_pins(&w, LIM_PINS_MAX + 1);
    for (uint32_t i = 0; i <= LIM_PINS_MAX; i++) {
        uint8_t text[8], key[32];

        snprintf((char *)text, sizeof(text), "%07u", i);
        test_key(i, key);
        wire_write_pin(&w, (struct wire_bytes){text, 7}, key);
    }
    dht_boot_load_pins(b, saved, wire_writer_len(&w, &fits));
    assert_true(fits);
    assert_int_equal(rt_metric_get(RT_METRIC_DHT_PINS_DROPPED), dropped + 1);
    assert_int_equal(dht_trust_count(trust), LIM_PINS_MAX);
    /* One more is used, but not pinned. */
    assert_false(dht_boot_accepts(b, trust_pub(0)));
    assert_int_equal(show(b, trust_pub(0)), DHT_BOOT_UNPINNED);
    assert_null(dht_boot_key(b, 0));
    assert_true(dht_boot_accepts(b, trust_pub(0)));
    assert_int_equal(show(b, trust_pub(1)), DHT_BOOT_UNPINNED);
    assert_false(dht_boot_accepts(b, trust_pub(0)));
    dht_boot_free(&b);
}

static int begin(void **state)
{
    (void)state;
    trust = trust_empty();
    dht_trust_begin(trust);
    return 0;
}

static int end(void **state)
{
    (void)state;
    dht_trust_free(&trust);
    return 0;
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(test_both_transports_then_back_off, begin, end),
        cmocka_unit_test_setup_teardown(test_jitter_spreads, begin, end),
        cmocka_unit_test_setup_teardown(test_names_are_resolved_every_time, begin, end),
        cmocka_unit_test_setup_teardown(test_trust_on_first_use, begin, end),
        cmocka_unit_test_setup_teardown(test_pins_are_by_entry_as_written, begin, end),
        cmocka_unit_test_setup_teardown(test_written_key_counts, begin, end),
        cmocka_unit_test_setup_teardown(test_again_after_a_success, begin, end),
        cmocka_unit_test_setup_teardown(test_several_at_once, begin, end),
        cmocka_unit_test_setup_teardown(test_this_relay_among_the_seeds, begin, end),
        cmocka_unit_test_setup_teardown(test_reasons_of_failed_attempts, begin, end),
        cmocka_unit_test_setup_teardown(test_a_rotated_key_is_followed, begin, end),
        cmocka_unit_test_setup_teardown(test_a_void_chain_refuses_every_key, begin, end),
        cmocka_unit_test_setup_teardown(test_a_written_key_follows_no_rotation, begin, end),
        cmocka_unit_test_setup_teardown(test_pins_are_bounded, begin, end),
    };

    return cmocka_run_group_tests(tests, trust_setup, NULL);
}
