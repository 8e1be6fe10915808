/* SPDX-License-Identifier: MPL-2.0 */
/*
 * Plan:
 *  - Only fresh, reached peers are passed on, with their keys, until a failure. The sample reaches
 *    all. A peer is named only to requesters of its dialects.
 *  - Reputation changes by +1 and -2 within its bounds. It does not fall while no peer can be
 *    reached. A record with the lowest reputation is dropped.
 *  - A candidate is returned again after ten minutes, and twice as long after each failure. Both
 *    kinds of candidates are returned in turn. A new key at an address starts a new record.
 *  - Peers never reached are not saved. Reached ones are saved once an hour, with their dialects.
 *    Rows from disk are candidates.
 *  - Records are bounded. Candidates never reached are evicted first, then other candidates. Old
 *    records expire in bounded steps. A filter drops the records that it refuses.
 *  - A peer loses a dialect that it refuses.
 */
#include "unit/dht/support.h"

#include "dht/kademlia/peer_db.h"
#include "dht/dht_limits.h"

static const uint8_t hash_key[16] = "dht-peers-test";
static uint64_t rng = 20261203;

#define A_ONLY WIRE_DIALECT_BIT(WIRE_DIALECT_A)

struct disk {
    uint32_t puts, drops;
    struct wire_peer_row last;
    uint8_t dialects;
    enum wire_dialect last_dialect;
};

static void on_put(void *ctx, const struct wire_peer_row *row, uint8_t dialects,
                   enum wire_dialect last)
{
    struct disk *d = ctx;

    d->puts++;
    d->last = *row;
    d->dialects = dialects;
    d->last_dialect = last;
}

static void on_drop(void *ctx, const struct wire_peer_hop *hop)
{
    (void)hop;
    ((struct disk *)ctx)->drops++;
}

static struct dht_peers *peers_new(struct disk *d)
{
    struct dht_peers *p = dht_peers_new(hash_key, test_random, &rng);
    struct dht_peers_sink sink = {on_put, on_drop, d};

    if (d)
        dht_peers_set_sink(p, &sink);
    return p;
}

static uint32_t sampled(struct dht_peers *p, uint64_t now_s)
{
    struct wire_peer_hop out[LIM_PEX_MAX];

    return dht_peers_sample(p, WIRE_DIALECT_A, LIM_PEX_MAX, now_s, out);
}

static void test_only_reached_peers_are_passed_on(void **state)
{
    struct dht_peers *p = peers_new(NULL);
    struct wire_peer_hop a = test_node(0x0b000001, 1), b = test_node(0x0b000002, 2), out[4];

    (void)state;
    assert_true(dht_peers_heard(p, &a, WIRE_DIALECT_A, NOW_S));
    assert_false(dht_peers_heard(p, &a, WIRE_DIALECT_A, NOW_S));
    assert_int_equal(sampled(p, NOW_S), 0);
    assert_int_equal(dht_peers_seen(p, &b, WIRE_DIALECT_A, A_ONLY, NULL, NOW_S), 0);
    assert_int_equal(dht_peers_sample(p, WIRE_DIALECT_A, 4, NOW_S, out), 1);
    assert_true(dht_hop_same(&out[0], &b) && out[0].has_pubkey_hint);
    assert_int_equal(sampled(p, NOW_S + LIM_PEER_FRESH_S), 1);
    assert_int_equal(sampled(p, NOW_S + LIM_PEER_FRESH_S + 1), 0);
    assert_int_equal(dht_peers_seen(p, &b, WIRE_DIALECT_A, A_ONLY, NULL, NOW_S + 90000), NOW_S);
    assert_int_equal(sampled(p, NOW_S + 90000), 1);
    (void)dht_peers_failed(p, &b, WIRE_DIALECT_A, NOW_S + 90001);
    assert_int_equal(sampled(p, NOW_S + 90001), 0);
    assert_false(dht_peers_is_alive(p, &b));
    dht_peers_free(&p);
}

