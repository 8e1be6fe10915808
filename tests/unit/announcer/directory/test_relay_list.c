/* SPDX-License-Identifier: MPL-2.0 */
/*
 * Plan:
 *  - An unknown relay is dialled, then listed. An older, equal or expired announcement of the relay
 *    is ignored. A newer one with the same addresses in any order renews the entry. With other
 *    addresses the relay is dialled again.
 *  - An announcement that expires in two minutes causes no dial but renews an entry, so that the
 *    last announcement at shutdown is accepted.
 *  - A sample has different relays, reaches all of them over time, respects max and bytes, reports
 *    a cut, and contains no expired announcement.
 *  - A full list stays at 1,024. Expired entries are evicted first. 10,000 newcomers from one
 *    network do not evict 100 relays of other networks.
 *  - Checks are due after ten minutes, in order, and a minute after a silence. The second silence
 * in a row drops the relay; a reply resets the count.
 *  - A relay that speaks several dialects gets one request in each, C first, one after the other. A
 *    dialect without a reply, or that another answer denies, is left out until a reply in it. A
 *    contradiction counts as a silence.
 *  - Each form has a separate limit of 1,024. A sample has one form, of relays that speak the
 *    dialect. New addresses drop the other form. A relay without unexpired forms is dropped.
 *  - The look-up of the revocation is due daily.
 *  - Seeded, against a naive model: the list has the newest sound announcement of each relay.
 */
#include "unit/announcer/support.h"

#include "wire_limits.h"
#include "announcer/directory/relay_list.h"

#define S(n) ((n)*RT_S)
#define A WIRE_DIALECT_BIT(WIRE_DIALECT_A)
#define B WIRE_DIALECT_BIT(WIRE_DIALECT_B)
#define C WIRE_DIALECT_BIT(WIRE_DIALECT_C)

static const uint8_t hash_key[16] = {3};
static uint64_t rng = 20261124;

static struct relay_list *new_list(void)
{
    return relay_list_new(hash_key, test_random, &rng);
}

static enum relay_verdict judge(struct relay_list *l, const struct test_relay *r)
{
    return relay_list_judge(l, &r->ann, NOW_S);
}

static void put_at(struct relay_list *l, const struct test_relay *r, uint64_t now_ns,
                   uint64_t now_s)
{
    relay_list_put(l, &r->ann, relay_slice_ref(r->bytes), &r->addrs.at[0], A, now_ns, now_s);
}

static void put_in(struct relay_list *l, const struct test_relay *r, uint8_t dialects)
{
    relay_list_put(l, &r->ann, relay_slice_ref(r->bytes), &r->addrs.at[0], dialects, S(1), NOW_S);
}

static void put(struct relay_list *l, const struct test_relay *r)
{
    put_at(l, r, S(1), NOW_S);
}

static uint32_t sample_in(struct relay_list *l, enum wire_dialect d, uint32_t max, uint64_t now_s)
{
    struct relay_slice out[LIM_RELAYS_MAX];
    uint32_t count;
    bool is_cut;

    count = relay_list_sample(l, d, max, SIZE_MAX, now_s, out, &is_cut);
    for (uint32_t i = 0; i < count; i++) {
        uint8_t room[ANNOUNCEMENT_ROOM];
        struct wire_announcement ann;

        assert_true(announcement_read(&out[i], room, &ann));
        assert_int_equal(announcement_form(&ann), announcement_form_in(d));
    }
    return count;
}

static uint32_t sample(struct relay_list *l, uint32_t max, uint64_t now_s)
{
    return sample_in(l, WIRE_DIALECT_A, max, now_s);
}

