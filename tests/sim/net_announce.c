/* SPDX-License-Identifier: MPL-2.0 */
/*
 * Relays that announce themselves. Plan, in one network: after a while every relay lists every
 * other; at any time, 300 s before the hour and right after it too, each is found under both its
 * keys from anywhere; one that joins later is found within half a minute, and listed everywhere by
 * the next rounds; one that leaves is not found any more after a minute, nor listed after twelve;
 * one that cannot be reached any more leaves all lists as well.
 */
#include <stdio.h>
#include <string.h>

#include "announcer/announcer.h"
#include "announcer/directory/announcement.h"
#include "announcer/directory/relay_directory.h"
#include "actor/worker.h"
#include "announcer/announcer_metrics.h"
#include "base/check.h"
#include "dht/dht_limits.h"
#include "net_scenarios.h"

#define PAIRS 40u /* of who is looked for, and from where */
#define LOOKS 40u /* of one relay for another under one key */
#define HOUR_S 3600u
#define ROUNDS_S 1000u /* the longest distance of two rounds, and what follows from one */
#define CHECKED_S (LIM_RELAY_CHECK_NS / RT_S + 120u)

static const uint8_t *key_of(const struct network *n, uint32_t member)
{
    return sim_relay_target(n->members[member].relay)->public_key;
}

static uint64_t now_s(const struct network *n)
{
    return SIM_WALL_START_S + sim_now(n->world) / RT_S;
}

/* -- lists -- */

struct listing {
    const uint8_t *key; /* or NULL */
    uint32_t count;
    bool is_listed;
};

static void list_in(void *ctx, struct dht *d)
{
    struct listing *l = ctx;
    struct relay_list *list = announcer_directory(d->context.worker)->list;
    struct relay_list_view v;

    l->count = relay_list_count(list);
    for (uint32_t i = 0; l->key && i < l->count; i++) {
        relay_list_at(list, i, &v);
        l->is_listed = l->is_listed || memcmp(v.key, l->key, 32) == 0;
    }
}

/* How many others list it; key NULL: how many list all there are. */
static uint32_t listed_by(struct network *n, uint32_t self, const uint8_t *key)
{
    uint32_t by = 0;

    for (uint32_t i = 0; i < n->count; i++) {
        struct listing l = {.key = key};

        if (!n->members[i].relay || i == self)
            continue;
        sim_relay_in_dht(n->members[i].relay, list_in, &l);
        by += key ? l.is_listed : l.count == n->living - 1;
    }
    return by;
}

/* -- the DHT -- */

struct found {
    uint32_t begun, ended, found;
};

struct search {
    struct rt_msg msg;
    struct found *found;
    uint8_t key[32], relay[32];
};

static bool is_of(const struct relay_slice *value, const uint8_t relay[32], uint64_t at_s)
{
    uint8_t room[ANNOUNCEMENT_ROOM];
    struct wire_announcement a;

    return announcement_read(value, room, &a) && memcmp(a.relay_pubkey, relay, 32) == 0 &&
           announcement_is_sound(&a, at_s);
}

static void searched(void *owner, struct lookup_run *r)
{
    struct search *q = (struct search *)r->request.cookie;
    const struct dht *d = owner;
    bool is_found = false;

    for (uint32_t i = 0; i < r->value_count; i++)
        is_found = is_found || is_of(&r->values[i], q->relay, dht_now_s(&d->context));
    q->found->ended++;
    q->found->found += is_found;
    rt_msg_free(&r->request.cookie);
}

static void search_in(void *ctx, struct dht *d)
{
    struct search *q = ctx;
    const struct lookup_run_request request = {.dialect = WIRE_DIALECT_C,
                                               .key = q->key,
                                               .values_max = LOOKUP_RUN_VALUES_MAX,
                                               .done = searched,
                                               .owner = d,
                                               .cookie = &q->msg};
    struct relay_slice own[LIM_ANNOUNCEMENTS_PER_KEY];
    uint32_t count = dht_value_store_find_all(
        d->values, q->key, WIRE_DIALECT_C, LIM_ANNOUNCEMENTS_PER_KEY, dht_now_s(&d->context), own);
    bool is_found = false;

    for (uint32_t i = 0; i < count; i++) {
        is_found = is_found || is_of(&own[i], q->relay, dht_now_s(&d->context));
        relay_slice_drop(&own[i]);
    }
    q->found->begun++;
    if (!is_found && lookup_run_start(&d->lookups, &request))
        return;
    q->found->ended++;
    q->found->found += is_found;
    rt_msg_free((struct rt_msg **)&q);
}

static bool have_ended(void *ctx)
{
    const struct found *f = ctx;

    return f->begun == f->ended;
}

