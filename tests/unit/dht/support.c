/* SPDX-License-Identifier: MPL-2.0 */
#include "support.h"

#include "dht/kademlia/distance.h"
#include "wire_limits.h"

uint64_t test_random(void *ctx)
{
    uint64_t *state = ctx, z = *state += UINT64_C(0x9e3779b97f4a7c15);

    z = (z ^ z >> 30) * UINT64_C(0xbf58476d1ce4e5b9);
    z = (z ^ z >> 27) * UINT64_C(0x94d049bb133111eb);
    return z ^ z >> 31;
}

int test_setup(void **state)
{
    (void)state;
    rt_budget_configure(512u << 20);
    return rt_crypto_init() == RT_ERR_OK ? 0 : -1;
}

struct wire_peer_hop test_hop(uint32_t ip, uint16_t port)
{
    struct wire_peer_hop h = {.port = port, .transport = WIRE_TCP};

    for (int i = 0; i < 4; i++)
        h.ip[i] = (uint8_t)(ip >> (24 - 8 * i));
    return h;
}

void test_key(uint32_t number, uint8_t out[32])
{
    rt_sha256(&number, sizeof(number), out);
}

struct wire_peer_hop test_node(uint32_t ip, uint32_t number)
{
    struct wire_peer_hop h = test_hop(ip, 7001);

    h.has_pubkey_hint = true;
    test_key(number, h.pubkey_hint);
    return h;
}

void test_key_at(const uint8_t self_id[20], uint32_t bits, uint64_t *rng, uint8_t out[32])
{
    uint8_t id[20];

    do {
        for (int i = 0; i < 32; i++)
            out[i] = (uint8_t)test_random(rng);
        rt_node_id(out, id);
    } while (dht_common_bits(self_id, id) != bits);
}

void test_sign_key(uint32_t number, struct rt_sign_key *out)
{
    uint8_t seed[32] = {'t', 'e', 's', 't'};

    memcpy(seed + 8, &number, sizeof(number));
    rt_sign_key_from_seed(seed, out);
}

static void finish(struct wire_writer *w, struct test_value *out)
{
    bool fits;

    out->len = (uint32_t)wire_writer_len(w, &fits);
    assert_true(fits);
}

void test_head(const struct rt_sign_key *share, uint64_t seq, uint64_t updated_at,
               struct test_value *out)
{
    struct wire_share_head h = {.latest_seq = seq, .updated_at = updated_at};
    uint8_t covered[512];
    struct wire_writer w;
    bool fits;

    wire_share_id(share->public_key, h.share_id);
    memset(h.latest_manifest_id, (int)seq, 32);
    wire_writer_init(&w, covered, sizeof(covered));
    wire_write_share_head_signed(&w, &h);
    rt_sign(share, covered, wire_writer_len(&w, &fits), h.sig);
    wire_share_head_key(h.share_id, out->key);
    wire_writer_init(&w, out->bytes, sizeof(out->bytes));
    wire_write_share_head(&w, &h);
    finish(&w, out);
}

static void manifest(const struct rt_sign_key *share, const struct rt_sign_key *signer,
                     uint64_t seq, uint32_t title_len, struct test_value *out, uint8_t id[32])
{
    static const uint8_t empty_list[] = {0x80};
    struct wire_manifest m = {.version = 1, .seq = seq, .created_at = NOW_S};
    uint8_t room[WIRE_MANIFEST_ENCODED_MAX(sizeof(out->bytes))], title[2048];
    struct wire_writer w;
    bool fits;

    memset(title, 't', sizeof(title));
    memcpy(m.share_pubkey, share->public_key, 32);
    wire_share_id(share->public_key, m.share_id);
    m.title = (struct wire_bytes){title, title_len};
    m.communities.raw = m.items.raw = m.recommended_shares.raw =
        (struct wire_bytes){empty_list, sizeof(empty_list)};
    wire_writer_init(&w, room, sizeof(room));
    wire_write_manifest_signed(&w, &m);
    m.has_signature = true;
    rt_sign(signer, room, wire_writer_len(&w, &fits), m.signature);
    assert_int_equal(wire_manifest_id(&m, room, sizeof(room), id), RT_ERR_OK);
    wire_manifest_key(id, out->key);
    wire_writer_init(&w, out->bytes, sizeof(out->bytes));
    wire_write_manifest(&w, &m);
    finish(&w, out);
}

