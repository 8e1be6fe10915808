/* SPDX-License-Identifier: MPL-2.0 */
/* Checks of the kinds that begin with a tag byte (protocol: Values with a tag). */
#include <string.h>

#include "crypto/crypto.h"
#include "dht/value_store/value_check_private.h"
#include "wire_community.h"
#include "wire_limits.h"

static struct wire_writer room_writer(const struct check *c)
{
    struct wire_writer w;

    wire_writer_init(&w, c->room, c->room_len);
    return w;
}

static bool is_issued(const struct check *c, uint64_t at_s)
{
    return c->sub || at_s <= c->now_s + LIM_HELLO_SKEW_S;
}

/* The beginning of the hash. A collision only delays a write to our disk. */
static uint64_t hash_of(const struct check *c, struct wire_writer *w)
{
    uint8_t hash[32];
    uint64_t beginning;
    bool fits;
    size_t len = wire_writer_len(w, &fits);

    rt_sha256(c->room, fits ? len : 0, hash);
    memcpy(&beginning, hash, sizeof(beginning));
    return beginning;
}

/* -- records of communities -- */

static uint64_t member_content(const struct check *c, struct wire_member_record m)
{
    struct wire_writer w = room_writer(c);

    m.announce_seq = m.issued_at = m.expires_at = 0;
    memset(m.signature, 0, sizeof(m.signature));
    wire_write_member_record(&w, &m);
    return hash_of(c, &w);
}

static bool check_member_record(struct check *c)
{
    struct wire_writer w = room_writer(c);
    struct wire_member_record m;
    uint8_t expected[32];

    if (wire_member_record_decode(c->copy, c->len, &m) != RT_ERR_OK)
        return false;
    wire_member_record_key(m.community_id, m.member_node_pubkey, expected);
    if (!check_has_key(c, expected) || !wire_member_record_is_valid(&m) ||
        m.expires_at <= m.issued_at || !is_issued(c, m.issued_at) || m.expires_at <= c->now_s)
        return false;
    wire_write_member_record_signed(&w, &m);
    if (!check_is_signed(c, &w, m.member_node_pubkey, m.signature))
        return false;
    memcpy(c->out->community_id, m.community_id, 32);
    memcpy(c->out->subject, m.member_node_pubkey, 32);
    c->out->first = m.issued_at;
    c->out->second = m.announce_seq;
    c->out->expires_at = m.expires_at;
    c->out->content = member_content(c, m);
    return true;
}

static uint64_t share_content(const struct check *c, struct wire_share_record s)
{
    struct wire_writer w = room_writer(c);

    s.latest_seq = s.updated_at = 0;
    memset(s.signature, 0, sizeof(s.signature));
    wire_write_share_record(&w, &s);
    return hash_of(c, &w);
}

static bool check_share_record(struct check *c)
{
    struct wire_writer w = room_writer(c);
    struct wire_share_record s;
    uint8_t expected[32];

    if (wire_share_record_decode(c->copy, c->len, &s) != RT_ERR_OK)
        return false;
    wire_share_record_key(s.community_id, s.share_id, expected);
    if (!check_has_key(c, expected) || !wire_share_record_is_valid(&s) ||
        !is_issued(c, s.updated_at))
        return false;
    wire_write_share_record_signed(&w, &s);
    if (!check_is_signed(c, &w, s.share_pubkey, s.signature))
        return false;
    memcpy(c->out->community_id, s.community_id, 32);
    memcpy(c->out->subject, s.share_id, 32);
    memcpy(c->out->manifest_id, s.latest_manifest_id, 32);
    c->out->first = s.latest_seq;
    c->out->second = s.updated_at;
    c->out->content = share_content(c, s);
    return true;
}

/* -- hints and pages -- */

static bool check_hint(struct check *c)
{
    struct wire_community_hint h;
    uint8_t expected[32];

    if (wire_community_hint_decode(c->copy, c->len, &h) != RT_ERR_OK)
        return false;
    wire_members_key(h.community_id, expected);
    c->out->first = h.updated_at;
    return check_has_key(c, expected) && wire_community_hint_is_valid(&h) &&
           is_issued(c, h.updated_at);
}

static bool check_page(struct check *c)
{
    bool has_members = c->out->kind == WIRE_VALUE_MEMBERS_PAGE;
    struct wire_community_page p;
    uint8_t expected[32];
    rt_err e = has_members ? wire_members_page_decode(c->copy, c->len, &p)
                           : wire_shares_page_decode(c->copy, c->len, &p);

    if (e != RT_ERR_OK)
        return false;
    if (has_members)
        wire_members_page_key(p.community_id, p.bucket, p.page_no, expected);
    else
        wire_shares_page_key(p.community_id, p.bucket, p.page_no, expected);
    c->out->first = p.built_at;
    return check_has_key(c, expected) && wire_community_page_is_valid(&p) &&
           is_issued(c, p.built_at);
}

/* -- rotation and revocation of keys -- */

static bool check_rotation(struct check *c)
{
    struct wire_writer w = room_writer(c);
    struct wire_rotation r;
    uint8_t expected[32];

    if (wire_rotation_decode(c->copy, c->len, &r) != RT_ERR_OK)
        return false;
    wire_rotation_key(r.old_pubkey, expected);
    if (!check_has_key(c, expected) || !wire_rotation_is_valid(&r) || !is_issued(c, r.issued_at))
        return false;
    wire_write_rotation_signed(&w, &r);
    memcpy(c->out->subject, r.old_pubkey, 32);
    c->out->first = r.rotation_seq;
    return check_is_signed(c, &w, r.old_pubkey, r.old_key_signature) &&
           check_is_signed(c, &w, r.new_pubkey, r.new_key_signature);
}

static bool check_revocation(struct check *c)
{
    struct wire_writer w = room_writer(c);
    struct wire_revocation r;
    uint8_t expected[32];

    if (wire_revocation_decode(c->copy, c->len, &r) != RT_ERR_OK)
        return false;
    wire_revocation_key(r.pubkey, expected);
    if (!check_has_key(c, expected) || !is_issued(c, r.issued_at))
        return false;
    wire_write_revocation_signed(&w, &r);
    memcpy(c->out->subject, r.pubkey, 32);
    c->out->first = r.issued_at;
    return check_is_signed(c, &w, r.pubkey, r.signature);
}

bool check_tagged(struct check *c)
{
    switch (c->out->kind) {
    case WIRE_VALUE_MEMBER_RECORD:
        return check_member_record(c);
    case WIRE_VALUE_SHARE_RECORD:
        return check_share_record(c);
    case WIRE_VALUE_COMMUNITY_HINT:
        return check_hint(c);
    case WIRE_VALUE_MEMBERS_PAGE:
    case WIRE_VALUE_SHARES_PAGE:
        return check_page(c);
    case WIRE_VALUE_ROTATION:
        return check_rotation(c);
    case WIRE_VALUE_REVOCATION:
        return check_revocation(c);
    default:
        return false;
    }
}
