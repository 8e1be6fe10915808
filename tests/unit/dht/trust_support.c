/* SPDX-License-Identifier: MPL-2.0 */
#include "trust_support.h"

static const uint8_t hash_key[16] = "trust-test";
static struct rt_sign_key keys[TRUST_KEYS];
uint64_t trust_rng = 20261130;

const uint8_t *trust_pub(uint32_t n)
{
    return keys[n].public_key;
}

/* -- records -- */

struct trust_record trust_encode_rotation(const struct wire_rotation *r)
{
    struct trust_record out = {0};
    struct wire_writer w;
    bool fits;

    wire_writer_init(&w, out.bytes, sizeof(out.bytes));
    wire_write_rotation(&w, r);
    out.len = (uint32_t)wire_writer_len(&w, &fits);
    assert_true(fits);
    wire_rotation_key(r->old_pubkey, out.key);
    return out;
}

struct trust_record trust_encode_revocation(const struct wire_revocation *r)
{
    struct trust_record out = {0};
    struct wire_writer w;
    bool fits;

    wire_writer_init(&w, out.bytes, sizeof(out.bytes));
    wire_write_revocation(&w, r);
    out.len = (uint32_t)wire_writer_len(&w, &fits);
    assert_true(fits);
    wire_revocation_key(r->pubkey, out.key);
    return out;
}

struct wire_rotation trust_signed_rotation(uint32_t old, uint32_t new, uint64_t seq,
                                           uint64_t issued_at)
{
    struct wire_rotation r = {.rotation_seq = seq, .issued_at = issued_at};
    uint8_t covered[512];
    struct wire_writer w;
    bool fits;

    memcpy(r.old_pubkey, trust_pub(old), 32);
    memcpy(r.new_pubkey, trust_pub(new), 32);
    wire_writer_init(&w, covered, sizeof(covered));
    wire_write_rotation_signed(&w, &r);
    rt_sign(&keys[old], covered, wire_writer_len(&w, &fits), r.old_key_signature);
    rt_sign(&keys[new], covered, wire_writer_len(&w, &fits), r.new_key_signature);
    return r;
}

struct wire_revocation trust_signed_revocation(uint32_t key, uint64_t issued_at)
{
    struct wire_revocation r = {.reason = WIRE_REVOCATION_COMPROMISED, .issued_at = issued_at};
    uint8_t covered[512];
    struct wire_writer w;
    bool fits;

    memcpy(r.pubkey, trust_pub(key), 32);
    wire_writer_init(&w, covered, sizeof(covered));
    wire_write_revocation_signed(&w, &r);
    rt_sign(&keys[key], covered, wire_writer_len(&w, &fits), r.signature);
    return r;
}

struct trust_record trust_rotation_at(uint32_t old, uint32_t new, uint64_t seq, uint64_t issued_at)
{
    struct wire_rotation r = trust_signed_rotation(old, new, seq, issued_at);

    return trust_encode_rotation(&r);
}

struct trust_record trust_rotation(uint32_t old, uint32_t new, uint64_t seq)
{
    return trust_rotation_at(old, new, seq, NOW_S);
}

struct trust_record trust_revocation_at(uint32_t key, uint64_t issued_at)
{
    struct wire_revocation r = trust_signed_revocation(key, issued_at);

    return trust_encode_revocation(&r);
}

struct trust_record trust_revocation(uint32_t key)
{
    return trust_revocation_at(key, NOW_S);
}

bool trust_note(struct dht_trust *t, struct trust_record r)
{
    return dht_trust_note(t, r.bytes, r.len, NOW_S);
}

/* -- reports of the module: the disk, and the last judgement -- */

struct trust_seen trust_seen;

static void remove_row(const uint8_t key[32])
{
    for (uint32_t i = 0; i < trust_seen.rows; i++)
        if (memcmp(trust_seen.row[i].key, key, 32) == 0)
            trust_seen.row[i] = trust_seen.row[--trust_seen.rows];
}

static void on_drop(void *ctx, const uint8_t key[32])
{
    (void)ctx;
    trust_seen.drops++;
    remove_row(key);
}

static void on_put(void *ctx, const uint8_t key[32], const uint8_t *value, size_t len)
{
    struct trust_record *r;

    (void)ctx;
    remove_row(key);
    assert_true(trust_seen.rows < 64 && len <= sizeof(r->bytes));
    r = &trust_seen.row[trust_seen.rows++];
    memcpy(r->key, key, 32);
    memcpy(r->bytes, value, len);
    r->len = (uint32_t)len;
}

static void on_judged(void *ctx, const struct dht_trust_judgement *j)
{
    (void)ctx;
    trust_seen.judged++;
    trust_seen.verdict = j->verdict;
    memcpy(trust_seen.root, j->root, 32);
    memcpy(trust_seen.key, j->key, 32);
}

struct dht_trust *trust_empty(void)
{
    const struct dht_trust_hooks hooks = {on_put, on_drop, on_judged, NULL};

    memset(&trust_seen, 0, sizeof(trust_seen));
    return dht_trust_new(hash_key, &hooks);
}

struct dht_trust *trust_pinned(void)
{
    struct dht_trust *t = trust_empty();

    dht_trust_add(t, trust_pub(0), true);
    dht_trust_begin(t);
    return t;
}

void trust_expect_accepted(const struct dht_trust *t, uint32_t mask)
{
    assert_int_equal(dht_trust_verdict(t, trust_pub(0)), DHT_TRUST_SOUND);
    for (uint32_t i = 0; i < TRUST_KEYS; i++)
        assert_int_equal(dht_trust_accepts(t, trust_pub(0), trust_pub(i)), (mask & BIT(i)) != 0);
}

void trust_expect_void(const struct dht_trust *t, enum dht_trust_verdict why)
{
    assert_int_equal(dht_trust_verdict(t, trust_pub(0)), why);
    for (uint32_t i = 0; i < TRUST_KEYS; i++)
        assert_false(dht_trust_accepts(t, trust_pub(0), trust_pub(i)));
}

int trust_setup(void **state)
{
    for (uint32_t i = 0; i < TRUST_KEYS; i++)
        test_sign_key(100 + i, &keys[i]);
    return test_setup(state);
}
