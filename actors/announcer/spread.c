/* SPDX-License-Identifier: MPL-2.0 */
/*
 * While few relays are listed, they are in our own store as well, under their keys: a client that
 * looks a key up stops at the first node that has anything there, and that one should have them
 * all, also where it is not, or not yet, among the nodes closest to the key.
 */
#include <string.h>

#include "announcer/announcer_private.h"
#include "base/budget.h"
#include "base/check.h"
#include "wire_announce.h"

#define AHEAD_S 600u /* before the hour they go under its keys */
#define POLL_NS (30 * RT_S)
#define WALK_NS (100 * RT_MS)
#define AT_ONCE 4u
#define WALKED UINT32_MAX /* whoever is listed later goes under the right keys at once */
#define TTL_S 86400u

static void store(struct announcer *a, const uint8_t key[32], const struct relay_list_view *v,
                  enum announcement_form form)
{
    struct dht_ask *q = dht_ask_new(DHT_STORE);

    memcpy(q->key, key, sizeof(q->key));
    q->ttl_secs = TTL_S;
    q->origin.has_pubkey_hint = true;
    memcpy(q->origin.pubkey_hint, a->config.identity->public_key, 32);
    q->dialect = WIRE_DIALECT_C;
    q->peer_dialects = WIRE_DIALECTS_ALL;
    q->reached_dialects = v->dialects;
    q->payload = rt_slice_copy(v->bytes[form].ptr, v->bytes[form].len);
    announcer_ask_dht(a, &q->msg);
}

/* Nobody takes an announcement two hours after the one in which it was issued. */
static void store_for(struct announcer *a, const struct relay_list_view *v,
                      enum announcement_form form, uint64_t bucket)
{
    uint64_t issued = wire_rendezvous_bucket(v->issued_at[form]);
    struct rendezvous_keys keys = {0};

    if (v->bytes[form].len == 0 || bucket > issued + 1 || bucket + 1 < issued)
        return;
    rendezvous_add(&keys, v->key, bucket);
    for (uint32_t i = 0; i < keys.count; i++)
        store(a, keys.at[i], v, form);
}

void spread_one(struct announcer *a, const uint8_t relay_pubkey[32], enum announcement_form form)
{
    uint64_t bucket = wire_rendezvous_bucket(announcer_now_s(a));
    struct relay_list_view v;

    if (relay_list_count(a->directory.list) > LIM_RELAYS_STORED ||
        !relay_list_find(a->directory.list, relay_pubkey, &v))
        return;
    store_for(a, &v, form, bucket);
    if (a->spread_bucket == bucket + 1)
        store_for(a, &v, form, bucket + 1);
}

static void on_timer(struct relay_timer *t)
{
    struct announcer *a = RT_CONTAINER_OF(t, struct announcer, spread_timer);
    uint64_t bucket = wire_rendezvous_bucket(announcer_now_s(a) + AHEAD_S);
    uint32_t count = relay_list_count(a->directory.list);
    struct relay_list_view v;

    if (a->spread_bucket != bucket) {
        a->spread_bucket = bucket;
        a->spread_next = 0;
    }
    if (count > LIM_RELAYS_STORED)
        count = 0;
    for (uint32_t i = 0; i < AT_ONCE && a->spread_next < count; i++) {
        relay_list_at(a->directory.list, a->spread_next++, &v);
        for (enum announcement_form form = 0; form < ANNOUNCEMENT_FORMS; form++)
            store_for(a, &v, form, bucket);
    }
    if (a->spread_next >= count)
        a->spread_next = WALKED;
    rt_timer_arm(a->worker, t, announcer_now_ns(a) + (a->spread_next < count ? WALK_NS : POLL_NS));
}

/* -- life -- */

void spread_init(struct announcer *a)
{
    a->spread_timer.fire = on_timer;
}

void spread_start(struct announcer *a)
{
    a->spread_bucket = wire_rendezvous_bucket(announcer_now_s(a) + AHEAD_S);
    a->spread_next = WALKED;
    rt_timer_arm(a->worker, &a->spread_timer, announcer_now_ns(a) + POLL_NS);
}

void spread_stop(struct announcer *a)
{
    rt_timer_disarm(a->worker, &a->spread_timer);
}