static void look_once(struct network *n, uint32_t from, const uint8_t relay[32],
                      const uint8_t key[32], struct found *f)
{
    struct search *q = rt_msg_new(DHT_REPLY, sizeof(*q));

    memcpy(q->key, key, sizeof(q->key));
    memcpy(q->relay, relay, sizeof(q->relay));
    q->found = f;
    sim_relay_in_dht(n->members[from].relay, search_in, q);
    if (!sim_run(n->world, sim_now(n->world) + 2 * LIM_LOOKUP_NS, have_ended, f))
        sim_fail(n->world, "look-ups for a relay do not end");
}

/* Looks for a relay under both keys of that hour. Of several under a key each node names one a
 * time, so several look-ups may be needed. */
static void look_for(struct network *n, uint32_t from, const uint8_t relay[32], uint64_t of_s,
                     struct found *f)
{
    for (uint8_t which = 0; which < WIRE_RENDEZVOUS_SLOTS_PER_RELAY; which++) {
        uint64_t bucket = wire_rendezvous_bucket(of_s);
        struct found one = {0};
        uint8_t key[32];

        wire_rendezvous_key(bucket, wire_rendezvous_slot(relay, bucket, which), key);
        for (uint32_t i = 0; i < LOOKS && one.found == 0; i++)
            look_once(n, from, relay, key, &one);
        f->ended++;
        f->found += one.found > 0;
    }
}

/* Random relays from random ones, under the keys of later_s from now. */
static void all_are_found(struct network *n, uint64_t later_s, const char *when)
{
    struct found f = {0};

    for (uint32_t i = 0; i < PAIRS; i++)
        look_for(n, net_draw(n), key_of(n, net_draw(n)), now_s(n) + later_s, &f);
    printf("announce %s: found=%u of %u\n", when, f.found, f.ended);
    net_expect(n, f.found == f.ended, "%s %u of %u relays are found", when, f.found, f.ended);
}

/* -- what happens -- */

static void run_until_hour(struct network *n, int64_t from_hour_s)
{
    uint64_t hour_s = (now_s(n) / HOUR_S + 1) * HOUR_S;

    net_expect(n, hour_s + (uint64_t)from_hour_s > now_s(n), "the scenario is too late");
    net_run(n, hour_s + (uint64_t)from_hour_s - now_s(n));
}

static void one_joins(struct network *n)
{
    uint32_t newcomer = net_add(n, 0, 0), by;
    struct found f = {0};

    net_run(n, 30);
    for (uint32_t i = 0; i < PAIRS; i++)
        look_for(n, net_draw(n), key_of(n, newcomer), now_s(n), &f);
    net_expect(n, f.found == f.ended, "after 30 s a newcomer is found by %u of %u", f.found,
               f.ended);
    net_run(n, ROUNDS_S);
    by = listed_by(n, newcomer, key_of(n, newcomer));
    net_expect(n, by == n->living - 1, "a newcomer is listed by %u of %u", by, n->living - 1);
}

static void one_leaves(struct network *n)
{
    uint32_t who = net_draw(n), by;
    struct found f = {0};
    uint8_t key[32];

    memcpy(key, key_of(n, who), sizeof(key));
    net_remove(n, who, false);
    net_run(n, LIM_FINAL_ANNOUNCEMENT_S + 2);
    for (uint32_t i = 0; i < PAIRS; i++)
        look_for(n, net_draw(n), key, now_s(n), &f);
    net_expect(n, f.found == 0, "a minute after it left a relay is found by %u of %u", f.found,
               f.ended);
    net_run(n, CHECKED_S);
    by = listed_by(n, who, key);
    net_expect(n, by == 0, "a relay that left is still listed by %u", by);
}

static void one_is_cut_off(struct network *n)
{
    uint32_t who = net_draw(n), by;

    n->members[who].is_silent = true;
    net_run(n, CHECKED_S);
    by = listed_by(n, who, key_of(n, who));
    net_expect(n, by == 0, "an unreachable relay is still listed by %u", by);
    n->members[who].is_silent = false;
}

void net_scenario_announce(struct network *n, uint32_t size)
{
    uint32_t by;

    n->announces = true;
    net_add_many(n, size);
    net_run(n, 300 + size);
    by = listed_by(n, UINT32_MAX, NULL);
    printf("announce relays=%u listing_all=%u dials=%llu\n", size, by,
           (unsigned long long)rt_metric_get(RT_METRIC_RELAY_DIALS));
    net_expect(n, by == n->living, "%u of %u relays list all others", by, n->living);
    all_are_found(n, 0, "at first");
    run_until_hour(n, -300);
    all_are_found(n, 300, "300 s before the hour");
    run_until_hour(n, -2);
    net_run(n, 3);
    all_are_found(n, 0, "after the hour");
    one_joins(n);
    one_leaves(n);
    one_is_cut_off(n);
    all_are_found(n, 0, "at last");
}