static void test_reputation(void **state)
{
    struct dht_peers *p = peers_new(NULL);
    struct wire_peer_hop a = test_node(0x0b000001, 1);

    (void)state;
    for (uint32_t i = 0; i < 20; i++)
        dht_peers_seen(p, &a, WIRE_DIALECT_A, A_ONLY, NULL, NOW_S);
    assert_int_equal(dht_peers_reputation(p, &a), 10);
    (void)dht_peers_failed(p, &a, WIRE_DIALECT_A,
                           NOW_S + 601); /* no peer was reached for ten minutes */
    assert_int_equal(dht_peers_reputation(p, &a), 10);
    (void)dht_peers_failed(p, &a, WIRE_DIALECT_A, NOW_S + 600);
    assert_int_equal(dht_peers_reputation(p, &a), 8);
    for (uint32_t i = 0; i < 8; i++)
        (void)dht_peers_failed(p, &a, WIRE_DIALECT_A, NOW_S);
    assert_int_equal(dht_peers_reputation(p, &a), -8);
    assert_int_equal(dht_peers_count(p), 1);
    (void)dht_peers_failed(p, &a, WIRE_DIALECT_A, NOW_S);
    assert_int_equal(dht_peers_count(p), 0);
    (void)dht_peers_failed(p, &a, WIRE_DIALECT_A, NOW_S); /* unknown: no effect */
    dht_peers_free(&p);
}

static void test_candidates_back_off(void **state)
{
    struct dht_peers *p = peers_new(NULL);
    struct wire_peer_hop a = test_node(0x0b000001, 1), out;
    uint64_t now = NOW_S, wait = 600;

    (void)state;
    assert_false(dht_peers_candidate(p, now, &out));
    dht_peers_heard(p, &a, WIRE_DIALECT_A, now);
    assert_true(dht_peers_candidate(p, now, &out));
    assert_true(dht_hop_same(&out, &a));
    assert_false(dht_peers_candidate(p, now + 599, &out));
    for (uint32_t i = 0; i < 9; i++) {
        (void)dht_peers_failed(p, &a, WIRE_DIALECT_A, now);
        assert_false(dht_peers_candidate(p, now + wait - 1, &out));
        assert_true(dht_peers_candidate(p, now + wait, &out));
        now += wait;
        if (i < 7)
            wait *= 2;
    }
    dht_peers_seen(p, &a, WIRE_DIALECT_A, A_ONLY, NULL, now); /* alive, so not a candidate */
    assert_false(dht_peers_candidate(p, now + 1000000, &out));
    dht_peers_free(&p);
}

static void test_another_key_starts_a_new_record(void **state)
{
    struct disk d = {0};
    struct dht_peers *p = peers_new(&d);
    struct wire_peer_hop a = test_node(0x0b000001, 1), b = test_node(0x0b000001, 2);

    (void)state;
    dht_peers_seen(p, &a, WIRE_DIALECT_A, A_ONLY, NULL, NOW_S);
    assert_int_equal(dht_peers_seen(p, &b, WIRE_DIALECT_A, A_ONLY, NULL, NOW_S + 5), 0);
    assert_int_equal(d.puts, 2);
    assert_memory_equal(d.last.addr.hop.pubkey_hint, b.pubkey_hint, 32);
    assert_int_equal(dht_peers_count(p), 1);
    dht_peers_free(&p);
}

static void test_what_is_saved(void **state)
{
    struct wire_capabilities caps = {.dht = true};
    struct disk d = {0};
    struct dht_peers *p = peers_new(&d);
    struct wire_peer_hop a = test_node(0x0b000001, 1), b = test_node(0x0b000002, 2);

    (void)state;
    dht_peers_heard(p, &a, WIRE_DIALECT_A, NOW_S);
    (void)dht_peers_failed(p, &a, WIRE_DIALECT_A, NOW_S);
    assert_int_equal(d.puts + d.drops, 0); /* only named by others */
    dht_peers_seen(p, &b, WIRE_DIALECT_A, A_ONLY, NULL, NOW_S);
    dht_peers_seen(p, &b, WIRE_DIALECT_A, A_ONLY, NULL, NOW_S + 3599);
    assert_int_equal(d.puts, 1);
    dht_peers_seen(p, &b, WIRE_DIALECT_A, A_ONLY, NULL, NOW_S + 3600);
    assert_int_equal(d.puts, 2);
    assert_int_equal(d.last.last_seen_unix, NOW_S + 3600);
    dht_peers_seen(p, &b, WIRE_DIALECT_A, A_ONLY, &caps, NOW_S + 3601);
    assert_int_equal(d.puts, 3);
    assert_true(d.last.has_capabilities && d.last.capabilities.dht);
    dht_peers_seen(p, &b, WIRE_DIALECT_A, A_ONLY, &caps, NOW_S + 3602);
    assert_int_equal(d.puts, 3);
    dht_peers_expire(p, NOW_S + 3602 + LIM_PEER_FORGET_S + 1, 10);
    assert_int_equal(d.drops, 1);
    assert_int_equal(dht_peers_count(p), 0);
    dht_peers_free(&p);
}

