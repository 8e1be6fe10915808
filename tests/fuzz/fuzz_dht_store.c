/* SPDX-License-Identifier: MPL-2.0 */
/*
 * Values that a hostile peer stores: under the key that the content names and under another one,
 * from two peers, whole, truncated, and twice. Then the values are found, loaded, verified,
 * iterated and expired. Every stored value must pass the check of the store again, within its
 * limits.
 */
#include <stdlib.h>
#include <string.h>

#include "base/budget.h"
#include "base/check.h"
#include "crypto/crypto.h"
#include "dht/value_store/value_store.h"
#include "dht/dht_limits.h"
#include "wire_announce.h"
#include "wire_community.h"
#include "wire_limits.h"

#define NOW_S UINT64_C(1770000000)

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static uint64_t draw(void *ctx)
{
    uint64_t *n = ctx;

    return *n += UINT64_C(0x9e3779b97f4a7c15);
}

/* The DHT key of a tagged value, if the value decodes. */
static void key_of_tagged(uint8_t *copy, uint32_t len, uint8_t key[32])
{
    struct wire_member_record member;
    struct wire_share_record share;
    struct wire_community_hint hint;
    struct wire_community_page page;
    struct wire_rotation rotation;
    struct wire_revocation revocation;

    if (wire_member_record_decode(copy, len, &member) == RT_ERR_OK)
        wire_member_record_key(member.community_id, member.member_node_pubkey, key);
    else if (wire_share_record_decode(copy, len, &share) == RT_ERR_OK)
        wire_share_record_key(share.community_id, share.share_id, key);
    else if (wire_community_hint_decode(copy, len, &hint) == RT_ERR_OK)
        wire_members_key(hint.community_id, key);
    else if (wire_members_page_decode(copy, len, &page) == RT_ERR_OK)
        wire_members_page_key(page.community_id, page.bucket, page.page_no, key);
    else if (wire_shares_page_decode(copy, len, &page) == RT_ERR_OK)
        wire_shares_page_key(page.community_id, page.bucket, page.page_no, key);
    else if (wire_rotation_decode(copy, len, &rotation) == RT_ERR_OK)
        wire_rotation_key(rotation.old_pubkey, key);
    else if (wire_revocation_decode(copy, len, &revocation) == RT_ERR_OK)
        wire_revocation_key(revocation.pubkey, key);
}

/* The key that the content names, if the content can be decoded. */
static void key_of(uint8_t *copy, uint32_t len, uint8_t key[32])
{
    uint8_t *room = malloc(WIRE_MANIFEST_ENCODED_MAX(len)), id[32];
    struct wire_announcement a;
    struct wire_share_head h;
    struct wire_peer_set set;
    struct wire_manifest m;

    RT_INSIST(room != NULL);
    switch (wire_value_kind(copy, len)) {
    case WIRE_VALUE_SHARE_HEAD:
        if (wire_share_head_decode(copy, len, &h) == RT_ERR_OK)
            wire_share_head_key(h.share_id, key);
        break;
    case WIRE_VALUE_PROVIDERS:
        if (wire_providers_decode(copy, len, &set) == RT_ERR_OK)
            wire_providers_key(set.id, key);
        break;
    case WIRE_VALUE_MEMBERS:
        if (wire_members_decode(copy, len, &set) == RT_ERR_OK)
            wire_members_key(set.id, key);
        break;
    case WIRE_VALUE_MANIFEST:
        if (wire_manifest_decode(copy, len, &m) == RT_ERR_OK &&
            wire_manifest_id(&m, room, WIRE_MANIFEST_ENCODED_MAX(len), id) == RT_ERR_OK)
            wire_manifest_key(id, key);
        break;
    case WIRE_VALUE_ANNOUNCEMENT:
        if (wire_announcement_decode(copy, len, &a) == RT_ERR_OK)
            wire_rendezvous_key(
                wire_rendezvous_bucket(a.issued_at),
                wire_rendezvous_slot(a.relay_pubkey, wire_rendezvous_bucket(a.issued_at), 0), key);
        break;
    case WIRE_VALUE_NONE:
        break;
    default:
        key_of_tagged(copy, len, key);
    }
    free(room);
}

