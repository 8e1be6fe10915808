/* SPDX-License-Identifier: MPL-2.0 */
/*
 * Invariant: every change of the tables comes from a dial: membership_reached adds to them,
 * membership_lost and membership_failed remove. Whatever a peer says passes membership_heard and
 * becomes a candidate.
 */
#include "dht/membership.h"

#include <string.h>

#include "base/budget.h"
#include "base/check.h"
#include "base/log.h"
#include "dht/address/addr.h"
#include "dht/dht_limits.h"
#include "dht/dht_metrics.h"

#define PORT_TCP 7001u /* protocol: conventional ports */
#define PORT_QUIC 7000u
#define NEW_AGAIN_S 86400u /* a node not seen for this long has none of its values */
#define PEER_BYTES 192u    /* an encoded peer without a route takes less */

void membership_init(struct membership *m, struct dht_context *context, struct self_address *self,
                     struct rpc_pool *rpc, const struct dht_peers_sink *saved,
                     const struct membership_callbacks *callbacks)
{
    RT_REQUIRE(callbacks->joined != NULL && callbacks->ping != NULL && callbacks->probe != NULL);
    memset(m, 0, sizeof(*m));
    m->context = context;
    m->self = self;
    m->rpc = rpc;
    m->callbacks = *callbacks;
    for (uint32_t i = 0; i < WIRE_DIALECTS; i++)
        m->tables[i] = dht_table_new(context->self_id);
    m->peers = dht_peers_new(context->hash_key, dht_random, context);
    dht_peers_set_sink(m->peers, saved);
    m->probe = dht_probe_queue_new(context->hash_key);
}

void membership_fini(struct membership *m)
{
    dht_probe_queue_free(&m->probe);
    dht_peers_free(&m->peers);
    for (uint32_t i = 0; i < WIRE_DIALECTS; i++)
        dht_table_free(&m->tables[i]);
}

/* -- questions -- */

bool membership_may_dial(const struct membership *m, const struct wire_peer_hop *hop)
{
    return self_address_may_keep(m->self, hop) && self_address_may_trust(m->self, hop) &&
           rpc_pool_has_transport(m->rpc, hop->transport);
}

static void report_private(const struct membership *m, const struct wire_peer_hop *hop)
{
    static struct rt_log_site site;
    char text[DHT_HOP_TEXT];

    rt_metric_inc(RT_METRIC_DHT_PRIVATE_REFUSED);
    if (!rt_log_allowed(&site, 1, dht_now_ns(m->context)))
        return;
    dht_hop_text(hop, text, sizeof(text));
    rt_log(RELAY_LOG_INFO,
           "a node names an address that is not public, not dialled: this relay neither announces "
           "nor bootstraps at such an address",
           "addr=%s", text);
}

bool membership_may_dial_named(const struct membership *m, const struct wire_peer_hop *hop)
{
    if (membership_may_dial(m, hop))
        return true;
    if (self_address_may_keep(m->self, hop) && !self_address_may_trust(m->self, hop))
        report_private(m, hop);
    return false;
}

uint32_t membership_count(const struct membership *m)
{
    uint32_t count = 0;

    for (uint32_t i = 0; i < WIRE_DIALECTS; i++)
        count += dht_table_count(m->tables[i]);
    return count;
}

bool membership_has(const struct membership *m, const uint8_t key[32])
{
    uint8_t id[20];

    rt_node_id(key, id);
    for (uint32_t i = 0; i < WIRE_DIALECTS; i++)
        if (dht_table_has(m->tables[i], id))
            return true;
    return false;
}

enum wire_dialect membership_push_dialect(const struct membership *m, const uint8_t key[32],
                                          enum wire_dialect wanted)
{
    uint8_t id[20];

    rt_node_id(key, id);
    return dht_table_has(m->tables[wanted], id) && dht_table_has(m->tables[WIRE_DIALECT_C], id)
               ? WIRE_DIALECT_C
               : wanted;
}