static void test_rows_from_disk_are_candidates(void **state)
{
    struct disk d = {0};
    struct dht_peers *p = peers_new(&d);
    struct wire_peer_row row = {.last_seen_unix = NOW_S - 100, .reputation_score = 4};
    struct wire_peer_hop out;

    (void)state;
    row.addr.hop = test_node(0x0b000001, 1);
    assert_true(dht_peers_load(p, &row, A_ONLY, WIRE_DIALECT_A, NOW_S));
    assert_false(dht_peers_load(p, &row, A_ONLY, WIRE_DIALECT_A, NOW_S));
    assert_int_equal(sampled(p, NOW_S), 0);
    assert_int_equal(dht_peers_reputation(p, &row.addr.hop), 4);
    assert_true(dht_peers_candidate(p, NOW_S, &out));
    assert_int_equal(d.puts, 0);
    assert_int_equal(dht_peers_seen(p, &row.addr.hop, WIRE_DIALECT_A, A_ONLY, NULL, NOW_S),
                     NOW_S - 100);
    row.addr.hop = test_node(0x0b000002, 1);
    row.last_seen_unix = NOW_S - LIM_PEER_FORGET_S - 1;
    assert_false(dht_peers_load(p, &row, A_ONLY, WIRE_DIALECT_A, NOW_S));
    row.last_seen_unix = UINT64_MAX / 2; /* in the future: counts as now */
    assert_true(dht_peers_load(p, &row, A_ONLY, WIRE_DIALECT_A, NOW_S));
    row.addr.has_relay_via = true;
    row.addr.hop = test_node(0x0b000003, 1);
    assert_false(dht_peers_load(p, &row, A_ONLY, WIRE_DIALECT_A, NOW_S));
    dht_peers_free(&p);
}

static void test_bounded_and_candidates_are_evicted_first(void **state)
{
    struct dht_peers *p = peers_new(NULL);
    struct wire_peer_hop h;

    (void)state;
    for (uint32_t i = 0; i < 100; i++) {
        h = test_node(0x0c000001 + i, i);
        dht_peers_seen(p, &h, WIRE_DIALECT_A, A_ONLY, NULL, NOW_S);
    }
    for (uint32_t i = 0; i < 2 * LIM_PEERS_MAX; i++) {
        h = test_hop(0x0d000001 + i, 7001);
        dht_peers_heard(p, &h, WIRE_DIALECT_A, NOW_S);
        assert_true(dht_peers_count(p) <= LIM_PEERS_MAX);
    }
    assert_int_equal(dht_peers_alive(p), 100);
    assert_int_equal(sampled(p, NOW_S), LIM_PEX_MAX);
    for (uint32_t i = 100; i < LIM_PEERS_MAX + 200; i++) {
        h = test_node(0x0c000001 + i, i);
        dht_peers_seen(p, &h, WIRE_DIALECT_A, A_ONLY, NULL, NOW_S + i);
    }
    assert_int_equal(dht_peers_count(p), LIM_PEERS_MAX);
    assert_int_equal(dht_peers_alive(p), LIM_PEERS_MAX);
    h = test_node(0x0c000001, 0);
    assert_false(dht_peers_is_alive(p, &h)); /* seen least recently */
    dht_peers_free(&p);
}

/* After a start all records are candidates. Addresses named by others must not evict them, here or
 * on disk, and must not keep them from being dialled. */
