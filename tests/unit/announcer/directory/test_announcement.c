/* SPDX-License-Identifier: MPL-2.0 */
/*
 * Plan:
 *  - In both forms, our announcement contains the given fields, only `relay` in its capabilities,
 *    and no keys at its addresses. It is sound and its signature is valid. A change of any signed
 *    byte breaks the signature. An announcement with the maximum of addresses fits.
 *  - If fewer or more capability fields are sent than signed, the signed form is found and encoded.
 *  - Not sound: expired, issued further ahead than a hello may be, too long a lifetime, no
 *    addresses, no `relay`, too many addresses.
 *  - A decoded announcement encodes to the same bytes. A too large one is neither encoded nor read.
 */
#include "wire_limits.h"
#include "unit/announcer/support.h"

static uint32_t seen_keys;

static void count_key(void *ctx, const struct wire_peer *p)
{
    (void)ctx;
    seen_keys += p->hop.has_pubkey_hint;
}

static void check_ours(enum announcement_form form)
{
    struct test_relay *r = test_relay_in(form, 1, 0x08080808, NOW_S);

    seen_keys = 0;
    assert_int_equal(announcement_form(&r->ann), form);
    assert_int_equal(r->bytes.ptr[0], 0xa7);
    assert_false(r->ann.capabilities.community_paged_browse ||
                 r->ann.capabilities.community_search || r->ann.capabilities.community_delta_sync);
    assert_memory_equal(r->ann.relay_pubkey, r->identity.public_key, 32);
    assert_true(r->ann.capabilities.relay);
    assert_false(r->ann.capabilities.dht || r->ann.capabilities.store ||
                 r->ann.capabilities.content_seed || r->ann.capabilities.mobile_light);
    assert_int_equal(r->ann.max_tunnels, 64);
    assert_int_equal(r->ann.bandwidth_class, WIRE_BANDWIDTH_MEDIUM);
    assert_false(r->ann.has_max_bytes_per_tunnel);
    assert_int_equal(r->ann.addrs.count, 1);
    wire_peers_each(&r->ann.addrs, count_key, NULL);
    assert_int_equal(seen_keys, 0);
    assert_true(announcement_is_sound(&r->ann, NOW_S));
    assert_true(announcement_verify(&r->ann));
    r->ann.max_tunnels++;
    assert_false(announcement_verify(&r->ann));
    r->ann.max_tunnels--;
    r->ann.expires_at--;
    assert_false(announcement_verify(&r->ann));
    r->ann.expires_at++;
    r->ann.signature[5] ^= 1;
    assert_false(announcement_verify(&r->ann));
    test_relay_free(&r);
}

static void test_ours(void **state)
{
    (void)state;
    check_ours(ANNOUNCEMENT_FORM_5);
    check_ours(ANNOUNCEMENT_FORM_8);
}

/* Sent with the fields of the other form. */
static void check_sent_otherwise(enum announcement_form form)
{
    struct test_relay *r = test_relay_in(form, 1, 0x08080808, NOW_S);
    struct relay_slice sent, again;
    uint8_t room[ANNOUNCEMENT_ROOM];
    struct wire_announcement ann = r->ann;

    ann.capabilities.has_community_fields = form != ANNOUNCEMENT_FORM_8;
    ann.capabilities.community_search = form != ANNOUNCEMENT_FORM_8; /* not signed */
    sent = announcement_encode(&ann);
    assert_true(announcement_read(&sent, room, &ann));
    assert_int_not_equal(announcement_form(&ann), form);
    assert_true(announcement_verify(&ann));
    assert_int_equal(announcement_form(&ann), form);
    again = announcement_encode(&ann);
    assert_int_equal(again.len, r->bytes.len);
    assert_memory_equal(again.ptr, r->bytes.ptr, again.len);
    relay_slice_drop(&sent);
    relay_slice_drop(&again);
    test_relay_free(&r);
}

static void test_sent_otherwise(void **state)
{
    (void)state;
    check_sent_otherwise(ANNOUNCEMENT_FORM_5);
    check_sent_otherwise(ANNOUNCEMENT_FORM_8);
    assert_int_equal(rt_buf_live(), 0);
}

