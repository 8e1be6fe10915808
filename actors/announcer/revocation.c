/* SPDX-License-Identifier: MPL-2.0 */
/*
 * Revoked relays are neither listed nor passed on. The revocation of a relay's key is looked up
 * after the relay was reached and before it is listed, then daily. The value store notifies the
 * announcer of revocations that are stored here. A revocation is final.
 */
#include <string.h>

#include "announcer/announcer_private.h"
#include "base/check.h"
#include "base/log.h"
#include "wire_community.h"

#define VALUE_BYTES 1024u     /* a revocation takes less than 300 */
#define POLL_NS (3600 * RT_S) /* while none is due */

static void look_up(struct announcer *a, uint32_t index)
{
    struct revocation_check *check = &a->revocation.checks[index];
    struct dht_lookup_ask *l = dht_lookup_ask_new();

    check->is_pending = true;
    l->cookie = COOKIE_REVOCATION_CHECK + index;
    wire_revocation_key(check->relay.pubkey_hint, l->key);
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
    struct revocation_check *checks = a->revocation.checks;
    uint32_t index = 0;

    while (checks[index].is_pending)
        RT_INSIST(++index < REVOCATION_CHECK_LISTED);
    checks[index].relay = *at;
    checks[index].dialects = dialects;
    look_up(a, index);
}

static void newcomer_looked_up(struct announcer *a, const struct revocation_check *check)
{
    discover_admit(a, &check->relay, check->dialects);
    discover_pump(a);
}

/* -- relays in the list -- */

static void arm(struct announcer *a)
{
    uint64_t now_ns = announcer_now_ns(a), next_ns = relay_list_lookup_next_ns(a->directory.list);

    if (next_ns < now_ns + LIM_REVOCATION_SPACE_NS)
        next_ns = now_ns + LIM_REVOCATION_SPACE_NS;
    if (next_ns > now_ns + POLL_NS)
        next_ns = now_ns + POLL_NS;
    rt_timer_arm(a->worker, &a->revocation.timer, next_ns);
}

static void on_timer(struct relay_timer *t)
{
    struct announcer *a = RT_CONTAINER_OF(t, struct announcer, revocation.timer);
    struct revocation_check *check = &a->revocation.checks[REVOCATION_CHECK_LISTED];

    if (!check->is_pending &&
        relay_list_lookup_next(a->directory.list, announcer_now_ns(a), check->relay.pubkey_hint))
        look_up(a, REVOCATION_CHECK_LISTED);
    arm(a);
}

/* -- results -- */

void revocation_looked_up(struct announcer *a, uint32_t index, const struct dht_lookup_ask *l)
{
    struct revocation_check *check = &a->revocation.checks[index];

    RT_REQUIRE(index < REVOCATION_CHECKS && check->is_pending);
    check->is_pending = false;
    if (a->is_stopped)
        return;
    if (!l->msg.is_bounced && l->count > 0 &&
        is_revocation_of(&l->values[0], check->relay.pubkey_hint))
        revocation_found(a, check->relay.pubkey_hint);
    if (index != REVOCATION_CHECK_LISTED)
        newcomer_looked_up(a, check);
}

void revocation_found(struct announcer *a, const uint8_t key[32])
{
    char hex[65];

    if (memcmp(key, a->config.identity->public_key, 32) == 0)
        rt_log(RELAY_LOG_WARN,
               "the key of this relay is revoked: other relays do not list this relay; replace the "
               "identity",
               NULL);
    if (!directory_revoke(&a->directory, key))
        return;
    rt_hex(key, 32, hex);
    rt_log(RELAY_LOG_INFO, "relay dropped from the list: its key is revoked", "key=%s", hex);
}

/* -- life -- */

void revocation_init(struct announcer *a)
{
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
