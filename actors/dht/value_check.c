/* SPDX-License-Identifier: MPL-2.0 */
#include "dht/value_check.h"

#include <stdlib.h>
#include <string.h>

#include "base/limits.h"
#include "crypto/crypto.h"
#include "dht/addr.h"
#include "wire_announce.h"

/* A value under check. With key NULL it is only read. */
struct check {
    const uint8_t *key;
    uint64_t now_s;
    uint8_t *copy;
    uint32_t len;
    uint8_t *room; /* for the encodings of a manifest or an announcement */
    size_t room_len;
    struct dht_checked *out;
};

static bool is_key(const struct check *c, const uint8_t expected[32])
{
    return !c->key || memcmp(c->key, expected, 32) == 0;
}

static bool check_share_head(struct check *c)
{
    struct wire_share_head *h = &c->out->head;
    uint8_t expected[32];

    if (wire_share_head_decode(c->copy, c->len, h) != RT_ERR_OK)
        return false;
    wire_share_head_key(h->share_id, expected);
    c->out->first = h->latest_seq;
    c->out->second = h->updated_at;
    return is_key(c, expected);
}

static bool check_providers(struct check *c)
{
    struct wire_peer_set p;
    uint8_t expected[32];

    if (wire_providers_decode(c->copy, c->len, &p) != RT_ERR_OK)
        return false;
    wire_providers_key(p.id, expected);
    c->out->first = p.updated_at;
    c->out->peers = p.peers.count;
    return is_key(c, expected);
}

static bool check_members(struct check *c)
{
    struct wire_peer_set p;
    uint8_t expected[32];

    if (wire_members_decode(c->copy, c->len, &p) != RT_ERR_OK)
        return false;
    wire_members_key(p.id, expected);
    c->out->first = p.updated_at;
    c->out->peers = p.peers.count;
    return is_key(c, expected);
}

/* The signed bytes fit: they are shorter than the hashed ones, for which there is room. */
static bool manifest_is_proven(struct check *c, const struct wire_manifest *m)
{
    struct wire_writer w;
    bool fits;
    size_t len;

    if (!wire_manifest_is_consistent(m))
        return false;
    wire_writer_init(&w, c->room, c->room_len);
    wire_write_manifest_signed(&w, m);
    len = wire_writer_len(&w, &fits);
    return fits && rt_sign_verify(m->share_pubkey, c->room, len, m->signature);
}

static bool check_manifest(struct check *c)
{
    struct wire_manifest m;
    uint8_t id[32], expected[32];

    if (wire_manifest_decode(c->copy, c->len, &m) != RT_ERR_OK)
        return false;
    memcpy(c->out->share_id, m.share_id, 32);
    memcpy(c->out->share_pubkey, m.share_pubkey, 32);
    if (!c->key)
        return true;
    if (wire_manifest_id(&m, c->room, c->room_len, id) != RT_ERR_OK)
        return false;
    wire_manifest_key(id, expected);
    if (!is_key(c, expected))
        return false;
    c->out->is_proven = manifest_is_proven(c, &m);
    return true;
}

static void note_net(void *ctx, const struct wire_peer *p)
{
    struct dht_checked *out = ctx;

    if (out->net == 0 && dht_scope_of(&p->hop) == DHT_SCOPE_GLOBAL)
        out->net = dht_hop_net(&p->hop, DHT_NET_BUCKET);
}

static bool announcement_is_signed(struct check *c, const struct wire_announcement *a)
{
    struct wire_writer w;
    bool fits;
    size_t len;

    wire_writer_init(&w, c->room, c->room_len);
    wire_write_announcement_signed(&w, a);
    len = wire_writer_len(&w, &fits);
    return fits && rt_sign_verify(a->relay_pubkey, c->room, len, a->signature);
}

static bool check_announcement(struct check *c)
{
    struct wire_announcement a;

    if (wire_announcement_decode(c->copy, c->len, &a) != RT_ERR_OK)
        return false;
    memcpy(c->out->sub, a.relay_pubkey, 32);
    c->out->first = a.issued_at;
    c->out->expires_at = a.expires_at;
    wire_peers_each(&a.addrs, note_net, c->out);
    if (!c->key)
        return true;
    return wire_announcement_is_valid(&a) && a.expires_at > c->now_s &&
           a.issued_at <= c->now_s + LIM_HELLO_SKEW_S && wire_announcement_has_key(&a, c->key) &&
           announcement_is_signed(c, &a);
}

static bool check_kind(struct check *c)
{
    switch (c->out->kind) {
    case WIRE_VALUE_SHARE_HEAD:
        return check_share_head(c);
    case WIRE_VALUE_PROVIDERS:
        return check_providers(c);
    case WIRE_VALUE_MEMBERS:
        return check_members(c);
    case WIRE_VALUE_MANIFEST:
        return check_manifest(c);
    case WIRE_VALUE_ANNOUNCEMENT:
        return check_announcement(c);
    default:
        break;
    }
    return false;
}

enum rt_refusal dht_value_check(const uint8_t key[32], const uint8_t *value, uint32_t len,
                                uint64_t now_s, struct dht_checked *out)
{
    struct dht_checked checked = {.expires_at = UINT64_MAX};
    struct check c = {.key = key, .now_s = now_s, .len = len, .out = &checked};
    bool is_valid;

    if (len > LIM_VALUE_MAX)
        return RT_REFUSAL_STORE_VALUE;
    c.room_len = WIRE_MANIFEST_ENCODED_MAX(len);
    c.copy = malloc(len + c.room_len);
    if (!c.copy)
        return RT_REFUSAL_MEMORY;
    if (len > 0)
        memcpy(c.copy, value, len);
    c.room = c.copy + len;
    checked.kind = wire_value_kind(c.copy, len);
    is_valid = check_kind(&c);
    free(c.copy);
    if (!is_valid)
        return RT_REFUSAL_STORE_VALUE;
    *out = checked;
    return RT_REFUSAL_NONE;
}

enum rt_refusal dht_value_read(const uint8_t *value, uint32_t len, struct dht_checked *out)
{
    return dht_value_check(NULL, value, len, 0, out);
}

bool dht_head_verify(const struct wire_share_head *head, const uint8_t share_pubkey[32])
{
    uint8_t covered[256];
    struct wire_writer w;
    bool fits;
    size_t len;

    wire_writer_init(&w, covered, sizeof(covered));
    wire_write_share_head_signed(&w, head);
    len = wire_writer_len(&w, &fits);
    return fits && rt_sign_verify(share_pubkey, covered, len, head->sig);
}
