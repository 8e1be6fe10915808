/* SPDX-License-Identifier: MPL-2.0 */
/* Networks under crowds of clients: ten for each relay, and a flood that wants to fill one. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/budget.h"
#include "base/check.h"
#include "dht/dht_limits.h"
#include "dht/dht_metrics.h"
#include "net_scenarios.h"
#include "transport/transport_metrics.h"
#include "wire_dht.h"

#define SETTLE_S 600u

struct crowd;

struct crowd_client {
    struct crowd *crowd;
    struct sim_identity id;
    struct sim_client *client;
    uint32_t sent, answers, errors;
    bool is_gone;
};

struct crowd {
    struct network *net;
    uint32_t count;
    struct crowd_client *at;
    uint32_t requests_each;
    size_t (*make)(struct crowd_client *c, uint8_t *out, size_t cap, uint16_t *out_type);
    uint64_t answers, errors;
};

static void ask_next(struct crowd_client *c)
{
    uint8_t payload[1024], head[WIRE_ENVELOPE_HEAD_MAX];
    uint16_t type;
    size_t len, n;

    if (c->sent == c->crowd->requests_each)
        return;
    len = c->crowd->make(c, payload, sizeof(payload), &type);
    n = wire_envelope_bare_head(head, type, ++c->sent, 0, (uint32_t)len);
    sim_client_send(c->client, head, n, payload, len);
}

static void on_ready(void *user)
{
    ask_next(user);
}

static void on_frame(void *user, uint8_t *body, uint32_t len)
{
    struct crowd_client *c = user;
    struct wire_envelope e;

    net_expect(c->crowd->net,
               wire_envelope_decode(body, len, &e) == RT_ERR_OK && e.req_id == c->sent,
               "a client got an answer that is not its own");
    c->answers++;
    c->crowd->answers++;
    c->crowd->errors += (e.flags & WIRE_FLAG_ERROR) != 0;
    ask_next(c);
}

static void on_gone(void *user)
{
    struct crowd_client *c = user;

    c->is_gone = true;
    c->client = NULL;
}

static const struct sim_client_ops ops = {on_ready, on_frame, on_gone};

/* from: the address of the first; step between two of them. */
static void crowd_begin(struct crowd *c, uint32_t from, uint32_t step, uint32_t relay)
{
    struct sim_path path;

    sim_path_good(&path);
    c->at = sim_alloc(c->count * sizeof(*c->at));
    for (uint32_t i = 0; i < c->count; i++) {
        uint32_t to = relay == UINT32_MAX ? net_draw(c->net) : relay;

        sim_identity_init(&c->at[i].id, i);
        sim_addr4(&c->at[i].id.addr, from + i * step, 0);
        c->at[i].crowd = c;
        c->at[i].client =
            sim_client_new(c->net->world, &c->at[i].id, sim_relay_target(c->net->members[to].relay),
                           &path, SIM_TRICK_NONE, &ops, &c->at[i]);
        if (i % 50 == 49)
            sim_run(c->net->world, sim_now(c->net->world) + 10 * RT_MS, NULL, NULL);
    }
}

static bool is_served(void *ctx)
{
    struct crowd *c = ctx;

    return c->answers == (uint64_t)c->count * c->requests_each;
}

static void crowd_end(struct crowd *c)
{
    for (uint32_t i = 0; i < c->count; i++)
        sim_client_close(&c->at[i].client);
    net_run(c->net, 10);
    free(c->at);
}

/* -- ten clients for each relay -- */

static size_t find_node(struct crowd_client *c, uint8_t *out, size_t cap, uint16_t *out_type)
{
    uint8_t target[20];

    *out_type = WIRE_FIND_NODE;
    for (int i = 0; i < 20; i++)
        target[i] = (uint8_t)sim_prng_next(c->crowd->net->prng);
    return wire_find_node_encode(target, out, cap);
}

void net_scenario_peers(struct network *n, uint32_t size)
{
    struct crowd c = {.net = n, .count = 10 * size, .requests_each = 3, .make = find_node};
    struct net_stats s = {0};
    double table;

    net_add_many(n, size);
    net_run(n, SETTLE_S);
    net_publish_many(n, 20);
    table = net_table_mean(n);
    crowd_begin(&c, 0x0a000001u, 1, UINT32_MAX);
    net_expect(n, sim_run(n->world, sim_now(n->world) + 120 * RT_S, is_served, &c),
               "%llu answers for %u clients", (unsigned long long)c.answers, c.count);
    net_expect(n, c.errors == 0, "%llu of them errors", (unsigned long long)c.errors);
    net_look_up_many(n, 100, 20, &s);
    printf("peers relays=%u clients=%u connections=%llu answers=%llu found=%u/%u table=%.1f\n",
           size, c.count, (unsigned long long)rt_metric_get(RT_METRIC_CONNECTIONS),
           (unsigned long long)c.answers, s.found, s.ended, net_table_mean(n));
    net_expect(n, s.found == s.ended, "%u of %u look-ups beside them", s.found, s.ended);
    net_expect(n, net_table_mean(n) <= table + 1 + size / 10.0, "clients in routing tables");
    crowd_end(&c);
}

