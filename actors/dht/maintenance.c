/* SPDX-License-Identifier: MPL-2.0 */
/*
 * Invariant: a contact is only removed after a call failed, so every removal begins with a ping or
 * another call here; pings and probes change the tables through the events of rpc_pool, never
 * directly. The cookie of a ping says whether it is the repeated one.
 */
#include "dht/maintenance.h"

#include <string.h>

#include "base/budget.h"
#include "base/check.h"
#include "dht/dht_limits.h"
#include "dht/dht_metrics.h"
#include "wire_dht.h"
#include "wire_envelope.h"

#define PING_NS (300 * RT_S)     /* a contact not heard of for this long is pinged */
#define REFRESH_NS (3600 * RT_S) /* a bucket without a look-up for this long is refreshed */
#define SELF_LOOKUP_NS (900 * RT_S)
#define SELF_LOOKUP_SOON_NS (30 * RT_S) /* while the table is thin and grows */
#define PING_PEERS 16u                  /* requested with every ping */
#define CANDIDATE_TICKS 6u              /* ticks between two candidates, while contacts are many */

static void on_timer(struct relay_timer *t)
{
    maintenance_probe(RT_CONTAINER_OF(t, struct maintenance, probe_timer));
}

void maintenance_init(struct maintenance *m, struct dht_context *context,
                      struct membership *membership, struct lookup_runs *lookups,
                      struct rpc_pool *rpc)
{
    *m = (struct maintenance){
        .context = context, .membership = membership, .lookups = lookups, .rpc = rpc};
    m->probe_timer.fire = on_timer;
}

void maintenance_stop(struct maintenance *m)
{
    rt_timer_disarm(m->context->worker, &m->probe_timer);
}

/* -- probes -- */

static void on_probed(void *owner, uint64_t cookie, const struct rpc_call *call,
                      const struct rpc_end *end)
{
    struct maintenance *m = owner;

    (void)cookie;
    dht_probe_queue_ended(m->membership->probe, &call->to,
                          end->outcome == DHT_CALL_REPLIED || end->outcome == DHT_CALL_BUSY,
                          dht_now_ns(m->context));
    maintenance_probe(m);
}

void maintenance_probe(struct maintenance *m)
{
    struct dht_probe_queue *queue = m->membership->probe;
    struct rpc_call call = {.dialect = DHT_DIALECT_ANY, .timeout_ns = LIM_QUERY_NS};
    uint64_t next_ns;

    if (m->context->is_stopped || !m->context->is_started)
        return;
    while (dht_probe_queue_next(queue, dht_now_ns(m->context), &call.to, &call.first)) {
        call.to.has_pubkey_hint = false;
        rt_metric_inc(RT_METRIC_DHT_PROBED);
        rpc_pool_send(m->rpc, &call, on_probed, m, 0);
    }
    next_ns = dht_probe_queue_next_ns(queue);
    if (next_ns != UINT64_MAX)
        rt_timer_arm(m->context->worker, &m->probe_timer, next_ns);
}

/* -- pings -- */

struct ping_reply {
    struct maintenance *maintenance;
    enum wire_dialect dialect;
};

static void take_peer(void *ctx, const struct wire_peer *p)
{
    const struct ping_reply *a = ctx;
    struct wire_peer_hop hop;

    (void)membership_add_candidate(a->maintenance->membership, a->dialect, p, &hop);
}

static void ping(struct maintenance *m, enum wire_dialect dialect, const struct wire_peer_hop *node,
                 bool is_repeated);

static void on_pinged(void *owner, uint64_t is_repeated, const struct rpc_call *call,
                      const struct rpc_end *end)
{
    struct maintenance *m = owner;
    struct ping_reply reply = {m, call->dialect};
    uint8_t id[20];

    rt_node_id(call->to.pubkey_hint, id);
    if (end->outcome == DHT_CALL_REPLIED && !(end->reply->flags & WIRE_FLAG_ERROR))
        (void)!wire_pex_offer_decode(end->reply->payload.ptr, end->reply->payload.len, take_peer,
                                     &reply);
    else if (end->outcome != DHT_CALL_REPLIED && !is_repeated && !m->context->is_stopped &&
             dht_table_has(m->membership->tables[call->dialect], id))
        ping(m, call->dialect, &call->to, true); /* until then, answers do not name the node */
}

