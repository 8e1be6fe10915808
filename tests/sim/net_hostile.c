/* SPDX-License-Identifier: MPL-2.0 */
/*
 * Networks with attackers in them. An attacker is a relay like all others, authenticated and in
 * everybody's tables, but what it answers to requests of the DHT is a lie.
 */
#include <stdio.h>
#include <string.h>

#include "base/budget.h"
#include "base/check.h"
#include "dht/dht_limits.h"
#include "dht/kademlia/distance.h"
#include "net_scenarios.h"
#include "wire_dht.h"

#define SETTLE_S 900u
#define NOWHERE 0x0e000001u /* addresses without any host */

static struct network *net;
static rt_actor_fn *honest;
static bool names_attackers; /* else: nobodies, closer and closer */

/* -- lies -- */

/* Keys without an owner, the best of a few tries: closer to the target than most that exist. */
static void unused_key(const uint8_t target[20], struct wire_peer *out)
{
    struct sockaddr_storage a;
    uint8_t best[20], id[20], key[32];

    sim_addr4(&a, NOWHERE + (uint32_t)sim_prng_below(net->prng, 1u << 22), 7001);
    memset(out, 0, sizeof(*out));
    RT_INSIST(dht_hop_from(&a, &out->hop));
    out->hop.has_pubkey_hint = true;
    for (int i = 0; i < 64; i++) {
        uint64_t r = sim_prng_next(net->prng);

        rt_sha256(&r, sizeof(r), key);
        rt_node_id(key, id);
        if (i > 0 && dht_closer(target, id, best) >= 0)
            continue;
        memcpy(best, id, sizeof(best));
        memcpy(out->hop.pubkey_hint, key, sizeof(key));
    }
}

static uint32_t lies_about(const uint8_t target[20], struct wire_peer *out)
{
    uint32_t count = 0;

    if (!names_attackers)
        for (; count < DHT_K; count++)
            unused_key(target, &out[count]);
    for (uint32_t i = 0; i < net->count && count < DHT_K; i++) {
        struct net_member *m = &net->members[i];

        if (!m->is_bad || !m->relay)
            continue;
        memset(&out[count], 0, sizeof(out[count]));
        RT_INSIST(dht_hop_from(&sim_relay_target(m->relay)->addr, &out[count].hop));
        out[count].hop.has_pubkey_hint = true;
        memcpy(out[count++].hop.pubkey_hint, sim_relay_target(m->relay)->public_key, 32);
    }
    return count;
}

static void lie(struct dht_request *a)
{
    struct wire_peer peers[DHT_K];
    uint32_t count = lies_about(a->key, peers);
    struct relay_buf *buf = rt_buf_new(8192);
    struct wire_store wrong = {.ttl_secs = 100};
    struct wire_writer w;
    bool fits;

    RT_INSIST(buf != NULL);
    wire_writer_init(&w, buf->bytes, 8192);
    memcpy(wrong.key, a->key, sizeof(wrong.key));
    wrong.value = (struct wire_bytes){net->values[0].bytes, net->values[0].len};
    if (sim_prng_chance(net->prng, 30))
        wrong.value.len /= 2;
    if (a->op == DHT_FIND_NODE)
        wire_write_find_node_reply(&w, peers, count);
    else
        wire_write_find_value_reply(&w, sim_prng_chance(net->prng, 50) ? &wrong : NULL, peers,
                                    count);
    a->reply = relay_slice_own(buf, buf->bytes, (uint32_t)wire_writer_len(&w, &fits));
    RT_INSIST(fits);
}

static void evil_msg(struct rt_actor *self, struct rt_msg *m)
{
    struct dht_request *a = (struct dht_request *)m;

    if (m->is_bounced || m->kind != DHT_REQUEST ||
        (a->op != DHT_FIND_NODE && a->op != DHT_FIND_VALUE && a->op != DHT_STORE)) {
        honest(self, m);
        return;
    }
    if (a->op != DHT_STORE) /* a store is taken, with thanks, and thrown away */
        lie(a);
    rt_msg_reply(self->worker, m);
}

static void corrupt_in(void *ctx, struct dht *d)
{
    (void)ctx;
    honest = d->actor.on_msg;
    d->actor.on_msg = evil_msg;
}

static void corrupt(struct network *n, uint32_t member)
{
    net = n;
    n->members[member].is_bad = true;
    sim_relay_in_dht(n->members[member].relay, corrupt_in, NULL);
}

/* -- scenarios -- */

