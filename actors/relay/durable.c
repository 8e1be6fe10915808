/* SPDX-License-Identifier: MPL-2.0 */
#include <arpa/inet.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "base/budget.h"
#include "base/check.h"
#include "base/log.h"
#include "dht/dht.h"
#include "dht/dht_limits.h"
#include "dht/value_store/value_store.h"
#include "relay_private.h"

/* -- to the disk; on worker 0 -- */

/* One that the queue has no room for is lost to the disk; the storage counts it and says so. */
static void save(struct relay *r, struct storage_write *w)
{
    (void)storage_send(&r->storage, r->nodes[0].worker, w);
}

static void put_value(void *ctx, const struct dht_value *v)
{
    save(ctx, storage_put_value_new(v->key, v->sub, relay_slice_ref(v->value), v->expires_s,
                                    v->event, v->origin.peer, v->origin.net));
}

static void drop_value(void *ctx, const uint8_t key[32], const uint8_t sub[32])
{
    save(ctx, storage_drop_value_new(key, sub));
}

static void put_mark(void *ctx, const uint8_t community_id[32], uint64_t mark, uint64_t expires_s)
{
    save(ctx, storage_put_mark_new(community_id, mark, expires_s));
}

/* ip:port:Tcp or ip:port:Quic, IPv6 without brackets: the published relay's form. */
static void addr_key_of(const struct wire_peer_hop *hop, char out[STORAGE_ADDR_KEY_MAX + 1])
{
    char ip[INET6_ADDRSTRLEN];

    RT_INSIST(inet_ntop(hop->is_ipv6 ? AF_INET6 : AF_INET, hop->ip, ip, sizeof(ip)));
    snprintf(out, STORAGE_ADDR_KEY_MAX + 1, "%s:%u:%s", ip, hop->port,
             hop->transport == WIRE_QUIC ? "Quic" : "Tcp");
}

static void put_peer(void *ctx, const struct wire_peer_row *row, uint8_t dialects,
                     enum wire_dialect last)
{
    char addr_key[STORAGE_ADDR_KEY_MAX + 1];
    uint8_t payload[STORAGE_PEER_BYTES_MAX];
    struct relay_slice copy;
    struct wire_writer w;
    bool fits;
    size_t len;

    wire_writer_init(&w, payload, sizeof(payload));
    wire_write_peer_row(&w, row);
    len = wire_writer_len(&w, &fits);
    RT_INSIST(fits);
    copy = rt_slice_copy(payload, (uint32_t)len);
    if (!copy.owner)
        return; /* out of memory: the row is written at the peer's next contact */
    addr_key_of(&row->addr.hop, addr_key);
    save(ctx, storage_put_peer_new(addr_key, copy, dialects, (uint8_t)last));
}

static void drop_peer(void *ctx, const struct wire_peer_hop *hop)
{
    char addr_key[STORAGE_ADDR_KEY_MAX + 1];

    addr_key_of(hop, addr_key);
    save(ctx, storage_drop_peer_new(addr_key));
}

static void put_pins(void *ctx, struct relay_slice pins)
{
    save(ctx, storage_put_pins_new(pins));
}

static void put_identity(void *ctx, const uint8_t key[32], struct relay_slice value)
{
    save(ctx, storage_put_identity_record_new(key, value));
}

static void drop_identity(void *ctx, const uint8_t key[32])
{
    save(ctx, storage_drop_identity_record_new(key));
}

struct dht_disk relay_disk(struct relay *r)
{
    return (struct dht_disk){.put_value = put_value,
                             .drop_value = drop_value,
                             .put_mark = put_mark,
                             .put_peer = put_peer,
                             .drop_peer = drop_peer,
                             .put_pins = put_pins,
                             .put_identity = put_identity,
                             .drop_identity = drop_identity,
                             .ctx = r};
}

/* -- from the disk -- */

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
        save(l->relay, storage_drop_peer_new(p->addr_key));
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
