/* SPDX-License-Identifier: MPL-2.0 */
/*
 * Plan: hand-written tagged values and community messages. Bytes of the reference are in
 * test_vectors_community.c and test_vectors_messages.c, other forms and truncation in test_forms.c.
 *  - Every decoder rejects every other tag and then leaves its output untouched.
 *  - A signature of another length than 64 has an error of its own.
 *  - A missing token and an empty token are different. A token is valid only for its community and
 *    member. Decoding a token changes nothing in place.
 *  - A missing text and an empty text are different. Text that is not UTF-8 is rejected. A long
 *    text and a long token in chunks can be decoded twice.
 *  - Integers at and above their maximum.
 *  - An entry's address is read; lists of entries are checked entry by entry.
 *  - The bounds on the size of replies hold for the largest ones, and for each kind of entry.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "crypto/crypto.h"
#include "wire_browse.h"
#include "wire_community.h"
#include "wire_value.h"

static uint8_t buf[256 * 1024];
static struct wire_writer w;

static void start(void)
{
    memset(buf, 0, sizeof buf);
    wire_writer_init(&w, buf, sizeof buf);
}

static struct wire_bytes text(const char *s)
{
    return (struct wire_bytes){(const uint8_t *)s, (uint32_t)strlen(s)};
}

static struct wire_member_record some_member(void)
{
    struct wire_member_record x = {.announce_seq = 3, .issued_at = 1000, .expires_at = 2000};
    memset(x.community_id, 1, 32);
    memset(x.member_node_pubkey, 2, 32);
    memset(x.signature, 3, 64);
    return x;
}

static struct wire_share_record some_share(void)
{
    struct wire_share_record x = {.latest_seq = 7, .updated_at = 1000};
    memset(x.community_id, 1, 32);
    memset(x.share_pubkey, 2, 32);
    wire_share_id(x.share_pubkey, x.share_id);
    memset(x.latest_manifest_id, 4, 32);
    memset(x.signature, 3, 64);
    return x;
}

/* -- tags -- */

/* A decoder with a common signature. `out` is filled with 0xa5 before; a failure must not change
 * it. */
#define DECODE(name, type)                                                                         \
    static rt_err decode_##name(size_t len)                                                        \
    {                                                                                              \
        struct type x, untouched;                                                                  \
        memset(&x, 0xa5, sizeof x);                                                                \
        memset(&untouched, 0xa5, sizeof untouched);                                                \
        rt_err err = wire_##name##_decode(buf, len, &x);                                           \
        if (err != RT_ERR_OK)                                                                      \
            assert_memory_equal(&x, &untouched, sizeof x);                                         \
        return err;                                                                                \
    }
DECODE(member_record, wire_member_record)
DECODE(share_record, wire_share_record)
DECODE(community_hint, wire_community_hint)
DECODE(members_page, wire_community_page)
DECODE(shares_page, wire_community_page)
DECODE(rotation, wire_rotation)
DECODE(revocation, wire_revocation)

static void write_value(enum wire_value_kind kind)
{
    struct wire_member_record member = some_member();
    struct wire_share_record share = some_share();
    start();
    switch (kind) {
    case WIRE_VALUE_MEMBER_RECORD:
        wire_write_member_record(&w, &member);
        break;
    case WIRE_VALUE_SHARE_RECORD:
        wire_write_share_record(&w, &share);
        break;
    case WIRE_VALUE_COMMUNITY_HINT:
        wire_write_community_hint(&w, &(struct wire_community_hint){0});
        break;
    case WIRE_VALUE_MEMBERS_PAGE:
        wire_write_members_page(&w, &(struct wire_community_page){0});
        break;
    case WIRE_VALUE_SHARES_PAGE:
        wire_write_shares_page(&w, &(struct wire_community_page){0});
        break;
    case WIRE_VALUE_ROTATION:
        wire_write_rotation(&w, &(struct wire_rotation){0});
        break;
    default:
        wire_write_revocation(&w, &(struct wire_revocation){0});
    }
}

