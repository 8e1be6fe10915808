/* SPDX-License-Identifier: MPL-2.0 */
#include "wire_value.h"

#include <string.h>

#include "crypto/crypto.h"

enum wire_value_kind wire_value_kind(const uint8_t *buf, size_t len)
{
    static const char *const telling[] = {
        [WIRE_VALUE_SHARE_HEAD] = "latest_manifest_id",
        [WIRE_VALUE_PROVIDERS] = "providers",
        [WIRE_VALUE_MANIFEST] = "items",
        [WIRE_VALUE_ANNOUNCEMENT] = "relay_addrs",
        [WIRE_VALUE_MEMBERS] = "members",
    };
    struct wire_reader r;
    if (len > 0 && buf[0] >= WIRE_VALUE_TAG_FIRST &&
        buf[0] - WIRE_VALUE_TAG_FIRST <= WIRE_VALUE_REVOCATION - WIRE_VALUE_MEMBER_RECORD)
        return (enum wire_value_kind)(WIRE_VALUE_MEMBER_RECORD + buf[0] - WIRE_VALUE_TAG_FIRST);
    wire_reader_init_const(&r, buf, len);
    struct wire_map m = wire_map_open(&r, telling, WIRE_VALUE_MEMBERS + 1);
    int key = wire_map_next(&r, &m);
    return key >= 0 ? (enum wire_value_kind)key : WIRE_VALUE_NONE;
}

/* -- keys -- */

void wire_share_id(const uint8_t share_pubkey[32], uint8_t out[32])
{
    rt_sha256(share_pubkey, 32, out);
}

static void prefixed_key(const char *prefix, const uint8_t id[32], uint8_t out[32])
{
    rt_sha256_2(prefix, strlen(prefix), id, 32, out);
}

void wire_share_head_key(const uint8_t share_id[32], uint8_t out[32])
{
    prefixed_key("share:head:", share_id, out);
}

void wire_providers_key(const uint8_t content_id[32], uint8_t out[32])
{
    prefixed_key("content:prov:", content_id, out);
}

void wire_manifest_key(const uint8_t manifest_id[32], uint8_t out[32])
{
    prefixed_key("manifest:loc:", manifest_id, out);
}

void wire_members_key(const uint8_t community_share_id[32], uint8_t out[32])
{
    prefixed_key("community:info:", community_share_id, out);
}

/* -- ShareHead -- */

enum { HEAD_SHARE_ID, HEAD_SEQ, HEAD_MANIFEST, HEAD_UPDATED, HEAD_SIG, HEAD_KEYS };
static const char *const head_names[] = {
    "share_id", "latest_seq", "latest_manifest_id", "updated_at", "sig",
};

rt_err wire_share_head_decode(uint8_t *buf, size_t len, struct wire_share_head *out)
{
    struct wire_share_head h = {0};
    struct wire_reader r;
    wire_reader_init(&r, buf, len);
    struct wire_map m = wire_map_open(&r, head_names, HEAD_KEYS);
    for (int key; (key = wire_map_next(&r, &m)) >= 0;) {
        switch (key) {
        case HEAD_SHARE_ID:
            wire_read_fixed(&r, h.share_id, 32);
            break;
        case HEAD_SEQ:
            h.latest_seq = wire_read_uint(&r, UINT64_MAX);
            break;
        case HEAD_MANIFEST:
            wire_read_fixed(&r, h.latest_manifest_id, 32);
            break;
        case HEAD_UPDATED:
            h.updated_at = wire_read_uint(&r, UINT64_MAX);
            break;
        case HEAD_SIG:
            wire_read_signature(&r, h.sig);
            break;
        }
    }
    wire_map_require(&r, &m, (1u << HEAD_KEYS) - 1);
    if (r.err == RT_ERR_OK)
        *out = h;
    return r.err;
}

void wire_write_share_head(struct wire_writer *w, const struct wire_share_head *h)
{
    wire_write_map(w, HEAD_KEYS);
    wire_write_key(w, head_names[HEAD_SHARE_ID]);
    wire_write_int_array(w, h->share_id, 32);
    wire_write_key(w, head_names[HEAD_SEQ]);
    wire_write_uint(w, h->latest_seq);
    wire_write_key(w, head_names[HEAD_MANIFEST]);
    wire_write_int_array(w, h->latest_manifest_id, 32);
    wire_write_key(w, head_names[HEAD_UPDATED]);
    wire_write_uint(w, h->updated_at);
    wire_write_key(w, head_names[HEAD_SIG]);
    wire_write_int_array(w, h->sig, 64);
}

void wire_write_share_head_signed(struct wire_writer *w, const struct wire_share_head *h)
{
    wire_write_array(w, HEAD_SIG);
    wire_write_int_array(w, h->share_id, 32);
    wire_write_uint(w, h->latest_seq);
    wire_write_int_array(w, h->latest_manifest_id, 32);
    wire_write_uint(w, h->updated_at);
}

/* -- Providers and CommunityMembers -- */

enum { SET_ID, SET_PEERS, SET_UPDATED, SET_KEYS };
static const char *const providers_names[] = {"content_id", "providers", "updated_at"};
static const char *const members_names[] = {"community_share_id", "members", "updated_at"};

static rt_err decode_set(uint8_t *buf, size_t len, const char *const *names,
                         struct wire_peer_set *out)
{
    struct wire_peer_set s = {0};
    struct wire_reader r;
    wire_reader_init(&r, buf, len);
    struct wire_map m = wire_map_open(&r, names, SET_KEYS);
    for (int key; (key = wire_map_next(&r, &m)) >= 0;) {
        if (key == SET_ID)
            wire_read_fixed(&r, s.id, 32);
        else if (key == SET_PEERS)
            s.peers = wire_read_peers(&r);
        else
            s.updated_at = wire_read_uint(&r, UINT64_MAX);
    }
    wire_map_require(&r, &m, (1u << SET_KEYS) - 1);
    if (r.err == RT_ERR_OK)
        *out = s;
    return r.err;
}

static void write_set(struct wire_writer *w, const char *const *names, const uint8_t id[32],
                      const struct wire_peer *peers, size_t count, uint64_t updated_at)
{
    wire_write_map(w, SET_KEYS);
    wire_write_key(w, names[SET_ID]);
    wire_write_int_array(w, id, 32);
    wire_write_key(w, names[SET_PEERS]);
    wire_write_peer_list(w, peers, count);
    wire_write_key(w, names[SET_UPDATED]);
    wire_write_uint(w, updated_at);
}

rt_err wire_providers_decode(uint8_t *buf, size_t len, struct wire_peer_set *out)
{
    return decode_set(buf, len, providers_names, out);
}

rt_err wire_members_decode(uint8_t *buf, size_t len, struct wire_peer_set *out)
{
    return decode_set(buf, len, members_names, out);
}

void wire_write_providers(struct wire_writer *w, const uint8_t content_id[32],
                          const struct wire_peer *peers, size_t count, uint64_t updated_at)
{
    write_set(w, providers_names, content_id, peers, count, updated_at);
}

void wire_write_members(struct wire_writer *w, const uint8_t community_share_id[32],
                        const struct wire_peer *peers, size_t count, uint64_t updated_at)
{
    write_set(w, members_names, community_share_id, peers, count, updated_at);
}