static bool keep(void *ctx, const struct wire_peer_hop *hop)
{
    const struct membership *m = ctx;

    return self_address_may_keep(m->self, hop);
}

void membership_rescope(struct membership *m)
{
    for (uint32_t i = 0; i < WIRE_DIALECTS; i++)
        dht_table_filter(m->tables[i], keep, m);
    dht_peers_filter(m->peers, keep, m);
}

/* -- contacts -- */

/* Sends our addresses to a new contact. It only knows an ephemeral port of ours. */
static void introduce(struct membership *m, const struct wire_peer_hop *to)
{
    struct wire_peer peers[DHT_SELF_MAX];
    uint32_t count = self_address_peers(m->self, peers);
    uint8_t bytes[DHT_SELF_MAX * PEER_BYTES];
    struct rpc_call call = {.to = *to,
                            .dialect = DHT_DIALECT_ANY,
                            .first = dht_peers_dialect(m->peers, to),
                            .type = WIRE_PEX_OFFER,
                            .timeout_ns = LIM_QUERY_NS};
    struct wire_writer w;
    bool fits;

    if (count == 0)
        return;
    wire_writer_init(&w, bytes, sizeof(bytes));
    wire_write_pex_offer(&w, peers, count);
    call.payload = rt_slice_copy(bytes, (uint32_t)wire_writer_len(&w, &fits));
    if (call.payload.owner)
        rpc_pool_send(m->rpc, &call, NULL, NULL, 0);
}

/* A node has entered the tables of these dialects. */
static void joined(struct membership *m, const struct wire_peer_hop *node, uint8_t dialects,
                   bool is_new)
{
    char text[DHT_HOP_TEXT];

    if (rt_log_enabled(RELAY_LOG_DEBUG)) {
        dht_hop_text(node, text, sizeof(text));
        rt_log(RELAY_LOG_DEBUG, "node joins the routing table", "addr=%s dialects=%u nodes=%u",
               text, dialects, membership_count(m));
    }
    introduce(m, node);
    if (is_new)
        m->callbacks.joined(m->callbacks.ctx, node, dialects);
}

/* Adds the node to the tables of the dialects that it speaks, if they have room, and removes it
 * from all others. Returns the dialects of the tables that it was added to. */
static uint8_t enter_tables(struct membership *m, const struct wire_peer_hop *hop, uint8_t dialects)
{
    struct wire_peer_hop ping;
    uint8_t added = 0;

    for (enum wire_dialect i = WIRE_DIALECT_A; i < WIRE_DIALECTS; i++) {
        if (!(dialects & WIRE_DIALECT_BIT(i))) {
            (void)dht_table_leave(m->tables[i], hop->pubkey_hint);
            continue;
        }
        switch (dht_table_seen(m->tables[i], hop, dht_now_ns(m->context), &ping)) {
        case DHT_SEEN_ADDED:
            added |= WIRE_DIALECT_BIT(i);
            break;
        case DHT_SEEN_WAITS:
            if (ping.port != 0)
                m->callbacks.ping(m->callbacks.ctx, i, &ping);
            break;
        case DHT_SEEN_KNOWN:
        case DHT_SEEN_REFUSED:
            break;
        }
    }
    return added;
}

void membership_reached(struct membership *m, const struct wire_peer_hop *hop,
                        enum wire_dialect dialect, uint8_t dialects, const struct wire_hello *hello)
{
    uint64_t now_s = dht_now_s(m->context), before_s;
    uint8_t added;

    if (memcmp(hop->pubkey_hint, m->context->identity->public_key, 32) == 0) {
        self_address_met(m->self, hop);
        return;
    }
    if (!self_address_may_keep(m->self, hop))
        return;
    dialects = dht_peers_spoken(m->peers, hop, dialect, dialects, now_s);
    before_s = dht_peers_seen(m->peers, hop, dialect, dialects, hello ? &hello->capabilities : NULL,
                              now_s);
    dht_probe_queue_forgive(m->probe, hop);
    added = enter_tables(m, hop, dialects);
    if (added)
        joined(m, hop, added, before_s + NEW_AGAIN_S < now_s);
}

