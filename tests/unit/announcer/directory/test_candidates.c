/* SPDX-License-Identifier: MPL-2.0 */
/*
 * Plan:
 *  - A candidate's addresses are dialled in turn, TCP first, with the relay's key. A reply
 *    returns the announcement. A candidate without remaining addresses is dropped.
 *  - Two dials a second in all, eight at once, one at a time per network. The others wait.
 *  - An unreachable address is not dialled for a minute, then two, four, up to an hour, under any
 * key. A reply resets the interval. An address that we may not dial is not remembered. A dial that
 * the DHT has no room for is repeated three times.
 *  - A newer announcement with other addresses replaces a waiting one, but not one under way. With
 *    the same addresses it is accepted at any time, and the other form is kept.
 *  - A dropped candidate is not dialled. One under way stays until its dial ends.
 *  - 256 candidates wait; the next is refused.
 *  - Seeded: under random operations no candidate is lost and no bound is exceeded.
 */
#include "unit/announcer/support.h"

#include "dht/dht_limits.h"
#include "announcer/directory/candidates.h"

#define S(n) ((n)*RT_S)

static const uint8_t hash_key[16] = {9};
static uint64_t rng = 20261125;

static bool offer(struct candidates *c, const struct test_relay *r, uint64_t now_ns)
{
    return candidates_offer(c, &r->ann, relay_slice_ref(r->bytes), now_ns);
}

static bool offer_new(struct candidates *c, uint32_t number, uint32_t ip, uint64_t now_ns)
{
    struct test_relay *r = test_relay(number, ip, NOW_S);
    bool ok = offer(c, r, now_ns);

    test_relay_free(&r);
    return ok;
}

/* Ends a dial; true: reached. */
static bool ended(struct candidates *c, const struct wire_peer_hop *hop, enum candidate_result how,
                  uint64_t now_ns)
{
    struct announcement_forms forms;
    bool reached = candidates_dial_ended(c, hop, how, now_ns, &forms);

    if (reached)
        forms_drop(&forms);
    return reached;
}

static void test_one_after_the_other(void **state)
{
    struct candidates *c = candidates_new(hash_key);
    struct test_relay *r = test_relay(1, 0x08080808, NOW_S);
    struct wire_peer_hop hop;
    struct announcement_forms forms;
    const struct relay_slice *bytes = &forms.at[ANNOUNCEMENT_FORM_5].bytes;

    (void)state;
    r->addrs.at[0].transport = WIRE_QUIC;
    r->addrs.at[1] = test_hop(0x09090909);
    r->addrs.count = 2;
    test_relay_make(r);
    assert_true(offer(c, r, 0));
    assert_true(candidates_has(c, &r->ann));
    assert_true(candidates_next(c, S(1), &hop));
    assert_int_equal(hop.transport, WIRE_TCP);
    assert_true(hop.has_pubkey_hint);
    assert_memory_equal(hop.pubkey_hint, r->ann.relay_pubkey, 32);
    assert_false(candidates_next(c, S(2), &hop));
    assert_false(ended(c, &hop, CANDIDATE_UNREACHABLE, S(2)));
    assert_true(candidates_next(c, S(3), &hop));
    assert_int_equal(hop.transport, WIRE_QUIC);
    assert_true(candidates_dial_ended(c, &hop, CANDIDATE_REACHED, S(3), &forms));
    assert_int_equal(bytes->len, r->bytes.len);
    assert_memory_equal(bytes->ptr, r->bytes.ptr, bytes->len);
    assert_false(forms_has(&forms, ANNOUNCEMENT_FORM_8));
    forms_drop(&forms);
    assert_int_equal(candidates_count(c), 0);
    assert_false(ended(c, &hop, CANDIDATE_REACHED, S(3))); /* the dial has ended already */
    candidates_free(&c);
    test_relay_free(&r);
    assert_int_equal(rt_buf_live(), 0);
}

