/* SPDX-License-Identifier: MPL-2.0 */
/*
 * Plan: form 5 maps to dialect A, form 8 to B and C, in both directions. The hash of addresses
 * depends neither on their order nor on IPv4 mapped into IPv6. An empty set accepts any
 * announcement. With the same addresses each form is judged separately. With other addresses only
 * an announcement newer than both is accepted, and it drops the other form. Buffers are freed once.
 */
#include "unit/announcer/support.h"

#include "announcer/directory/forms.h"

static const uint8_t hash_key[16] = {7};

static uint64_t hash_of(const struct test_relay *r)
{
    return announcement_addrs_hash(hash_key, &r->ann);
}

static enum forms_verdict judge(const struct announcement_forms *f, const struct test_relay *r)
{
    return forms_judge(f, &r->ann, hash_of(r));
}

static void put(struct announcement_forms *f, const struct test_relay *r)
{
    forms_put(f, &r->ann, hash_of(r), relay_slice_ref(r->bytes));
}

static void test_dialects(void **state)
{
    uint8_t all = 0;

    (void)state;
    assert_int_equal(announcement_form_in(WIRE_DIALECT_A), ANNOUNCEMENT_FORM_5);
    assert_int_equal(announcement_form_in(WIRE_DIALECT_B), ANNOUNCEMENT_FORM_8);
    assert_int_equal(announcement_form_in(WIRE_DIALECT_C), ANNOUNCEMENT_FORM_8);
    for (enum wire_dialect d = WIRE_DIALECT_A; d < WIRE_DIALECTS; d++) {
        assert_true(announcement_form_dialects(announcement_form_in(d)) & WIRE_DIALECT_BIT(d));
        all |= announcement_form_dialects(announcement_form_in(d));
    }
    assert_int_equal(all, WIRE_DIALECTS_ALL);
    assert_int_equal(announcement_form_dialects(ANNOUNCEMENT_FORM_5) &
                         announcement_form_dialects(ANNOUNCEMENT_FORM_8),
                     0);
}

static void test_addresses(void **state)
{
    struct test_relay *a = test_relay(1, 0x08080808, NOW_S), *b = test_relay(2, 0x09090909, NOW_S);

    (void)state;
    assert_int_not_equal(hash_of(a), hash_of(b));
    a->addrs.at[a->addrs.count++] = test_hop(0x09090909);
    b->addrs.at[b->addrs.count++] = (struct wire_peer_hop){.is_ipv6 = true,
                                                           .ip = {[10] = 0xff, 0xff, 8, 8, 8, 8},
                                                           .port = 7001,
                                                           .transport = WIRE_TCP};
    test_relay_make(a);
    test_relay_make(b);
    assert_int_equal(hash_of(a), hash_of(b));
    b->addrs.at[1].port++;
    test_relay_make(b);
    assert_int_not_equal(hash_of(a), hash_of(b));
    test_relay_free(&a);
    test_relay_free(&b);
}

static void test_verdicts(void **state)
{
    struct announcement_forms f = {0};
    struct test_relay *five = test_relay(1, 0x08080808, NOW_S);
    struct test_relay *eight = test_relay_in(ANNOUNCEMENT_FORM_8, 1, 0x08080808, NOW_S - 100);

    (void)state;
    assert_true(forms_is_empty(&f));
    assert_int_equal(judge(&f, five), FORMS_MOVED);
    put(&f, five);
    assert_int_equal(judge(&f, five), FORMS_OLD);
    assert_int_equal(judge(&f, eight), FORMS_NEWER); /* in its form */
    put(&f, eight);
    assert_true(forms_has(&f, ANNOUNCEMENT_FORM_5) && forms_has(&f, ANNOUNCEMENT_FORM_8));
    assert_int_equal(judge(&f, eight), FORMS_OLD);
    eight->addrs.at[0] = test_hop(0x09090909);
    eight->of.issued_at = NOW_S; /* newer than the held form 8, not than form 5 */
    test_relay_make(eight);
    assert_int_equal(judge(&f, eight), FORMS_OLD);
    eight->of.issued_at++;
    test_relay_make(eight);
    assert_int_equal(judge(&f, eight), FORMS_MOVED);
    put(&f, eight);
    assert_false(forms_has(&f, ANNOUNCEMENT_FORM_5));
    assert_int_equal(f.at[ANNOUNCEMENT_FORM_8].issued_at, NOW_S + 1);
    assert_int_equal(f.at[ANNOUNCEMENT_FORM_8].expires_at, eight->of.expires_at);
    assert_int_equal(judge(&f, five), FORMS_OLD);
    forms_drop_one(&f, ANNOUNCEMENT_FORM_5);
    assert_false(forms_is_empty(&f));
    forms_drop(&f);
    assert_true(forms_is_empty(&f));
    forms_drop(&f);
    test_relay_free(&five);
    test_relay_free(&eight);
    assert_int_equal(rt_buf_live(), 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_dialects),
        cmocka_unit_test(test_addresses),
        cmocka_unit_test(test_verdicts),
    };

    return cmocka_run_group_tests(tests, test_setup, NULL);
}
