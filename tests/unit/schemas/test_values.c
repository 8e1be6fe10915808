/* SPDX-License-Identifier: MPL-2.0 */
/*
 * Plan: values built by hand.
 *  - The fixed vectors of the protocol: the signature and id of the manifest, its share head, ids
 *    and keys, encoded from structs and again from the bytes.
 *  - Items: 3,000 and no more; defaults. The bound on the length of encodings holds for the values
 *    that grow most. A scratch buffer that is too small is an error.
 *  - A text in chunks, and one of 60,000 bytes, can be decoded twice.
 *  - One key decides the kind of a value, whatever the other keys are.
 *  - Announcements: each structural rule alone; the buckets at the limits of time.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "crypto/crypto.h"
#include "wire_announce.h"
#include "wire_limits.h"
#include "wire_value.h"

static void assert_hex(const uint8_t *got, size_t len, const char *want)
{
    char hex[129];
    rt_hex(got, len, hex);
    assert_string_equal(hex, want);
}

static struct wire_bytes text(const char *s)
{
    return (struct wire_bytes){(const uint8_t *)s, (uint32_t)strlen(s)};
}

/* -- the catalog of the fixed vectors -- */

static struct rt_sign_key share_key;

struct catalog {
    struct wire_manifest manifest;
    uint8_t tags[64], items[512], recommended[128];
};

static void make_catalog(struct catalog *c)
{
    struct wire_writer w;
    struct wire_item item = {.size = 1234, .chunk_count = 2};
    uint8_t id[32], hashes[64];

    wire_writer_init(&w, c->tags, sizeof c->tags);
    wire_write_array(&w, 2);
    wire_write_key(&w, "sample");
    wire_write_key(&w, "vector");
    item.tags = (struct wire_list){{c->tags, (uint32_t)w.pos}, 2};
    item.name = text("sample.bin");
    item.mime = text("application/octet-stream");
    memset(item.content_id, 7, 32);
    memset(hashes, 8, 32);
    memset(hashes + 32, 9, 32);
    rt_blake3(hashes, sizeof hashes, item.chunk_list_hash);

    c->manifest = (struct wire_manifest){
        .version = 1,
        .seq = 7,
        .created_at = 1700000000,
        .has_expires_at = true,
        .expires_at = 1700086400,
        .title = text("Conformance Catalog"),
        .description = text("fixed vectors"),
    };
    memcpy(c->manifest.share_pubkey, share_key.public_key, 32);
    wire_share_id(share_key.public_key, c->manifest.share_id);
    wire_writer_init(&w, c->items, sizeof c->items);
    wire_write_array(&w, 1);
    wire_write_item(&w, &item);
    c->manifest.items = (struct wire_list){{c->items, (uint32_t)w.pos}, 1};
    memset(id, 3, 32);
    wire_writer_init(&w, c->recommended, sizeof c->recommended);
    wire_write_array(&w, 1);
    wire_write_int_array(&w, id, 32);
    c->manifest.recommended_shares = (struct wire_list){{c->recommended, (uint32_t)w.pos}, 1};
}

static void sign_catalog(struct catalog *c)
{
    uint8_t buf[2048];
    struct wire_writer w;
    wire_writer_init(&w, buf, sizeof buf);
    wire_write_manifest_signed(&w, &c->manifest);
    rt_sign(&share_key, buf, w.pos, c->manifest.signature);
    c->manifest.has_signature = true;
}