static void test_tags(void **state)
{
    (void)state;
    static rt_err (*const decoders[])(size_t len) = {
        decode_member_record, decode_share_record, decode_community_hint, decode_members_page,
        decode_shares_page,   decode_rotation,     decode_revocation,
    };
    for (unsigned kind = 0; kind < 7; kind++) {
        write_value((enum wire_value_kind)(WIRE_VALUE_MEMBER_RECORD + kind));
        assert_int_equal(wire_value_kind(buf, w.pos), WIRE_VALUE_MEMBER_RECORD + kind);
        assert_int_equal(decoders[kind](0), RT_ERR_TRUNCATED);
        assert_int_equal(decoders[kind](1), RT_ERR_TRUNCATED);
        for (unsigned tag = 0; tag < 256; tag++) {
            buf[0] = (uint8_t)tag;
            rt_err want = tag == WIRE_VALUE_TAG_FIRST + kind ? RT_ERR_OK : RT_ERR_MALFORMED;
            assert_int_equal(decoders[kind](w.pos), want);
        }
    }
}

/* -- signatures -- */

/* Replaces the last 66 bytes, a byte string of 64 bytes, with a byte string of `len` bytes. */
static void shorten_signature(uint8_t len)
{
    assert_int_equal(buf[w.pos - 66], 0x58);
    buf[w.pos - 65] = len;
    w.pos = w.pos - 64 + len;
}

static void test_signatures(void **state)
{
    (void)state;
    for (uint8_t len = 63; len <= 65; len++) {
        rt_err want = len == 64 ? RT_ERR_OK : RT_ERR_BAD_SIGNATURE;
        write_value(WIRE_VALUE_MEMBER_RECORD);
        shorten_signature(len);
        assert_int_equal(decode_member_record(w.pos), want);
        write_value(WIRE_VALUE_SHARE_RECORD);
        shorten_signature(len);
        assert_int_equal(decode_share_record(w.pos), want);
        write_value(WIRE_VALUE_ROTATION);
        shorten_signature(len);
        assert_int_equal(decode_rotation(w.pos), want);
        write_value(WIRE_VALUE_REVOCATION);
        shorten_signature(len);
        assert_int_equal(decode_revocation(w.pos), want);

        struct wire_membership_token token = {0};
        start();
        wire_write_membership_token(&w, &token);
        shorten_signature(len);
        assert_int_equal(wire_membership_token_decode(buf, w.pos, &token), want);
    }
}

/* -- tokens -- */

static void test_token(void **state)
{
    (void)state;
    struct wire_member_record x = some_member(), got;
    struct wire_membership_token token = {0}, read;
    uint8_t bytes[400], before[400];
    struct wire_writer t;
    memcpy(token.community_share_id, x.community_id, 32);
    memcpy(token.member_node_pubkey, x.member_node_pubkey, 32);
    wire_writer_init(&t, bytes, sizeof bytes);
    wire_write_membership_token(&t, &token);
    memcpy(before, bytes, sizeof bytes);
    assert_int_equal(wire_membership_token_decode(bytes, t.pos, &read), RT_ERR_OK);
    assert_memory_equal(before, bytes, sizeof bytes);

    assert_true(wire_member_record_is_valid(&x));
    x.auth_token = (struct wire_bytes){bytes, (uint32_t)t.pos};
    assert_true(wire_member_record_is_valid(&x));
    x.community_id[31] ^= 1;
    assert_false(wire_member_record_is_valid(&x));
    x.community_id[31] ^= 1;
    x.member_node_pubkey[0] ^= 1;
    assert_false(wire_member_record_is_valid(&x));
    x.member_node_pubkey[0] ^= 1;
    x.auth_token.len--;
    assert_false(wire_member_record_is_valid(&x));

    x.auth_token.len = 0;
    start();
    wire_write_member_record(&w, &x);
    assert_int_equal(wire_member_record_decode(buf, w.pos, &got), RT_ERR_OK);
    assert_non_null(got.auth_token.ptr);
    assert_int_equal(got.auth_token.len, 0);
    assert_false(wire_member_record_is_valid(&got));

    x.auth_token.ptr = NULL;
    start();
    wire_write_member_record(&w, &x);
    assert_int_equal(wire_member_record_decode(buf, w.pos, &got), RT_ERR_OK);
    assert_null(got.auth_token.ptr);
}

/* -- texts -- */

