/* SPDX-License-Identifier: MPL-2.0 */
/*
 * Plan: random records are noted in random order. After each, the verdict equals that of an
 * independent walk through all records so far. The saved records give the same verdicts when
 * loaded in any order. Records of no chain are dropped from disk. Look-ups: new keys first, then
 * each key once a day, evenly. A key that rotates endlessly delays no other. Full size: all pins
 * with full chains.
 */
#include "unit/dht/trust_support.h"
#include "dht/dht_limits.h"

#define DAY LIM_TRUST_LOOKUP_NS

static const uint8_t size_hash_key[16] = "trust-size";

/* -- any order, one verdict -- */

#define UNIVERSE 7u
#define RECORDS_MAX 16u

struct fact {
    bool is_revocation, is_known; /* known: delivered */
    uint32_t old, new;
    uint64_t seq;
    struct trust_record record;
};

/* The rotation of a key that counts among the known ones; NULL: none. */
static const struct fact *successor(const struct fact *facts, uint32_t count, uint32_t key)
{
    const struct fact *best = NULL;

    for (uint32_t i = 0; i < count; i++) {
        const struct fact *f = &facts[i];

        if (!f->is_known || f->is_revocation || f->old != key)
            continue;
        if (!best || f->seq > best->seq ||
            (f->seq == best->seq && memcmp(trust_pub(f->new), trust_pub(best->new), 32) > 0))
            best = f;
    }
    return best;
}

static bool is_revoked(const struct fact *facts, uint32_t count, uint32_t key)
{
    for (uint32_t i = 0; i < count; i++)
        if (facts[i].is_known && facts[i].is_revocation && facts[i].old == key)
            return true;
    return false;
}

static void expect_verdict_of_walk(const struct dht_trust *t, const struct fact *facts,
                                   uint32_t count)
{
    uint32_t mask = 0, at = 0;
    enum dht_trust_verdict v = DHT_TRUST_SOUND;

    for (;;) {
        const struct fact *next = successor(facts, count, at);

        if (mask & BIT(at)) {
            v = v == DHT_TRUST_SOUND ? DHT_TRUST_TOO_LONG : v;
            break;
        }
        mask |= BIT(at);
        if (is_revoked(facts, count, at))
            v = DHT_TRUST_REVOKED;
        if (!next)
            break;
        at = next->new;
    }
    if (v == DHT_TRUST_SOUND)
        trust_expect_accepted(t, mask);
    else
        trust_expect_void(t, v);
}

/* Looks up new keys among the known records, as the relay does in its store. */
static void look_up_new_keys(struct dht_trust *t, const struct fact *facts, uint32_t count)
{
    uint8_t key[32];

    while (dht_trust_due_ns(t) == 0 && dht_trust_take(t, 0, key))
        for (uint32_t i = 0; i < count; i++)
            if (facts[i].is_known && memcmp(trust_pub(facts[i].old), key, 32) == 0)
                (void)trust_note(t, facts[i].record);
}

static uint32_t draw(struct fact *facts)
{
    uint32_t count = 1 + (uint32_t)(test_random(&trust_rng) % RECORDS_MAX);

    memset(facts, 0, RECORDS_MAX * sizeof(*facts));
    for (uint32_t i = 0; i < count; i++) {
        struct fact *f = &facts[i];

        f->is_revocation = test_random(&trust_rng) % 8 == 0;
        f->old = (uint32_t)(test_random(&trust_rng) % UNIVERSE);
        f->new = (f->old + 1 + (uint32_t)(test_random(&trust_rng) % (UNIVERSE - 1))) % UNIVERSE;
        f->seq = test_random(&trust_rng) % 3;
        f->record =
            f->is_revocation ? trust_revocation(f->old) : trust_rotation(f->old, f->new, f->seq);
    }
    return count;
}