static void test_fixed_vectors(void **state)
{
    (void)state;
    static struct catalog c;
    uint8_t id[32], buf[2048];
    make_catalog(&c);
    assert_false(wire_manifest_is_consistent(&c.manifest)); /* not signed yet */
    sign_catalog(&c);
    assert_hex(c.manifest.signature, 64,
               "c9659453aaa719dc6ddb9064c7a822d4ff848e525a7b3983f32b3d139683b059"
               "13e19e1ecdea09d067e7637190218babd701ad3715433b5632091a8f6f46c609");
    assert_true(wire_manifest_is_consistent(&c.manifest));
    assert_int_equal(wire_manifest_id(&c.manifest, buf, sizeof buf, id), RT_ERR_OK);
    assert_hex(id, 32, "a90a613c6ddd02449ad7548dc02e2a42f35810251cf5bca482aad4f3eda66f2b");

    struct wire_share_head head = {.latest_seq = 7, .updated_at = 1700000010};
    struct wire_writer w;
    memcpy(head.share_id, c.manifest.share_id, 32);
    memcpy(head.latest_manifest_id, id, 32);
    wire_writer_init(&w, buf, sizeof buf);
    wire_write_share_head_signed(&w, &head);
    rt_sign(&share_key, buf, w.pos, head.sig);
    assert_hex(head.sig, 64,
               "6874d73dce29cc079e80d9d2ee817c3e3ecaef5cd5bd86fae1ef837578dd9077"
               "2a539b3974598979d03fcd4b52d9c5b8b4e7ca166a5476ee454b5d2c5e56ca03");

    wire_writer_init(&w, buf, sizeof buf);
    wire_write_manifest(&w, &c.manifest);
    struct wire_manifest again;
    uint8_t scratch[2048], id_again[32];
    assert_int_equal(wire_manifest_decode(buf, w.pos, &again), RT_ERR_OK);
    assert_int_equal(wire_manifest_id(&again, scratch, sizeof scratch, id_again), RT_ERR_OK);
    assert_memory_equal(id_again, id, 32);
    assert_int_equal(wire_manifest_id(&again, scratch, 100, id_again), RT_ERR_TOO_LARGE);
}

static void test_fixed_ids(void **state)
{
    (void)state;
    static const uint8_t public_key[32] = {
        0xd7, 0x5a, 0x98, 0x01, 0x82, 0xb1, 0x0a, 0xb7, 0xd5, 0x4b, 0xfe,
        0xd3, 0xc9, 0x64, 0x07, 0x3a, 0x0e, 0xe1, 0x72, 0xf3, 0xda, 0xa6,
        0x23, 0x25, 0xaf, 0x02, 0x1a, 0x68, 0xf7, 0x07, 0x51, 0x1a,
    };
    uint8_t share_id[32], key[32];
    wire_share_id(public_key, share_id);
    assert_hex(share_id, 32, "21fe31dfa154a261626bf854046fd2271b7bed4b6abe45aa58877ef47f9721b9");
    wire_share_head_key(share_id, key);
    assert_hex(key, 32, "edcfbb3a4c7e3da470fec41e8eac723d143ac3a69537a81a43200c4fa9df50ed");
}

static void test_consistency(void **state)
{
    (void)state;
    static struct catalog c;
    make_catalog(&c);
    sign_catalog(&c);
    c.manifest.share_id[31] ^= 1;
    assert_false(wire_manifest_is_consistent(&c.manifest));
    c.manifest.share_id[31] ^= 1;
    c.manifest.expires_at = c.manifest.created_at;
    assert_false(wire_manifest_is_consistent(&c.manifest));
    c.manifest.has_expires_at = false;
    assert_true(wire_manifest_is_consistent(&c.manifest));
}

/* -- items -- */

/* A manifest of `count` items in the shortest form that is accepted. */
static size_t write_smallest(uint8_t *buf, size_t cap, uint32_t count)
{
    static const uint8_t id[32];
    struct wire_writer w;
    wire_writer_init(&w, buf, cap);
    wire_write_map(&w, 7);
    wire_write_key(&w, "version");
    wire_write_uint(&w, 1);
    wire_write_key(&w, "share_pubkey");
    wire_write_bytes(&w, id, 32);
    wire_write_key(&w, "share_id");
    wire_write_bytes(&w, id, 32);
    wire_write_key(&w, "seq");
    wire_write_uint(&w, 1);
    wire_write_key(&w, "created_at");
    wire_write_uint(&w, 1);
    wire_write_key(&w, "recommended_shares");
    wire_write_array(&w, 0);
    wire_write_key(&w, "items");
    wire_write_array(&w, count);
    for (uint32_t i = 0; i < count; i++) {
        wire_write_map(&w, 4);
        wire_write_key(&w, "content_id");
        wire_write_bytes(&w, (const uint8_t *)"abcdefghijklmnopqrstuvwxyz012345", 32);
        wire_write_key(&w, "size");
        wire_write_uint(&w, 1);
        wire_write_key(&w, "name");
        wire_write_text(&w, "", 0);
        wire_write_key(&w, "tags");
        wire_write_array(&w, 0);
    }
    return w.pos;
}