void test_manifest(const struct rt_sign_key *share, uint64_t seq, uint32_t title_len,
                   struct test_value *out)
{
    test_manifest_by(share, share, seq, title_len, out);
}

void test_manifest_by(const struct rt_sign_key *share, const struct rt_sign_key *signer,
                      uint64_t seq, uint32_t title_len, struct test_value *out)
{
    uint8_t id[32];

    manifest(share, signer, seq, title_len, out, id);
}

void test_manifest_with_id(const struct rt_sign_key *share, uint64_t seq, uint32_t title_len,
                           struct test_value *out, uint8_t out_id[32])
{
    manifest(share, share, seq, title_len, out, out_id);
}

void test_set(enum wire_value_kind kind, uint8_t id, const struct wire_peer *peers, uint32_t count,
              uint64_t updated_at, struct test_value *out)
{
    uint8_t id32[32] = {id};
    struct wire_writer w;

    wire_writer_init(&w, out->bytes, sizeof(out->bytes));
    if (kind == WIRE_VALUE_PROVIDERS) {
        wire_providers_key(id32, out->key);
        wire_write_providers(&w, id32, peers, count, updated_at);
    } else {
        wire_members_key(id32, out->key);
        wire_write_members(&w, id32, peers, count, updated_at);
    }
    finish(&w, out);
}

struct form {
    bool is_signed_over_8, is_sent_with_8;
};

static void announcement(const struct rt_sign_key *relay, const struct wire_peer *addrs,
                         uint32_t count, uint64_t issued_at, uint8_t which, int64_t later_s,
                         struct form form, struct test_value *out)
{
    uint64_t bucket = wire_rendezvous_bucket(issued_at + (uint64_t)later_s);
    struct wire_announcement a = {.max_tunnels = 64,
                                  .bandwidth_class = WIRE_BANDWIDTH_MEDIUM,
                                  .issued_at = issued_at,
                                  .expires_at = issued_at + LIM_ANNOUNCEMENT_S};
    uint8_t list[2048], covered[4096];
    struct wire_writer w;
    bool fits;

    wire_writer_init(&w, list, sizeof(list));
    wire_write_peer_list(&w, addrs, count);
    a.addrs.raw = (struct wire_bytes){list, (uint32_t)wire_writer_len(&w, &fits)};
    a.addrs.count = count;
    memcpy(a.relay_pubkey, relay->public_key, 32);
    a.capabilities.relay = true;
    a.capabilities.has_community_fields = form.is_signed_over_8;
    wire_writer_init(&w, covered, sizeof(covered));
    wire_write_announcement_signed(&w, &a);
    rt_sign(relay, covered, wire_writer_len(&w, &fits), a.signature);
    wire_rendezvous_key(bucket, wire_rendezvous_slot(relay->public_key, bucket, which), out->key);
    a.capabilities.has_community_fields = form.is_sent_with_8;
    wire_writer_init(&w, out->bytes, sizeof(out->bytes));
    wire_write_announcement(&w, &a);
    finish(&w, out);
}

void test_announcement(const struct rt_sign_key *relay, const struct wire_peer *addrs,
                       uint32_t count, uint64_t issued_at, uint8_t which, int64_t later_s,
                       struct test_value *out)
{
    announcement(relay, addrs, count, issued_at, which, later_s, (struct form){0}, out);
}

void test_announcement_of(const struct rt_sign_key *relay, const struct wire_peer *addr,
                          uint64_t issued_at, bool is_signed_over_8, bool is_sent_with_8,
                          struct test_value *out)
{
    struct form form = {is_signed_over_8, is_sent_with_8};

    announcement(relay, addr, 1, issued_at, 0, 0, form, out);
}

struct dht_checked test_checked(const struct test_value *v, uint64_t now_s)
{
    struct dht_checked c;

    assert_int_equal(dht_value_check(v->key, v->bytes, v->len, now_s, &c), WIRE_REFUSAL_NONE);
    return c;
}
