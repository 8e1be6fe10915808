/* SPDX-License-Identifier: MPL-2.0 */
/*
 * Announcements in a network of three dialects. Plan: of ten members four are relays of ours, which
 * serve all dialects, and the others play nodes of one: two of A, one of B, three of C. After a
 * while each member lists, for askers of each dialect that it serves, exactly the others that serve
 * this dialect, in the form that it verifies. Each is found under both its keys in each dialect
 * that it serves, from anywhere in that dialect. No look-up brings an announcement of another form,
 * or of a member that does not serve the dialect.
 */
#include <stdio.h>
#include <string.h>

#include "announcer/announcer.h"
#include "announcer/directory/announcement.h"
#include "announcer/directory/relay_directory.h"
#include "base/check.h"
#include "dht/dht_limits.h"
#include "net_scenarios.h"
#include "wire_community.h"

#define PAIRS 60u      /* of a relay that is looked for and one that looks */
#define ROUNDS_S 1000u /* the longest distance of two rounds, and what follows from one */
#define LOOKS 40u      /* under one key: each node names one relay at a time */

#define A WIRE_DIALECT_BIT(WIRE_DIALECT_A)
#define B WIRE_DIALECT_BIT(WIRE_DIALECT_B)
#define C WIRE_DIALECT_BIT(WIRE_DIALECT_C)

static const uint8_t *key_of(const struct network *n, uint32_t member)
{
    return sim_relay_target(n->members[member].relay)->public_key;
}

static bool serves(const struct network *n, uint32_t member, enum wire_dialect dialect)
{
    return (n->members[member].dialects & WIRE_DIALECT_BIT(dialect)) != 0;
}

/* Whether nodes of the dialect can use it: its form, and a member that serves the dialect. */
static bool is_usable(const struct network *n, const struct wire_announcement *a,
                      enum wire_dialect dialect)
{
    if (announcement_form(a) != announcement_form_in(dialect))
        return false;
    for (uint32_t i = 0; i < n->count; i++)
        if (memcmp(key_of(n, i), a->relay_pubkey, 32) == 0)
            return serves(n, i, dialect);
    return false;
}

/* -- lists -- */

struct listing {
    const struct network *network;
    enum wire_dialect dialect;
    uint32_t count, unusable;
};

static void list_in(void *ctx, struct dht *d)
{
    struct listing *l = ctx;
    struct relay_list *list = announcer_directory(d->context.worker)->list;
    struct relay_slice out[LIM_RELAYS_MAX];
    uint8_t room[ANNOUNCEMENT_ROOM];
    struct wire_announcement ann;
    bool is_cut;

    l->count = relay_list_sample(list, l->dialect, LIM_RELAYS_MAX, SIZE_MAX, dht_now_s(&d->context),
                                 out, &is_cut);
    for (uint32_t i = 0; i < l->count; i++)
        l->unusable +=
            !announcement_read(&out[i], room, &ann) || !is_usable(l->network, &ann, l->dialect);
}

static void expect_lists(struct network *n, enum wire_dialect dialect)
{
    uint32_t serving = 0, complete = 0, unusable = 0;

    for (uint32_t i = 0; i < n->count; i++)
        serving += serves(n, i, dialect);
    for (uint32_t i = 0; i < n->count; i++) {
        struct listing l = {.network = n, .dialect = dialect};

        if (!serves(n, i, dialect))
            continue;
        sim_relay_in_dht(n->members[i].relay, list_in, &l);
        complete += l.count == serving - 1;
        unusable += l.unusable;
    }
    printf("announce_mixed lists dialect=%s relays=%u complete=%u unusable=%u\n",
           wire_dialect_name(dialect), serving, complete, unusable);
    net_expect(n, unusable == 0, "%u unusable announcements are listed", unusable);
    net_expect(n, complete == serving, "%u of %u lists are complete", complete, serving);
}

/* -- look-ups -- */

struct search {
    struct rt_msg msg;
    const struct network *network;
    enum wire_dialect dialect;
    uint8_t key[32], relay[32];
    bool *is_pending, *is_found;
    uint32_t *unusable;
};

static bool have_ended(void *ctx)
{
    return !*(bool *)ctx;
}

static void searched(void *owner, struct lookup_run *r)
{
    struct search *q = (struct search *)r->request.cookie;
    uint8_t room[ANNOUNCEMENT_ROOM];
    struct wire_announcement a;

    (void)owner;
    for (uint32_t i = 0; i < r->value_count; i++) {
        if (!announcement_read(&r->values[i], room, &a) || !is_usable(q->network, &a, q->dialect))
            ++*q->unusable;
        else if (memcmp(a.relay_pubkey, q->relay, 32) == 0)
            *q->is_found = true;
    }
    *q->is_pending = false;
    rt_msg_free(&r->request.cookie);
}

static void search_in(void *ctx, struct dht *d)
{
    struct search *q = ctx;
    const struct lookup_run_request request = {.dialect = q->dialect,
                                               .key = q->key,
                                               .values_max = LOOKUP_RUN_VALUES_MAX,
                                               .done = searched,
                                               .cookie = &q->msg};

    if (lookup_run_start(&d->lookups, &request))
        return;
    *q->is_pending = false;
    rt_msg_free((struct rt_msg **)&q);
}

