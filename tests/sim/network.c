/* SPDX-License-Identifier: MPL-2.0 */
#include "network.h"

#include <stdlib.h>
#include <string.h>

#include "base/budget.h"
#include "base/check.h"
#include "dht/dht_limits.h"
#include "dht/kademlia/distance.h"
#include "wire_value.h"

#define FIRST_IP 0x0b000001u /* member i lives at 11.0.0.1 + i * 256 */
#define BOOTSTRAPS 2u
#define MEMORY_MAX (UINT64_C(64) << 30) /* one budget for all relays of the process */

/* -- the network between them -- */

static uint32_t ip_of(const struct sockaddr *a)
{
    return ntohl(((const struct sockaddr_in *)(const void *)a)->sin_addr.s_addr);
}

static struct net_member *member_at(struct network *n, uint32_t ip)
{
    uint32_t i = (ip - FIRST_IP) / 256;

    if (ip >= FIRST_IP && i < n->count && n->members[i].ip == ip)
        return &n->members[i];
    for (i = 0; i < n->count; i++)
        if (n->members[i].ip == ip)
            return &n->members[i];
    return NULL;
}

static enum sim_pass filter(void *ctx, const struct sockaddr *from, const struct sockaddr *to)
{
    struct network *n = ctx;
    const struct net_member *a = member_at(n, ip_of(from)), *b = member_at(n, ip_of(to));

    if (!b && ip_of(to) >> 24 == 0x0e) /* no host, and no refusal either */
        return SIM_SILENCE;
    if (b && (b->is_silent || (n->is_parted && a && a->side != b->side)))
        return SIM_SILENCE;
    return SIM_PASS;
}

void net_init(struct network *n, uint64_t seed, const char *label)
{
    *n = (struct network){.value_bytes_max = 4u << 20};
    rt_budget_configure(MEMORY_MAX);
    n->world = sim_world_new(seed, false);
    n->prng = sim_prng(n->world);
    sim_set_label(n->world, label);
    sim_set_steps_max(n->world, UINT64_MAX);
    sim_net_set_filter(sim_world_net(n->world), filter, n);
}

void net_run(struct network *n, uint64_t secs)
{
    sim_run(n->world, sim_now(n->world) + secs * RT_S, NULL, NULL);
}

/* -- members -- */

static bool is_drawn(const struct net_member *m, uint8_t dialects)
{
    return m->relay && !m->is_bad && !m->is_silent && (m->dialects & dialects);
}

static bool has_node(const struct network *n, uint8_t dialects)
{
    for (uint32_t i = 0; i < n->count; i++)
        if (is_drawn(&n->members[i], dialects))
            return true;
    return false;
}

uint32_t net_draw_node(struct network *n, uint8_t dialects)
{
    RT_REQUIRE(has_node(n, dialects));
    for (;;) {
        uint32_t i = (uint32_t)sim_prng_below(n->prng, n->count);

        if (is_drawn(&n->members[i], dialects))
            return i;
    }
}

uint32_t net_draw_exact(struct network *n, uint8_t dialects)
{
    uint32_t i;

    do
        i = net_draw_node(n, dialects);
    while (n->members[i].dialects != dialects);
    return i;
}

uint32_t net_draw(struct network *n)
{
    return net_draw_node(n, WIRE_DIALECTS_ALL);
}

const struct net_member *net_member_of(const struct network *n, const uint8_t key[32])
{
    uint8_t id[20];

    rt_node_id(key, id);
    for (uint32_t i = 0; i < n->count; i++)
        if (n->members[i].relay && memcmp(n->members[i].id, id, sizeof(id)) == 0)
            return &n->members[i];
    return NULL;
}

static void bootstrap_at(uint32_t ip, struct dht_boot_peer *out)
{
    struct sockaddr_storage a;

    memset(out, 0, sizeof(*out));
    sim_addr4(&a, ip, 7001);
    RT_INSIST(dht_hop_from(&a, &out->hop));
    dht_hop_text(&out->hop, out->text, sizeof(out->text));
}