static void test_verdicts(void **state)
{
    struct relay_list *l = new_list();
    struct test_relay *r = test_relay(1, 0x08080808, NOW_S);
    struct wire_peer_hop hop;

    (void)state;
    r->addrs.at[r->addrs.count++] = test_hop(0x01010101);
    test_relay_make(r);
    assert_int_equal(judge(l, r), RELAY_DIAL);
    put(l, r);
    assert_int_equal(relay_list_count(l), 1);
    assert_int_equal(judge(l, r), RELAY_IGNORE);
    r->of.issued_at--;
    test_relay_make(r);
    assert_int_equal(judge(l, r), RELAY_IGNORE);
    r->of.issued_at += 2;
    hop = r->addrs.at[0];
    r->addrs.at[0] = r->addrs.at[1];
    r->addrs.at[1] = hop;
    test_relay_make(r);
    assert_int_equal(judge(l, r), RELAY_RENEW);
    r->of.expires_at = NOW_S + 60;
    test_relay_make(r);
    assert_int_equal(judge(l, r), RELAY_RENEW);
    r->addrs.at[0].port++;
    test_relay_make(r);
    assert_int_equal(judge(l, r), RELAY_IGNORE); /* elsewhere, and for a minute only */
    r->of.expires_at = NOW_S + 600;
    test_relay_make(r);
    assert_int_equal(judge(l, r), RELAY_DIAL);
    assert_int_equal(relay_list_judge(l, &r->ann, NOW_S + 600), RELAY_IGNORE);
    relay_list_free(&l);
    test_relay_free(&r);
    assert_int_equal(rt_buf_live(), 0);
}

static void test_final_announcement(void **state)
{
    struct relay_list *l = new_list();
    struct test_relay *r = test_relay(1, 0x08080808, NOW_S);

    (void)state;
    put(l, r);
    assert_int_equal(sample(l, 10, NOW_S + 61), 1);
    r->of.issued_at++;
    r->of.expires_at = NOW_S + 61;
    test_relay_make(r);
    relay_list_renew(l, &r->ann, relay_slice_ref(r->bytes), NOW_S);
    assert_int_equal(sample(l, 10, NOW_S + 60), 1);
    assert_int_equal(sample(l, 10, NOW_S + 61), 0);
    assert_int_equal(relay_list_count(l), 0);
    relay_list_renew(l, &r->ann, relay_slice_ref(r->bytes), NOW_S); /* not listed: no effect */
    assert_int_equal(relay_list_count(l), 0);
    relay_list_free(&l);
    test_relay_free(&r);
    assert_int_equal(rt_buf_live(), 0);
}

static void fill(struct relay_list *l, uint32_t first, uint32_t count, uint32_t ip, uint32_t step)
{
    for (uint32_t i = 0; i < count; i++) {
        struct test_relay *r = test_relay(first + i, ip + i * step, NOW_S);

        put(l, r);
        test_relay_free(&r);
    }
}

static void test_samples(void **state)
{
    struct relay_list *l = new_list();
    struct relay_slice out[LIM_RELAYS_MAX];
    uint32_t count, met[50] = {0};
    bool is_cut;

    (void)state;
    fill(l, 0, 50, 0x08000001, 0x10000);
    for (int i = 0; i < 200; i++) {
        count = relay_list_sample(l, WIRE_DIALECT_A, 10, SIZE_MAX, NOW_S, out, &is_cut);
        assert_int_equal(count, 10);
        assert_false(is_cut);
        for (uint32_t k = 0; k < count; k++) {
            uint8_t room[ANNOUNCEMENT_ROOM];
            struct wire_announcement ann;
            uint32_t number = UINT32_MAX;

            assert_true(announcement_read(&out[k], room, &ann));
            for (uint32_t n = 0; n < 50 && number == UINT32_MAX; n++) {
                struct rt_sign_key key;

                if (i >= 20)
                    break;
                test_sign_key(n, &key);
                if (memcmp(key.public_key, ann.relay_pubkey, 32) == 0)
                    number = n;
            }
            if (i < 20)
                met[number]++;
            for (uint32_t m = 0; m < k; m++)
                assert_ptr_not_equal(out[m].ptr, out[k].ptr);
        }
    }
    for (uint32_t n = 0; n < 50; n++)
        assert_in_range(met[n], 1, 20);
    assert_int_equal(sample(l, 1000, NOW_S), 50);
    assert_int_equal(sample(l, 0, NOW_S), 0);
    count = relay_list_sample(l, WIRE_DIALECT_A, 50, 3 * out[0].len + 50, NOW_S, out, &is_cut);
    assert_int_equal(count, 3);
    assert_true(is_cut);
    assert_int_equal(sample(l, 1000, NOW_S + LIM_ANNOUNCEMENT_S), 0);
    assert_int_equal(relay_list_count(l), 0);
    relay_list_free(&l);
    assert_int_equal(rt_buf_live(), 0);
}

