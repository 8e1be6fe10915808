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

#define PORT_TCP 7001u /* protocol: conventional ports */
#define PORT_QUIC 7000u

#define PING_NS (300 * RT_S)     /* a node not heard of for so long is pinged */
#define REFRESH_NS (3600 * RT_S) /* a bucket nobody looked into for so long is refreshed */
#define SELF_SEARCH_NS (900 * RT_S)
#define SELF_SEARCH_SOON_NS (30 * RT_S) /* while the table is thin and grows */
#define NEW_AGAIN_S 86400u              /* a node not seen for so long has none of its values */
#define PING_PEERS 16u                  /* asked for with every ping */
#define EXPIRE_VALUES 512u              /* in one tick */
#define SAVE_VALUES 4096u
#define EXPIRE_COMMUNITIES 64u
#define EXPIRE_PEERS 16u
#define SELF_TICKS 6u /* our addresses are looked at again every so many ticks */

/* -- where we are -- */

static enum dht_scope widest(const struct wire_peer_hop *hops, uint32_t count)
{
    enum dht_scope best = DHT_SCOPE_NONE;

    for (uint32_t i = 0; i < count; i++)
        if (dht_scope_of(&hops[i]) > best)
            best = dht_scope_of(&hops[i]);
    return best;
}

static bool is_self(const struct dht *d, const struct wire_peer_hop *hop)
{
    for (uint32_t i = 0; i < d->self.announced_count; i++)
        if (dht_hop_same(&d->self.announced[i], hop))
            return true;
    for (uint32_t i = 0; i < d->self.bound_count; i++)
        if (dht_hop_same(&d->self.bound[i], hop))
            return true;
    for (uint32_t i = 0; i < d->met_count; i++)
        if (dht_hop_same(&d->met[i], hop))
            return true;
    return false;
}

/* Whether it may be in the table and leave us. */
static bool may_keep(const struct dht *d, const struct wire_peer_hop *hop)
{
    enum dht_scope scope = dht_scope_of(hop);

    return scope != DHT_SCOPE_NONE && scope >= d->scope && !is_self(d, hop);
}

bool dht_network_may(const struct dht *d, const struct wire_peer_hop *hop)
{
    return may_keep(d, hop) && rpc_pool_has_transport(d->rpc, hop->transport);
}

static bool keep(void *ctx, const struct wire_peer_hop *hop)
{
    return may_keep(ctx, hop);
}

void dht_network_self(struct dht *d)
{
    struct dht_self now;

    if (!d->get_self)
        return;
    memset(&now, 0, sizeof(now));
    d->get_self(d->self_ctx, &now);
    if (memcmp(&now, &d->self, sizeof(now)) == 0)
        return;
    d->self = now;
    d->scope = now.announced_count ? widest(now.announced, now.announced_count)
                                   : widest(now.bound, now.bound_count);
    for (uint32_t i = 0; i < WIRE_DIALECTS; i++)
        dht_table_filter(d->tables[i], keep, d);
    dht_peers_filter(d->peers, keep, d);
}

/* -- our own addresses to others -- */

static void errand_done(struct rpc_call *c, const struct rpc_end *end)
{
    (void)end;
    dht_errand_end(RT_CONTAINER_OF(c, struct dht_errand, call));
}

static uint32_t own_peers(const struct dht *d, struct wire_peer *out)
{
    const struct wire_peer_hop *hops = d->self.announced_count ? d->self.announced : d->self.bound;
    uint32_t of = d->self.announced_count ? d->self.announced_count : d->self.bound_count;
    uint32_t count = 0;

    for (uint32_t i = 0; i < of; i++) {
        if (dht_scope_of(&hops[i]) != d->scope || d->scope == DHT_SCOPE_NONE)
            continue;
        out[count] = (struct wire_peer){.hop = hops[i]};
        out[count].hop.has_pubkey_hint = true;
        memcpy(out[count++].hop.pubkey_hint, d->context.identity->public_key, 32);
    }
    return count;
}

/* So that it can dial us: it knows an ephemeral port of ours only. */
static void introduce(struct dht *d, const struct wire_peer_hop *to)
{
    struct wire_peer peers[DHT_SELF_MAX];
    uint32_t count = own_peers(d, peers);
    uint8_t bytes[DHT_SELF_MAX * 192u];
    struct wire_writer w;
    struct relay_slice payload;
    bool fits;

    if (count == 0)
        return;
    wire_writer_init(&w, bytes, sizeof(bytes));
    wire_write_pex_offer(&w, peers, count);
    payload = rt_slice_copy(bytes, (uint32_t)wire_writer_len(&w, &fits));
    if (payload.owner)
        dht_errand_start(dht_errand_new(d, to, WIRE_PEX_OFFER, payload, LIM_QUERY_NS, errand_done));
}

