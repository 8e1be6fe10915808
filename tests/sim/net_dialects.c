/* SPDX-License-Identifier: MPL-2.0 */
/*
 * Networks of mixed dialects. Plan, in one network of each mix: every member is in the tables of
 * those closest to it in its own networks, and in no other network; a look-up in a dialect finds
 * the closest nodes and the values published there; a value that several dialects accept reaches
 * all of their networks through the members that serve all of them, and no node of another dialect;
 * no node is sent a value that it refuses. A relay that comes back in another dialect changes
 * networks.
 */
#include "net_dialects.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/check.h"
#include "dht/dht_limits.h"
#include "dht/dht_metrics.h"
#include "dht/kademlia/distance.h"
#include "net_values.h"

/* The contents of the routing tables of all members. */
struct tables {
    uint32_t foreign; /* nodes in a table of a dialect that they, or its holder, do not serve */
    uint32_t gone;    /* entries that are no living member */
    uint32_t named_foreign; /* peers that peer exchange could name to askers of another dialect */
    /* Of a member's DHT_K closest in the dialect, the percentage that knows it: the least. */
    uint32_t known_percent[WIRE_DIALECTS];
    double mean[WIRE_DIALECTS]; /* nodes in a table of those that serve the dialect */
};

#define SETTLE_S 900u
#define LOOK_UPS 100u
#define VALUES_EACH 5u
#define CHANGED_S 3600u /* a relay that has changed its dialects is known by its new ones */

const struct net_mix net_mix_common = {{50, 30, 20}};
const struct net_mix net_mix_rare = {{95, 4, 1}};

static uint64_t now_s(const struct network *n)
{
    return SIM_WALL_START_S + sim_now(n->world) / RT_S;
}

/* -- members -- */

uint32_t net_count_serving(const struct network *n, uint8_t dialects)
{
    uint32_t count = 0;

    for (uint32_t i = 0; i < n->count; i++)
        count += n->members[i].relay && (n->members[i].dialects & dialects);
    return count;
}

static uint32_t count_exact(const struct network *n, uint8_t dialects)
{
    uint32_t count = 0;

    for (uint32_t i = 0; i < n->count; i++)
        count += n->members[i].relay && n->members[i].dialects == dialects;
    return count;
}

static void shuffle(struct sim_prng *p, uint8_t *at, uint32_t count)
{
    for (uint32_t i = 0; i + 1 < count; i++) {
        uint32_t pick = i + (uint32_t)sim_prng_below(p, count - i);
        uint8_t was = at[i];

        at[i] = at[pick];
        at[pick] = was;
    }
}

void net_populate(struct network *n, uint32_t size, const struct net_mix *mix)
{
    uint64_t gap_ns = size > 300 ? 60 * RT_S / size : 200 * RT_MS;
    uint8_t *dialects = sim_alloc(size);
    uint32_t at = size / 5 ? size / 5 : 1, singles;

    RT_REQUIRE(size >= at + WIRE_DIALECTS);
    singles = size - at;
    memset(dialects, WIRE_DIALECTS_ALL, at);
    for (int d = WIRE_DIALECT_C; d >= WIRE_DIALECT_A; d--) {
        uint32_t share = singles * mix->percent[d] / 100;
        uint32_t end = d == WIRE_DIALECT_A ? size : at + (share ? share : 1);

        while (at < end)
            dialects[at++] = WIRE_DIALECT_BIT(d);
    }
    shuffle(n->prng, dialects + 1, size - 1);
    for (uint32_t i = 0; i < size; i++) {
        (void)net_add_node(n, 0, 0, dialects[i]);
        sim_run(n->world, sim_now(n->world) + gap_ns, NULL, NULL);
    }
    free(dialects);
    net_run(n, SETTLE_S);
}

/* -- tables -- */

struct reading {
    struct network *n;
    uint32_t holder;
    struct tables *out;
    uint8_t *known; /* the dialects of the tables that a node is in, by holder and node */
    uint64_t nodes[WIRE_DIALECTS];
};

static void read_table(struct reading *r, const struct dht *d, enum wire_dialect dialect)
{
    const struct net_member *m = r->n->members;
    uint32_t known = 0, count = dht_table_count(d->membership.tables[dialect]);

    for (uint32_t i = 0; i < r->n->count; i++) {
        if (!m[i].relay || !dht_table_has(d->membership.tables[dialect], m[i].id))
            continue;
        known++;
        r->known[r->holder * r->n->count + i] |= WIRE_DIALECT_BIT(dialect);
        r->out->foreign += !(m[i].dialects & m[r->holder].dialects & WIRE_DIALECT_BIT(dialect));
    }
    r->out->gone += count - known;
    r->nodes[dialect] += count;
}