static void test_most_addresses(void **state)
{
    struct test_relay *r = test_relay(1, 0x08080808, NOW_S);

    (void)state;
    r->addrs.count = LIM_RELAY_ADDRS_MAX;
    for (uint32_t i = 0; i < LIM_RELAY_ADDRS_MAX; i++) {
        r->addrs.at[i] = (struct wire_peer_hop){.is_ipv6 = true, .port = 65535};
        memset(r->addrs.at[i].ip, 0xff, 16);
    }
    test_relay_make(r);
    assert_true(announcement_is_sound(&r->ann, NOW_S));
    assert_true(announcement_verify(&r->ann));
    test_relay_free(&r);
}

static void test_not_sound(void **state)
{
    struct test_relay *r = test_relay(1, 0x08080808, NOW_S);
    struct wire_announcement a = r->ann;

    (void)state;
    assert_true(announcement_is_sound(&a, a.expires_at - 1));
    assert_false(announcement_is_sound(&a, a.expires_at));
    assert_true(announcement_is_sound(&a, a.issued_at - LIM_HELLO_SKEW_S));
    assert_false(announcement_is_sound(&a, a.issued_at - LIM_HELLO_SKEW_S - 1));
    a.expires_at++;
    assert_false(announcement_is_sound(&a, NOW_S));
    a = r->ann;
    a.addrs.count = 0;
    assert_false(announcement_is_sound(&a, NOW_S));
    a.addrs.count = LIM_RELAY_ADDRS_MAX + 1;
    assert_false(announcement_is_sound(&a, NOW_S));
    a = r->ann;
    a.capabilities.relay = false;
    assert_false(announcement_is_sound(&a, NOW_S));
    test_relay_free(&r);
}

static void test_encoding(void **state)
{
    struct test_relay *r = test_relay(1, 0x08080808, NOW_S);
    struct relay_slice again = announcement_encode(&r->ann), large;
    uint8_t room[ANNOUNCEMENT_ROOM];
    struct wire_announcement ann;
    struct relay_buf *buf = rt_buf_new(ANNOUNCEMENT_ROOM + 1);

    (void)state;
    assert_int_equal(again.len, r->bytes.len);
    assert_memory_equal(again.ptr, r->bytes.ptr, again.len);
    assert_non_null(buf);
    memset(buf->bytes, 0, ANNOUNCEMENT_ROOM + 1);
    memcpy(buf->bytes, again.ptr, again.len);
    large = relay_slice_own(buf, buf->bytes, ANNOUNCEMENT_ROOM);
    assert_true(announcement_read(&large, room, &ann)); /* the bytes after it are ignored */
    large.len++;
    assert_false(announcement_read(&large, room, &ann));
    relay_slice_drop(&large);
    relay_slice_drop(&again);
    test_relay_free(&r);
    assert_int_equal(rt_buf_live(), 0);
}

static void test_too_large(void **state)
{
    struct test_relay *r = test_relay(1, 0x08080808, NOW_S);
    static uint8_t list[2 * ANNOUNCEMENT_ROOM];
    struct wire_peer peer = {.hop = test_hop(0x01010101)};
    struct wire_writer w;
    bool fits;

    (void)state;
    wire_writer_init(&w, list, sizeof(list));
    wire_write_array(&w, 200);
    for (int i = 0; i < 200; i++)
        wire_write_peer(&w, &peer);
    r->ann.addrs = (struct wire_list){{list, (uint32_t)wire_writer_len(&w, &fits)}, 200};
    assert_true(fits);
    assert_null(announcement_encode(&r->ann).owner);
    assert_false(announcement_verify(&r->ann));
    test_relay_free(&r);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_ours),      cmocka_unit_test(test_most_addresses),
        cmocka_unit_test(test_not_sound), cmocka_unit_test(test_encoding),
        cmocka_unit_test(test_too_large), cmocka_unit_test(test_sent_otherwise),
    };

    return cmocka_run_group_tests(tests, test_setup, NULL);
}
