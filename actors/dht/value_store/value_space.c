/* SPDX-License-Identifier: MPL-2.0 */
/* Limits of the value store, and eviction when it is full. Invariant: the store has at most
 * limits.count_max values and limits.bytes_max bytes, and no eviction removes a value of this
 * relay. */
#include "dht/dht_metrics.h"
#include "dht/value_store/value_store_private.h"

#define DRAWS 8u /* entries drawn to find a victim */

/* An owner's share of the store, values and bytes combined in one number. */
static uint64_t weight(const struct dht_value_store *v, const struct dht_quota *q)
{
    return q ? q->values * (v->limits.bytes_max / v->limits.count_max) + q->bytes : 0;
}

bool value_store_is_full(const struct dht_value_store *v, uint32_t more_values, uint64_t more_bytes)
{
    return v->by_key.count + more_values > v->limits.count_max ||
           v->bytes + more_bytes > v->limits.bytes_max;
}

/* Draws a few entries and returns the one of the largest network, if larger than `above`. */
static struct entry *draw_victim(struct dht_value_store *v, const struct entry *spare,
                                 uint64_t above)
{
    struct entry *victim = NULL;

    for (uint32_t i = 0; i < DRAWS; i++) {
        struct entry *e = (struct entry *)rt_map_draw(&v->by_key, v->random(v->random_ctx));

        if (!e || e == spare || e->origin.peer == 0 || weight(v, e->net) <= above)
            continue;
        above = weight(v, e->net);
        victim = e;
    }
    return victim;
}

static bool is_over_share(const struct dht_value_store *v, const struct entry *e, uint32_t len,
                          uint64_t peer)
{
    const struct dht_quota *q = dht_quota_find(&v->peers, peer);
    bool owns = e && e->origin.peer == peer;
    uint32_t more = owns ? 0 : 1;
    uint64_t bytes = (q ? q->bytes : 0) + len - (owns ? e->value.len : 0);

    return peer != 0 && ((q ? q->values : 0) + more > v->limits.count_per_peer ||
                         bytes > v->limits.bytes_per_peer);
}

enum wire_refusal value_store_make_room(struct dht_value_store *v, const struct entry *e,
                                        uint32_t len, const struct dht_origin *origin)
{
    uint32_t more_values = e ? 0 : 1;
    uint64_t more_bytes = e ? (len > e->value.len ? len - e->value.len : 0) : len;

    if (is_over_share(v, e, len, origin->peer))
        return WIRE_REFUSAL_STORE_FULL;
    for (uint32_t i = 0; value_store_is_full(v, more_values, more_bytes); i++) {
        uint64_t own = weight(v, dht_quota_find(&v->nets, origin->net));
        struct entry *victim = NULL;

        if (i < LIM_VALUE_EVICTIONS && len <= v->limits.bytes_max)
            victim = draw_victim(v, e, own + len + v->limits.bytes_max / v->limits.count_max);
        if (!victim)
            return WIRE_REFUSAL_STORE_FULL;
        value_store_drop(v, victim, true);
        rt_metric_inc(RT_METRIC_DHT_VALUES_EVICTED);
    }
    return WIRE_REFUSAL_NONE;
}