/* All that the peer exchange of this relay could name. */
static void read_peers(struct reading *r, struct dht *d, enum wire_dialect dialect)
{
    uint32_t max = dht_peers_count(d->membership.peers);
    struct wire_peer_hop *hops = sim_alloc((max + 1) * sizeof(*hops));
    uint32_t count =
        dht_peers_sample(d->membership.peers, dialect, max, dht_now_s(&d->context), hops);

    for (uint32_t i = 0; i < count; i++) {
        const struct net_member *m = net_member_of(r->n, hops[i].pubkey_hint);

        r->out->named_foreign += m && !(m->dialects & WIRE_DIALECT_BIT(dialect));
    }
    free(hops);
}

static void read_in(void *ctx, struct dht *d)
{
    struct reading *r = ctx;

    for (enum wire_dialect i = WIRE_DIALECT_A; i < WIRE_DIALECTS; i++) {
        read_table(r, d, i);
        read_peers(r, d, i);
    }
}

/* The DHT_K other members of the dialect closest to a node, closest first. */
static uint32_t find_closest(const struct network *n, uint32_t node, enum wire_dialect dialect,
                             uint32_t out[DHT_K])
{
    const struct net_member *m = n->members;
    uint32_t count = 0;

    for (uint32_t i = 0; i < n->count; i++) {
        uint32_t at = count;

        if (!m[i].relay || i == node || !(m[i].dialects & WIRE_DIALECT_BIT(dialect)))
            continue;
        while (at > 0 && dht_closer(m[node].id, m[i].id, m[out[at - 1]].id) < 0)
            at--;
        if (at == DHT_K)
            continue;
        count += count < DHT_K;
        memmove(&out[at + 1], &out[at], (count - 1 - at) * sizeof(out[0]));
        out[at] = i;
    }
    return count;
}

static uint32_t known_percent(const struct reading *r, uint32_t node, enum wire_dialect dialect)
{
    uint32_t closest[DHT_K], count = find_closest(r->n, node, dialect, closest), knowing = 0;

    for (uint32_t i = 0; i < count; i++)
        knowing += (r->known[closest[i] * r->n->count + node] & WIRE_DIALECT_BIT(dialect)) != 0;
    return count ? 100 * knowing / count : 100;
}

static void read_all(struct reading *r, enum wire_dialect dialect)
{
    const struct net_member *m = r->n->members;
    uint32_t least = 100, serving = 0;

    for (uint32_t i = 0; i < r->n->count; i++) {
        uint32_t percent;

        if (!m[i].relay || !(m[i].dialects & WIRE_DIALECT_BIT(dialect)))
            continue;
        percent = known_percent(r, i, dialect);
        least = percent < least ? percent : least;
        serving++;
    }
    r->out->known_percent[dialect] = least;
    r->out->mean[dialect] = serving ? (double)r->nodes[dialect] / serving : 0;
}

static void read_tables(struct network *n, struct tables *out)
{
    struct reading r = {.n = n, .out = out, .known = sim_alloc((size_t)n->count * n->count)};

    *out = (struct tables){0};
    for (r.holder = 0; r.holder < n->count; r.holder++)
        if (n->members[r.holder].relay)
            sim_relay_in_dht(n->members[r.holder].relay, read_in, &r);
    for (enum wire_dialect i = WIRE_DIALECT_A; i < WIRE_DIALECTS; i++)
        read_all(&r, i);
    free(r.known);
}

static void print_tables(struct network *n, const char *when, const struct tables *t)
{
    printf("%s members=%u all=%u", when, n->living, count_exact(n, WIRE_DIALECTS_ALL));
    for (enum wire_dialect i = WIRE_DIALECT_A; i < WIRE_DIALECTS; i++)
        printf(" %s=%u table=%.1f known=%u%%", wire_dialect_name(i),
               count_exact(n, WIRE_DIALECT_BIT(i)), t->mean[i], t->known_percent[i]);
    printf(" foreign=%u gone=%u named_foreign=%u dials=%llu redials=%llu\n", t->foreign, t->gone,
           t->named_foreign, (unsigned long long)rt_metric_get(RT_METRIC_DHT_DIALS),
           (unsigned long long)rt_metric_get(RT_METRIC_DHT_DIALECT_REDIALS));
    fflush(stdout);
}

/* Every member is known to those closest to it in each of its networks, and in no other. */
static void expect_tables(struct network *n, const char *when)
{
    struct tables t;

    read_tables(n, &t);
    print_tables(n, when, &t);
    net_expect(n, t.foreign == 0, "%s %u nodes are in tables of a dialect they do not speak", when,
               t.foreign);
    for (enum wire_dialect i = WIRE_DIALECT_A; i < WIRE_DIALECTS; i++)
        net_expect(n, t.known_percent[i] >= 75,
                   "%s only %u%% of the closest in %s know some member", when, t.known_percent[i],
                   wire_dialect_name(i));
}