/* A fifth of the relays names closer and closer nobodies, whose addresses swallow every dial, and
 * gives wrong and broken values. */
void net_scenario_liars(struct network *n, uint32_t size)
{
    struct net_stats before = {0}, under = {0};
    uint64_t began;

    net_add_many(n, size);
    net_run(n, SETTLE_S);
    net_publish_many(n, 50);
    net_look_up_many(n, 200, 20, &before);
    names_attackers = false;
    for (uint32_t i = 0; i < size / 5; i++)
        corrupt(n, net_draw(n));
    net_publish_many(n, 50); /* half of all values while they lie */
    began = sim_now(n->world);
    net_look_up_many(n, 300, 100, &under);
    printf("liars relays=%u bad=%u found_before=%u/%u found=%u/%u queries=%.1f secs=%.0f\n", size,
           size / 5, before.found, before.ended, under.found, under.ended,
           (double)under.asked / under.ended, (double)(sim_now(n->world) - began) / RT_S);
    net_expect(n, before.found == before.ended, "not even without them");
    net_expect(n, under.found * 100 >= under.ended * 99, "%u of %u look-ups find their value",
               under.found, under.ended);
    net_expect(n, under.asked <= under.ended * LIM_LOOKUP_ASKED_MAX / 2,
               "%u queries in %u look-ups", under.asked, under.ended);
}

/* The number of an identity whose node id has this many bits in common with the target. */
static uint32_t grind(const uint8_t target[20], uint32_t bits, uint32_t from)
{
    struct rt_sign_key k;
    uint8_t seed[32] = {'r', 'e', 'l', 'a', 'y'}, id[20];

    for (;; from++) {
        memcpy(seed + 8, &from, sizeof(from));
        rt_sign_key_from_seed(seed, &k);
        rt_node_id(k.public_key, id);
        if (dht_common_bits(target, id) >= bits)
            return from;
    }
}

/* Forty attackers, closer to one value's key than anybody else, in four networks; they name only
 * each other. The value is published while they are there. */
void net_scenario_eclipse(struct network *n, uint32_t size)
{
    struct net_stats s = {0};
    uint32_t number = 1000000, value, all, close;
    uint8_t id[32], key[32];

    net_add_many(n, size);
    net_run(n, SETTLE_S);
    net_publish_many(n, 1); /* the attackers' replacement */
    rt_sha256(&n->value_count, sizeof(n->value_count), id);
    wire_providers_key(id, key); /* of the value to come */
    names_attackers = true;
    for (uint32_t i = 0; i < 40; i++) {
        number = grind(key, 10, number) + 1;
        corrupt(n, net_add(n, 0x0d000001u + (i % 4) * 256 + i, number - 1));
        net_run(n, 5);
    }
    net_run(n, SETTLE_S);
    value = net_publish(n, net_draw(n));
    net_run(n, 60);
    net_holders(n, value, &all, &close);
    for (uint32_t i = 0; i < 100; i++) {
        net_look_up(n, net_draw(n), value, &s);
        net_run(n, 1);
    }
    net_await(n, &s);
    printf("eclipse relays=%u bad=40 holders=%u local=%u found=%u/%u queries=%.1f table=%.1f\n",
           size, all, s.local, s.found, s.ended, (double)s.asked / s.ended, net_table_mean(n));
    net_expect(n, s.found * 100 >= s.ended * 99, "%u of %u look-ups find the value", s.found,
               s.ended);
}

/* -- heads without a valid signature -- */

struct share_values {
    uint8_t manifest_key[32], head_key[32];
    uint32_t manifest_len, head_len;
    uint8_t manifest[1024], head[512];
};

static void make_head(const struct rt_sign_key *share, uint64_t seq, struct share_values *v)
{
    struct wire_share_head h = {.latest_seq = seq, .updated_at = SIM_WALL_START_S};
    uint8_t covered[512];
    struct wire_writer w;
    bool fits;

    wire_share_id(share->public_key, h.share_id);
    wire_writer_init(&w, covered, sizeof(covered));
    wire_write_share_head_signed(&w, &h);
    rt_sign(share, covered, wire_writer_len(&w, &fits), h.sig);
    wire_share_head_key(h.share_id, v->head_key);
    wire_writer_init(&w, v->head, sizeof(v->head));
    wire_write_share_head(&w, &h);
    v->head_len = (uint32_t)wire_writer_len(&w, &fits);
}

