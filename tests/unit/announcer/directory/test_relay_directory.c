/* SPDX-License-Identifier: MPL-2.0 */
/*
 * Plan:
 *  - An announcement of an unknown relay becomes a candidate and is then ignored. The relay is
 *    listed when it is reached, in the forms that it announced. A newer announcement renews it.
 *  - A revoked relay is dropped from the list, is ignored afterwards, and is not listed when its
 *    dial ends after the revocation. A candidate that waits is dropped.
 *  - More than LIM_RELAY_CANDIDATES candidates are refused and counted.
 */
#include "unit/announcer/support.h"

#include "announcer/announcer_metrics.h"
#include "announcer/directory/relay_directory.h"

static const uint8_t hash_key[16] = {9};
static uint64_t rng = 20261201;

static struct relay_directory begin(void)
{
    struct relay_directory d;

    directory_init(&d, hash_key, test_random, &rng);
    return d;
}

static bool add(struct relay_directory *d, const struct test_relay *r)
{
    return directory_add(d, &r->ann, RT_S, NOW_S);
}

/* Dials the next candidate. */
static struct wire_peer_hop dial(struct relay_directory *d, uint64_t now_ns)
{
    struct wire_peer_hop hop;

    assert_true(candidates_next(d->candidates, now_ns, &hop));
    return hop;
}

static void test_candidate_is_listed(void **state)
{
    struct relay_directory d = begin();
    struct test_relay *five = test_relay_in(ANNOUNCEMENT_FORM_5, 1, 0x09090909, NOW_S),
                      *eight = test_relay_in(ANNOUNCEMENT_FORM_8, 1, 0x09090909, NOW_S);
    struct wire_peer_hop hop;

    (void)state;
    assert_int_equal(directory_judge(&d, &five->ann, NOW_S), RELAY_DIAL);
    assert_false(add(&d, five));
    assert_int_equal(directory_judge(&d, &five->ann, NOW_S), RELAY_IGNORE);
    assert_int_equal(directory_judge(&d, &eight->ann, NOW_S), RELAY_DIAL);
    assert_false(add(&d, eight));
    hop = dial(&d, RT_S);
    assert_int_equal(directory_admit(&d, &hop, WIRE_DIALECTS_ALL, RT_S, NOW_S),
                     1u << ANNOUNCEMENT_FORM_5 | 1u << ANNOUNCEMENT_FORM_8);
    assert_int_equal(directory_admit(&d, &hop, WIRE_DIALECTS_ALL, RT_S, NOW_S), 0);
    assert_int_equal(relay_list_count(d.list), 1);
    assert_int_equal(directory_judge(&d, &five->ann, NOW_S), RELAY_IGNORE);
    five->of.issued_at++;
    test_relay_make(five);
    assert_int_equal(directory_judge(&d, &five->ann, NOW_S), RELAY_RENEW);
    assert_true(add(&d, five));
    test_relay_free(&five);
    test_relay_free(&eight);
    directory_fini(&d);
    assert_int_equal(rt_buf_live(), 0);
}

static void test_revoked(void **state)
{
    struct relay_directory d = begin();
    struct test_relay *listed = test_relay(1, 0x09090909, NOW_S),
                      *dialled = test_relay(2, 0x0a090909, NOW_S),
                      *waiting = test_relay(3, 0x0b090909, NOW_S);
    struct wire_peer_hop hop;

    (void)state;
    (void)add(&d, listed);
    hop = dial(&d, RT_S);
    assert_int_equal(directory_admit(&d, &hop, WIRE_DIALECTS_ALL, RT_S, NOW_S),
                     1u << ANNOUNCEMENT_FORM_5);
    (void)add(&d, dialled);
    (void)add(&d, waiting);
    hop = dial(&d, 10 * RT_S);
    assert_true(directory_revoke(&d, listed->ann.relay_pubkey));
    assert_false(directory_revoke(&d, listed->ann.relay_pubkey));
    assert_false(directory_revoke(&d, dialled->ann.relay_pubkey));
    assert_false(directory_revoke(&d, waiting->ann.relay_pubkey));
    assert_int_equal(directory_admit(&d, &hop, WIRE_DIALECTS_ALL, RT_S, NOW_S), 0);
    assert_int_equal(candidates_count(d.candidates), 0);
    assert_int_equal(relay_list_count(d.list), 0);
    assert_int_equal(directory_judge(&d, &listed->ann, NOW_S), RELAY_IGNORE);
    test_relay_free(&listed);
    test_relay_free(&dialled);
    test_relay_free(&waiting);
    directory_fini(&d);
    assert_int_equal(rt_buf_live(), 0);
}

static void test_too_many_candidates(void **state)
{
    uint64_t refused = rt_metric_get(RT_METRIC_RELAYS_WAITING);
    struct relay_directory d = begin();

    (void)state;
    for (uint32_t i = 0; i < LIM_RELAY_CANDIDATES + 2; i++) {
        struct test_relay *r = test_relay(10 + i, 0x09000001 + i * 0x10000, NOW_S);

        assert_false(add(&d, r));
        test_relay_free(&r);
    }
    assert_int_equal(candidates_count(d.candidates), LIM_RELAY_CANDIDATES);
    assert_int_equal(rt_metric_get(RT_METRIC_RELAYS_WAITING) - refused, 2);
    directory_fini(&d);
    assert_int_equal(rt_buf_live(), 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_candidate_is_listed),
        cmocka_unit_test(test_revoked),
        cmocka_unit_test(test_too_many_candidates),
    };

    return cmocka_run_group_tests(tests, test_setup, NULL);
}