static void test_items_max(void **state)
{
    (void)state;
    const size_t cap = 400000;
    uint8_t *buf = malloc(cap), *out = malloc(WIRE_MANIFEST_ENCODED_MAX(cap));
    struct wire_manifest m;
    for (uint32_t over = 0; over < 2; over++) {
        size_t len = write_smallest(buf, cap, LIM_MANIFEST_ITEMS_MAX + over);
        assert_int_equal(wire_manifest_decode(buf, len, &m), over ? RT_ERR_TOO_LARGE : RT_ERR_OK);
    }
    assert_int_equal(m.items.count, LIM_MANIFEST_ITEMS_MAX);
    assert_int_equal(m.visibility, WIRE_PRIVATE);
    assert_false(m.has_signature);
    for (uint32_t count = 0; count <= LIM_MANIFEST_ITEMS_MAX; count += 500) {
        struct wire_writer w;
        size_t len = write_smallest(buf, cap, count);
        assert_int_equal(wire_manifest_decode(buf, len, &m), RT_ERR_OK);
        wire_writer_init(&w, out, WIRE_MANIFEST_ENCODED_MAX(len));
        wire_write_manifest(&w, &m);
        assert_in_range(w.pos, len, WIRE_MANIFEST_ENCODED_MAX(len));
        wire_writer_init(&w, out, WIRE_MANIFEST_ENCODED_MAX(len));
        wire_write_manifest_hashed(&w, &m);
        assert_in_range(w.pos, len - 100, WIRE_MANIFEST_ENCODED_MAX(len));
    }
    free(buf);
    free(out);
}

static rt_err item_error(const char *bytes, size_t len)
{
    uint8_t copy[256];
    struct wire_reader r;
    struct wire_item item;
    memcpy(copy, bytes, len);
    wire_reader_init(&r, copy, len);
    wire_read_item(&r, &item);
    return r.err;
}
#define ITEM_ERROR(literal) item_error("" literal, sizeof(literal) - 1)
#define ID "\152content_id\130 abcdefghijklmnopqrstuvwxyz012345"

static void test_item_keys(void **state)
{
    (void)state;
    assert_int_equal(ITEM_ERROR("\xa4" ID "\x64size\x01\x64name\x61x\x64tags\x80"), RT_ERR_OK);
    assert_int_equal(ITEM_ERROR("\xa3" ID "\x64name\x61x\x64tags\x80"), RT_ERR_MALFORMED);
    assert_int_equal(ITEM_ERROR("\xa3" ID "\x64size\x01\x64tags\x80"), RT_ERR_MALFORMED);
    assert_int_equal(ITEM_ERROR("\xa3" ID "\x64size\x01\x64name\x61x"), RT_ERR_MALFORMED);
    assert_int_equal(ITEM_ERROR("\xa4" ID "\x64size\x01\x64name\xf6\x64tags\x80"),
                     RT_ERR_MALFORMED);
    assert_int_equal(ITEM_ERROR("\xa4" ID "\x64size\x01\x64name\x61\xff\x64tags\x80"),
                     RT_ERR_MALFORMED);
    assert_int_equal(ITEM_ERROR("\xa4" ID "\x64size\x01\x64name\x61x\x64tags\x81\x01"),
                     RT_ERR_MALFORMED);
    assert_int_equal(ITEM_ERROR("\xa5" ID "\x64size\x01\x64name\x61x\x64tags\x80\x64mime\xf6"),
                     RT_ERR_OK);
}

static void test_long_texts(void **state)
{
    (void)state;
    static uint8_t buf[70000];
    size_t len = write_smallest(buf, sizeof buf, 0);
    buf[0]++;
    buf[len++] = 0x65;
    memcpy(buf + len, "title\x7f", 6);
    len += 6;
    for (int i = 0; i < 3000; i++) { /* 60,000 bytes in chunks of 20 */
        buf[len++] = 0x74;
        memset(buf + len, 'a' + i % 26, 20);
        len += 20;
    }
    buf[len++] = 0xff;
    for (int round = 0; round < 2; round++) {
        struct wire_manifest m;
        assert_int_equal(wire_manifest_decode(buf, len, &m), RT_ERR_OK);
        assert_int_equal(m.title.len, 60000);
        for (uint32_t i = 0; i < 60000; i++)
            assert_int_equal(m.title.ptr[i], 'a' + i / 20 % 26);
    }
}

/* -- kinds -- */