static void test_one_network_floods(void **state)
{
    struct relay_list *l = new_list();
    uint32_t left = 0;

    (void)state;
    fill(l, 0, 100, 0x08000001, 0x10000); /* each in a network of its own */
    fill(l, 1000, 3000, 0x0b0b0b01, 0);   /* all in one */
    assert_int_equal(relay_list_count(l), LIM_RELAYS_MAX);
    assert_int_equal(relay_list_evicted(l), 100 + 3000 - LIM_RELAYS_MAX);
    for (uint32_t n = 0; n < 100; n++) {
        struct test_relay *r = test_relay(n, 0x08000001 + n * 0x10000, NOW_S);

        left += judge(l, r) == RELAY_IGNORE;
        test_relay_free(&r);
    }
    assert_in_range(left, 99, 100);
    relay_list_free(&l);
}

static void test_expired_is_evicted_first(void **state)
{
    struct relay_list *l = new_list();
    struct test_relay *r = test_relay(5000, 0x0c000001, NOW_S + LIM_ANNOUNCEMENT_S);

    (void)state;
    fill(l, 0, LIM_RELAYS_MAX, 0x08000001, 0x10000);
    put_at(l, r, S(1), NOW_S + LIM_ANNOUNCEMENT_S);
    assert_int_equal(relay_list_count(l), LIM_RELAYS_MAX);
    assert_int_equal(relay_list_evicted(l), 0);
    assert_int_equal(relay_list_judge(l, &r->ann, NOW_S + LIM_ANNOUNCEMENT_S), RELAY_IGNORE);
    relay_list_free(&l);
    test_relay_free(&r);
}

/* Checks that the next request is to that relay in that dialect. */
static void assert_next(struct relay_list *l, uint64_t now_ns, const struct test_relay *r,
                        enum wire_dialect dialect)
{
    enum wire_dialect asked;
    struct wire_peer_hop hop;

    assert_true(relay_list_next_check(l, now_ns, &hop, &asked));
    assert_true(hop.has_pubkey_hint);
    assert_memory_equal(hop.pubkey_hint, r->ann.relay_pubkey, 32);
    assert_int_equal(asked, dialect);
}

static void assert_none(struct relay_list *l, uint64_t now_ns)
{
    enum wire_dialect asked;
    struct wire_peer_hop hop;

    assert_false(relay_list_next_check(l, now_ns, &hop, &asked));
}

static void test_asking(void **state)
{
    struct relay_list *l = new_list();
    struct test_relay *a = test_relay(1, 0x08080808, NOW_S), *b = test_relay(2, 0x09090909, NOW_S);

    (void)state;
    assert_int_equal(relay_list_next_check_ns(l), UINT64_MAX);
    put_at(l, a, S(1), NOW_S);
    put_at(l, b, S(2), NOW_S);
    assert_int_equal(relay_list_next_check_ns(l), S(1) + LIM_RELAY_CHECK_NS);
    assert_none(l, LIM_RELAY_CHECK_NS);
    assert_next(l, S(3) + LIM_RELAY_CHECK_NS, a, WIRE_DIALECT_A);
    assert_next(l, S(3) + LIM_RELAY_CHECK_NS, b, WIRE_DIALECT_A);
    assert_none(l, S(3) + LIM_RELAY_CHECK_NS);
    assert_false(relay_list_check_ended(l, a->ann.relay_pubkey, WIRE_DIALECT_A, 0, S(1000)));
    assert_int_equal(relay_list_next_check_ns(l), S(1060));
    assert_next(l, S(1060), a, WIRE_DIALECT_A);
    assert_false(relay_list_check_ended(l, a->ann.relay_pubkey, WIRE_DIALECT_A, A, S(1060)));
    assert_next(l, S(1300), b, WIRE_DIALECT_A);
    assert_false(relay_list_check_ended(l, b->ann.relay_pubkey, WIRE_DIALECT_A, A, S(1300)));
    assert_next(l, S(1660), a, WIRE_DIALECT_A);
    (void)relay_list_check_ended(l, a->ann.relay_pubkey, WIRE_DIALECT_A, 0, S(1660));
    assert_int_equal(relay_list_count(l), 2);
    assert_next(l, S(1720), a, WIRE_DIALECT_A);
    (void)relay_list_check_ended(l, a->ann.relay_pubkey, WIRE_DIALECT_A, 0, S(1720));
    assert_int_equal(relay_list_count(l), 1);
    assert_int_equal(relay_list_lost(l), 1);
    (void)relay_list_check_ended(l, a->ann.relay_pubkey, WIRE_DIALECT_A, 0,
                                 S(1720)); /* gone already */
    relay_list_free(&l);
    test_relay_free(&a);
    test_relay_free(&b);
    assert_int_equal(rt_buf_live(), 0);
}