/* -- what calls learn -- */

/* A node has entered the tables of these dialects. */
static void joined(struct dht *d, const struct wire_peer_hop *node, uint8_t dialects, bool is_new)
{
    char text[DHT_HOP_TEXT];

    if (rt_log_enabled(RELAY_LOG_DEBUG)) {
        dht_hop_text(node, text, sizeof(text));
        rt_log(RELAY_LOG_DEBUG, "node joins the routing table", "addr=%s dialects=%u nodes=%u",
               text, dialects, dht_node_count(d));
    }
    introduce(d, node);
    if (!is_new)
        return;
    dht_replicate_plan_joined(d->republish, node, dialects);
    dht_push_due(d);
}

static void met_self(struct dht *d, const struct wire_peer_hop *hop)
{
    if (d->met_count < DHT_SELF_MAX && !is_self(d, hop))
        d->met[d->met_count++] = *hop;
}

/* Adds the node to the tables of the dialects that it speaks, if they have room, and removes it
 * from all others. Returns the dialects of the tables that it was added to. */
static uint8_t enter_tables(struct dht *d, const struct wire_peer_hop *hop, uint8_t dialects)
{
    struct wire_peer_hop ping;
    uint8_t added = 0;

    for (enum wire_dialect i = WIRE_DIALECT_A; i < WIRE_DIALECTS; i++) {
        if (!(dialects & WIRE_DIALECT_BIT(i))) {
            (void)dht_table_leave(d->tables[i], hop->pubkey_hint);
            continue;
        }
        switch (dht_table_seen(d->tables[i], hop, dht_now_ns(&d->context), &ping)) {
        case DHT_SEEN_ADDED:
            added |= WIRE_DIALECT_BIT(i);
            break;
        case DHT_SEEN_WAITS:
            if (ping.port != 0)
                dht_network_ping(d, i, &ping);
            break;
        case DHT_SEEN_KNOWN:
        case DHT_SEEN_REFUSED:
            break;
        }
    }
    return added;
}

static void on_reached(void *ctx, const struct wire_peer_hop *hop, enum wire_dialect dialect,
                       uint8_t dialects, const struct wire_hello *hello)
{
    struct dht *d = ctx;
    uint64_t before;
    uint8_t added;

    if (memcmp(hop->pubkey_hint, d->context.identity->public_key, 32) == 0) {
        met_self(d, hop);
        return;
    }
    if (!may_keep(d, hop))
        return;
    dialects = dht_peers_spoken(d->peers, hop, dialect, dialects, dht_now_s(&d->context));
    before = dht_peers_seen(d->peers, hop, dialect, dialects, hello ? &hello->capabilities : NULL,
                            dht_now_s(&d->context));
    dht_probe_queue_forgive(d->probe, hop);
    added = enter_tables(d, hop, dialects);
    if (added)
        joined(d, hop, added, before + NEW_AGAIN_S < dht_now_s(&d->context));
}

void dht_network_failed(struct dht *d, const struct wire_peer_hop *node)
{
    struct wire_peer_hop replaced;

    for (enum wire_dialect i = WIRE_DIALECT_A; node->has_pubkey_hint && i < WIRE_DIALECTS; i++)
        if (dht_table_failed(d->tables[i], node, &replaced) == DHT_FAILED_REPLACED)
            joined(d, &replaced, WIRE_DIALECT_BIT(i), true);
}

static void on_lost(void *ctx, const struct wire_peer_hop *hop, enum wire_dialect dialect,
                    enum dht_outcome why)
{
    bool is_refused = why == DHT_CALL_WRONG_DIALECT;
    struct dht *d = ctx;

    if (is_refused) {
        dht_peers_refused(d->peers, hop, dialect, dht_now_s(&d->context));
    } else {
        is_refused = dht_peers_failed(d->peers, hop, dialect, dht_now_s(&d->context));
        dht_network_failed(d, hop);
    }
    if (is_refused && hop->has_pubkey_hint)
        (void)dht_table_leave(d->tables[dialect], hop->pubkey_hint);
}