static void test_pace(void **state)
{
    struct candidates *c = candidates_new(hash_key);
    struct wire_peer_hop hop, under_way[LIM_RELAY_DIALS_MAX];
    uint32_t dials = 0;

    (void)state;
    for (uint32_t i = 0; i < 20; i++)
        assert_true(offer_new(c, i, 0x08080000 + (i << 8), 0));
    for (uint64_t t = 0; t < 2000; t++) { /* ms */
        if (candidates_next(c, S(5) + t * RT_MS, &hop))
            under_way[dials++] = hop;
        else
            assert_in_range(candidates_next_ns(c, S(5) + t * RT_MS), S(5) + t * RT_MS,
                            S(5) + t * RT_MS + RT_S / LIM_RELAY_DIALS_PER_S);
    }
    assert_int_equal(dials, 2 * LIM_RELAY_DIALS_PER_S);
    for (uint64_t t = 10; dials < LIM_RELAY_DIALS_MAX; t++)
        if (candidates_next(c, S(t), &hop))
            under_way[dials++] = hop;
    assert_false(candidates_next(c, S(100), &hop)); /* eight at once */
    assert_int_equal(candidates_next_ns(c, S(100)), UINT64_MAX);
    assert_true(ended(c, &under_way[3], CANDIDATE_REACHED, S(100)));
    assert_true(candidates_next(c, S(100), &hop));
    assert_int_equal(candidates_count(c), 19);
    candidates_free(&c);
    assert_int_equal(rt_buf_live(), 0);
}

static void test_one_per_network(void **state)
{
    struct candidates *c = candidates_new(hash_key);
    struct wire_peer_hop first, other, hop;

    (void)state;
    for (uint32_t i = 0; i < 10; i++)
        assert_true(offer_new(c, i, 0x08080801 + i, 0));
    assert_true(offer_new(c, 10, 0x09090901, 0));
    assert_true(candidates_next(c, S(1), &first));
    assert_true(candidates_next(c, S(2), &other));
    assert_int_equal(other.ip[0], 9);
    assert_false(candidates_next(c, S(3), &hop));
    assert_false(ended(c, &first, CANDIDATE_UNREACHABLE, S(3)));
    assert_true(candidates_next(c, S(4), &hop));
    assert_int_equal(hop.ip[0], 8);
    assert_false(candidates_next(c, S(5), &hop));
    assert_int_equal(candidates_count(c), 10);
    candidates_free(&c);
}

/* Many keys at one address cause one dial, and other candidates are still dialled. */
static void test_silence_counts_for_all_that_wait(void **state)
{
    struct candidates *c = candidates_new(hash_key);
    struct wire_peer_hop hop;

    (void)state;
    for (uint32_t i = 0; i < 100; i++)
        assert_true(offer_new(c, i, 0x08080808, 0));
    assert_true(offer_new(c, 100, 0x09090909, 0));
    assert_true(candidates_next(c, S(1), &hop));
    assert_int_equal(hop.ip[0], 8);
    assert_false(ended(c, &hop, CANDIDATE_UNREACHABLE, S(2)));
    assert_true(candidates_next(c, S(2), &hop));
    assert_int_equal(hop.ip[0], 9);
    assert_int_equal(candidates_count(c), 1);
    candidates_free(&c);
    assert_int_equal(rt_buf_live(), 0);
}

static void test_silence_is_remembered(void **state)
{
    struct candidates *c = candidates_new(hash_key);
    uint64_t t = S(10);
    struct wire_peer_hop hop;

    (void)state;
    for (uint32_t i = 0; i < 9; i++) {
        uint64_t alone_ns = i < 6 ? S(60) << i : LIM_REFUSED_NS;

        assert_true(offer_new(c, i, 0x08080808, t));
        assert_true(candidates_next(c, t, &hop));
        assert_false(ended(c, &hop, CANDIDATE_UNREACHABLE, t));
        assert_int_equal(candidates_count(c), 0);
        alone_ns = alone_ns < LIM_REFUSED_NS ? alone_ns : LIM_REFUSED_NS;
        assert_false(offer_new(c, 100 + i, 0x08080808, t + alone_ns - 1));
        t += alone_ns;
    }
    assert_true(offer_new(c, 50, 0x08080808, t));
    assert_true(candidates_next(c, t, &hop));
    assert_true(ended(c, &hop, CANDIDATE_REACHED, t));
    assert_true(offer_new(c, 51, 0x08080808, t));
    assert_true(candidates_next(c, t + S(1), &hop));
    assert_false(ended(c, &hop, CANDIDATE_UNREACHABLE, t + S(1)));
    assert_true(offer_new(c, 52, 0x08080808, t + S(61))); /* a minute again */
    candidates_free(&c);
    assert_int_equal(rt_buf_live(), 0);
}

