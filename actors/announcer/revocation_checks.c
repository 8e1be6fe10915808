/* SPDX-License-Identifier: MPL-2.0 */
#include "announcer/revocation_checks.h"

#include <string.h>

#include "announcer/part.h"
#include "base/check.h"
#include "base/log.h"
#include "crypto/crypto.h"
#include "wire_community.h"

#define VALUE_BYTES 1024u     /* a revocation takes less than 300 */
#define POLL_NS (3600 * RT_S) /* while none is due */

static void look_up(struct revocation_checks *r, uint32_t index)
{
    struct revocation_check *check = &r->checks[index];
    struct dht_lookup_request *l = dht_lookup_request_new();

    check->is_pending = true;
    l->cookie = COOKIE_REVOCATION_CHECK + index;
    wire_revocation_key(check->relay.pubkey_hint, l->key);
    l->dialect = WIRE_DIALECT_C; /* the other dialects have no revocations */
    l->values_max = 1;
    r->callbacks->request(r->ctx, &l->msg);
}

/* The DHT has verified its signature. */
static bool is_revocation_of(const struct relay_slice *value, const uint8_t key[32])
{
    uint8_t bytes[VALUE_BYTES];
    struct wire_revocation revocation;

    if (value->len > sizeof(bytes))
        return false;
    memcpy(bytes, value->ptr, value->len);
    return wire_revocation_decode(bytes, value->len, &revocation) == RT_ERR_OK &&
           memcmp(revocation.pubkey, key, sizeof(revocation.pubkey)) == 0;
}

/* -- newcomers -- */

void revocation_checks_add(struct revocation_checks *r, const struct wire_peer_hop *at,
                           uint8_t dialects)
{
    uint32_t index = 0;

    while (r->checks[index].is_pending)
        RT_INSIST(++index < REVOCATION_CHECK_DAILY);
    r->checks[index].relay = *at;
    r->checks[index].dialects = dialects;
    look_up(r, index);
}

/* -- listed relays -- */

static void arm(struct revocation_checks *r)
{
    uint64_t now_ns = rt_now_ns(r->worker), next_ns = relay_list_next_lookup_ns(r->directory->list);

    if (next_ns < now_ns + LIM_REVOCATION_SPACE_NS)
        next_ns = now_ns + LIM_REVOCATION_SPACE_NS;
    if (next_ns > now_ns + POLL_NS)
        next_ns = now_ns + POLL_NS;
    rt_timer_arm(r->worker, &r->timer, next_ns);
}

static void on_timer(struct relay_timer *t)
{
    struct revocation_checks *r = RT_CONTAINER_OF(t, struct revocation_checks, timer);
    struct revocation_check *check = &r->checks[REVOCATION_CHECK_DAILY];

    if (!check->is_pending &&
        relay_list_next_lookup(r->directory->list, rt_now_ns(r->worker), check->relay.pubkey_hint))
        look_up(r, REVOCATION_CHECK_DAILY);
    arm(r);
}

/* -- results -- */

void revocation_checks_looked_up(struct revocation_checks *r, uint32_t index,
                                 const struct dht_lookup_request *l)
{
    struct revocation_check *check = &r->checks[index];

    RT_REQUIRE(index < REVOCATION_CHECKS && check->is_pending);
    check->is_pending = false;
    if (!l->msg.is_bounced && l->count > 0 &&
        is_revocation_of(&l->values[0], check->relay.pubkey_hint))
        revocation_checks_found(r, check->relay.pubkey_hint);
    if (index != REVOCATION_CHECK_DAILY)
        r->callbacks->newcomer_checked(r->ctx, &check->relay, check->dialects);
}

void revocation_checks_found(struct revocation_checks *r, const uint8_t key[32])
{
    char hex[65];

    if (memcmp(key, r->own_pubkey, 32) == 0)
        rt_log(RELAY_LOG_WARN,
               "the key of this relay is revoked: other relays do not list this relay; replace the "
               "identity",
               NULL);
    if (!directory_revoke(r->directory, key))
        return;
    rt_hex(key, 32, hex);
    rt_log(RELAY_LOG_INFO, "relay dropped from the list: its key is revoked", "key=%s", hex);
}

/* -- life -- */

void revocation_checks_init(struct revocation_checks *r, struct rt_worker *w,
                            struct relay_directory *directory, const uint8_t *own_pubkey,
                            const struct revocation_checks_callbacks *callbacks, void *ctx)
{
    *r = (struct revocation_checks){.worker = w,
                                    .directory = directory,
                                    .own_pubkey = own_pubkey,
                                    .callbacks = callbacks,
                                    .ctx = ctx,
                                    .timer.fire = on_timer};
}

void revocation_checks_start(struct revocation_checks *r)
{
    arm(r);
}

void revocation_checks_stop(struct revocation_checks *r)
{
    rt_timer_disarm(r->worker, &r->timer);
}
