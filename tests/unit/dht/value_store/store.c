/* SPDX-License-Identifier: MPL-2.0 */
#include "store.h"

static const uint8_t hash_key[16] = "dht-records";
static uint64_t rng = 20261130;
const struct dht_origin store_someone = {.peer = 77, .net = 7};

struct store_disk store_disk;

static void on_put(void *ctx, const struct dht_value *value)
{
    (void)ctx;
    store_disk.puts++;
    store_disk.last.is = *value;
    memcpy(store_disk.last.bytes, value->value.ptr, value->value.len);
}

static void on_drop(void *ctx, const uint8_t key[32], const uint8_t sub[32])
{
    (void)ctx, (void)key, (void)sub;
    store_disk.drops++;
}

static void on_mark(void *ctx, const uint8_t community_id[32], uint64_t mark, uint64_t expires_s)
{
    (void)ctx, (void)community_id, (void)expires_s;
    store_disk.mark = mark;
}

static void on_revoked(void *ctx, const uint8_t key[32])
{
    (void)key;
    assert_ptr_equal(ctx, &store_disk);
    store_disk.revocations++;
}

struct dht_value_store *store_new_of(uint32_t count)
{
    struct dht_value_store_limits limits = {count, 1u << 26, count, 1u << 26};
    struct dht_value_store_sink sink = {.put = on_put,
                                        .drop = on_drop,
                                        .put_mark = on_mark,
                                        .revoked = on_revoked,
                                        .revoked_ctx = &store_disk};
    struct dht_value_store *v = dht_value_store_new(&limits, hash_key, test_random, &rng);

    store_disk = (struct store_disk){0};
    dht_value_store_set_sink(v, &sink);
    return v;
}

struct dht_value_store *store_new(void)
{
    return store_new_of(1000);
}

void store_free(struct dht_value_store **v)
{
    dht_value_store_free(v);
    assert_int_equal(rt_buf_live(), 0);
}

enum wire_refusal store_by(struct dht_value_store *v, const struct test_value *value, uint64_t ttl,
                           const struct dht_origin *by, uint64_t now_s)
{
    struct dht_checked c = test_checked(value, now_s);

    return dht_value_store_put(v, value->key, &c, relay_slice_view(value->bytes, value->len), ttl,
                               by, now_s);
}

void store_at(struct dht_value_store *v, const struct test_value *value, uint64_t now_s)
{
    assert_int_equal(store_by(v, value, 86400, &store_someone, now_s), WIRE_REFUSAL_NONE);
}

/* The remaining seconds of this value in dialect d; 0: it is not found. */
uint64_t store_left(struct dht_value_store *v, enum wire_dialect d, const struct test_value *value,
                    uint64_t now_s)
{
    struct relay_slice got;
    uint64_t ttl;
    bool is_same;

    if (!dht_value_store_find(v, value->key, d, now_s, &got, &ttl))
        return 0;
    is_same = got.len == value->len && memcmp(got.ptr, value->bytes, got.len) == 0;
    relay_slice_drop(&got);
    return is_same ? ttl : 0;
}

bool store_holds(struct dht_value_store *v, const struct test_value *value)
{
    return store_left(v, WIRE_DIALECT_C, value, NOW_S) > 0;
}

struct test_member store_member_at(uint64_t issued_at, uint64_t seq)
{
    return (struct test_member){.community = 1,
                                .member = 2,
                                .announce_seq = seq,
                                .issued_at = issued_at,
                                .expires_at = NOW_S + 86400};
}