uint32_t net_add_node(struct network *n, uint32_t ip, uint32_t number, uint8_t dialects)
{
    struct dht_boot_peer peers[BOOTSTRAPS];
    struct sim_relay_config c;
    struct net_member *m;
    uint32_t place = n->count;

    if (n->count == n->capacity) {
        n->capacity = n->capacity ? 2 * n->capacity : 64;
        n->members = realloc(n->members, n->capacity * sizeof(*n->members));
        RT_INSIST(n->members != NULL);
    }
    sim_relay_config_default(&c);
    c.number = number ? number : 1 + place;
    c.ip = ip ? ip : FIRST_IP + 256 * place;
    c.dialects = dialects;
    c.bootstrap = peers;
    c.value_bytes_max = n->value_bytes_max;
    c.announces = n->announces;
    for (uint32_t i = 0; i < BOOTSTRAPS && has_node(n, dialects); i++)
        bootstrap_at(n->members[net_draw_node(n, dialects)].ip, &peers[c.bootstrap_count++]);
    m = &n->members[n->count++];
    *m = (struct net_member){.ip = c.ip, .dialects = dialects, .side = place % 2};
    m->relay = sim_relay_new(n->world, &c);
    rt_node_id(sim_relay_target(m->relay)->public_key, n->members[place].id);
    n->living++;
    return place;
}

uint32_t net_add(struct network *n, uint32_t ip, uint32_t number)
{
    return net_add_node(n, ip, number, WIRE_DIALECTS_ALL);
}

void net_add_many(struct network *n, uint32_t count)
{
    uint64_t gap_ns = count > 300 ? 60 * RT_S / count : 200 * RT_MS;

    for (uint32_t i = 0; i < count; i++) {
        (void)net_add(n, 0, 0);
        sim_run(n->world, sim_now(n->world) + gap_ns, NULL, NULL);
    }
}

static bool is_down(void *ctx)
{
    return sim_relay_is_down(ctx);
}

void net_remove(struct network *n, uint32_t member, bool is_silent)
{
    struct net_member *m = &n->members[member];

    m->is_silent = is_silent;
    sim_relay_shut_down(m->relay);
    if (!sim_run(n->world, sim_now(n->world) + 60 * RT_S, is_down, m->relay))
        sim_fail(n->world, "relay %u does not shut down", member);
    sim_relay_free(&m->relay);
    n->living--;
}

static bool are_down(void *ctx)
{
    struct network *n = ctx;

    for (uint32_t i = 0; i < n->count; i++)
        if (n->members[i].relay && !sim_relay_is_down(n->members[i].relay))
            return false;
    return true;
}

void net_fini(struct network *n)
{
    for (uint32_t i = 0; i < n->count; i++)
        if (n->members[i].relay)
            sim_relay_shut_down(n->members[i].relay);
    net_run(n, 20);
    if (!are_down(n) && !sim_run(n->world, sim_now(n->world) + 60 * RT_S, are_down, n))
        sim_fail(n->world, "not all relays shut down");
    for (uint32_t i = 0; i < n->count; i++)
        if (n->members[i].relay)
            sim_relay_free(&n->members[i].relay);
    net_run(n, 60); /* messages to hosts that are gone */
    net_expect(n, rt_buf_live() == 0, "%llu buffers are left", (unsigned long long)rt_buf_live());
    net_expect(n, rt_budget_used() == 0, "%llu bytes stay charged",
               (unsigned long long)rt_budget_used());
    sim_world_free(&n->world);
    free(n->members);
    free(n->values);
}

/* -- values -- */

static void publish_in(void *ctx, struct dht *d)
{
    const struct net_value *v = ctx;
    struct dht_publish_request *a = dht_publish_request_new();

    a->dialects = v->dialects;
    memcpy(a->key, v->key, sizeof(a->key));
    a->value = rt_slice_copy(v->bytes, v->len);
    a->ttl_secs = LIM_VALUE_TTL_MAX_S;
    rt_send(d->context.worker, rt_actor_addr(&d->actor), &a->msg);
}

uint32_t net_note_value(struct network *n, const struct net_value *value)
{
    n->values = realloc(n->values, (n->value_count + 1) * sizeof(*n->values));
    RT_INSIST(n->values != NULL);
    n->values[n->value_count] = *value;
    return n->value_count++;
}

uint32_t net_publish_value(struct network *n, uint32_t member, const struct net_value *value)
{
    uint32_t place = net_note_value(n, value);

    sim_relay_in_dht(n->members[member].relay, publish_in, &n->values[place]);
    return place;
}

