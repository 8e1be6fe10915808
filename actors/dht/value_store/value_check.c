/* SPDX-License-Identifier: MPL-2.0 */
/* The value under check is never written. Decoding compacts text in place, so it works on a scratch
 * copy, which is freed when the check ends; struct dht_checked holds no pointer into it. */
#include "dht/value_store/value_check.h"

#include <stdlib.h>
#include <string.h>

#include "crypto/crypto.h"
#include "dht/address/addr.h"
#include "dht/value_store/value_check_private.h"
#include "wire_announce.h"
#include "wire_limits.h"

static bool check_share_head(struct check *c)
{
    struct wire_share_head *h = &c->out->head;
    uint8_t expected[32];

    if (wire_share_head_decode(c->copy, c->len, h) != RT_ERR_OK)
        return false;
    wire_share_head_key(h->share_id, expected);
    c->out->first = h->latest_seq;
    c->out->second = h->updated_at;
    return check_has_key(c, expected);
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
    return check_has_key(c, expected);
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
    return check_has_key(c, expected);
}

static bool manifest_is_proven(struct check *c, const struct wire_manifest *m)
{
    struct wire_writer w;

    if (!wire_manifest_is_consistent(m))
        return false;
    wire_writer_init(&w, c->room, c->room_len);
    wire_write_manifest_signed(&w, m);
    return check_is_signed(c, &w, m->share_pubkey, m->signature);
}

static bool check_manifest(struct check *c)
{
    struct wire_manifest m;
    uint8_t id[32], expected[32];

    if (wire_manifest_decode(c->copy, c->len, &m) != RT_ERR_OK)
        return false;
    memcpy(c->out->share_id, m.share_id, 32);
    memcpy(c->out->share_pubkey, m.share_pubkey, 32);
    if (c->sub)
        return true;
    if (wire_manifest_id(&m, c->room, c->room_len, id) != RT_ERR_OK)
        return false;
    wire_manifest_key(id, expected);
    if (!check_has_key(c, expected))
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

static void set_form(struct check *c, struct wire_announcement *a, bool has_community_fields)
{
    static const char tag[] = "relay announcement of 8 fields:";

    a->capabilities.has_community_fields = c->out->has_community_fields = has_community_fields;
    if (has_community_fields)
        rt_sha256_2(tag, sizeof(tag) - 1, a->relay_pubkey, 32, c->out->sub);
    else
        memcpy(c->out->sub, a->relay_pubkey, 32);
}

static bool announcement_is_signed(struct check *c, const struct wire_announcement *a)
{
    struct wire_writer w;

    wire_writer_init(&w, c->room, c->room_len);
    wire_write_announcement_signed(&w, a);
    return check_is_signed(c, &w, a->relay_pubkey, a->signature);
}

/* The form is the one with a valid signature, however many fields were sent. */
static bool find_signed_form(struct check *c, struct wire_announcement *a)
{
    set_form(c, a, true);
    if (announcement_is_signed(c, a))
        return true;
    set_form(c, a, false);
    return announcement_is_signed(c, a);
}

static void find_kept_form(struct check *c, struct wire_announcement *a)
{
    set_form(c, a, true);
    if (memcmp(c->out->sub, c->sub, 32) != 0)
        set_form(c, a, false);
}

static bool check_announcement(struct check *c)
{
    struct wire_announcement a;

    if (wire_announcement_decode(c->copy, c->len, &a) != RT_ERR_OK)
        return false;
    memcpy(c->out->subject, a.relay_pubkey, 32);
    c->out->first = a.issued_at;
    c->out->expires_at = a.expires_at;
    wire_peers_each(&a.addrs, note_net, c->out);
    if (c->sub) {
        find_kept_form(c, &a);
        return true;
    }
    return wire_announcement_is_valid(&a) && a.expires_at > c->now_s &&
           a.issued_at <= c->now_s + LIM_HELLO_SKEW_S && wire_announcement_has_key(&a, c->key) &&
           find_signed_form(c, &a);
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
    case WIRE_VALUE_NONE:
        return false;
    default:
        return check_tagged(c);
    }
}

static enum wire_refusal check(const uint8_t key[32], const uint8_t *sub, const uint8_t *value,
                               uint32_t len, uint64_t now_s, struct dht_checked *out)
{
    struct dht_checked checked = {.expires_at = UINT64_MAX};
    struct check c = {.key = key, .sub = sub, .now_s = now_s, .len = len, .out = &checked};
    bool is_valid;

    if (len > LIM_VALUE_MAX)
        return WIRE_REFUSAL_STORE_VALUE;
    c.room_len = WIRE_MANIFEST_ENCODED_MAX(len);
    c.copy = malloc(len + c.room_len);
    if (!c.copy)
        return WIRE_REFUSAL_MEMORY;
    if (len > 0)
        memcpy(c.copy, value, len);
    c.room = c.copy + len;
    checked.kind = wire_value_kind(c.copy, len);
    memcpy(checked.sub, dht_value_sub(checked.kind), sizeof(checked.sub));
    is_valid = check_kind(&c) && (!sub || memcmp(checked.sub, sub, sizeof(checked.sub)) == 0);
    free(c.copy);
    if (!is_valid)
        return WIRE_REFUSAL_STORE_VALUE;
    *out = checked;
    return WIRE_REFUSAL_NONE;
}

enum wire_refusal dht_value_check(const uint8_t key[32], const uint8_t *value, uint32_t len,
                                  uint64_t now_s, struct dht_checked *out)
{
    return check(key, NULL, value, len, now_s, out);
}

enum wire_refusal dht_value_read(const uint8_t key[32], const uint8_t sub[32], const uint8_t *value,
                                 uint32_t len, struct dht_checked *out)
{
    return check(key, sub, value, len, 0, out);
}

/* A community's hint has the key of its CommunityMembers. */
const uint8_t *dht_value_sub(enum wire_value_kind kind)
{
    static const uint8_t none[32], hint[32] = "community hint";

    return kind == WIRE_VALUE_COMMUNITY_HINT ? hint : none;
}

bool dht_value_may_store(enum wire_value_kind kind, uint8_t peer_dialects)
{
    return kind == WIRE_VALUE_ANNOUNCEMENT ||
           (wire_value_dialects(kind, false) & peer_dialects) != 0;
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