static bool is_found_under(struct network *n, uint32_t from, const uint8_t relay[32],
                           enum wire_dialect dialect, const uint8_t key[32], uint32_t *unusable)
{
    bool is_pending, is_found = false;

    for (uint32_t i = 0; i < LOOKS && !is_found; i++) {
        struct search *q = rt_msg_new(DHT_REPLY, sizeof(*q));

        q->network = n;
        q->dialect = dialect;
        memcpy(q->key, key, sizeof(q->key));
        memcpy(q->relay, relay, sizeof(q->relay));
        q->is_pending = &is_pending;
        q->is_found = &is_found;
        q->unusable = unusable;
        is_pending = true;
        sim_relay_in_dht(n->members[from].relay, search_in, q);
        if (!sim_run(n->world, sim_now(n->world) + 2 * LIM_LOOKUP_NS, have_ended, &is_pending))
            sim_fail(n->world, "a look-up for a relay does not end");
    }
    return is_found;
}

static void expect_found(struct network *n, enum wire_dialect dialect)
{
    uint64_t bucket = wire_rendezvous_bucket(SIM_WALL_START_S + sim_now(n->world) / RT_S);
    uint32_t tried = 0, found = 0, unusable = 0;

    for (uint32_t i = 0; i < PAIRS; i++) {
        uint32_t who = net_draw_node(n, WIRE_DIALECT_BIT(dialect));
        uint32_t from = net_draw_node(n, WIRE_DIALECT_BIT(dialect));
        uint8_t key[32];

        if (who == from)
            continue;
        wire_rendezvous_key(bucket, wire_rendezvous_slot(key_of(n, who), bucket, i % 2), key);
        tried++;
        found += is_found_under(n, from, key_of(n, who), dialect, key, &unusable);
    }
    printf("announce_mixed found dialect=%s found=%u of %u unusable=%u\n",
           wire_dialect_name(dialect), found, tried, unusable);
    net_expect(n, found == tried, "%u of %u relays are found", found, tried);
    net_expect(n, unusable == 0, "%u unusable announcements are given", unusable);
}

/* -- revocations -- */

struct revoked_at {
    uint8_t key[32];
    uint32_t holders, listed;
};

static void count_revoked(void *ctx, struct dht *d)
{
    struct revoked_at *r = ctx;
    struct relay_list *list = announcer_directory(d->context.worker)->list;
    struct relay_list_view v;

    if (!dht_value_store_is_revoked(d->values, r->key, dht_now_s(&d->context)))
        return;
    r->holders++;
    r->listed += relay_list_find(list, r->key, &v);
}

static void publish_revocation(struct network *n, const uint8_t key[32])
{
    struct wire_revocation r = {.issued_at = SIM_WALL_START_S + sim_now(n->world) / RT_S};
    struct net_value v = {.dialects = C};
    struct rt_sign_key k = {0}; /* in these networks the public key signs: fast_crypto.c */
    struct wire_writer w;
    bool fits;

    memcpy(r.pubkey, key, sizeof(r.pubkey));
    memcpy(k.public_key, key, sizeof(k.public_key));
    wire_writer_init(&w, v.bytes, sizeof(v.bytes));
    wire_write_revocation_signed(&w, &r);
    rt_sign(&k, v.bytes, wire_writer_len(&w, &fits), r.signature);
    wire_writer_init(&w, v.bytes, sizeof(v.bytes));
    wire_write_revocation(&w, &r);
    v.len = (uint32_t)wire_writer_len(&w, &fits);
    RT_INSIST(fits);
    wire_revocation_key(key, v.key);
    (void)net_publish_value(n, net_draw_node(n, C), &v);
}

static void expect_revoked(struct network *n)
{
    struct revoked_at r = {{0}, 0, 0};

    memcpy(r.key, key_of(n, net_draw_exact(n, WIRE_DIALECTS_ALL)), sizeof(r.key));
    publish_revocation(n, r.key);
    for (uint32_t secs = 10; secs <= ROUNDS_S; secs += ROUNDS_S - 10) {
        net_run(n, secs);
        r.holders = r.listed = 0;
        for (uint32_t i = 0; i < n->count; i++)
            sim_relay_in_dht(n->members[i].relay, count_revoked, &r);
        printf("announce_mixed revoked holders=%u listed=%u\n", r.holders, r.listed);
        net_expect(n, r.holders > 1 && r.listed == 0, "a revoked relay is listed by %u of %u",
                   r.listed, r.holders);
    }
}

void net_scenario_announce_mixed(struct network *n, uint32_t size)
{
    static const uint8_t of_ten[10] = {A | B | C, A,         C, A | B | C, B,
                                       C,         A | B | C, A, C,         A | B | C};

    n->announces = true;
    for (uint32_t i = 0; i < size; i++) {
        (void)net_add_node(n, 0, 0, of_ten[i % 10]);
        net_run(n, 1);
    }
    net_run(n, 600 + size);
    for (enum wire_dialect d = WIRE_DIALECT_A; d < WIRE_DIALECTS; d++) {
        expect_lists(n, d);
        expect_found(n, d);
    }
    expect_revoked(n);
}
