/* SPDX-License-Identifier: MPL-2.0 */
#include "net_values.h"

#include <string.h>

#include "base/check.h"
#include "dht/dht_limits.h"
#include "wire_community.h"

struct making {
    struct wire_writer w;
    struct rt_sign_key subject;
    uint8_t community[32];
    uint64_t seq, now_s;
    struct net_value *out;
};

static void restart(struct making *m)
{
    wire_writer_init(&m->w, m->out->bytes, sizeof(m->out->bytes));
}

static void finish(struct making *m)
{
    bool fits;

    m->out->len = (uint32_t)wire_writer_len(&m->w, &fits);
    RT_INSIST(fits);
}

/* Signs what has been written, and begins again. */
static void sign(struct making *m, uint8_t out_signature[64])
{
    finish(m);
    rt_sign(&m->subject, m->out->bytes, m->out->len, out_signature);
    restart(m);
}

static struct wire_peer a_peer(uint32_t number)
{
    struct wire_peer p = {.hop = {.port = 7001, .transport = WIRE_TCP}};

    memcpy(p.hop.ip, &number, sizeof(number));
    return p;
}

static void make_head(struct making *m)
{
    struct wire_share_head h = {.latest_seq = m->seq, .updated_at = m->now_s};

    wire_share_id(m->subject.public_key, h.share_id);
    wire_write_share_head_signed(&m->w, &h);
    sign(m, h.sig);
    wire_write_share_head(&m->w, &h);
    wire_share_head_key(h.share_id, m->out->key);
}

static void make_providers(struct making *m)
{
    struct wire_peer p = a_peer(m->subject.public_key[0]);

    wire_write_providers(&m->w, m->community, &p, 1, m->now_s);
    wire_providers_key(m->community, m->out->key);
}

static void make_members(struct making *m)
{
    struct wire_peer p = a_peer(m->subject.public_key[0]);

    wire_write_members(&m->w, m->community, &p, 1, m->now_s);
    wire_members_key(m->community, m->out->key);
}

static void make_member_record(struct making *m)
{
    struct wire_member_record r = {.announce_seq = m->seq,
                                   .status = WIRE_MEMBER_JOINED,
                                   .issued_at = m->now_s,
                                   .expires_at = m->now_s + LIM_VALUE_TTL_MIN_S};

    memcpy(r.community_id, m->community, 32);
    memcpy(r.member_node_pubkey, m->subject.public_key, 32);
    wire_write_member_record_signed(&m->w, &r);
    sign(m, r.signature);
    wire_write_member_record(&m->w, &r);
    wire_member_record_key(r.community_id, r.member_node_pubkey, m->out->key);
}

static void make_hint(struct making *m)
{
    struct wire_community_hint h = {.member_count_estimate = m->seq, .updated_at = m->now_s};

    memcpy(h.community_id, m->community, 32);
    wire_write_community_hint(&m->w, &h);
    wire_members_key(h.community_id, m->out->key);
}

static void make_revocation(struct making *m)
{
    struct wire_revocation r = {.subject_kind = WIRE_SUBJECT_NODE,
                                .reason = WIRE_REVOCATION_RETIRED,
                                .issued_at = m->now_s};

    memcpy(r.pubkey, m->subject.public_key, 32);
    wire_write_revocation_signed(&m->w, &r);
    sign(m, r.signature);
    wire_write_revocation(&m->w, &r);
    wire_revocation_key(r.pubkey, m->out->key);
}

void net_value_make(enum wire_value_kind kind, uint32_t number, uint64_t seq, uint64_t now_s,
                    struct net_value *out)
{
    struct making m = {.seq = seq, .now_s = now_s, .out = out};
    uint8_t seed[32] = {'v', 'a', 'l', 'u', 'e'};

    *out = (struct net_value){.dialects = wire_value_dialects(kind, false)};
    memcpy(seed + 8, &number, sizeof(number));
    rt_sign_key_from_seed(seed, &m.subject);
    wire_share_id(m.subject.public_key, m.community);
    restart(&m);
    switch (kind) {
    case WIRE_VALUE_SHARE_HEAD:
        make_head(&m);
        break;
    case WIRE_VALUE_PROVIDERS:
        make_providers(&m);
        break;
    case WIRE_VALUE_MEMBERS:
        make_members(&m);
        break;
    case WIRE_VALUE_MEMBER_RECORD:
        make_member_record(&m);
        break;
    case WIRE_VALUE_COMMUNITY_HINT:
        make_hint(&m);
        break;
    case WIRE_VALUE_REVOCATION:
        make_revocation(&m);
        break;
    default:
        RT_REQUIRE(false);
    }
    finish(&m);
}
