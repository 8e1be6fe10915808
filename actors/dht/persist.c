/* SPDX-License-Identifier: MPL-2.0 */
#include "dht/persist.h"

#include <arpa/inet.h>
#include <stdio.h>

#include "base/budget.h"
#include "base/check.h"
#include "wire_state.h"

void persist_init(struct persist *p, const struct dht_context *context)
{
    *p = (struct persist){.context = context};
}

void persist_set_storage(struct persist *p, const struct storage_client *to)
{
    p->storage = *to;
}

static bool is_on(const struct persist *p)
{
    return !rt_addr_is_none(p->storage.addr);
}

static void save(struct persist *p, struct storage_write *w)
{
    (void)storage_send(&p->storage, p->context->worker, w);
}

/* -- values -- */

static void put_value(void *ctx, const struct dht_value *v)
{
    struct persist *p = ctx;

    if (is_on(p))
        save(p, storage_put_value_new(v->key, v->sub, relay_slice_ref(v->value), v->expires_s,
                                      v->event, v->origin.peer, v->origin.net));
}

static void drop_value(void *ctx, const uint8_t key[32], const uint8_t sub[32])
{
    struct persist *p = ctx;

    if (is_on(p))
        save(p, storage_drop_value_new(key, sub));
}

static void put_mark(void *ctx, const uint8_t community_id[32], uint64_t mark, uint64_t expires_s)
{
    struct persist *p = ctx;

    if (is_on(p))
        save(p, storage_put_mark_new(community_id, mark, expires_s));
}

struct dht_value_store_sink persist_value_sink(struct persist *p)
{
    return (struct dht_value_store_sink){
        .put = put_value, .drop = drop_value, .put_mark = put_mark, .ctx = p};
}

/* -- peers -- */

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
    struct persist *p = ctx;
    char addr_key[STORAGE_ADDR_KEY_MAX + 1];
    uint8_t payload[STORAGE_PEER_BYTES_MAX];
    struct relay_slice copy;
    struct wire_writer w;
    bool fits;
    size_t len;

    if (!is_on(p))
        return;
    wire_writer_init(&w, payload, sizeof(payload));
    wire_write_peer_row(&w, row);
    len = wire_writer_len(&w, &fits);
    RT_INSIST(fits);
    copy = rt_slice_copy(payload, (uint32_t)len);
    if (!copy.owner)
        return; /* out of memory: the row is written at the peer's next contact */
    addr_key_of(&row->addr.hop, addr_key);
    save(p, storage_put_peer_new(addr_key, copy, dialects, (uint8_t)last));
}

static void drop_peer(void *ctx, const struct wire_peer_hop *hop)
{
    struct persist *p = ctx;
    char addr_key[STORAGE_ADDR_KEY_MAX + 1];

    if (!is_on(p))
        return;
    addr_key_of(hop, addr_key);
    save(p, storage_drop_peer_new(addr_key));
}

struct dht_peers_sink persist_peer_sink(struct persist *p)
{
    return (struct dht_peers_sink){put_peer, drop_peer, p};
}

/* -- pins, and the records about pinned keys -- */

void persist_put_pins(struct persist *p, struct relay_slice pins)
{
    if (is_on(p) && pins.owner)
        save(p, storage_put_pins_new(pins));
    else
        relay_slice_drop(&pins);
}

void persist_put_identity(struct persist *p, const uint8_t key[32], const uint8_t *value,
                          size_t len)
{
    struct relay_slice copy;

    if (!is_on(p))
        return;
    copy = rt_slice_copy(value, (uint32_t)len);
    if (copy.owner) /* else out of memory: the record must be found again after a restart */
        save(p, storage_put_identity_record_new(key, copy));
}

void persist_drop_identity(struct persist *p, const uint8_t key[32])
{
    if (is_on(p))
        save(p, storage_drop_identity_record_new(key));
}