uint32_t net_publish(struct network *n, uint32_t member)
{
    struct wire_peer p = {.hop = {.port = 7001, .transport = WIRE_TCP}};
    struct net_value v = {.dialects = WIRE_DIALECTS_ALL};
    struct wire_writer w;
    uint8_t id[32];
    bool fits;

    rt_sha256(&n->value_count, sizeof(n->value_count), id);
    memcpy(p.hop.ip, &n->members[member].ip, 4);
    wire_providers_key(id, v.key);
    wire_writer_init(&w, v.bytes, sizeof(v.bytes));
    wire_write_providers(&w, id, &p, 1, SIM_WALL_START_S);
    v.len = (uint32_t)wire_writer_len(&w, &fits);
    RT_INSIST(fits);
    return net_publish_value(n, member, &v);
}

void net_publish_many(struct network *n, uint32_t count)
{
    for (uint32_t i = 0; i < count; i++) {
        (void)net_publish(n, net_draw(n));
        sim_run(n->world, sim_now(n->world) + 100 * RT_MS, NULL, NULL);
    }
    net_run(n, 30);
}

/* -- look-ups -- */

static bool is_value(const struct net_value *v, const struct relay_slice *s)
{
    return s->len == v->len && memcmp(s->ptr, v->bytes, v->len) == 0;
}

/* Whether the relay returns this value to requesters of the dialect. */
static bool holds(const struct dht *d, const struct net_value *v, enum wire_dialect dialect)
{
    struct relay_slice own;
    bool is_it;
    uint64_t ttl;

    if (!dht_value_store_find(d->values, v->key, dialect, dht_now_s(&d->context), &own, &ttl))
        return false;
    is_it = is_value(v, &own);
    relay_slice_drop(&own);
    return is_it;
}

/* Rides on the search, to be found when it is done. */
struct query {
    struct rt_msg msg;
    struct net_stats *stats;
    enum wire_dialect dialect;
    struct net_value value; /* for nodes: its key is the target */
    bool is_for_nodes;
    uint8_t closest[20];
};

static void searched(void *owner, struct lookup_run *r)
{
    struct query *q = (struct query *)r->request.cookie;
    struct net_stats *st = q->stats;
    uint32_t hops = dht_lookup_hops(r->lookup);
    struct wire_peer_hop first;
    uint8_t id[20];

    (void)owner;
    st->ended++;
    st->hops += hops;
    st->hops_max = hops > st->hops_max ? hops : st->hops_max;
    st->asked += dht_lookup_asked(r->lookup);
    st->answers += dht_lookup_replies(r->lookup);
    st->found += r->value_count > 0 && is_value(&q->value, &r->values[0]);
    if (q->is_for_nodes && dht_lookup_closest(r->lookup, 1, false, &first) == 1) {
        rt_node_id(first.pubkey_hint, id);
        st->closest += memcmp(id, q->closest, sizeof(id)) == 0;
    }
    rt_msg_free(&r->request.cookie);
}

static void look_in(void *ctx, struct dht *d)
{
    struct query *q = ctx;
    const struct lookup_run_request request = {.dialect = q->dialect,
                                               .key = q->value.key,
                                               .values_max = q->is_for_nodes ? 0 : 1,
                                               .done = searched,
                                               .cookie = &q->msg};

    q->stats->begun++;
    if (!q->is_for_nodes && holds(d, &q->value, q->dialect)) {
        q->stats->local++;
        q->stats->found++;
        q->stats->ended++;
        rt_msg_free((struct rt_msg **)&q);
    } else if (!lookup_run_start(&d->lookups, &request)) {
        q->stats->ended++;
        rt_msg_free((struct rt_msg **)&q);
    }
}

static void look_up(struct network *n, uint32_t member, struct query *q)
{
    sim_relay_in_dht(n->members[member].relay, look_in, q);
}

void net_look_up_in(struct network *n, uint32_t member, enum wire_dialect dialect, uint32_t value,
                    struct net_stats *stats)
{
    struct query *q = rt_msg_new(DHT_REPLY, sizeof(*q));

    q->stats = stats;
    q->dialect = dialect;
    q->value = n->values[value];
    look_up(n, member, q);
}

void net_look_up(struct network *n, uint32_t member, uint32_t value, struct net_stats *stats)
{
    net_look_up_in(n, member, WIRE_DIALECT_C, value, stats);
}

