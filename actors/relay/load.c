/* SPDX-License-Identifier: MPL-2.0 */
#include <inttypes.h>

#include "base/log.h"
#include "dht/dht.h"
#include "dht/dht_limits.h"
#include "dht/value_store/value_store.h"
#include "relay_private.h"

struct loading {
    struct relay *relay;
    uint64_t now_s;
    uint32_t values, peers, communities, odd, stale;
};

static void load_value(void *ctx, const struct storage_value *v)
{
    struct loading *l = ctx;
    struct dht_origin origin = {.peer = v->origin_peer, .net = v->origin_net};

    dht_load_value(l->relay->system, v->key, v->sub, v->value, v->len, v->expires_s, v->event,
                   &origin);
    l->values++;
}

static void load_mark(void *ctx, const uint8_t community_id[32], uint64_t mark, uint64_t expires_s)
{
    struct loading *l = ctx;

    dht_load_mark(l->relay->system, community_id, mark, expires_s);
    l->communities++;
}

static void load_peer(void *ctx, const struct storage_peer *p)
{
    struct loading *l = ctx;
    uint8_t dialects = p->last < WIRE_DIALECTS ? p->dialects & WIRE_DIALECTS_ALL : 0;
    struct wire_peer_row row;

    if (wire_peer_row_decode(p->payload, p->len, &row) != RT_ERR_OK) {
        l->odd++;
    } else if (row.last_seen_unix + LIM_PEER_FORGET_S < l->now_s) {
        (void)storage_send(&l->relay->storage, l->relay->nodes[0].worker,
                           storage_drop_peer_new(p->addr_key));
        l->stale++;
    } else {
        dht_load_peer(l->relay->system, &row, dialects, (enum wire_dialect)p->last);
        l->peers++;
    }
}

static void load_pins(void *ctx, uint8_t *payload, size_t len)
{
    dht_load_pins(((struct loading *)ctx)->relay->system, payload, len);
}

static void load_identity(void *ctx, const uint8_t key[32], uint8_t *value, size_t len)
{
    dht_load_identity(((struct loading *)ctx)->relay->system, key, value, len);
}

rt_err relay_load(struct relay *r, struct relay_error *err)
{
    const struct rt_seams *seams = rt_worker_seams(r->nodes[0].worker);
    struct loading l = {.relay = r, .now_s = seams->wall_ns(seams->ctx) / RT_S};
    uint64_t begun_ns = seams->mono_ns(seams->ctx);
    rt_err e = storage_each_mark(r->store, load_mark, &l, err);

    if (!e)
        e = storage_each_value(r->store, load_value, &l, err);
    if (!e)
        e = storage_each_peer(r->store, load_peer, &l, err);
    if (!e)
        e = storage_pins(r->store, load_pins, &l, err);
    if (!e)
        e = storage_each_identity_record(r->store, load_identity, &l, err);
    if (e)
        return e;
    if (l.odd)
        rt_log(RELAY_LOG_WARN, "peers in the state database cannot be read, left as they are",
               "peers=%" PRIu32, l.odd);
    rt_log(RELAY_LOG_INFO, "state loaded",
           "values=%" PRIu32 " peers=%" PRIu32 " forgotten=%" PRIu32 " communities=%" PRIu32
           " took_ms=%" PRIu64,
           l.values, l.peers, l.stale, l.communities,
           (seams->mono_ns(seams->ctx) - begun_ns) / RT_MS);
    return RT_ERR_OK;
}