static void on_skew(void *ctx, const struct wire_peer_hop *hop, int64_t skew_s)
{
    static struct rt_log_site site;
    struct dht *d = ctx;
    uint64_t net = dht_hop_net(hop, DHT_NET_BUCKET);
    char text[DHT_HOP_TEXT];
    int64_t off_s;

    if (skew_s > (int64_t)LIM_HELLO_SKEW_S || skew_s < -(int64_t)LIM_HELLO_SKEW_S) {
        dht_hop_text(hop, text, sizeof(text));
        if (rt_log_allowed(&site, 1, dht_now_ns(&d->context)))
            rt_log(hop->port != 0 ? RELAY_LOG_WARN : RELAY_LOG_INFO,
                   "a peer's clock and ours differ by more than 300 s: neither accepts the other",
                   "addr=%s seconds=%lld", text, (long long)skew_s);
    }
    if (dht_scope_of(hop) ==
        DHT_SCOPE_LOOPBACK) /* every peer of such a network is one of its own */
        net += hop->port;
    if (dht_clock_skew_note(&d->skew, net, skew_s, dht_now_ns(&d->context), &off_s))
        rt_log(RELAY_LOG_ERROR,
               "this host's clock is wrong: every peer refuses us and is refused; set it, by NTP "
               "for instance",
               "peers_differ_by_at_least_seconds=%lld", (long long)off_s);
}

void dht_network_hooks(struct dht *d, struct rpc_pool_callbacks *out)
{
    *out = (struct rpc_pool_callbacks){on_reached, on_lost, on_skew, d};
}

/* -- what others say -- */

bool dht_network_heard(struct dht *d, const struct wire_peer *p, struct wire_peer_hop *out)
{
    struct wire_peer_hop hop = p->hop;

    if (p->has_relay_via)
        return false;
    dht_hop_normalise(&hop);
    if (hop.has_pubkey_hint && memcmp(hop.pubkey_hint, d->context.identity->public_key, 32) == 0) {
        if (d->seen_self && is_self(d, &hop))
            d->seen_self(d->seen_self_ctx, d->context.worker, &hop);
        return false;
    }
    if (!dht_network_may(d, &hop))
        return false;
    *out = hop;
    return true;
}

void dht_network_offered(struct dht *d, const struct wire_peer_hop *from, enum wire_dialect dialect,
                         const struct wire_peer *p)
{
    struct wire_peer_hop hop;

    if (!dht_network_heard(d, p, &hop))
        return;
    (void)dht_peers_heard(d->peers, &hop, dialect, dht_now_s(&d->context));
    if (!dht_hop_same_ip(&hop, from) || !hop.has_pubkey_hint ||
        memcmp(hop.pubkey_hint, from->pubkey_hint, 32) != 0)
        return;
    /* Self-reported address with the same source IP. */
    dht_probe_queue_forgive(d->probe, &hop);
    if (!dht_peers_is_alive(d->peers, &hop))
        (void)dht_probe_queue_offer(d->probe, &hop, dialect, dht_now_ns(&d->context));
    dht_network_probe(d);
}

void dht_network_inbound(struct dht *d, const struct dht_inbound *m)
{
    bool is_marked = m->peer_dialects != WIRE_DIALECT_BIT(m->dialect);
    enum wire_dialect first = is_marked ? WIRE_DIALECT_C : m->dialect;
    struct wire_peer_hop hop = m->from;

    on_skew(d, &m->from, m->skew_s);
    if (m->skew_s != 0)
        return;
    hop.has_pubkey_hint = false; /* whoever listens there, it may be another one */
    for (int i = 0; i < 2; i++) {
        hop.transport = i == 0 ? WIRE_TCP : WIRE_QUIC;
        hop.port = i == 0 ? PORT_TCP : PORT_QUIC;
        if (dht_network_may(d, &hop) && !dht_peers_is_alive(d->peers, &hop))
            (void)dht_probe_queue_offer(d->probe, &hop, first, dht_now_ns(&d->context));
    }
    dht_network_probe(d);
}

/* -- probes and pings -- */

