/* SPDX-License-Identifier: MPL-2.0 */
/*
 * Revoked relays are neither listed nor passed on. The revocation of a relay's key is looked up
 * after the relay was reached and before it is listed, then daily. The value store notifies the
 * announcer of revocations that are stored here. A revocation is final.
 */
#include <string.h>

#include "announcer/announcer_metrics.h"
#include "announcer/announcer_private.h"
#include "base/check.h"
#include "base/log.h"
#include "wire_community.h"

#define VALUE_BYTES 1024u     /* a revocation takes less than 300 */
#define POLL_NS (3600 * RT_S) /* while none is due */

static void look_up(struct announcer *a, struct revocation_check *check)
{
    struct dht_lookup_ask *l = dht_lookup_ask_new();

    check->is_pending = true;
    wire_revocation_key(check->relay.pubkey_hint, check->lookup_key);
    memcpy(l->key, check->lookup_key, sizeof(l->key));
    l->dialect = WIRE_DIALECT_C; /* the other dialects have no revocations */
    l->values_max = 1;
    announcer_ask_dht(a, &l->msg);
}

/* The DHT has checked its signature. */
static bool is_revocation_of(const struct relay_slice *value, const uint8_t key[32])
{
    uint8_t bytes[VALUE_BYTES];
    struct wire_revocation r;

    if (value->len > sizeof(bytes))
        return false;
    memcpy(bytes, value->ptr, value->len);
    return wire_revocation_decode(bytes, value->len, &r) == RT_ERR_OK &&
           memcmp(r.pubkey, key, sizeof(r.pubkey)) == 0;
}

/* -- relays that were just reached -- */

void revocation_check_newcomer(struct announcer *a, const struct wire_peer_hop *at,
                               uint8_t dialects)
{
    struct revocation_check *check = a->revocation.newcomers;

    while (check->is_pending)
        RT_INSIST(++check < a->revocation.newcomers + LIM_RELAY_DIALS_MAX);
    check->relay = *at;
    check->dialects = dialects;
    look_up(a, check);
}

static void refuse(struct announcer *a, const struct wire_peer_hop *at)
{
    struct announcement_forms forms;

    if (candidates_ended(a->candidates, at, CANDIDATE_THERE, announcer_now_ns(a), &forms))
        forms_drop(&forms);
}

static void newcomer_looked_up(struct announcer *a, const struct revocation_check *check)
{
    if (!revoked_has(a->revocation.revoked, check->relay.pubkey_hint)) {
        discover_admit(a, &check->relay, check->dialects);
    } else {
        rt_metric_inc(RT_METRIC_RELAYS_REVOKED);
        refuse(a, &check->relay);
    }
    discover_pump(a);
}

/* -- relays in the list -- */

static void arm(struct announcer *a)
{
    uint64_t now_ns = announcer_now_ns(a), next_ns = relay_list_lookup_next_ns(a->list);

    if (next_ns < now_ns + LIM_REVOCATION_SPACE_NS)
        next_ns = now_ns + LIM_REVOCATION_SPACE_NS;
    if (next_ns > now_ns + POLL_NS)
        next_ns = now_ns + POLL_NS;
    rt_timer_arm(a->worker, &a->revocation.timer, next_ns);
}

static void on_timer(struct relay_timer *t)
{
    struct announcer *a = RT_CONTAINER_OF(t, struct announcer, revocation.timer);
    struct revocation_check *check = &a->revocation.listed;

    if (!check->is_pending &&
        relay_list_lookup_next(a->list, announcer_now_ns(a), check->relay.pubkey_hint))
        look_up(a, check);
    arm(a);
}

/* -- results -- */

static bool is_of(const struct revocation_check *check, const struct dht_lookup_ask *l)
{
    return check->is_pending && memcmp(check->lookup_key, l->key, sizeof(l->key)) == 0;
}

static struct revocation_check *find(struct announcer *a, const struct dht_lookup_ask *l)
{
    struct revocation *r = &a->revocation;

    for (uint32_t i = 0; i < LIM_RELAY_DIALS_MAX; i++)
        if (is_of(&r->newcomers[i], l))
            return &r->newcomers[i];
    return is_of(&r->listed, l) ? &r->listed : NULL;
}

bool revocation_looked_up(struct announcer *a, const struct dht_lookup_ask *l)
{
    struct revocation_check *check = find(a, l);

    if (!check)
        return false;
    check->is_pending = false;
    if (a->is_stopped)
        return true;
    if (!l->msg.is_bounced && l->count > 0 &&
        is_revocation_of(&l->values[0], check->relay.pubkey_hint))
        revocation_found(a, check->relay.pubkey_hint);
    if (check != &a->revocation.listed)
        newcomer_looked_up(a, check);
    return true;
}

void revocation_found(struct announcer *a, const uint8_t key[32])
{
    bool was_listed = relay_list_drop(a->list, key);
    bool was_met = candidates_drop(a->candidates, key) || was_listed;
    char hex[65];

    if (memcmp(key, a->config.identity->public_key, 32) == 0)
        rt_log(RELAY_LOG_WARN,
               "the key of this relay is revoked: other relays do not list this relay; replace the "
               "identity",
               NULL);
    if (!revoked_add(a->revocation.revoked, key, was_met))
        rt_metric_inc(RT_METRIC_RELAYS_REVOKED_EXCESS);
    if (!was_listed)
        return;
    rt_metric_inc(RT_METRIC_RELAYS_REVOKED);
    rt_hex(key, 32, hex);
    rt_log(RELAY_LOG_INFO, "relay dropped from the list: its key is revoked", "key=%s", hex);
}

/* -- life -- */

void revocation_init(struct announcer *a)
{
    a->revocation.revoked = revoked_new(a->config.hash_key);
    a->revocation.timer.fire = on_timer;
}

void revocation_start(struct announcer *a)
{
    arm(a);
}

void revocation_stop(struct announcer *a)
{
    rt_timer_disarm(a->worker, &a->revocation.timer);
}

void revocation_fini(struct announcer *a)
{
    revoked_free(&a->revocation.revoked);
}
