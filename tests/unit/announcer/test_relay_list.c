/* SPDX-License-Identifier: MPL-2.0 */
/*
 * Plan: an unknown relay is to be dialled, then listed; an older, equal or expired announcement of
 * it is ignored, a newer one at the same addresses (in whatever order) renews, elsewhere it is to
 * be dialled; one that ends in two minutes is not worth it, but renews, so that a last word is
 * heard. A sample is of different relays, reaches all of them, keeps to max and bytes and says when
 * it was cut, and holds nothing expired. A full list of 1,024 stays at 1,024: what has expired
 * gives way, and against 10,000 newcomers from one network 100 relays of other networks keep their
 * places. A relay is due after ten minutes, in order; a silent one after a minute, and lost at the
 * second silence; an answer forgives. Against a naive model, seeded: the newest sound announcement
 * of each relay is what is listed.
 */
#include "support.h"

#include "announcer/relay_list.h"

#define S(n) ((n)*RT_S)

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
    relay_list_put(l, &r->ann, relay_slice_ref(r->bytes), &r->addrs.at[0], now_ns, now_s);
}

static void put(struct relay_list *l, const struct test_relay *r)
{
    put_at(l, r, S(1), NOW_S);
}

static uint32_t sample(struct relay_list *l, uint32_t max, uint64_t now_s)
{
    struct relay_slice out[LIM_RELAYS_MAX];
    bool is_cut;

    return relay_list_sample(l, max, SIZE_MAX, now_s, out, &is_cut);
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

static void test_last_word(void **state)
{
    struct relay_list *l = new_list();
    struct test_relay *r = test_relay(1, 0x08080808, NOW_S);

    (void)state;
    put(l, r);
    assert_int_equal(sample(l, 10, NOW_S + 61), 1);
    r->of.issued_at++;
    r->of.expires_at = NOW_S + 61;
    test_relay_make(r);
    relay_list_renew(l, &r->ann, relay_slice_ref(r->bytes));
    assert_int_equal(sample(l, 10, NOW_S + 60), 1);
    assert_int_equal(sample(l, 10, NOW_S + 61), 0);
    assert_int_equal(relay_list_count(l), 0);
    relay_list_renew(l, &r->ann, relay_slice_ref(r->bytes)); /* not listed: nothing happens */
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
        count = relay_list_sample(l, 10, SIZE_MAX, NOW_S, out, &is_cut);
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
    count = relay_list_sample(l, 50, 3 * out[0].len + 50, NOW_S, out, &is_cut);
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

static void test_expired_gives_way(void **state)
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

static void test_asking(void **state)
{
    struct relay_list *l = new_list();
    struct test_relay *a = test_relay(1, 0x08080808, NOW_S), *b = test_relay(2, 0x09090909, NOW_S);
    struct wire_peer_hop hop;

    (void)state;
    assert_int_equal(relay_list_next_ns(l), UINT64_MAX);
    put_at(l, a, S(1), NOW_S);
    put_at(l, b, S(2), NOW_S);
    assert_int_equal(relay_list_next_ns(l), S(1) + LIM_RELAY_CHECK_NS);
    assert_false(relay_list_next(l, LIM_RELAY_CHECK_NS, &hop));
    assert_true(relay_list_next(l, S(3) + LIM_RELAY_CHECK_NS, &hop));
    assert_memory_equal(hop.pubkey_hint, a->ann.relay_pubkey, 32);
    assert_true(hop.has_pubkey_hint);
    assert_true(relay_list_next(l, S(3) + LIM_RELAY_CHECK_NS, &hop));
    assert_memory_equal(hop.pubkey_hint, b->ann.relay_pubkey, 32);
    assert_false(relay_list_next(l, S(3) + LIM_RELAY_CHECK_NS, &hop));
    relay_list_asked(l, a->ann.relay_pubkey, false, S(1000));
    assert_int_equal(relay_list_next_ns(l), S(1060));
    assert_true(relay_list_next(l, S(1060), &hop));
    relay_list_asked(l, a->ann.relay_pubkey, true, S(1060));
    relay_list_asked(l, a->ann.relay_pubkey, false, S(1100));
    assert_int_equal(relay_list_count(l), 2);
    relay_list_asked(l, a->ann.relay_pubkey, false, S(1160));
    assert_int_equal(relay_list_count(l), 1);
    assert_int_equal(relay_list_lost(l), 1);
    relay_list_asked(l, a->ann.relay_pubkey, false, S(1160)); /* gone already */
    relay_list_free(&l);
    test_relay_free(&a);
    test_relay_free(&b);
    assert_int_equal(rt_buf_live(), 0);
}

static void test_against_a_model(void **state)
{
    struct relay_list *l = new_list();
    uint64_t issued[40] = {0};

    (void)state;
    print_message("seed %llu\n", (unsigned long long)rng);
    for (int i = 0; i < 2000; i++) {
        uint32_t n = (uint32_t)(test_random(&rng) % 40);
        struct test_relay *r =
            test_relay(n, 0x08000001 + n * 0x10000, NOW_S - test_random(&rng) % 5000);
        enum relay_verdict v = judge(l, r);

        assert_int_equal(v != RELAY_IGNORE, r->of.issued_at > issued[n]);
        if (v == RELAY_RENEW)
            relay_list_renew(l, &r->ann, relay_slice_ref(r->bytes));
        else if (v == RELAY_DIAL)
            put(l, r);
        if (v != RELAY_IGNORE)
            issued[n] = r->of.issued_at;
        test_relay_free(&r);
    }
    assert_int_equal(relay_list_count(l), 40);
    relay_list_free(&l);
    assert_int_equal(rt_buf_live(), 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_verdicts),          cmocka_unit_test(test_last_word),
        cmocka_unit_test(test_samples),           cmocka_unit_test(test_one_network_floods),
        cmocka_unit_test(test_expired_gives_way), cmocka_unit_test(test_asking),
        cmocka_unit_test(test_against_a_model),
    };

    return cmocka_run_group_tests(tests, test_setup, NULL);
}