/* The living member of the dialect closest to target, but for `except`. */
static uint32_t closest_member(const struct network *n, enum wire_dialect dialect,
                               const uint8_t target[20], uint32_t except)
{
    uint32_t best = UINT32_MAX;

    for (uint32_t i = 0; i < n->count; i++)
        if (i != except && n->members[i].relay && !n->members[i].is_silent &&
            (n->members[i].dialects & WIRE_DIALECT_BIT(dialect)) &&
            (best == UINT32_MAX || dht_closer(target, n->members[i].id, n->members[best].id) < 0))
            best = i;
    RT_REQUIRE(best != UINT32_MAX);
    return best;
}

void net_look_up_nodes(struct network *n, uint32_t member, enum wire_dialect dialect,
                       const uint8_t target[20], struct net_stats *stats)
{
    struct query *q = rt_msg_new(DHT_REPLY, sizeof(*q));
    uint32_t closest = closest_member(n, dialect, target, member);

    q->stats = stats;
    q->dialect = dialect;
    q->is_for_nodes = true;
    memcpy(q->value.key, target, 20);
    memcpy(q->closest, n->members[closest].id, sizeof(q->closest));
    look_up(n, member, q);
}

static bool have_ended(void *ctx)
{
    const struct net_stats *s = ctx;

    return s->ended == s->begun;
}

void net_await(struct network *n, const struct net_stats *stats)
{
    if (!sim_run(n->world, sim_now(n->world) + 2 * LIM_LOOKUP_NS, have_ended,
                 (void *)(uintptr_t)stats))
        sim_fail(n->world, "%u of %u look-ups have not ended", stats->begun - stats->ended,
                 stats->begun);
}

void net_look_up_many(struct network *n, uint32_t count, uint32_t gap_ms, struct net_stats *stats)
{
    for (uint32_t i = 0; i < count; i++) {
        net_look_up(n, net_draw(n), (uint32_t)sim_prng_below(n->prng, n->value_count), stats);
        sim_run(n->world, sim_now(n->world) + gap_ms * RT_MS, NULL, NULL);
    }
    net_await(n, stats);
}

/* -- the whole network, as no member can see it -- */

struct holding {
    const struct net_value *value;
    bool has;
    uint32_t nodes;
};

static void holds_in(void *ctx, struct dht *d)
{
    struct holding *h = ctx;

    h->nodes = dht_table_count(d->membership.tables[WIRE_DIALECT_C]);
    h->has = false;
    for (enum wire_dialect i = WIRE_DIALECT_A; h->value && i < WIRE_DIALECTS; i++)
        h->has = h->has || (h->value->dialects & WIRE_DIALECT_BIT(i) && holds(d, h->value, i));
}

void net_holders_in(struct network *n, uint32_t value, uint8_t dialects, uint32_t *out_all,
                    uint32_t *out_closest)
{
    struct holding h = {.value = &n->values[value]};
    const struct net_member *m = n->members;

    *out_all = *out_closest = 0;
    for (uint32_t i = 0; i < n->count; i++) {
        uint32_t closer = 0;

        if (!m[i].relay || !(m[i].dialects & dialects))
            continue;
        sim_relay_in_dht(m[i].relay, holds_in, &h);
        for (uint32_t k = 0; k < n->count; k++)
            closer += m[k].relay && (m[k].dialects & dialects) &&
                      dht_closer(h.value->key, m[k].id, m[i].id) < 0;
        *out_all += h.has;
        *out_closest += h.has && closer < DHT_K;
    }
}

void net_holders(struct network *n, uint32_t value, uint32_t *out_all, uint32_t *out_closest)
{
    net_holders_in(n, value, WIRE_DIALECTS_ALL, out_all, out_closest);
}

uint32_t net_count_strays(struct network *n, uint32_t value)
{
    struct holding h = {.value = &n->values[value]};
    uint32_t strays = 0;

    for (uint32_t i = 0; i < n->count; i++) {
        if (!n->members[i].relay || (n->members[i].dialects & h.value->dialects))
            continue;
        sim_relay_in_dht(n->members[i].relay, holds_in, &h);
        strays += h.has;
    }
    return strays;
}

double net_table_mean(struct network *n)
{
    struct holding h = {0};
    uint64_t nodes = 0;

    for (uint32_t i = 0; i < n->count; i++) {
        if (!n->members[i].relay)
            continue;
        sim_relay_in_dht(n->members[i].relay, holds_in, &h);
        nodes += h.nodes;
    }
    return (double)nodes / (double)n->living;
}
