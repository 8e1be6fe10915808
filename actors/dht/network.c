/* SPDX-License-Identifier: MPL-2.0 */
/* Who is there: what calls learn of peers goes into the table and the database; upkeep of both. */
#include <stdlib.h>
#include <string.h>

#include "base/budget.h"
#include "base/check.h"
#include "base/log.h"
#include "dht/dht_limits.h"
#include "dht/dht_metrics.h"
#include "dht/dht_private.h"
#include "dht/value_store/communities.h"
#include "wire_envelope.h"
#include "wire_limits.h"

#define PING_NS (300 * RT_S)     /* a node not heard of for so long is pinged */
#define REFRESH_NS (3600 * RT_S) /* a bucket nobody looked into for so long is refreshed */
#define SELF_SEARCH_NS (900 * RT_S)
#define SELF_SEARCH_SOON_NS (30 * RT_S) /* while the table is thin and grows */
#define PING_PEERS 16u                  /* asked for with every ping */
#define EXPIRE_VALUES 512u              /* in one tick */
#define SAVE_VALUES 4096u
#define EXPIRE_COMMUNITIES 64u
#define EXPIRE_PEERS 16u
#define SELF_TICKS 6u /* our addresses are looked at again every so many ticks */

/* -- where we are -- */

void dht_network_self(struct dht *d)
{
    if (self_address_refresh(&d->self))
        membership_rescope(&d->membership);
}

/* -- probes and pings -- */

static void probe_done(struct rpc_call *c, const struct rpc_end *end)
{
    struct dht_errand *e = RT_CONTAINER_OF(c, struct dht_errand, call);
    struct dht *d = e->dht;

    dht_probe_queue_ended(d->membership.probe, &c->to,
                          end->outcome == DHT_CALL_ANSWERED || end->outcome == DHT_CALL_BUSY,
                          dht_now_ns(&d->context));
    dht_errand_end(e);
    dht_network_probe(d);
}

void dht_network_probe(struct dht *d)
{
    enum wire_dialect first;
    struct wire_peer_hop hop;
    uint64_t next_ns;

    if (d->context.is_stopped || !d->context.is_started)
        return;
    while (dht_probe_queue_next(d->membership.probe, dht_now_ns(&d->context), &hop, &first)) {
        struct dht_errand *e;

        hop.has_pubkey_hint = false;
        rt_metric_inc(RT_METRIC_DHT_PROBED);
        e = dht_errand_new(d, &hop, 0, (struct relay_slice){0}, LIM_QUERY_NS, probe_done);
        e->call.first = first;
        dht_errand_start(e);
    }
    next_ns = dht_probe_queue_next_ns(d->membership.probe);
    if (next_ns != UINT64_MAX)
        rt_timer_arm(d->context.worker, &d->probe_timer, next_ns);
}

static void take_peer(void *ctx, const struct wire_peer *p)
{
    const struct dht_errand *e = ctx;
    struct dht *d = e->dht;
    struct wire_peer_hop hop;

    if (membership_heard(&d->membership, p, &hop))
        (void)dht_peers_heard(d->membership.peers, &hop, e->call.dialect, dht_now_s(&d->context));
}

static void ping(struct dht *d, enum wire_dialect dialect, const struct wire_peer_hop *node,
                 bool is_repeated);

static void ping_done(struct rpc_call *c, const struct rpc_end *end)
{
    struct dht_errand *e = RT_CONTAINER_OF(c, struct dht_errand, call);
    enum wire_dialect dialect = e->call.dialect;
    uint8_t id[20];

    rt_node_id(c->to.pubkey_hint, id);
    if (end->outcome == DHT_CALL_ANSWERED && !(end->answer->flags & WIRE_FLAG_ERROR))
        (void)!wire_pex_offer_decode((uint8_t *)(uintptr_t)end->answer->payload.ptr,
                                     end->answer->payload.len, take_peer, e);
    else if (end->outcome != DHT_CALL_ANSWERED &&
             dht_table_has(e->dht->membership.tables[dialect], id) && !e->is_repeated &&
             !e->dht->context.is_stopped)
        ping(e->dht, dialect, &c->to, true); /* meanwhile answers do not name the node */
    dht_errand_end(e);
}

static void ping(struct dht *d, enum wire_dialect dialect, const struct wire_peer_hop *node,
                 bool is_repeated)
{
    uint8_t bytes[32];
    struct relay_slice payload;
    struct dht_errand *e;
    struct wire_writer w;
    bool fits;

    wire_writer_init(&w, bytes, sizeof(bytes));
    wire_write_pex_request(&w, PING_PEERS);
    payload = rt_slice_copy(bytes, (uint32_t)wire_writer_len(&w, &fits));
    if (!payload.owner)
        return;
    e = dht_errand_new(d, node, WIRE_PEX_REQUEST, payload, LIM_QUERY_NS, ping_done);
    e->call.dialect = dialect;
    e->is_repeated = is_repeated;
    dht_errand_start(e);
}