/* -- look-ups -- */

static void expect_closest(struct network *n, enum wire_dialect dialect)
{
    struct net_stats s = {0};
    uint32_t bits = 0;

    for (uint32_t i = 0; i < LOOK_UPS; i++) {
        uint8_t target[20];

        for (int b = 0; b < 20; b++)
            target[b] = (uint8_t)sim_prng_next(n->prng);
        net_look_up_nodes(n, net_draw_node(n, WIRE_DIALECT_BIT(dialect)), dialect, target, &s);
        sim_run(n->world, sim_now(n->world) + 20 * RT_MS, NULL, NULL);
    }
    net_await(n, &s);
    printf("closest in %s: lookups=%u closest=%.2f%% hops=%.2f hops_max=%u queries=%.1f\n",
           wire_dialect_name(dialect), s.ended, 100.0 * s.closest / s.ended,
           (double)s.hops / s.ended, s.hops_max, (double)s.asked / s.ended);
    net_expect(n, s.closest * 100 >= s.ended * 99, "%u of %u in %s find the closest node",
               s.closest, s.ended, wire_dialect_name(dialect));
    for (uint32_t left = net_count_serving(n, WIRE_DIALECT_BIT(dialect)); left > 1; left /= 2)
        bits++;
    net_expect(n, s.hops <= s.ended * (bits / 2 + 1), "%u hops in %u look-ups in %s", s.hops,
               s.ended, wire_dialect_name(dialect));
}

/* -- values -- */

/* A kind, and the dialect of the node that publishes it. */
static const struct crossing {
    enum wire_value_kind kind;
    const char *name;
    enum wire_dialect from;
} crossings[] = {
    {WIRE_VALUE_PROVIDERS, "providers", WIRE_DIALECT_A},
    {WIRE_VALUE_PROVIDERS, "providers", WIRE_DIALECT_B},
    {WIRE_VALUE_PROVIDERS, "providers", WIRE_DIALECT_C},
    {WIRE_VALUE_SHARE_HEAD, "head", WIRE_DIALECT_A},
    {WIRE_VALUE_SHARE_HEAD, "head", WIRE_DIALECT_B},
    {WIRE_VALUE_SHARE_HEAD, "head", WIRE_DIALECT_C},
    {WIRE_VALUE_MEMBERS, "members", WIRE_DIALECT_A},
    {WIRE_VALUE_COMMUNITY_HINT, "hint", WIRE_DIALECT_B},
    {WIRE_VALUE_MEMBER_RECORD, "member record", WIRE_DIALECT_B},
    {WIRE_VALUE_MEMBER_RECORD, "member record", WIRE_DIALECT_C},
    {WIRE_VALUE_REVOCATION, "revocation", WIRE_DIALECT_C},
};
#define CROSSINGS (sizeof(crossings) / sizeof(crossings[0]))

/* Hints and CommunityMembers of the same numbers share their keys. */
static uint32_t number_of(const struct crossing *c, uint32_t i)
{
    bool shares_key = c->kind == WIRE_VALUE_MEMBERS || c->kind == WIRE_VALUE_COMMUNITY_HINT;

    return 1 + i + VALUES_EACH * (shares_key ? 0 : 1 + (uint32_t)(c - crossings));
}

/* VALUES_EACH of every row, in order, from different nodes where there are several. */
static void publish_all(struct network *n)
{
    for (uint32_t c = 0; c < CROSSINGS; c++) {
        for (uint32_t i = 0; i < VALUES_EACH; i++) {
            struct net_value v;

            net_value_make(crossings[c].kind, number_of(&crossings[c], i), 1, now_s(n), &v);
            (void)net_publish_value(n, net_draw_exact(n, WIRE_DIALECT_BIT(crossings[c].from)), &v);
            sim_run(n->world, sim_now(n->world) + 300 * RT_MS, NULL, NULL);
        }
    }
    net_run(n, 30);
}

/* Nodes of one dialect look the row's values up. */
static void look_up_row(struct network *n, uint32_t row, enum wire_dialect dialect,
                        struct net_stats *out)
{
    for (uint32_t i = 0; i < VALUES_EACH; i++) {
        for (uint32_t k = 0; k < 4; k++) {
            uint32_t from = net_draw_exact(n, WIRE_DIALECT_BIT(dialect));

            net_look_up_in(n, from, dialect, row * VALUES_EACH + i, out);
            sim_run(n->world, sim_now(n->world) + 20 * RT_MS, NULL, NULL);
        }
    }
    net_await(n, out);
}