static void ping(struct maintenance *m, enum wire_dialect dialect, const struct wire_peer_hop *node,
                 bool is_repeated)
{
    struct rpc_call call = {
        .to = *node, .dialect = dialect, .type = WIRE_PEX_REQUEST, .timeout_ns = LIM_QUERY_NS};
    uint8_t bytes[32];
    struct wire_writer w;
    bool fits;

    wire_writer_init(&w, bytes, sizeof(bytes));
    wire_write_pex_request(&w, PING_PEERS);
    call.payload = rt_slice_copy(bytes, (uint32_t)wire_writer_len(&w, &fits));
    if (call.payload.owner)
        rpc_pool_send(m->rpc, &call, on_pinged, m, is_repeated);
}

void maintenance_ping(struct maintenance *m, enum wire_dialect dialect,
                      const struct wire_peer_hop *node)
{
    ping(m, dialect, node, false);
}

/* -- every tick -- */

/* Pings a node that speaks several dialects in one of them at a time. */
static void ping_stale(struct maintenance *m, enum wire_dialect dialect)
{
    struct dht_table *t = m->membership->tables[dialect];
    uint64_t now_ns = dht_now_ns(m->context);
    struct wire_peer_hop node;

    for (uint32_t i = 0; i <= dht_table_count(t) / 50; i++) {
        if (now_ns < PING_NS || !dht_table_stalest(t, now_ns - PING_NS, &node))
            return;
        for (uint32_t k = 0; k < WIRE_DIALECTS; k++)
            dht_table_touch(m->membership->tables[k], node.pubkey_hint);
        maintenance_ping(m, dialect, &node);
    }
}

static bool is_self_lookup_due(const struct maintenance *m, enum wire_dialect dialect)
{
    uint64_t began_ns = m->lookups->self[dialect].began_ns;
    uint64_t age_ns = dht_now_ns(m->context) - began_ns;
    uint32_t nodes = dht_table_count(m->membership->tables[dialect]);

    return began_ns == 0 || age_ns >= SELF_LOOKUP_NS ||
           (age_ns >= SELF_LOOKUP_SOON_NS && nodes < DHT_K &&
            nodes != m->lookups->self[dialect].nodes);
}

static void look_around(struct maintenance *m, enum wire_dialect dialect)
{
    uint64_t now_ns = dht_now_ns(m->context);
    uint8_t random[20], target[20];

    if (!lookup_run_has_seed(m->lookups, dialect))
        return;
    if (is_self_lookup_due(m, dialect)) {
        lookup_run_self(m->lookups, dialect);
        return;
    }
    rt_random(m->context->worker, random, sizeof(random));
    if (m->lookups->active_count == 0 &&
        dht_table_refresh(m->membership->tables[dialect],
                          now_ns > REFRESH_NS ? now_ns - REFRESH_NS : 0, random, target))
        lookup_run_around(m->lookups, dialect, target);
}

/* Several a tick while there are few contacts. Later one a minute, to follow the network. */
static void try_candidates(struct maintenance *m, uint64_t ticks)
{
    struct membership *ms = m->membership;
    uint32_t count = membership_count(ms) < DHT_K ? 4 : ticks % CANDIDATE_TICKS == 0;
    struct wire_peer_hop hop;

    for (uint32_t i = 0; i < count && dht_peers_candidate(ms->peers, dht_now_s(m->context), &hop);
         i++)
        if (membership_may_dial(ms, &hop))
            (void)dht_probe_queue_offer(ms->probe, &hop, dht_peers_dialect(ms->peers, &hop),
                                        dht_now_ns(m->context));
    maintenance_probe(m);
}

void maintenance_tick(struct maintenance *m, uint64_t ticks)
{
    for (uint32_t i = 0; i < WIRE_DIALECTS; i++) {
        enum wire_dialect dialect = (enum wire_dialect)((ticks + i) % WIRE_DIALECTS);

        ping_stale(m, dialect);
        look_around(m, dialect);
    }
    try_candidates(m, ticks);
}