void dht_network_ping(struct dht *d, enum wire_dialect dialect, const struct wire_peer_hop *node)
{
    ping(d, dialect, node, false);
}

/* -- upkeep -- */

/* A node that speaks several dialects is pinged in one of them at a time. */
static void ping_stale(struct dht *d, enum wire_dialect dialect)
{
    struct dht_table *t = d->membership.tables[dialect];
    uint64_t now_ns = dht_now_ns(&d->context);
    struct wire_peer_hop node;

    for (uint32_t i = 0; i <= dht_table_count(t) / 50; i++) {
        if (now_ns < PING_NS || !dht_table_stalest(t, now_ns - PING_NS, &node))
            return;
        for (uint32_t k = 0; k < WIRE_DIALECTS; k++)
            dht_table_touch(d->membership.tables[k], node.pubkey_hint);
        dht_network_ping(d, dialect, &node);
    }
}

static void search_around(struct dht *d, enum wire_dialect dialect)
{
    struct dht_table *t = d->membership.tables[dialect];
    uint64_t now_ns = dht_now_ns(&d->context), began_ns = d->lookups.self[dialect].began_ns;
    uint32_t nodes = dht_table_count(t);
    uint8_t random[20], target[20];

    if (!lookup_run_has_seed(&d->lookups, dialect))
        return;
    if (began_ns == 0 || now_ns - began_ns >= SELF_SEARCH_NS ||
        (now_ns - began_ns >= SELF_SEARCH_SOON_NS && nodes < DHT_K &&
         nodes != d->lookups.self[dialect].nodes)) {
        lookup_run_self(&d->lookups, dialect);
        return;
    }
    rt_random(d->context.worker, random, sizeof(random));
    if (d->lookups.active_count == 0 &&
        dht_table_refresh(t, now_ns > REFRESH_NS ? now_ns - REFRESH_NS : 0, random, target))
        lookup_run_around(&d->lookups, dialect, target);
}

/* Many while we know few, and one a minute always: the table follows the network. */
static void try_candidates(struct dht *d)
{
    uint32_t count = membership_count(&d->membership) < DHT_K ? 4 : d->ticks % SELF_TICKS == 0;
    struct wire_peer_hop hop;

    for (uint32_t i = 0;
         i < count && dht_peers_candidate(d->membership.peers, dht_now_s(&d->context), &hop); i++)
        if (membership_may_dial(&d->membership, &hop))
            (void)dht_probe_queue_offer(d->membership.probe, &hop,
                                        dht_peers_dialect(d->membership.peers, &hop),
                                        dht_now_ns(&d->context));
    dht_network_probe(d);
}

struct rt_metric *const dht_gauges[DHT_GAUGES] = {RT_METRIC_DHT_NODES_A,     RT_METRIC_DHT_NODES_B,
                                                  RT_METRIC_DHT_NODES_C,     RT_METRIC_DHT_VALUES,
                                                  RT_METRIC_DHT_VALUE_BYTES, RT_METRIC_DHT_PEERS};

static void report(struct dht *d)
{
    uint64_t now[DHT_GAUGES] = {
        dht_table_count(d->membership.tables[WIRE_DIALECT_A]),
        dht_table_count(d->membership.tables[WIRE_DIALECT_B]),
        dht_table_count(d->membership.tables[WIRE_DIALECT_C]),
        dht_value_store_count(d->values),
        dht_value_store_bytes(d->values),
        dht_peers_count(d->membership.peers),
    };

    for (uint32_t i = 0; i < DHT_GAUGES; i++) {
        rt_metric_add(dht_gauges[i], now[i]);
        rt_metric_sub(dht_gauges[i], d->gauges[i]);
        d->gauges[i] = now[i];
    }
}

void dht_network_upkeep(struct dht *d)
{
    (void)dht_value_store_expire(d->values, dht_now_s(&d->context), EXPIRE_VALUES);
    (void)dht_value_store_save_due(d->values, dht_now_s(&d->context), SAVE_VALUES);
    dht_communities_expire(dht_value_store_communities(d->values), dht_now_s(&d->context),
                           EXPIRE_COMMUNITIES);
    dht_peers_expire(d->membership.peers, dht_now_s(&d->context), EXPIRE_PEERS);
    report(d);
    if (++d->ticks % SELF_TICKS == 0)
        dht_network_self(d);
    if (d->context.is_stopped)
        return;
    for (uint32_t i = 0; i < WIRE_DIALECTS; i++) {
        enum wire_dialect dialect = (enum wire_dialect)((d->ticks + i) % WIRE_DIALECTS);

        ping_stale(d, dialect);
        search_around(d, dialect);
    }
    try_candidates(d);
    if (dht_value_store_next_fresh(d->values,
                                   dht_now_s(&d->context))) /* fresh again after an hour */
        dht_push_due(d);
    if (membership_count(&d->membership) == 0)
        dht_join(d);
}