static void test_kind(void **state)
{
    (void)state;
    static const struct {
        const char *bytes;
        enum wire_value_kind want;
    } cases[] = {
        {"\xa2\x05\x06\x72latest_manifest_id\x01", WIRE_VALUE_SHARE_HEAD},
        {"\xa2\x61x\x81\x07\x69providers\x80", WIRE_VALUE_PROVIDERS},
        {"\xbf\x65items\x80", WIRE_VALUE_MANIFEST},
        {"\xa1\x6brelay_addrs\x80", WIRE_VALUE_ANNOUNCEMENT},
        {"\xa1\x67members\x80", WIRE_VALUE_MEMBERS},
        {"\xa1\x67memberz\x80", WIRE_VALUE_NONE},
        {"\xa0", WIRE_VALUE_NONE},
        {"\x81\x67members", WIRE_VALUE_NONE},
        {"\xa2\x61x", WIRE_VALUE_NONE},
        {"", WIRE_VALUE_NONE},
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++)
        assert_int_equal(wire_value_kind((const uint8_t *)cases[i].bytes, strlen(cases[i].bytes)),
                         cases[i].want);
}

/* -- announcements -- */

static void add_addr(struct wire_announcement *a, uint8_t *buf, size_t cap, bool is_direct)
{
    struct wire_peer p[2] = {{.has_relay_via = false}, {.has_relay_via = !is_direct}};
    struct wire_writer w;
    wire_writer_init(&w, buf, cap);
    wire_write_peer_list(&w, p, 2);
    a->addrs = (struct wire_list){{buf, (uint32_t)w.pos}, 2};
}

static void test_announcement_valid(void **state)
{
    (void)state;
    uint8_t addrs[1024];
    struct wire_announcement a = {
        .capabilities.relay = true, .issued_at = 1000, .expires_at = 1001};
    add_addr(&a, addrs, sizeof addrs, true);
    assert_true(wire_announcement_is_valid(&a));
    a.expires_at = a.issued_at + LIM_ANNOUNCEMENT_S;
    assert_true(wire_announcement_is_valid(&a));
    a.expires_at++;
    assert_false(wire_announcement_is_valid(&a));
    a.expires_at = a.issued_at;
    assert_false(wire_announcement_is_valid(&a));
    a.expires_at = 999;
    assert_false(wire_announcement_is_valid(&a));
    a.expires_at = 1001;
    a.capabilities.relay = false;
    assert_false(wire_announcement_is_valid(&a));
    a.capabilities.relay = true;
    add_addr(&a, addrs, sizeof addrs, false);
    assert_false(wire_announcement_is_valid(&a));
    a.addrs = (struct wire_list){0};
    assert_false(wire_announcement_is_valid(&a));
}

static void test_rendezvous_edges(void **state)
{
    (void)state;
    static const uint64_t times[] = {0, 1, 3599, 3600, UINT64_MAX};
    for (size_t i = 0; i < sizeof times / sizeof *times; i++) {
        struct wire_announcement a = {.relay_pubkey = {42}, .issued_at = times[i]};
        uint64_t bucket = wire_rendezvous_bucket(times[i]);
        uint8_t key[32];
        assert_true(bucket == times[i] / 3600);
        for (uint8_t which = 0; which < 2; which++) {
            uint32_t slot = wire_rendezvous_slot(a.relay_pubkey, bucket + 1, which);
            assert_in_range(slot, 0, WIRE_RENDEZVOUS_SLOTS - 1);
            wire_rendezvous_key(bucket + 1, slot, key);
            assert_true(wire_announcement_has_key(&a, key));
            wire_rendezvous_key(bucket + 2, wire_rendezvous_slot(a.relay_pubkey, bucket + 2, which),
                                key);
            assert_false(wire_announcement_has_key(&a, key));
        }
    }
}

static int make_key(void **state)
{
    (void)state;
    uint8_t seed[32];
    for (uint8_t i = 0; i < 32; i++)
        seed[i] = i;
    if (rt_crypto_init() != RT_ERR_OK)
        return 1;
    rt_sign_key_from_seed(seed, &share_key);
    return 0;
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_fixed_vectors),
        cmocka_unit_test(test_fixed_ids),
        cmocka_unit_test(test_consistency),
        cmocka_unit_test(test_items_max),
        cmocka_unit_test(test_item_keys),
        cmocka_unit_test(test_long_texts),
        cmocka_unit_test(test_kind),
        cmocka_unit_test(test_announcement_valid),
        cmocka_unit_test(test_rendezvous_edges),
    };
    return cmocka_run_group_tests(tests, make_key, NULL);
}