static void probe_done(struct rpc_call *c, const struct rpc_end *end)
{
    struct dht_errand *e = RT_CONTAINER_OF(c, struct dht_errand, call);
    struct dht *d = e->dht;

    dht_probe_queue_ended(d->probe, &c->to,
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
    while (dht_probe_queue_next(d->probe, dht_now_ns(&d->context), &hop, &first)) {
        struct dht_errand *e;

        hop.has_pubkey_hint = false;
        rt_metric_inc(RT_METRIC_DHT_PROBED);
        e = dht_errand_new(d, &hop, 0, (struct relay_slice){0}, LIM_QUERY_NS, probe_done);
        e->call.first = first;
        dht_errand_start(e);
    }
    next_ns = dht_probe_queue_next_ns(d->probe);
    if (next_ns != UINT64_MAX)
        rt_timer_arm(d->context.worker, &d->probe_timer, next_ns);
}

static void take_peer(void *ctx, const struct wire_peer *p)
{
    const struct dht_errand *e = ctx;
    struct dht *d = e->dht;
    struct wire_peer_hop hop;

    if (dht_network_heard(d, p, &hop))
        (void)dht_peers_heard(d->peers, &hop, e->call.dialect, dht_now_s(&d->context));
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
    else if (end->outcome != DHT_CALL_ANSWERED && dht_table_has(e->dht->tables[dialect], id) &&
             !e->is_repeated && !e->dht->context.is_stopped)
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
    struct dht_table *t = d->tables[dialect];
    uint64_t now_ns = dht_now_ns(&d->context);
    struct wire_peer_hop node;

    for (uint32_t i = 0; i <= dht_table_count(t) / 50; i++) {
        if (now_ns < PING_NS || !dht_table_stalest(t, now_ns - PING_NS, &node))
            return;
        for (uint32_t k = 0; k < WIRE_DIALECTS; k++)
            dht_table_touch(d->tables[k], node.pubkey_hint);
        dht_network_ping(d, dialect, &node);
    }
}

static bool knows_any(const struct dht *d, enum wire_dialect dialect)
{
    for (uint32_t i = 0; i < d->boot_hop_count; i++)
        if (d->boot_hops[i].dialects & WIRE_DIALECT_BIT(dialect))
            return true;
    return dht_table_count(d->tables[dialect]) > 0;
}

static void search_around(struct dht *d, enum wire_dialect dialect)
{
    struct dht_table *t = d->tables[dialect];
    uint64_t now_ns = dht_now_ns(&d->context), began_ns = d->self_search[dialect].began_ns;
    uint32_t nodes = dht_table_count(t);
    uint8_t random[20], target[20];

    if (!knows_any(d, dialect))
        return;
    if (began_ns == 0 || now_ns - began_ns >= SELF_SEARCH_NS ||
        (now_ns - began_ns >= SELF_SEARCH_SOON_NS && nodes < DHT_K &&
         nodes != d->self_search[dialect].nodes)) {
        dht_search_self(d, dialect);
        return;
    }
    rt_random(d->context.worker, random, sizeof(random));
    if (d->search_active == 0 &&
        dht_table_refresh(t, now_ns > REFRESH_NS ? now_ns - REFRESH_NS : 0, random, target))
        dht_search_around(d, dialect, target);
}

/* Many while we know few, and one a minute always: the table follows the network. */
static void try_candidates(struct dht *d)
{
    uint32_t count = dht_node_count(d) < DHT_K ? 4 : d->ticks % SELF_TICKS == 0;
    struct wire_peer_hop hop;

    for (uint32_t i = 0; i < count && dht_peers_candidate(d->peers, dht_now_s(&d->context), &hop);
         i++)
        if (dht_network_may(d, &hop))
            (void)dht_probe_queue_offer(d->probe, &hop, dht_peers_dialect(d->peers, &hop),
                                        dht_now_ns(&d->context));
    dht_network_probe(d);
}

struct rt_metric *const dht_gauges[DHT_GAUGES] = {RT_METRIC_DHT_NODES_A,     RT_METRIC_DHT_NODES_B,
                                                  RT_METRIC_DHT_NODES_C,     RT_METRIC_DHT_VALUES,
                                                  RT_METRIC_DHT_VALUE_BYTES, RT_METRIC_DHT_PEERS};

static void report(struct dht *d)
{
    uint64_t now[DHT_GAUGES] = {
        dht_table_count(d->tables[WIRE_DIALECT_A]), dht_table_count(d->tables[WIRE_DIALECT_B]),
        dht_table_count(d->tables[WIRE_DIALECT_C]), dht_value_store_count(d->values),
        dht_value_store_bytes(d->values),           dht_peers_count(d->peers),
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
    dht_peers_expire(d->peers, dht_now_s(&d->context), EXPIRE_PEERS);
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
    if (dht_node_count(d) == 0)
        dht_join(d);
}
