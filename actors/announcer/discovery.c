/* SPDX-License-Identifier: MPL-2.0 */
#include "announcer/discovery.h"

#include "announcer/part.h"
#include "base/check.h"
#include "wire_announce.h"

#define INTERVAL_FIRST_NS (5 * RT_S)
#define INTERVAL_MAX_NS (900 * RT_S)
#define INTERVAL_MAX_ALONE_NS (30 * RT_S) /* while no routing table has a node */
#define LOOK_UPS_AT_ONCE 2u
#define NODES_PER_DIALECT 4u /* asked in a round */
#define LOOK_UPS_PER_ROUND (WIRE_DIALECTS * WIRE_RENDEZVOUS_SLOTS)

static void request_peers(struct discovery *d, enum wire_dialect dialect)
{
    struct dht_peers_request *p = dht_peers_request_new();

    p->dialect = dialect;
    p->max = NODES_PER_DIALECT;
    d->callbacks->request(d->ctx, &p->msg);
}

/* One dialect after the other, to bound concurrent requests. C first: it has the most relays. */
static void look_up(struct discovery *d)
{
    uint64_t bucket = wire_rendezvous_bucket(part_wall_s(d->worker));

    while (d->pending < LOOK_UPS_AT_ONCE && d->next_look_up < LOOK_UPS_PER_ROUND) {
        struct dht_lookup_request *l = dht_lookup_request_new();
        uint32_t slot = d->next_look_up % WIRE_RENDEZVOUS_SLOTS;

        l->cookie = COOKIE_ROUND_LOOK_UP;
        l->dialect = WIRE_DIALECT_C - d->next_look_up++ / WIRE_RENDEZVOUS_SLOTS;
        if (slot == 0)
            request_peers(d, l->dialect);
        wire_rendezvous_key(bucket, slot, l->key);
        l->values_max = DHT_LOOKUP_VALUES_MAX;
        d->pending++;
        d->callbacks->request(d->ctx, &l->msg);
    }
}

static void on_timer(struct relay_timer *t)
{
    struct discovery *d = RT_CONTAINER_OF(t, struct discovery, timer);

    d->next_look_up = 0;
    look_up(d);
}

/* Less up to a quarter of the interval, at random. */
static void arm(struct discovery *d)
{
    uint64_t jitter_ns = part_random(d->worker) % (d->interval_ns / 4);

    rt_timer_arm(d->worker, &d->timer, rt_now_ns(d->worker) + d->interval_ns - jitter_ns);
}

static void end_round(struct discovery *d)
{
    uint64_t max_ns = d->populated == 0 ? INTERVAL_MAX_ALONE_NS : INTERVAL_MAX_NS;

    arm(d);
    d->interval_ns = 2 * d->interval_ns < max_ns ? 2 * d->interval_ns : max_ns;
}

void discovery_looked_up(struct discovery *d, struct dht_lookup_request *l)
{
    RT_REQUIRE(l->cookie == COOKIE_ROUND_LOOK_UP && d->pending > 0);
    d->pending--;
    for (uint32_t i = 0; !l->msg.is_bounced && i < l->count; i++)
        d->callbacks->announcement_found(d->ctx, relay_slice_take(&l->values[i]));
    look_up(d);
    if (d->pending == 0)
        end_round(d);
}

void discovery_peers_found(struct discovery *d, const struct dht_peers_request *p)
{
    uint8_t bit = WIRE_DIALECT_BIT(p->dialect);

    if (p->count == 0) {
        d->populated &= (uint8_t)~bit;
        return;
    }
    if (!(d->populated & bit))
        d->interval_ns = INTERVAL_FIRST_NS;
    d->populated |= bit;
    for (uint32_t i = 0; i < p->count; i++)
        d->callbacks->node_found(d->ctx, &p->peers[i], p->dialect);
}

/* -- life -- */

void discovery_init(struct discovery *d, struct rt_worker *w,
                    const struct discovery_callbacks *callbacks, void *ctx)
{
    *d = (struct discovery){.worker = w,
                            .callbacks = callbacks,
                            .ctx = ctx,
                            .interval_ns = INTERVAL_FIRST_NS,
                            .timer.fire = on_timer};
}

void discovery_start(struct discovery *d)
{
    arm(d);
}

void discovery_stop(struct discovery *d)
{
    rt_timer_disarm(d->worker, &d->timer);
}