static void test_any_order_gives_the_same_verdict(void **state)
{
    struct fact facts[RECORDS_MAX];
    uint32_t sound = 0;

    (void)state;
    for (int round = 0; round < 150; round++) {
        uint32_t count = draw(facts);

        for (int order = 0; order < 4; order++) {
            struct dht_trust *t = trust_pinned();

            for (uint32_t i = 0; i < count; i++)
                facts[i].is_known = false;
            for (uint32_t left = count; left > 0; left--) {
                uint32_t skip = (uint32_t)(test_random(&trust_rng) % left), i = 0;

                while (facts[i].is_known || skip-- > 0)
                    i++;
                facts[i].is_known = true;
                (void)trust_note(t, facts[i].record);
                look_up_new_keys(t, facts, count);
                expect_verdict_of_walk(t, facts, count);
            }
            sound += dht_trust_verdict(t, trust_pub(0)) == DHT_TRUST_SOUND;
            dht_trust_free(&t);
        }
    }
    assert_true(sound > 60 && sound < 540); /* both kinds of verdicts were drawn */
}

/* -- disk -- */

static void test_what_is_on_disk(void **state)
{
    struct trust_record rows[64];
    uint32_t count;

    (void)state;
    for (uint32_t revoked = 0; revoked < 6; revoked++) {
        struct dht_trust *t = trust_pinned();

        for (uint32_t i = 0; i < 4; i++)
            assert_true(trust_note(t, trust_rotation(i, i + 1, 1)));
        if (revoked < 5)
            assert_true(trust_note(t, trust_revocation(revoked)));
        count = trust_seen.rows;
        assert_int_equal(count, revoked < 5 ? 5 : 4);
        memcpy(rows, trust_seen.row, sizeof(rows));
        dht_trust_free(&t);
        for (int order = 0; order < 8; order++) {
            uint32_t first = (uint32_t)(test_random(&trust_rng) % count);

            t = trust_empty();
            dht_trust_add(t, trust_pub(0), true);
            for (uint32_t i = 0; i < count; i++) {
                const struct trust_record *r =
                    &rows[(first + i * (order % 2 ? 1 : count - 1)) % count];

                dht_trust_load(t, r->key, r->bytes, r->len);
            }
            assert_int_equal(trust_seen.judged, 0);
            dht_trust_begin(t);
            if (revoked < 5)
                trust_expect_void(t, DHT_TRUST_REVOKED);
            else
                trust_expect_accepted(t, FIRST(5));
            assert_int_equal(trust_seen.judged, revoked < 5); /* reported at every start */
            assert_int_equal(trust_seen.drops, 0);
            dht_trust_free(&t);
        }
    }
}

static void test_rows_of_no_chain_are_dropped(void **state)
{
    struct dht_trust *t = trust_empty();
    struct trust_record good = trust_rotation(0, 1, 1), stray = trust_rotation(5, 6, 1),
                        odd = trust_revocation(0), misplaced = trust_revocation(1);

    (void)state;
    odd.len /= 2;
    misplaced.key[0] ^= 1;
    dht_trust_add(t, trust_pub(0), true);
    dht_trust_load(t, odd.key, odd.bytes, odd.len);
    dht_trust_load(t, misplaced.key, misplaced.bytes, misplaced.len);
    assert_int_equal(trust_seen.drops, 2);
    dht_trust_load(t, stray.key, stray.bytes, stray.len);
    dht_trust_load(t, good.key, good.bytes, good.len);
    assert_int_equal(trust_seen.drops, 2);
    dht_trust_begin(t);
    assert_int_equal(trust_seen.drops, 3);
    assert_int_equal(dht_trust_count(t), 2);
    trust_expect_accepted(t, FIRST(2));
    dht_trust_free(&t);
}

/* -- look-ups -- */

static uint32_t number_of(const uint8_t key[32])
{
    uint32_t i = 0;

    while (i < TRUST_KEYS && memcmp(trust_pub(i), key, 32) != 0)
        i++;
    assert_true(i < TRUST_KEYS);
    return i;
}