static void test_not_its_fault(void **state)
{
    struct candidates *c = candidates_new(hash_key);
    struct wire_peer_hop hop;

    (void)state;
    assert_true(offer_new(c, 1, 0x08080808, 0));
    assert_true(candidates_next(c, S(1), &hop));
    assert_false(ended(c, &hop, CANDIDATE_NOT_DIALLABLE, S(1)));
    assert_int_equal(candidates_count(c), 0);
    assert_true(offer_new(c, 1, 0x08080808, S(2)));
    for (uint64_t i = 0; i < 3; i++) {
        assert_true(candidates_next(c, S(3 + i), &hop));
        assert_false(ended(c, &hop, CANDIDATE_POSTPONED, S(3 + i)));
    }
    assert_int_equal(candidates_count(c), 0);
    assert_true(offer_new(c, 1, 0x08080808, S(9)));
    candidates_free(&c);
    assert_int_equal(rt_buf_live(), 0);
}

static void test_newer_replaces(void **state)
{
    struct candidates *c = candidates_new(hash_key);
    struct test_relay *r = test_relay(1, 0x08080808, NOW_S);
    struct wire_peer_hop hop;

    (void)state;
    assert_true(offer(c, r, 0));
    assert_false(offer(c, r, 0));
    r->of.issued_at++;
    r->addrs.at[0] = test_hop(0x09090909);
    test_relay_make(r);
    assert_false(candidates_has(c, &r->ann));
    assert_true(offer(c, r, 0));
    assert_int_equal(candidates_count(c), 1);
    assert_true(candidates_next(c, S(1), &hop));
    assert_int_equal(hop.ip[0], 9);
    r->of.issued_at++;
    test_relay_make(r);
    assert_false(candidates_has(c, &r->ann));
    assert_true(offer(c, r, S(1)));
    r->of.issued_at++;
    r->addrs.at[0] = test_hop(0x0a090909);
    test_relay_make(r);
    assert_true(candidates_has(c, &r->ann));
    assert_false(offer(c, r, S(1)));
    candidates_free(&c);
    test_relay_free(&r);
    assert_int_equal(rt_buf_live(), 0);
}

static void test_both_forms(void **state)
{
    struct candidates *c = candidates_new(hash_key);
    struct test_relay *five = test_relay(1, 0x08080808, NOW_S);
    struct test_relay *eight = test_relay_in(ANNOUNCEMENT_FORM_8, 1, 0x08080808, NOW_S);
    struct wire_peer_hop hop;
    struct announcement_forms forms;

    (void)state;
    assert_true(offer(c, five, 0));
    assert_false(candidates_has(c, &eight->ann));
    assert_true(candidates_next(c, S(1), &hop));
    assert_true(offer(c, eight, S(1)));
    assert_true(candidates_has(c, &eight->ann) && candidates_has(c, &five->ann));
    assert_int_equal(candidates_count(c), 1);
    assert_true(candidates_dial_ended(c, &hop, CANDIDATE_REACHED, S(2), &forms));
    assert_ptr_equal(forms.at[ANNOUNCEMENT_FORM_5].bytes.ptr, five->bytes.ptr);
    assert_ptr_equal(forms.at[ANNOUNCEMENT_FORM_8].bytes.ptr, eight->bytes.ptr);
    forms_drop(&forms);
    candidates_free(&c);
    test_relay_free(&five);
    test_relay_free(&eight);
    assert_int_equal(rt_buf_live(), 0);
}

