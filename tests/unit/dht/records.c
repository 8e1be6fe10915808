/* SPDX-License-Identifier: MPL-2.0 */
#include "records.h"

static const uint8_t empty_list[] = {0x80};

static struct wire_writer writer(struct test_value *out)
{
    struct wire_writer w;

    wire_writer_init(&w, out->bytes, sizeof(out->bytes));
    return w;
}

static void finish(const struct wire_writer *w, struct test_value *out)
{
    bool fits;

    out->len = (uint32_t)wire_writer_len(w, &fits);
    assert_true(fits);
}

/* Signs the bytes in the writer. */
static void sign(const struct rt_sign_key *k, const struct wire_writer *w, struct test_value *from,
                 uint8_t signature[64])
{
    finish(w, from);
    rt_sign(k, from->bytes, from->len, signature);
}

void test_community(uint32_t n, uint8_t out[32])
{
    struct rt_sign_key k;

    test_sign_key(n, &k);
    wire_share_id(k.public_key, out);
}

static struct wire_bytes token(const struct test_member *m, const uint8_t member[32], uint8_t *room,
                               size_t cap)
{
    struct wire_membership_token t = {.issued_at = m->issued_at, .expires_at = m->expires_at};
    struct wire_writer w;
    bool fits;

    if (m->of_token == 0)
        return (struct wire_bytes){0};
    test_community(m->of_token, t.community_share_id);
    memcpy(t.member_node_pubkey, member, 32);
    wire_writer_init(&w, room, cap);
    wire_write_membership_token(&w, &t);
    return (struct wire_bytes){room, (uint32_t)wire_writer_len(&w, &fits)};
}

void test_member_record(const struct test_member *m, struct test_value *out)
{
    struct wire_member_record r = {.announce_seq = m->announce_seq,
                                   .status = m->status,
                                   .issued_at = m->issued_at,
                                   .expires_at = m->expires_at};
    struct wire_writer w = writer(out);
    struct rt_sign_key k;
    uint8_t room[512];

    test_sign_key(m->member, &k);
    test_community(m->community, r.community_id);
    memcpy(r.member_node_pubkey, k.public_key, 32);
    r.auth_token = token(m, k.public_key, room, sizeof(room));
    wire_write_member_record_signed(&w, &r);
    sign(&k, &w, out, r.signature);
    w = writer(out);
    wire_write_member_record(&w, &r);
    finish(&w, out);
    wire_member_record_key(r.community_id, r.member_node_pubkey, out->key);
}

static struct wire_bytes text(const char *s)
{
    return (struct wire_bytes){(const uint8_t *)s, s ? (uint32_t)strlen(s) : 0};
}

void test_share_record(const struct test_share *s, struct test_value *out)
{
    struct wire_share_record r = {.latest_seq = s->seq,
                                  .updated_at = s->updated_at,
                                  .title = text(s->title),
                                  .description = text(s->description)};
    struct wire_writer w = writer(out);
    struct rt_sign_key k;

    test_sign_key(s->share, &k);
    test_community(s->community, r.community_id);
    memcpy(r.share_pubkey, k.public_key, 32);
    wire_share_id(k.public_key, r.share_id);
    memcpy(r.latest_manifest_id, s->manifest_id, 32);
    wire_write_share_record_signed(&w, &r);
    sign(&k, &w, out, r.signature);
    w = writer(out);
    wire_write_share_record(&w, &r);
    finish(&w, out);
    wire_share_record_key(r.community_id, r.share_id, out->key);
}

static struct wire_list peers(uint32_t count, uint8_t *room, size_t cap)
{
    struct wire_peer p[32];
    struct wire_writer w;
    bool fits;

    for (uint32_t i = 0; i < count; i++)
        p[i] = (struct wire_peer){.hop = test_hop(0x0b000001 + (i << 8), 7001)};
    wire_writer_init(&w, room, cap);
    wire_write_peer_list(&w, p, count);
    return (struct wire_list){.raw = {room, (uint32_t)wire_writer_len(&w, &fits)}, .count = count};
}

void test_hint(uint32_t community, uint32_t members, uint32_t index_peers, uint64_t updated_at,
               struct test_value *out)
{
    struct wire_community_hint h = {.member_count_estimate = members, .updated_at = updated_at};
    uint8_t room[2][2048];
    struct wire_writer w = writer(out);

    test_community(community, h.community_id);
    h.sample_members = peers(members, room[0], sizeof(room[0]));
    h.index_peers = peers(index_peers, room[1], sizeof(room[1]));
    wire_write_community_hint(&w, &h);
    finish(&w, out);
    wire_members_key(h.community_id, out->key);
}

void test_page(enum wire_value_kind kind, uint32_t community, uint16_t page_no, uint16_t pages,
               uint64_t built_at, struct test_value *out)
{
    struct wire_community_page p = {.bucket = built_at / WIRE_PAGE_BUCKET_S,
                                    .page_no = page_no,
                                    .total_pages = pages,
                                    .built_at = built_at};
    struct wire_writer w = writer(out);

    p.entries.raw = (struct wire_bytes){empty_list, sizeof(empty_list)};
    test_community(community, p.community_id);
    if (kind == WIRE_VALUE_MEMBERS_PAGE) {
        wire_write_members_page(&w, &p);
        wire_members_page_key(p.community_id, p.bucket, p.page_no, out->key);
    } else {
        wire_write_shares_page(&w, &p);
        wire_shares_page_key(p.community_id, p.bucket, p.page_no, out->key);
    }
    finish(&w, out);
}

void test_rotation(uint32_t old_key, uint32_t new_key, uint64_t seq, uint64_t issued_at,
                   struct test_value *out)
{
    struct wire_rotation r = {
        .subject_kind = WIRE_SUBJECT_NODE, .rotation_seq = seq, .issued_at = issued_at};
    struct wire_writer w = writer(out);
    struct rt_sign_key k[2];

    test_sign_key(old_key, &k[0]);
    test_sign_key(new_key, &k[1]);
    memcpy(r.old_pubkey, k[0].public_key, 32);
    memcpy(r.new_pubkey, k[1].public_key, 32);
    wire_write_rotation_signed(&w, &r);
    sign(&k[0], &w, out, r.old_key_signature);
    sign(&k[1], &w, out, r.new_key_signature);
    w = writer(out);
    wire_write_rotation(&w, &r);
    finish(&w, out);
    wire_rotation_key(r.old_pubkey, out->key);
}

void test_revocation(uint32_t key, uint64_t issued_at, struct test_value *out)
{
    struct wire_revocation r = {.subject_kind = WIRE_SUBJECT_NODE,
                                .reason = WIRE_REVOCATION_COMPROMISED,
                                .issued_at = issued_at};
    struct wire_writer w = writer(out);
    struct rt_sign_key k;

    test_sign_key(key, &k);
    memcpy(r.pubkey, k.public_key, 32);
    wire_write_revocation_signed(&w, &r);
    sign(&k, &w, out, r.signature);
    w = writer(out);
    wire_write_revocation(&w, &r);
    finish(&w, out);
    wire_revocation_key(r.pubkey, out->key);
}