static uint8_t dialects_of(const struct relay_list *l, const struct test_relay *r)
{
    struct relay_list_view v;

    assert_true(relay_list_find(l, r->ann.relay_pubkey, &v));
    return v.dialects;
}

/* The relay is due in `asked`, answers in `spoken` and claims `claimed`; 0: it does not answer. */
static void check(struct relay_list *l, uint64_t now_ns, const struct test_relay *r,
                  enum wire_dialect asked, enum wire_dialect spoken, uint8_t claimed,
                  uint8_t expected)
{
    uint8_t before = dialects_of(l, r);

    assert_next(l, now_ns, r, asked);
    assert_int_equal(relay_list_check_ended(l, r->ann.relay_pubkey, spoken, claimed, now_ns),
                     before != expected);
    assert_int_equal(dialects_of(l, r), expected);
}

#define IN_A WIRE_DIALECT_A
#define IN_B WIRE_DIALECT_B
#define IN_C WIRE_DIALECT_C

static void test_asking_in_every_dialect(void **state)
{
    struct relay_list *l = new_list();
    struct test_relay *r = test_relay(1, 0x08080808, NOW_S);
    uint64_t due_ns = S(1) + LIM_RELAY_CHECK_NS;

    (void)state;
    put_in(l, r, A | B | C);
    check(l, due_ns, r, IN_C, IN_C, A | B | C, A | B | C);
    check(l, due_ns, r, IN_B, IN_B, 0, A | C); /* silent in B */
    check(l, due_ns, r, IN_A, IN_A, A | B | C, A | C);
    assert_none(l, due_ns + LIM_RELAY_CHECK_NS - 1);
    due_ns += LIM_RELAY_CHECK_NS;
    check(l, due_ns, r, IN_C, IN_C, A | B | C, A | C); /* a claim alone does not count */
    check(l, due_ns, r, IN_B, IN_B, A | B | C, A | B | C);
    check(l, due_ns, r, IN_A, IN_A, A | B | C, A | B | C);
    assert_none(l, due_ns);
    due_ns += LIM_RELAY_CHECK_NS;
    check(l, due_ns, r, IN_C, IN_B, B, B); /* after a downgrade the relay refuses C */
    assert_none(l, due_ns);
    due_ns += LIM_RELAY_CHECK_NS;
    check(l, due_ns, r, IN_B, IN_B, B, B);
    assert_none(l, due_ns);
    due_ns += LIM_RELAY_CHECK_NS;
    for (int i = 0; i < 2; i++) { /* silent, twice */
        assert_int_equal(relay_list_count(l), 1);
        assert_next(l, due_ns, r, IN_B);
        assert_false(relay_list_check_ended(l, r->ann.relay_pubkey, IN_B, 0, due_ns));
        due_ns += S(60);
    }
    assert_int_equal(relay_list_count(l), 0);
    relay_list_free(&l);
    test_relay_free(&r);
    assert_int_equal(rt_buf_live(), 0);
}

