/* SPDX-License-Identifier: MPL-2.0 */
#include "payload.h"

#include <string.h>

#include "base/check.h"
#include "dht/dht_limits.h"
#include "wire_community.h"
#include "wire_dht.h"
#include "wire_value.h"

#define VALUE_MAX 512u /* one provider or one member without a token takes less */

static size_t written(const struct wire_writer *w)
{
    bool fits;
    size_t len = wire_writer_len(w, &fits);

    RT_INSIST(fits);
    return len;
}

static size_t store(const uint8_t key[32], const struct wire_writer *value,
                    uint8_t out[PAYLOAD_MAX])
{
    struct wire_store s = {.value = {value->start, (uint32_t)written(value)},
                           .ttl_secs = LIM_VALUE_TTL_MIN_S};
    struct wire_writer w;

    memcpy(s.key, key, sizeof(s.key));
    wire_writer_init(&w, out, PAYLOAD_MAX);
    wire_write_store(&w, &s);
    return written(&w);
}

size_t payload_store_providers(const uint8_t content_id[32], uint64_t now_s,
                               uint8_t out[PAYLOAD_MAX])
{
    struct wire_peer provider = {
        .hop = {.ip = {127, 0, 0, 1}, .port = 7001, .transport = WIRE_TCP}};
    uint8_t key[32], value[VALUE_MAX];
    struct wire_writer w;

    wire_providers_key(content_id, key);
    wire_writer_init(&w, value, sizeof(value));
    wire_write_providers(&w, content_id, &provider, 1, now_s);
    return store(key, &w, out);
}

void payload_member_identity(uint32_t member, struct rt_sign_key *out)
{
    uint8_t seed[32] = "member";

    memcpy(seed + 8, &member, sizeof(member));
    rt_sign_key_from_seed(seed, out);
}

size_t payload_store_member(const uint8_t community_id[32], const struct rt_sign_key *member,
                            uint64_t announce_seq, uint64_t now_s, uint8_t out[PAYLOAD_MAX])
{
    struct wire_member_record m = {.announce_seq = announce_seq,
                                   .status = WIRE_MEMBER_JOINED,
                                   .issued_at = now_s,
                                   .expires_at = now_s + LIM_VALUE_TTL_MIN_S};
    uint8_t key[32], value[VALUE_MAX];
    struct wire_writer w;

    memcpy(m.community_id, community_id, sizeof(m.community_id));
    memcpy(m.member_node_pubkey, member->public_key, sizeof(m.member_node_pubkey));
    wire_writer_init(&w, value, sizeof(value));
    wire_write_member_record_signed(&w, &m);
    rt_sign(member, value, written(&w), m.signature);
    wire_member_record_key(community_id, member->public_key, key);
    wire_writer_init(&w, value, sizeof(value));
    wire_write_member_record(&w, &m);
    return store(key, &w, out);
}