/* Checks the value that a node of this dialect gets. */
static void find(struct dht_value_store *v, const uint8_t key[32], enum wire_dialect dialect,
                 uint64_t now_s)
{
    struct dht_checked checked;
    struct relay_slice held;
    uint64_t ttl;

    if (!dht_value_store_find(v, key, dialect, now_s, &held, &ttl))
        return; /* no value for this dialect, or an expired announcement */
    RT_INSIST(held.len <= LIM_VALUE_MAX && ttl <= LIM_VALUE_TTL_MAX_S);
    RT_INSIST(dht_value_check(key, held.ptr, held.len, now_s, &checked) == WIRE_REFUSAL_NONE);
    RT_INSIST(wire_value_dialects(checked.kind, checked.has_community_fields) &
              WIRE_DIALECT_BIT(dialect));
    relay_slice_drop(&held);
}

static void store(struct dht_value_store *v, const uint8_t *value, uint32_t len, uint64_t peer,
                  uint64_t now_s)
{
    struct dht_origin origin = {.peer = peer, .net = peer};
    uint8_t key[32] = {1}, *copy = malloc(len + 1);
    struct dht_checked checked;

    RT_INSIST(copy != NULL);
    memcpy(copy, value, len);
    key_of(copy, len, key);
    free(copy);
    if (dht_value_check(key, value, len, now_s, &checked) != WIRE_REFUSAL_NONE)
        return;
    /* The fuzzer cannot sign. Announcements are loaded, which does not check signatures. */
    if (dht_value_store_put(v, key, &checked, relay_slice_view(value, len), 0, &origin, now_s) !=
        WIRE_REFUSAL_NONE)
        return;
    for (enum wire_dialect d = WIRE_DIALECT_A; d < WIRE_DIALECTS; d++)
        find(v, key, d, now_s);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static const struct dht_value_store_limits limits = {8, 2 * LIM_VALUE_MAX, 4, LIM_VALUE_MAX};
    static const struct dht_origin loaded = {.peer = 9, .net = 9};
    uint64_t random = 1;
    struct dht_value_store *v;
    struct dht_value walked;
    uint32_t len = size > LIM_VALUE_MAX + 1 ? LIM_VALUE_MAX + 1 : (uint32_t)size;
    uint8_t key[32] = {2};

    rt_budget_configure(64u << 20);
    v = dht_value_store_new(&limits, (const uint8_t *)"fuzz-dht-store-k", draw, &random);
    store(v, data, len, 5, NOW_S);
    store(v, data, len / 2, 5, NOW_S);
    store(v, data + len / 2, len - len / 2, 6, NOW_S);
    store(v, data, len, 6, NOW_S + 4000);
    (void)dht_value_store_load(v, key, dht_value_sub(wire_value_kind(data, len)), data, len,
                               NOW_S + 5000, 0, &loaded, NOW_S);
    (void)dht_value_store_prove(v, 4, NOW_S);
    RT_INSIST(dht_value_store_count(v) <= limits.count_max &&
              dht_value_store_bytes(v) <= limits.bytes_max);
    dht_value_store_walk(v, 0, 255);
    while (dht_value_store_walk_next(v, &walked))
        RT_INSIST(walked.value.len <= LIM_VALUE_MAX);
    (void)dht_value_store_expire(v, NOW_S + 2 * LIM_VALUE_TTL_MAX_S, 100);
    RT_INSIST(dht_value_store_count(v) == 0 && dht_value_store_bytes(v) == 0);
    dht_value_store_free(&v);
    RT_INSIST(rt_buf_live() == 0);
    return 0;
}