static void expect_found_at_home(struct network *n)
{
    struct net_stats s = {0};

    for (uint32_t row = 0; row < CROSSINGS; row++)
        look_up_row(n, row, crossings[row].from, &s);
    printf("at home: lookups=%u found=%u local=%u\n", s.ended, s.found, s.local);
    net_expect(n, s.found == s.ended, "%u of %u look-ups in the publisher's dialect find its value",
               s.found, s.ended);
}

/* How many of the row's values are where they must not be. */
static uint32_t count_strays(struct network *n, uint32_t row)
{
    uint32_t strays = 0;

    for (uint32_t i = 0; i < VALUES_EACH; i++)
        strays += net_count_strays(n, row * VALUES_EACH + i);
    return strays;
}

/* The percentage of the nodes of the dialect closest to the row's values that hold them. */
static double held_percent(struct network *n, uint32_t row, enum wire_dialect dialect)
{
    uint32_t serving = net_count_serving(n, WIRE_DIALECT_BIT(dialect)), all, closest, held = 0;

    for (uint32_t i = 0; i < VALUES_EACH; i++) {
        net_holders_in(n, row * VALUES_EACH + i, WIRE_DIALECT_BIT(dialect), &all, &closest);
        held += closest;
    }
    return 100.0 * held / VALUES_EACH / (serving < DHT_K ? serving : DHT_K);
}

/* Every dialect that accepts the row's values holds and finds them; no other dialect holds them. */
static void expect_row_crossed(struct network *n, uint32_t row)
{
    uint8_t accept = wire_value_dialects(crossings[row].kind, false);
    const char *from = wire_dialect_name(crossings[row].from), *name = crossings[row].name;
    uint32_t strays = count_strays(n, row);

    printf("%s from %s:", name, from);
    for (enum wire_dialect d = WIRE_DIALECT_A; d < WIRE_DIALECTS; d++) {
        struct net_stats s = {0};
        double held;

        if (!(accept & WIRE_DIALECT_BIT(d)))
            continue;
        look_up_row(n, row, d, &s);
        held = held_percent(n, row, d);
        printf(" %s found=%u/%u held=%.0f%%", wire_dialect_name(d), s.found, s.ended, held);
        net_expect(n, s.found == s.ended, "%u of %u look-ups in %s find a %s of %s", s.found,
                   s.ended, wire_dialect_name(d), name, from);
        net_expect(n, held >= 90, "%.0f%% of the closest in %s hold a %s of %s", held,
                   wire_dialect_name(d), name, from);
    }
    printf(" strays=%u\n", strays);
    fflush(stdout);
    net_expect(n, strays == 0, "%u nodes hold a %s that they refuse", strays, name);
}

static void expect_crossed(struct network *n, const char *when)
{
    uint64_t refused = rt_metric_get(RT_METRIC_DHT_PUSH_REFUSED);

    printf("values %s: pushes=%llu refused=%llu\n", when,
           (unsigned long long)rt_metric_get(RT_METRIC_DHT_PUSHED), (unsigned long long)refused);
    for (uint32_t row = 0; row < CROSSINGS; row++)
        expect_row_crossed(n, row);
    net_expect(n, refused == 0, "%llu pushes were refused", (unsigned long long)refused);
}

/* -- scenarios -- */

static void play(struct network *n, uint32_t size, const struct net_mix *mix)
{
    net_populate(n, size, mix);
    expect_tables(n, "settled");
    net_ask_all(n);
    for (enum wire_dialect i = WIRE_DIALECT_A; i < WIRE_DIALECTS; i++)
        expect_closest(n, i);
    publish_all(n);
    expect_found_at_home(n);
    expect_crossed(n, "at once");
    net_run(n, LIM_REPUBLISH_S + 300);
    expect_crossed(n, "after an hour");
    expect_tables(n, "at last");
}

void net_scenario_dialects(struct network *n, uint32_t size)
{
    play(n, size, &net_mix_common);
}

void net_scenario_dialects_rare(struct network *n, uint32_t size)
{
    play(n, size, &net_mix_rare);
}

/* One of A is replaced by one of the same key and address. */
static uint32_t change(struct network *n, uint32_t member, uint32_t number, uint8_t dialects)
{
    uint32_t ip = n->members[member].ip;

    net_remove(n, member, false);
    net_run(n, 5);
    member = net_add_node(n, ip, number, dialects);
    net_run(n, CHANGED_S);
    return member;
}

void net_scenario_upgrade(struct network *n, uint32_t size)
{
    uint32_t member, number;

    net_populate(n, size, &net_mix_common);
    member = net_draw_exact(n, WIRE_DIALECT_BIT(WIRE_DIALECT_A));
    number = member + 1;
    member = change(n, member, number, WIRE_DIALECT_BIT(WIRE_DIALECT_C));
    expect_tables(n, "from A to C");
    member = change(n, member, number, WIRE_DIALECTS_ALL);
    expect_tables(n, "from C to all");
}