static void make_manifest(const struct rt_sign_key *share, struct share_values *v)
{
    static const uint8_t empty_list[] = {0x80};
    struct wire_manifest m = {.version = 1, .seq = 1, .created_at = SIM_WALL_START_S};
    uint8_t room[WIRE_MANIFEST_ENCODED_MAX(1024)], id[32];
    struct wire_writer w;
    bool fits;

    memcpy(m.share_pubkey, share->public_key, 32);
    wire_share_id(share->public_key, m.share_id);
    m.communities.raw = m.items.raw = m.recommended_shares.raw =
        (struct wire_bytes){empty_list, sizeof(empty_list)};
    wire_writer_init(&w, room, sizeof(room));
    wire_write_manifest_signed(&w, &m);
    m.has_signature = true;
    rt_sign(share, room, wire_writer_len(&w, &fits), m.signature);
    RT_INSIST(wire_manifest_id(&m, room, sizeof(room), id) == RT_ERR_OK);
    wire_manifest_key(id, v->manifest_key);
    wire_writer_init(&w, v->manifest, sizeof(v->manifest));
    wire_write_manifest(&w, &m);
    v->manifest_len = (uint32_t)wire_writer_len(&w, &fits);
}

static void publish(struct dht *d, const uint8_t key[32], const uint8_t *value, uint32_t len)
{
    struct dht_publish_request *a = dht_publish_request_new();

    a->dialects = WIRE_DIALECTS_ALL;
    memcpy(a->key, key, sizeof(a->key));
    a->value = rt_slice_copy(value, len);
    rt_send(d->context.worker, rt_actor_addr(&d->actor), &a->msg);
}

static void publish_share_in(void *ctx, struct dht *d)
{
    struct share_values *v = ctx;

    publish(d, v->manifest_key, v->manifest, v->manifest_len);
    publish(d, v->head_key, v->head, v->head_len);
}

/* Straight to everybody, past its own store. */
static void store_everywhere_in(void *ctx, struct dht *d)
{
    struct share_values *v = ctx;
    struct wire_store s = {.value = {v->head, v->head_len}, .ttl_secs = 1};
    uint8_t bytes[1024];
    struct wire_writer w;
    bool fits;

    memcpy(s.key, v->head_key, sizeof(s.key));
    wire_writer_init(&w, bytes, sizeof(bytes));
    wire_write_store(&w, &s);
    for (uint32_t i = 0; i < net->count; i++) {
        struct dht_call_request *a = dht_call_request_new();

        RT_INSIST(dht_hop_from(&sim_relay_target(net->members[i].relay)->addr, &a->to));
        a->type = WIRE_STORE;
        a->payload = rt_slice_copy(bytes, (uint32_t)wire_writer_len(&w, &fits));
        a->timeout_ns = 10 * RT_S;
        rt_send(d->context.worker, rt_actor_addr(&d->actor), &a->msg);
    }
}

struct held {
    const struct share_values *values;
    bool is_true;
};

static void holds_true_in(void *ctx, struct dht *d)
{
    struct held *h = ctx;
    struct relay_slice own;
    uint64_t ttl;

    h->is_true = false;
    if (!dht_value_store_find(d->values, h->values->head_key, WIRE_DIALECT_C,
                              dht_now_s(&d->context), &own, &ttl))
        return;
    h->is_true = own.len == h->values->head_len && memcmp(own.ptr, h->values->head, own.len) == 0;
    relay_slice_drop(&own);
}

/* Twenty relays hold a share's manifest and head; one of them stores false heads at all others. */
void net_scenario_false_heads(struct network *n, uint32_t size)
{
    struct share_values truth, lies;
    struct rt_sign_key share, other;
    struct held h = {&truth, false};
    uint8_t seed[32] = {1};
    uint32_t members = size < DHT_K ? size : DHT_K;

    net = n;
    rt_sign_key_from_seed(seed, &share);
    seed[0] = 2;
    rt_sign_key_from_seed(seed, &other);
    make_manifest(&share, &truth);
    make_head(&share, 3, &truth);
    lies = truth;
    make_head(&share, UINT64_MAX, &lies);
    lies.head[lies.head_len - 1] ^= 1;
    net_add_many(n, members);
    net_run(n, 300);
    sim_relay_in_dht(n->members[0].relay, publish_share_in, &truth);
    net_run(n, 60);
    sim_relay_in_dht(n->members[1].relay, store_everywhere_in, &lies);
    net_run(n, 60);
    for (uint32_t i = 0; i < n->count; i++) {
        sim_relay_in_dht(n->members[i].relay, holds_true_in, &h);
        net_expect(n, h.is_true, "relay %u has lost the head that its share signed", i);
    }
}