static void test_texts(void **state)
{
    (void)state;
    struct wire_share_record x = some_share(), got;
    x.title = text("");
    start();
    wire_write_share_record(&w, &x);
    assert_int_equal(wire_share_record_decode(buf, w.pos, &got), RT_ERR_OK);
    assert_non_null(got.title.ptr);
    assert_int_equal(got.title.len, 0);
    assert_null(got.description.ptr);

    x.title = text("\xc3\x28");
    start();
    wire_write_share_record(&w, &x);
    assert_int_equal(wire_share_record_decode(buf, w.pos, &got), RT_ERR_MALFORMED);

    struct wire_browse_request request;
    start();
    wire_write_map(&w, 3);
    wire_write_key(&w, "community_id");
    wire_write_bytes(&w, x.community_id, 32);
    wire_write_key(&w, "limit");
    wire_write_uint(&w, 1);
    wire_write_key(&w, "query");
    wire_write_text(&w, "\xff", 1);
    assert_int_equal(wire_community_search_request_decode(buf, w.pos, &request), RT_ERR_MALFORMED);
    buf[w.pos - 1] = 'q';
    assert_int_equal(wire_community_search_request_decode(buf, w.pos, &request), RT_ERR_OK);
    assert_int_equal(request.query.len, 1);
    assert_null(request.cursor.ptr);
}

/* A title of 60,000 bytes in three chunks. */
static void test_long_text(void **state)
{
    (void)state;
    static char piece[20000];
    struct wire_share_record x = some_share(), got;
    memset(piece, 't', sizeof piece);
    start();
    wire_write_share_record(&w, &x);
    buf[1]++; /* adds a pair to the map */
    wire_write_key(&w, "title");
    wire_write_raw(&w, (const uint8_t[]){0x7f}, 1);
    for (int i = 0; i < 3; i++)
        wire_write_text(&w, piece, sizeof piece);
    wire_write_raw(&w, (const uint8_t[]){0xff}, 1);
    for (int round = 0; round < 2; round++) {
        assert_int_equal(wire_share_record_decode(buf, w.pos, &got), RT_ERR_OK);
        assert_int_equal(got.title.len, 3 * sizeof piece);
        for (int i = 0; i < 3; i++)
            assert_memory_equal(got.title.ptr + i * sizeof piece, piece, sizeof piece);
    }
}

/* -- integers -- */

static size_t write_limit(uint64_t limit)
{
    uint8_t id[32] = {0};
    start();
    wire_write_map(&w, 2);
    wire_write_key(&w, "community_id");
    wire_write_bytes(&w, id, 32);
    wire_write_key(&w, "limit");
    wire_write_uint(&w, limit);
    return w.pos;
}

static void test_integers(void **state)
{
    (void)state;
    struct wire_browse_request request = {.limit = 9};
    size_t len = write_limit(65536);
    assert_int_equal(wire_community_events_request_decode(buf, len, &request), RT_ERR_MALFORMED);
    assert_int_equal(request.limit, 9);
    len = write_limit(65535);
    assert_int_equal(wire_community_events_request_decode(buf, len, &request), RT_ERR_OK);
    assert_int_equal(request.limit, 65535);
    assert_false(request.has_since);

    struct wire_rotation x = {.rotation_seq = UINT64_MAX, .issued_at = UINT64_MAX}, got;
    x.subject_kind = WIRE_SUBJECT_SHARE_PUBLISHER;
    start();
    wire_write_rotation(&w, &x);
    assert_int_equal(wire_rotation_decode(buf, w.pos, &got), RT_ERR_OK);
    assert_int_equal(got.subject_kind, x.subject_kind);
    assert_int_equal(got.rotation_seq, UINT64_MAX);
    assert_int_equal(got.issued_at, UINT64_MAX);
}

/* -- pages -- */

static void write_members_page(uint32_t count)
{
    uint8_t id[32] = {0};
    start();
    wire_write_raw(&w, (const uint8_t[]){0x34}, 1);
    wire_write_map(&w, 6);
    wire_write_key(&w, "community_id");
    wire_write_bytes(&w, id, 32);
    for (int i = 0; i < 4; i++) {
        static const char *const names[] = {"bucket", "page_no", "total_pages", "built_at"};
        wire_write_key(&w, names[i]);
        wire_write_uint(&w, 2);
    }
    wire_write_key(&w, "entries");
    wire_write_array(&w, count);
}