static void test_flood_of_named_addresses_evicts_no_known_one(void **state)
{
    struct disk disk = {0};
    struct dht_peers *p = peers_new(&disk);
    struct wire_peer_row row = {.last_seen_unix = NOW_S};
    struct wire_peer_hop h;
    uint32_t known = 0;

    (void)state;
    for (uint32_t i = 0; i < 200; i++) {
        row.addr.hop = test_node(0x0c000001 + i, i);
        assert_true(dht_peers_load(p, &row, A_ONLY, WIRE_DIALECT_A, NOW_S));
    }
    for (uint32_t i = 0; i < 3 * LIM_PEERS_MAX; i++) {
        h = test_hop(0x0d000001 + i, 7001);
        dht_peers_heard(p, &h, WIRE_DIALECT_A, NOW_S);
        if (i % 100 == 0 && dht_peers_candidate(p, NOW_S, &h)) {
            known += h.ip[0] == 0x0c;
            (void)dht_peers_failed(p, &h, WIRE_DIALECT_A, NOW_S);
        }
    }
    assert_int_equal(dht_peers_count(p), LIM_PEERS_MAX);
    assert_int_equal(disk.drops, 0);
    assert_in_range(known, 60, 63); /* every other one of 123 */
    for (uint32_t i = 0; i < 200; i++) {
        h = test_node(0x0c000001 + i, i);
        assert_false(dht_peers_heard(p, &h, WIRE_DIALECT_A, NOW_S));
    }
    dht_peers_free(&p);
}

static void test_old_records_expire_in_bounded_steps(void **state)
{
    struct dht_peers *p = peers_new(NULL);
    struct wire_peer_hop h;

    (void)state;
    for (uint32_t i = 0; i < 30; i++) {
        h = test_node(0x0c000001 + i, i);
        if (i % 2)
            dht_peers_seen(p, &h, WIRE_DIALECT_A, A_ONLY, NULL, NOW_S);
        else
            dht_peers_heard(p, &h, WIRE_DIALECT_A, NOW_S);
    }
    dht_peers_expire(p, NOW_S + LIM_PEER_FORGET_S, 100);
    assert_int_equal(dht_peers_count(p), 30);
    dht_peers_expire(p, NOW_S + LIM_PEER_FORGET_S + 1, 10);
    assert_int_equal(dht_peers_count(p), 20);
    dht_peers_expire(p, NOW_S + LIM_PEER_FORGET_S + 1, 100);
    assert_int_equal(dht_peers_count(p), 0);
    dht_peers_free(&p);
}

static bool is_even(void *ctx, const struct wire_peer_hop *h)
{
    (void)ctx;
    return h->ip[3] % 2 == 0;
}

static void test_sample_and_filter(void **state)
{
    struct dht_peers *p = peers_new(NULL);
    struct wire_peer_hop h, out[8];
    uint32_t hit[32] = {0};

    (void)state;
    for (uint32_t i = 0; i < 32; i++) {
        h = test_node(0x0c000000 + i, i);
        dht_peers_seen(p, &h, WIRE_DIALECT_A, A_ONLY, NULL, NOW_S);
    }
    for (uint32_t n = 0; n < 400; n++) {
        assert_int_equal(dht_peers_sample(p, WIRE_DIALECT_A, 8, NOW_S, out), 8);
        for (uint32_t i = 0; i < 8; i++)
            hit[out[i].ip[3]]++;
    }
    for (uint32_t i = 0; i < 32; i++)
        assert_true(hit[i] > 50);
    dht_peers_filter(p, is_even, NULL);
    assert_int_equal(dht_peers_count(p), 16);
    dht_peers_free(&p);
}

static uint32_t sampled_in(struct dht_peers *p, enum wire_dialect dialect)
{
    struct wire_peer_hop out[LIM_PEX_MAX];

    return dht_peers_sample(p, dialect, LIM_PEX_MAX, NOW_S, out);
}

