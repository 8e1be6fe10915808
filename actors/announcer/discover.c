/* SPDX-License-Identifier: MPL-2.0 */
/*
 * Others: every so often a round looks up the keys of the hour and asks some nodes for the relays
 * they know; what is new is dialled, and what is listed is asked again from time to time.
 */
#include <string.h>

#include "announcer/announcer_private.h"
#include "base/budget.h"
#include "base/check.h"
#include "base/metric.h"
#include "wire_envelope.h"
#include "wire_limits.h"

#define ROUND_FIRST_NS (5 * RT_S)
#define ROUND_MAX_NS (900 * RT_S)
#define ROUND_ALONE_NS (30 * RT_S) /* while the routing table is empty */
#define LOOKUPS_AT_ONCE 2u
#define PEERS_ASKED 4u /* nodes of the routing table asked in a round */

static uint64_t jittered(struct announcer *a, uint64_t ns)
{
    return ns - announcer_random(a) % (ns / 4);
}

/* -- a round: one dialect after the other, to bound concurrent requests; C first, as it has the
 * most relays -- */

#define ROUND_LOOK_UPS (WIRE_DIALECTS * WIRE_RENDEZVOUS_SLOTS)

static void ask_peers(struct announcer *a, enum wire_dialect dialect)
{
    struct dht_peers_ask *p = dht_peers_ask_new();

    p->dialect = dialect;
    p->max = PEERS_ASKED;
    announcer_ask_dht(a, &p->msg);
}

static void look_up(struct announcer *a)
{
    uint64_t bucket = wire_rendezvous_bucket(announcer_now_s(a));

    while (a->lookups < LOOKUPS_AT_ONCE && a->next_look_up < ROUND_LOOK_UPS) {
        struct dht_lookup_ask *l = dht_lookup_ask_new();
        uint32_t slot = a->next_look_up % WIRE_RENDEZVOUS_SLOTS;

        l->cookie = COOKIE_ROUND_LOOK_UP;
        l->dialect = WIRE_DIALECT_C - a->next_look_up++ / WIRE_RENDEZVOUS_SLOTS;
        if (slot == 0)
            ask_peers(a, l->dialect);
        wire_rendezvous_key(bucket, slot, l->key);
        l->values_max = DHT_LOOKUP_VALUES_MAX;
        a->lookups++;
        announcer_ask_dht(a, &l->msg);
    }
}

/* Once there is a contact, rounds follow at doubling intervals. */
static void on_round_timer(struct relay_timer *t)
{
    struct announcer *a = RT_CONTAINER_OF(t, struct announcer, round_timer);

    a->next_look_up = 0;
    look_up(a);
}

static void round_is_over(struct announcer *a)
{
    uint64_t max_ns = a->peopled == 0 ? ROUND_ALONE_NS : ROUND_MAX_NS;

    rt_timer_arm(a->worker, &a->round_timer, announcer_now_ns(a) + jittered(a, a->round_step_ns));
    a->round_step_ns = 2 * a->round_step_ns < max_ns ? 2 * a->round_step_ns : max_ns;
}

void discover_looked_up(struct announcer *a, struct dht_lookup_ask *l)
{
    RT_INSIST(a->lookups > 0);
    a->lookups--;
    if (a->is_stopped)
        return;
    for (uint32_t i = 0; !l->msg.is_bounced && i < l->count; i++)
        verify_queue_add(&a->verify_queue, relay_slice_take(&l->values[i]));
    look_up(a);
    if (a->lookups == 0)
        round_is_over(a);
}

void discover_peers(struct announcer *a, const struct dht_peers_ask *p)
{
    if (a->is_stopped)
        return;
    if (p->count == 0) {
        a->peopled &= ~WIRE_DIALECT_BIT(p->dialect);
        return;
    }
    if (!(a->peopled & WIRE_DIALECT_BIT(p->dialect)))
        a->round_step_ns = ROUND_FIRST_NS;
    a->peopled |= WIRE_DIALECT_BIT(p->dialect);
    for (uint32_t i = 0; i < p->count; i++)
        reach_checks_request_list(&a->reach_checks, &p->peers[i], p->dialect);
}

/* -- life -- */

void discover_init(struct announcer *a)
{
    a->round_step_ns = ROUND_FIRST_NS;
    a->round_timer.fire = on_round_timer;
}

void discover_start(struct announcer *a)
{
    rt_timer_arm(a->worker, &a->round_timer, announcer_now_ns(a) + jittered(a, ROUND_FIRST_NS));
}

void discover_stop(struct announcer *a)
{
    rt_timer_disarm(a->worker, &a->round_timer);
}