static void test_look_ups_are_spread_over_the_day(void **state)
{
    struct dht_trust *t = trust_empty();
    uint8_t key[32];
    uint64_t now = RT_S;

    (void)state;
    assert_int_equal(dht_trust_due_ns(t), UINT64_MAX);
    assert_false(dht_trust_take(t, now, key));
    for (uint32_t i = 0; i < 4; i++)
        dht_trust_add(t, trust_pub(i), true);
    dht_trust_begin(t);
    for (uint32_t i = 0; i < 4; i++, now += RT_S) { /* soon after the start */
        assert_int_equal(dht_trust_due_ns(t), 0);
        assert_true(dht_trust_take(t, now, key));
        assert_int_equal(number_of(key), i);
    }
    for (uint32_t i = 0; i < 12; i++) {
        uint64_t due = dht_trust_due_ns(t);

        assert_int_equal(due, RT_S + (i + 1) * (DAY / 4));
        assert_false(dht_trust_take(t, due - 1, key));
        assert_true(dht_trust_take(t, due, key));
        assert_int_equal(number_of(key), i % 4);
    }
    assert_true(trust_note(t, trust_rotation(2, 9, 1))); /* a new key is due at once */
    assert_int_equal(dht_trust_due_ns(t), 0);
    assert_true(dht_trust_take(t, now, key));
    assert_int_equal(number_of(key), 9);
    dht_trust_free(&t);
}

static void test_endless_rotations_delay_no_other_key(void **state)
{
    struct dht_trust *t = trust_pinned();
    uint32_t taken = 0;
    uint8_t key[32];

    (void)state;
    dht_trust_add(t, trust_pub(1), true);
    for (uint64_t i = 0; i < 300; i++) { /* a new successor whenever the last was looked up */
        assert_true(trust_note(t, trust_rotation(0, 2 + i % 2, i)));
        assert_true(dht_trust_take(t, (i + 1) * DAY / 100, key));
        taken += number_of(key) == 1;
    }
    assert_true(taken >= 3);
    dht_trust_free(&t);
}

/* -- size -- */

static void number_key(uint32_t pin, uint32_t link, uint8_t out[32])
{
    memset(out, 0xee, 32);
    memcpy(out, &pin, sizeof(pin));
    memcpy(out + 4, &link, sizeof(link));
}

static void test_all_pins_with_full_chains(void **state)
{
    const struct dht_trust_hooks hooks = {NULL, NULL, NULL, NULL};
    struct dht_trust *t = dht_trust_new(size_hash_key, &hooks);
    struct wire_rotation r = {.rotation_seq = 1};
    uint8_t root[32], last[32];

    (void)state;
    for (uint32_t pin = 0; pin < LIM_TRUST_ROOTS_MAX; pin++) {
        number_key(pin, 0, root);
        dht_trust_add(t, root, true);
        for (uint32_t link = 0; link < LIM_ROTATIONS_MAX; link++) {
            struct trust_record row;

            number_key(pin, link, r.old_pubkey);
            number_key(pin, link + 1, r.new_pubkey);
            row = trust_encode_rotation(&r);
            dht_trust_load(t, row.key, row.bytes, row.len);
        }
    }
    dht_trust_begin(t);
    assert_int_equal(dht_trust_count(t), LIM_TRUST_KEYS_MAX);
    for (uint32_t pin = 0; pin < LIM_TRUST_ROOTS_MAX; pin += 50) {
        number_key(pin, 0, root);
        number_key(pin, LIM_ROTATIONS_MAX, last);
        assert_true(dht_trust_accepts(t, root, last));
        number_key(pin + 1, 1, last);
        assert_false(dht_trust_accepts(t, root, last));
    }
    dht_trust_free(&t);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_any_order_gives_the_same_verdict),
        cmocka_unit_test(test_what_is_on_disk),
        cmocka_unit_test(test_rows_of_no_chain_are_dropped),
        cmocka_unit_test(test_look_ups_are_spread_over_the_day),
        cmocka_unit_test(test_endless_rotations_delay_no_other_key),
        cmocka_unit_test(test_all_pins_with_full_chains),
    };

    return cmocka_run_group_tests(tests, trust_setup, NULL);
}