static void test_dialects(void **state)
{
    struct wire_peer_hop a = test_node(0x0b000001, 1), c = test_node(0x0b000002, 2),
                         ours = test_node(0x0b000003, 3), heard = test_node(0x0b000004, 4);
    struct disk d = {0};
    struct dht_peers *p = peers_new(&d);

    (void)state;
    dht_peers_seen(p, &a, WIRE_DIALECT_A, A_ONLY, NULL, NOW_S);
    assert_int_equal(d.dialects, A_ONLY);
    dht_peers_seen(p, &c, WIRE_DIALECT_C, WIRE_DIALECT_BIT(WIRE_DIALECT_C), NULL, NOW_S);
    dht_peers_seen(p, &ours, WIRE_DIALECT_C, WIRE_DIALECTS_ALL, NULL, NOW_S);
    assert_int_equal(d.dialects, WIRE_DIALECTS_ALL);
    assert_int_equal(d.last_dialect, WIRE_DIALECT_C);
    dht_peers_heard(p, &heard, WIRE_DIALECT_B, NOW_S);
    assert_int_equal(sampled_in(p, WIRE_DIALECT_A), 2);
    assert_int_equal(sampled_in(p, WIRE_DIALECT_B), 1);
    assert_int_equal(sampled_in(p, WIRE_DIALECT_C), 2);
    assert_int_equal(dht_peers_alive(p), 3);
    assert_int_equal(dht_peers_dialect(p, &a), WIRE_DIALECT_A);
    assert_int_equal(dht_peers_dialect(p, &heard), WIRE_DIALECT_B);

    /* After an upgrade the peer is alive in the new dialect only. */
    dht_peers_seen(p, &a, WIRE_DIALECT_C, WIRE_DIALECT_BIT(WIRE_DIALECT_C), NULL, NOW_S);
    assert_int_equal(sampled_in(p, WIRE_DIALECT_A), 1);
    assert_int_equal(sampled_in(p, WIRE_DIALECT_C), 3);
    dht_peers_refused(p, &ours, WIRE_DIALECT_A, NOW_S);
    assert_int_equal(sampled_in(p, WIRE_DIALECT_A), 0);
    assert_int_equal(sampled_in(p, WIRE_DIALECT_B), 1);
    assert_int_equal(dht_peers_spoken(p, &ours, WIRE_DIALECT_C, WIRE_DIALECTS_ALL, NOW_S),
                     WIRE_DIALECTS_ALL & ~A_ONLY);
    assert_int_equal(dht_peers_spoken(p, &ours, WIRE_DIALECT_A, WIRE_DIALECTS_ALL, NOW_S),
                     WIRE_DIALECTS_ALL);
    assert_int_equal(dht_peers_spoken(p, &ours, WIRE_DIALECT_C, WIRE_DIALECTS_ALL, NOW_S + 3600),
                     WIRE_DIALECTS_ALL);
    dht_peers_refused(p, &c, WIRE_DIALECT_C, NOW_S);
    assert_int_equal(sampled_in(p, WIRE_DIALECT_C), 2);
    assert_false(dht_peers_is_alive(p, &c));
    (void)dht_peers_failed(p, &ours, WIRE_DIALECT_A, NOW_S);
    assert_int_equal(sampled_in(p, WIRE_DIALECT_B), 0);
    assert_int_equal(dht_peers_alive(p), 1);
    dht_peers_free(&p);
}

/* A marked relay answers in alternating dialects. This does not cause a write each time, change the
 * dialect of the next dial from C, or change the saved capabilities. */
static void test_marked_relay_is_written_once(void **state)
{
    struct wire_capabilities five = {.relay = true},
                             eight = {.relay = true, .has_community_fields = true};
    struct wire_peer_hop h = test_node(0x0b000001, 1);
    struct disk d = {0};
    struct dht_peers *p = peers_new(&d);

    (void)state;
    for (uint64_t i = 0; i < 30; i++)
        (void)dht_peers_seen(p, &h, (enum wire_dialect)(i % WIRE_DIALECTS), WIRE_DIALECTS_ALL,
                             i % WIRE_DIALECTS == WIRE_DIALECT_C ? &eight : &five, NOW_S + i);
    assert_int_equal(d.puts, 2); /* the second has the capabilities of C */
    assert_true(d.last.capabilities.has_community_fields);
    assert_int_equal(d.last_dialect, WIRE_DIALECT_C);
    (void)dht_peers_seen(p, &h, WIRE_DIALECT_A, WIRE_DIALECTS_ALL, &five, NOW_S + 40);
    assert_int_equal(dht_peers_dialect(p, &h), WIRE_DIALECT_C);
    dht_peers_free(&p);
}

/* A peer that is silent twice in one dialect and answers in another loses the first. A peer that is
 * offline is silent in all dialects and loses none. */