static void test_pages(void **state)
{
    (void)state;
    struct wire_community_page page;
    struct wire_member_entry e = {.has_addr = true}, got;
    e.addr.hop = (struct wire_peer_hop){.ip = {192, 0, 2, 1}, .port = 7000, .transport = WIRE_QUIC};
    write_members_page(1);
    wire_write_member_entry(&w, &e);
    assert_int_equal(wire_members_page_decode(buf, w.pos, &page), RT_ERR_OK);
    assert_int_equal(page.entries.count, 1);
    assert_false(wire_community_page_is_valid(&page)); /* page 2 of 2 */
    page.total_pages++;
    assert_true(wire_community_page_is_valid(&page));

    struct wire_reader r;
    struct wire_seq s = wire_list_open(&page.entries, &r);
    assert_true(wire_seq_next(&r, &s));
    wire_read_member_entry(&r, &got);
    assert_true(got.has_addr);
    assert_memory_equal(&got.addr.hop, &e.addr.hop, sizeof e.addr.hop);
    assert_false(wire_seq_next(&r, &s));
    assert_int_equal(r.err, RT_ERR_OK);

    write_members_page(2);
    wire_write_member_entry(&w, &e);
    wire_write_map(&w, 0);
    assert_int_equal(wire_members_page_decode(buf, w.pos, &page), RT_ERR_MALFORMED);
}

/* -- bounds -- */

static size_t measured(void (*write)(struct wire_writer *m))
{
    struct wire_writer m;
    bool fits;
    wire_writer_init(&m, NULL, 0);
    write(&m);
    return wire_writer_len(&m, &fits);
}

static uint8_t ff[32];
static char long_text[70000];

static struct wire_share_record largest_share(void)
{
    struct wire_bytes big = {(const uint8_t *)long_text, sizeof long_text};
    struct wire_share_record x = {.latest_seq = UINT64_MAX, .updated_at = UINT64_MAX};
    memcpy(x.share_id, ff, 32);
    memcpy(x.share_pubkey, ff, 32);
    x.title = x.description = big;
    return x;
}

static void write_largest_member(struct wire_writer *m)
{
    wire_write_members_reply_entry(m, ff, WIRE_MEMBER_JOINED, UINT64_MAX);
}

static void write_largest_share(struct wire_writer *m)
{
    struct wire_share_record x = largest_share();
    wire_write_shares_reply_entry(m, &x);
}

static void write_largest_hit(struct wire_writer *m)
{
    struct wire_share_record x = largest_share();
    wire_write_search_reply_hit(m, &x, UINT32_MAX);
}

static void write_largest_member_event(struct wire_writer *m)
{
    wire_write_events_reply_member(m, ff, WIRE_MEMBER_JOINED, UINT64_MAX);
}

static void write_largest_share_event(struct wire_writer *m)
{
    struct wire_share_record x = largest_share();
    wire_write_events_reply_share(m, &x);
}

static void write_largest_frame(struct wire_writer *m)
{
    wire_write_members_reply_head(m, ff, UINT32_MAX, true);
    wire_write_reply_cursor(m, long_text, WIRE_CURSOR_MAX);
}

static void test_bounds(void **state)
{
    (void)state;
    memset(ff, 0xff, sizeof ff);
    memset(long_text, 'x', sizeof long_text);
    assert_in_range(measured(write_largest_frame), 100, WIRE_REPLY_FRAME_MAX);
    assert_in_range(measured(write_largest_member), 100, WIRE_REPLY_ENTRY_MAX);
    assert_in_range(measured(write_largest_member_event), 100, WIRE_REPLY_ENTRY_MAX);
    size_t one = sizeof long_text, two = 2 * one;
    assert_in_range(measured(write_largest_share), two, two + WIRE_REPLY_ENTRY_MAX);
    assert_in_range(measured(write_largest_hit), two, two + WIRE_REPLY_ENTRY_MAX);
    assert_in_range(measured(write_largest_share_event), one, one + WIRE_REPLY_ENTRY_MAX);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_tags),      cmocka_unit_test(test_signatures),
        cmocka_unit_test(test_token),     cmocka_unit_test(test_texts),
        cmocka_unit_test(test_long_text), cmocka_unit_test(test_integers),
        cmocka_unit_test(test_pages),     cmocka_unit_test(test_bounds),
    };
    if (rt_crypto_init() != RT_ERR_OK)
        return 1;
    return cmocka_run_group_tests(tests, NULL, NULL);
}