void membership_failed(struct membership *m, const struct wire_peer_hop *node)
{
    struct wire_peer_hop replaced;

    for (enum wire_dialect i = WIRE_DIALECT_A; node->has_pubkey_hint && i < WIRE_DIALECTS; i++)
        if (dht_table_failed(m->tables[i], node, &replaced) == DHT_FAILED_REPLACED)
            joined(m, &replaced, WIRE_DIALECT_BIT(i), true);
}

void membership_lost(struct membership *m, const struct wire_peer_hop *hop,
                     enum wire_dialect dialect, enum dht_outcome why)
{
    bool is_refused = why == DHT_CALL_WRONG_DIALECT;

    if (is_refused) {
        dht_peers_refused(m->peers, hop, dialect, dht_now_s(m->context));
    } else {
        is_refused = dht_peers_failed(m->peers, hop, dialect, dht_now_s(m->context));
        membership_failed(m, hop);
    }
    if (is_refused && hop->has_pubkey_hint)
        (void)dht_table_leave(m->tables[dialect], hop->pubkey_hint);
}

/* -- what other peers say -- */

bool membership_heard(struct membership *m, const struct wire_peer *p, struct wire_peer_hop *out)
{
    struct wire_peer_hop hop = p->hop;

    if (p->has_relay_via)
        return false;
    dht_hop_normalise(&hop);
    if (hop.has_pubkey_hint && memcmp(hop.pubkey_hint, m->context->identity->public_key, 32) == 0) {
        self_address_named(m->self, &hop);
        return false;
    }
    if (!membership_may_dial_named(m, &hop))
        return false;
    *out = hop;
    return true;
}

bool membership_add_candidate(struct membership *m, enum wire_dialect dialect,
                              const struct wire_peer *p, struct wire_peer_hop *out)
{
    if (!membership_heard(m, p, out))
        return false;
    (void)dht_peers_heard(m->peers, out, dialect, dht_now_s(m->context));
    return true;
}

void membership_offered(struct membership *m, const struct wire_peer_hop *from,
                        enum wire_dialect dialect, const struct wire_peer *p)
{
    struct wire_peer_hop hop;

    if (!membership_add_candidate(m, dialect, p, &hop) || !dht_hop_same_ip(&hop, from) ||
        !hop.has_pubkey_hint || memcmp(hop.pubkey_hint, from->pubkey_hint, 32) != 0)
        return;
    /* Self-reported address with the same source IP. */
    dht_probe_queue_forgive(m->probe, &hop);
    if (!dht_peers_is_alive(m->peers, &hop))
        (void)dht_probe_queue_offer(m->probe, &hop, dialect, dht_now_ns(m->context));
    m->callbacks.probe(m->callbacks.ctx);
}

void membership_inbound(struct membership *m, const struct dht_inbound *from)
{
    bool is_marked = from->peer_dialects != WIRE_DIALECT_BIT(from->dialect);
    enum wire_dialect first = is_marked ? WIRE_DIALECT_C : from->dialect;
    struct wire_peer_hop hop = from->from;

    hop.has_pubkey_hint = false; /* another node may listen there */
    for (int i = 0; i < 2; i++) {
        hop.transport = i == 0 ? WIRE_TCP : WIRE_QUIC;
        hop.port = i == 0 ? PORT_TCP : PORT_QUIC;
        if (membership_may_dial(m, &hop) && !dht_peers_is_alive(m->peers, &hop))
            (void)dht_probe_queue_offer(m->probe, &hop, first, dht_now_ns(m->context));
    }
    m->callbacks.probe(m->callbacks.ctx);
}