static void test_claims_more_than_it_speaks(void **state)
{
    struct relay_list *l = new_list();
    struct test_relay *r = test_relay(1, 0x08080808, NOW_S);
    uint64_t due_ns = S(1) + LIM_RELAY_CHECK_NS;

    (void)state;
    put_in(l, r, A | B | C);
    for (int i = 0; i < 3; i++) { /* refuses B and A; each reply denies only one of them */
        check(l, due_ns, r, IN_C, IN_C, A | B | C, i == 0 ? A | B | C : C);
        check(l, due_ns, r, IN_B, IN_C, A | C, i == 0 ? A | C : C);
        check(l, due_ns, r, IN_A, IN_C, B | C, C);
        assert_none(l, due_ns + LIM_RELAY_CHECK_NS - 1);
        due_ns += LIM_RELAY_CHECK_NS;
    }
    for (int i = 0; i < 2; i++) { /* contradicting answers count as a silence */
        assert_int_equal(relay_list_count(l), 1);
        assert_next(l, due_ns, r, i == 0 ? IN_C : IN_A);
        (void)relay_list_check_ended(l, r->ann.relay_pubkey, IN_C, B | C, due_ns);
        assert_next(l, due_ns, r, IN_B);
        (void)relay_list_check_ended(l, r->ann.relay_pubkey, IN_A, A, due_ns);
        due_ns += S(60);
    }
    assert_int_equal(relay_list_count(l), 0);
    relay_list_free(&l);
    test_relay_free(&r);
    assert_int_equal(rt_buf_live(), 0);
}

static void test_both_forms(void **state)
{
    struct relay_list *l = new_list();
    struct test_relay *five = test_relay(1, 0x08080808, NOW_S);
    struct test_relay *eight = test_relay_in(ANNOUNCEMENT_FORM_8, 1, 0x08080808, NOW_S);
    struct relay_list_view v;

    (void)state;
    put_in(l, five, A | C);
    assert_int_equal(judge(l, eight), RELAY_RENEW);
    relay_list_renew(l, &eight->ann, relay_slice_ref(eight->bytes), NOW_S);
    assert_int_equal(judge(l, eight), RELAY_IGNORE);
    assert_int_equal(relay_list_count(l), 1);
    relay_list_at(l, 0, &v);
    assert_ptr_equal(v.bytes[ANNOUNCEMENT_FORM_5].ptr, five->bytes.ptr);
    assert_ptr_equal(v.bytes[ANNOUNCEMENT_FORM_8].ptr, eight->bytes.ptr);
    assert_int_equal(v.dialects, A | C);
    assert_int_equal(sample_in(l, WIRE_DIALECT_A, 10, NOW_S), 1);
    assert_int_equal(sample_in(l, WIRE_DIALECT_B, 10, NOW_S), 0); /* the relay does not speak B */
    assert_int_equal(sample_in(l, WIRE_DIALECT_C, 10, NOW_S), 1);
    /* Another address: form 5 names the old one. */
    eight->addrs.at[0] = test_hop(0x09090909);
    eight->of.issued_at++;
    test_relay_make(eight);
    assert_int_equal(judge(l, eight), RELAY_DIAL);
    put_in(l, eight, A | B | C);
    assert_int_equal(sample_in(l, WIRE_DIALECT_A, 10, NOW_S), 0);
    assert_int_equal(sample_in(l, WIRE_DIALECT_B, 10, NOW_S), 1);
    assert_int_equal(judge(l, five), RELAY_IGNORE);
    assert_int_equal(sample_in(l, WIRE_DIALECT_C, 10, eight->of.expires_at), 0);
    assert_int_equal(relay_list_count(l), 0);
    assert_false(relay_list_find(l, five->ann.relay_pubkey, &v));
    put_in(l, five, A);
    assert_true(relay_list_drop(l, five->ann.relay_pubkey));
    assert_false(relay_list_drop(l, five->ann.relay_pubkey));
    assert_int_equal(sample_in(l, WIRE_DIALECT_A, 10, NOW_S), 0);
    relay_list_free(&l);
    test_relay_free(&five);
    test_relay_free(&eight);
    assert_int_equal(rt_buf_live(), 0);
}