static void test_silent_in_one_dialect(void **state)
{
    struct wire_peer_hop h = test_node(0x0b000001, 1), away = test_node(0x0b000002, 2);
    struct dht_peers *p = peers_new(NULL);

    (void)state;
    (void)dht_peers_seen(p, &h, WIRE_DIALECT_C, WIRE_DIALECTS_ALL, NULL, NOW_S);
    (void)dht_peers_seen(p, &away, WIRE_DIALECT_C, WIRE_DIALECTS_ALL, NULL, NOW_S);
    assert_false(dht_peers_failed(p, &h, WIRE_DIALECT_A, NOW_S));
    (void)dht_peers_seen(p, &h, WIRE_DIALECT_A, WIRE_DIALECTS_ALL, NULL, NOW_S); /* resets */
    assert_false(dht_peers_failed(p, &h, WIRE_DIALECT_A, NOW_S));
    assert_false(dht_peers_failed(p, &h, WIRE_DIALECT_A, NOW_S));
    (void)dht_peers_seen(p, &h, WIRE_DIALECT_C, WIRE_DIALECTS_ALL, NULL, NOW_S);
    assert_true(dht_peers_failed(p, &h, WIRE_DIALECT_A, NOW_S));
    assert_int_equal(dht_peers_spoken(p, &h, WIRE_DIALECT_C, WIRE_DIALECTS_ALL, NOW_S),
                     WIRE_DIALECTS_ALL & ~A_ONLY);
    for (enum wire_dialect i = WIRE_DIALECT_A; i < WIRE_DIALECTS; i++)
        for (int again = 0; again < 2; again++)
            assert_false(dht_peers_failed(p, &away, i, NOW_S));
    for (int again = 0; again < 2; again++) { /* calls of any dialect */
        assert_false(dht_peers_failed(p, &away, WIRE_DIALECTS, NOW_S));
        (void)dht_peers_seen(p, &away, WIRE_DIALECT_C, WIRE_DIALECTS_ALL, NULL, NOW_S);
    }
    assert_false(dht_peers_failed(p, &away, WIRE_DIALECTS, NOW_S));
    (void)dht_peers_seen(p, &away, WIRE_DIALECT_C, WIRE_DIALECTS_ALL, NULL, NOW_S);
    assert_int_equal(dht_peers_spoken(p, &away, WIRE_DIALECT_C, WIRE_DIALECTS_ALL, NOW_S),
                     WIRE_DIALECTS_ALL);
    dht_peers_free(&p);
}

/* Rows of another relay have no dialects. Their capabilities determine the first dialect. */
static void test_dialect_of_a_row_from_disk(void **state)
{
    struct wire_peer_row row = {.last_seen_unix = NOW_S};
    struct dht_peers *p = peers_new(NULL);

    (void)state;
    row.addr.hop = test_node(0x0b000001, 1);
    assert_true(dht_peers_load(p, &row, 0, WIRE_DIALECT_A, NOW_S));
    assert_int_equal(dht_peers_dialect(p, &row.addr.hop), WIRE_DIALECT_C);
    row.addr.hop = test_node(0x0b000002, 2);
    row.has_capabilities = true;
    assert_true(dht_peers_load(p, &row, 0, WIRE_DIALECT_C, NOW_S));
    assert_int_equal(dht_peers_dialect(p, &row.addr.hop), WIRE_DIALECT_A);
    row.addr.hop = test_node(0x0b000003, 3);
    row.capabilities.has_community_fields = true;
    assert_true(dht_peers_load(p, &row, 0, WIRE_DIALECT_A, NOW_S));
    assert_int_equal(dht_peers_dialect(p, &row.addr.hop), WIRE_DIALECT_C);
    row.addr.hop = test_node(0x0b000004, 4);
    assert_true(dht_peers_load(p, &row, WIRE_DIALECT_BIT(WIRE_DIALECT_B), WIRE_DIALECT_B, NOW_S));
    assert_int_equal(dht_peers_dialect(p, &row.addr.hop), WIRE_DIALECT_B);
    assert_int_equal(sampled_in(p, WIRE_DIALECT_B), 0); /* a candidate */
    dht_peers_free(&p);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_dialects),
        cmocka_unit_test(test_dialect_of_a_row_from_disk),
        cmocka_unit_test(test_marked_relay_is_written_once),
        cmocka_unit_test(test_silent_in_one_dialect),
        cmocka_unit_test(test_only_reached_peers_are_passed_on),
        cmocka_unit_test(test_reputation),
        cmocka_unit_test(test_candidates_back_off),
        cmocka_unit_test(test_another_key_starts_a_new_record),
        cmocka_unit_test(test_what_is_saved),
        cmocka_unit_test(test_rows_from_disk_are_candidates),
        cmocka_unit_test(test_bounded_and_candidates_are_evicted_first),
        cmocka_unit_test(test_flood_of_named_addresses_evicts_no_known_one),
        cmocka_unit_test(test_old_records_expire_in_bounded_steps),
        cmocka_unit_test(test_sample_and_filter),
    };

    return cmocka_run_group_tests(tests, test_setup, NULL);
}