/* -- a flood -- */

/* Values of its own, without end; now and then an offer of addresses to be dialled. */
static size_t flood(struct crowd_client *c, uint8_t *out, size_t cap, uint16_t *out_type)
{
    struct network *n = c->crowd->net;
    struct wire_peer p = {.hop = {.port = 7001, .transport = WIRE_TCP}};
    uint64_t random = sim_prng_next(n->prng);
    uint8_t value[512], id[32];
    struct wire_store s = {.ttl_secs = LIM_VALUE_TTL_MAX_S};
    struct wire_writer w;
    bool fits;

    memcpy(p.hop.ip, &random, 4);
    if (c->sent % 20 == 0) {
        *out_type = WIRE_PEX_OFFER;
        wire_writer_init(&w, out, cap);
        wire_write_pex_offer(&w, &p, 1);
        return wire_writer_len(&w, &fits);
    }
    *out_type = WIRE_STORE;
    rt_sha256(&random, sizeof(random), id);
    wire_providers_key(id, s.key);
    wire_writer_init(&w, value, sizeof(value));
    wire_write_providers(&w, id, &p, 1, SIM_WALL_START_S);
    s.value = (struct wire_bytes){value, (uint32_t)wire_writer_len(&w, &fits)};
    wire_writer_init(&w, out, cap);
    wire_write_store(&w, &s);
    return wire_writer_len(&w, &fits);
}

struct fullness {
    uint64_t bytes;
    uint32_t nodes;
};

static void fullness_in(void *ctx, struct dht *d)
{
    *(struct fullness *)ctx = (struct fullness){
        dht_value_store_bytes(d->values), dht_table_count(d->membership.tables[WIRE_DIALECT_C])};
}

/* Two hundred keys of one network fill one relay's small store. What others store there afterwards
 * finds room, at the flood's cost; its table and its probes stay what they were. */
void net_scenario_flood(struct network *n, uint32_t size)
{
    struct crowd c = {.net = n, .count = 200, .requests_each = 60, .make = flood};
    uint32_t all, close, kept = 0, first;
    struct fullness before, after;
    struct net_stats s = {0};
    uint64_t probes, began;

    n->value_bytes_max = 256 * 1024;
    net_add_many(n, size);
    net_run(n, SETTLE_S);
    sim_relay_in_dht(n->members[0].relay, fullness_in, &before);
    probes = rt_metric_get(RT_METRIC_DHT_PROBED);
    began = sim_now(n->world);
    crowd_begin(&c, 0x0f000001u, 1, 0);
    net_expect(n, sim_run(n->world, sim_now(n->world) + 600 * RT_S, is_served, &c), "%llu answers",
               (unsigned long long)c.answers);
    sim_relay_in_dht(n->members[0].relay, fullness_in, &after);
    first = n->value_count;
    net_publish_many(n, 20);
    for (uint32_t i = 0; i < 20; i++) {
        net_holders(n, first + i, &all, &close);
        kept += close > 0;
    }
    net_look_up_many(n, 100, 20, &s);
    probes = rt_metric_get(RT_METRIC_DHT_PROBED) - probes;
    printf("flood relays=%u stores=%llu refused=%llu bytes=%llu of %llu kept=%u/20 found=%u/%u "
           "probes=%llu nodes=%u,%u\n",
           size, (unsigned long long)c.answers, (unsigned long long)c.errors,
           (unsigned long long)after.bytes, (unsigned long long)n->value_bytes_max, kept, s.found,
           s.ended, (unsigned long long)probes, before.nodes, after.nodes);
    net_expect(n, after.bytes <= n->value_bytes_max, "the store has outgrown its limit");
    net_expect(n, c.errors > 0, "nothing was refused: the flood was none");
    net_expect(n, kept == 20 && s.found == s.ended, "others find no room: %u kept, %u found", kept,
               s.found);
    net_expect(n, after.nodes <= size, "the flood is in the routing table");
    net_expect(n, probes <= size * LIM_PROBES_PER_S * ((sim_now(n->world) - began) / RT_S + 1),
               "%llu probes", (unsigned long long)probes);
    crowd_end(&c);
}