static void test_limit_per_form(void **state)
{
    struct relay_list *l = new_list();

    (void)state;
    fill(l, 0, LIM_RELAYS_MAX, 0x08000001, 0x10000);
    for (uint32_t i = 0; i < LIM_RELAYS_MAX + 10; i++) {
        /* The first hundred are listed already. */
        uint32_t n = i < 100 ? i : 10000 + i;
        struct test_relay *r =
            test_relay_in(ANNOUNCEMENT_FORM_8, n, 0x08000001 + n * 0x10000, NOW_S);

        put_in(l, r, i % 2 ? C : B);
        test_relay_free(&r);
    }
    assert_int_equal(relay_list_evicted(l), 10);
    assert_in_range(relay_list_count(l), 2 * LIM_RELAYS_MAX - 100, 2 * LIM_RELAYS_MAX - 90);
    /* The first hundred are now reached in B and C. */
    assert_int_equal(sample_in(l, WIRE_DIALECT_A, LIM_RELAYS_MAX, NOW_S), LIM_RELAYS_MAX - 100);
    assert_int_equal(sample_in(l, WIRE_DIALECT_B, LIM_RELAYS_MAX, NOW_S) +
                         sample_in(l, WIRE_DIALECT_C, LIM_RELAYS_MAX, NOW_S),
                     LIM_RELAYS_MAX);
    assert_in_range(sample_in(l, WIRE_DIALECT_B, LIM_RELAYS_MAX, NOW_S), 500, 524);
    relay_list_free(&l);
    assert_int_equal(rt_buf_live(), 0);
}

static void test_revocations_are_due(void **state)
{
    struct relay_list *l = new_list();
    struct test_relay *a = test_relay(1, 0x08080808, NOW_S), *b = test_relay(2, 0x09090909, NOW_S);
    uint64_t due_ns = S(1) + LIM_REVOCATION_CHECK_NS;
    uint8_t key[32];

    (void)state;
    assert_int_equal(relay_list_next_lookup_ns(l), UINT64_MAX);
    put_at(l, a, S(1), NOW_S);
    put_at(l, b, S(2), NOW_S);
    assert_int_equal(relay_list_next_lookup_ns(l), due_ns);
    assert_false(relay_list_next_lookup(l, due_ns - 1, key));
    a->of.issued_at++;
    test_relay_make(a);
    put_at(l, a, S(100), NOW_S); /* a new announcement does not delay the look-up */
    assert_true(relay_list_next_lookup(l, due_ns, key));
    assert_memory_equal(key, a->ann.relay_pubkey, 32);
    assert_false(relay_list_next_lookup(l, due_ns, key));
    assert_true(relay_list_drop(l, b->ann.relay_pubkey));
    assert_int_equal(relay_list_next_lookup_ns(l), due_ns + LIM_REVOCATION_CHECK_NS);
    relay_list_free(&l);
    test_relay_free(&a);
    test_relay_free(&b);
    assert_int_equal(rt_buf_live(), 0);
}

static void test_against_a_model(void **state)
{
    struct relay_list *l = new_list();
    uint64_t issued[2][40] = {0};

    (void)state;
    print_message("seed %llu\n", (unsigned long long)rng);
    for (int i = 0; i < 2000; i++) {
        uint32_t n = (uint32_t)(test_random(&rng) % 40);
        enum announcement_form form = test_random(&rng) % ANNOUNCEMENT_FORMS;
        struct test_relay *r =
            test_relay_in(form, n, 0x08000001 + n * 0x10000, NOW_S - test_random(&rng) % 5000);
        enum relay_verdict v = judge(l, r);

        assert_int_equal(v != RELAY_IGNORE, r->of.issued_at > issued[form][n]);
        if (v == RELAY_RENEW)
            relay_list_renew(l, &r->ann, relay_slice_ref(r->bytes), NOW_S);
        else if (v == RELAY_DIAL)
            put(l, r);
        if (v != RELAY_IGNORE)
            issued[form][n] = r->of.issued_at;
        test_relay_free(&r);
    }
    assert_int_equal(relay_list_count(l), 40);
    relay_list_free(&l);
    assert_int_equal(rt_buf_live(), 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_verdicts),
        cmocka_unit_test(test_final_announcement),
        cmocka_unit_test(test_samples),
        cmocka_unit_test(test_one_network_floods),
        cmocka_unit_test(test_expired_is_evicted_first),
        cmocka_unit_test(test_asking),
        cmocka_unit_test(test_both_forms),
        cmocka_unit_test(test_limit_per_form),
        cmocka_unit_test(test_against_a_model),
        cmocka_unit_test(test_revocations_are_due),
        cmocka_unit_test(test_asking_in_every_dialect),
        cmocka_unit_test(test_claims_more_than_it_speaks),
    };

    return cmocka_run_group_tests(tests, test_setup, NULL);
}