static void test_dropped(void **state)
{
    struct candidates *c = candidates_new(hash_key);
    struct test_relay *r = test_relay(1, 0x08080808, NOW_S);
    struct wire_peer_hop hop;

    (void)state;
    assert_false(candidates_drop(c, r->ann.relay_pubkey));
    assert_true(offer(c, r, 0));
    assert_true(candidates_drop(c, r->ann.relay_pubkey));
    assert_int_equal(candidates_count(c), 0);
    assert_false(candidates_next(c, S(1), &hop));
    assert_true(offer(c, r, S(1)));
    assert_true(candidates_next(c, S(1), &hop));
    assert_true(candidates_drop(c, r->ann.relay_pubkey));
    assert_int_equal(candidates_count(c), 1);
    assert_true(ended(c, &hop, CANDIDATE_REACHED, S(2)));
    candidates_free(&c);
    test_relay_free(&r);
    assert_int_equal(rt_buf_live(), 0);
}

static void test_bound(void **state)
{
    struct candidates *c = candidates_new(hash_key);
    struct wire_peer_hop hop;

    (void)state;
    for (uint32_t i = 0; i < LIM_RELAY_CANDIDATES; i++)
        assert_true(offer_new(c, i, 0x08080000 + (i << 8), 0));
    assert_false(offer_new(c, 9999, 0x09090909, 0));
    assert_int_equal(candidates_count(c), LIM_RELAY_CANDIDATES);
    assert_true(candidates_next(c, S(1), &hop));
    assert_true(ended(c, &hop, CANDIDATE_REACHED, S(1)));
    assert_true(offer_new(c, 9999, 0x09090909, S(1)));
    candidates_free(&c);
    assert_int_equal(rt_buf_live(), 0);
}

static void test_at_random(void **state)
{
    struct candidates *c = candidates_new(hash_key);
    struct wire_peer_hop under_way[LIM_RELAY_DIALS_MAX];
    uint32_t count = 0, dials = 0, reached = 0;

    (void)state;
    print_message("seed %llu\n", (unsigned long long)rng);
    for (uint64_t t = 0; t < 20000; t++) { /* tenths of a second */
        uint64_t now_ns = t * 100 * RT_MS, dice = test_random(&rng);

        if (dice % 4 == 0)
            (void)offer_new(c, (uint32_t)(dice >> 8) % 2000, 0x08080000 + (uint32_t)(dice >> 40),
                            now_ns);
        if (candidates_next(c, now_ns, &under_way[count])) {
            for (uint32_t i = 0; i < count; i++)
                assert_memory_not_equal(under_way[i].ip, under_way[count].ip, 3);
            count++;
            dials++;
        }
        if (count > 0 && dice % 3 == 0) {
            uint32_t which = (uint32_t)(dice >> 16) % count;

            reached +=
                ended(c, &under_way[which], (enum candidate_result)((dice >> 24) % 4), now_ns);
            under_way[which] = under_way[--count];
        }
        assert_true(candidates_count(c) <= LIM_RELAY_CANDIDATES);
        assert_true(count <= LIM_RELAY_DIALS_MAX);
    }
    assert_in_range(dials, 1000, 2000 * LIM_RELAY_DIALS_PER_S);
    assert_true(reached > 100);
    candidates_free(&c);
    assert_int_equal(rt_buf_live(), 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_one_after_the_other),
        cmocka_unit_test(test_pace),
        cmocka_unit_test(test_one_per_network),
        cmocka_unit_test(test_silence_counts_for_all_that_wait),
        cmocka_unit_test(test_silence_is_remembered),
        cmocka_unit_test(test_not_its_fault),
        cmocka_unit_test(test_newer_replaces),
        cmocka_unit_test(test_both_forms),
        cmocka_unit_test(test_dropped),
        cmocka_unit_test(test_bound),
        cmocka_unit_test(test_at_random),
    };

    return cmocka_run_group_tests(tests, test_setup, NULL);
}
