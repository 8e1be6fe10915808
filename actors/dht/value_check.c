/* SPDX-License-Identifier: MPL-2.0 */
#include "dht/value_check.h"

#include <string.h>

#include "base/limits.h"
#include "crypto/crypto.h"
#include "wire_announce.h"

static bool is_key(const uint8_t key[32], const uint8_t expected[32])
{
    return memcmp(key, expected, 32) == 0;
}

static bool check_share_head(const uint8_t key[32], uint8_t *copy, uint32_t len,
                             struct dht_rank *out)
{
    struct wire_share_head h;
    uint8_t expected[32];

    if (wire_share_head_decode(copy, len, &h) != RT_ERR_OK)
        return false;
    wire_share_head_key(h.share_id, expected);
    out->first = h.latest_seq;
    out->second = h.updated_at;
    return is_key(key, expected);
}

static bool check_providers(const uint8_t key[32], uint8_t *copy, uint32_t len,
                            struct dht_rank *out)
{
    struct wire_peer_set p;
    uint8_t expected[32];

    if (wire_providers_decode(copy, len, &p) != RT_ERR_OK)
        return false;
    wire_providers_key(p.id, expected);
    out->first = p.updated_at;
    return is_key(key, expected);
}

static bool check_members(const uint8_t key[32], uint8_t *copy, uint32_t len, struct dht_rank *out)
{
    struct wire_peer_set p;
    uint8_t expected[32];

    if (wire_members_decode(copy, len, &p) != RT_ERR_OK)
        return false;
    wire_members_key(p.id, expected);
    out->first = p.updated_at;
    return is_key(key, expected);
}

static bool check_manifest(const uint8_t key[32], uint8_t *copy, uint32_t len)
{
    struct wire_manifest m;
    uint8_t id[32], expected[32];
    uint8_t *room = copy + LIM_VALUE_MAX;
    size_t cap = DHT_SCRATCH_BYTES - LIM_VALUE_MAX;

    if (wire_manifest_decode(copy, len, &m) != RT_ERR_OK ||
        wire_manifest_id(&m, room, cap, id) != RT_ERR_OK)
        return false;
    wire_manifest_key(id, expected);
    return is_key(key, expected);
}

static bool check_announcement(const uint8_t key[32], uint8_t *copy, uint32_t len,
                               struct dht_rank *out)
{
    struct wire_announcement a;
    struct wire_writer w;
    bool fits;
    size_t covered;

    if (wire_announcement_decode(copy, len, &a) != RT_ERR_OK || !wire_announcement_is_valid(&a) ||
        !wire_announcement_has_key(&a, key))
        return false;
    wire_writer_init(&w, copy + LIM_VALUE_MAX, DHT_SCRATCH_BYTES - LIM_VALUE_MAX);
    wire_write_announcement_signed(&w, &a);
    covered = wire_writer_len(&w, &fits);
    out->first = a.issued_at;
    return fits && rt_sign_verify(a.relay_pubkey, copy + LIM_VALUE_MAX, covered, a.signature);
}

enum rt_refusal dht_value_check(const uint8_t key[32], const uint8_t *value, uint32_t len,
                                uint8_t *scratch, struct dht_rank *out)
{
    struct dht_rank rank = {.kind = WIRE_VALUE_NONE};
    bool is_valid = false;

    if (len > LIM_VALUE_MAX)
        return RT_REFUSAL_STORE_VALUE;
    memcpy(scratch, value, len);
    rank.kind = wire_value_kind(scratch, len);
    switch (rank.kind) {
    case WIRE_VALUE_SHARE_HEAD:
        is_valid = check_share_head(key, scratch, len, &rank);
        break;
    case WIRE_VALUE_PROVIDERS:
        is_valid = check_providers(key, scratch, len, &rank);
        break;
    case WIRE_VALUE_MEMBERS:
        is_valid = check_members(key, scratch, len, &rank);
        break;
    case WIRE_VALUE_MANIFEST:
        is_valid = check_manifest(key, scratch, len);
        break;
    case WIRE_VALUE_ANNOUNCEMENT:
        is_valid = check_announcement(key, scratch, len, &rank);
        break;
    case WIRE_VALUE_NONE:
        break;
    }
    if (!is_valid)
        return RT_REFUSAL_STORE_VALUE;
    *out = rank;
    return RT_REFUSAL_NONE;
}
