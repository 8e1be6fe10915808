/* SPDX-License-Identifier: MPL-2.0 */
#include "network.h"

#include <stdlib.h>
#include <string.h>

#include "announce.h"
#include "base/check.h"
#include "compose.h"
#include "dht/address/addr.h"
#include "dht/dht.h"
#include "dht/dht_limits.h"
#include "durable.h"
#include "host/interfaces.h"
#include "host/resolver.h"

#define INTERFACES_MAX 64u

static enum wire_transport transport_of(enum cfg_scheme scheme)
{
    return scheme == CFG_QUIC ? WIRE_QUIC : WIRE_TCP;
}

/* -- where we can be reached -- */

static void add_bound(struct dht_self *self, const struct wire_peer_hop *hop)
{
    if (self->bound_count < DHT_SELF_MAX && dht_scope_of(hop) != DHT_SCOPE_NONE)
        self->bound[self->bound_count++] = *hop;
}

static bool is_wildcard(const struct wire_peer_hop *hop)
{
    static const uint8_t zeros[16];

    return memcmp(hop->ip, zeros, sizeof(zeros)) == 0;
}

/* A listener on [::] takes IPv4 too. */
static void expand(struct dht_self *self, const struct wire_peer_hop *bound)
{
    struct rt_interface found[INTERFACES_MAX];
    struct wire_peer_hop hop;
    size_t count = 0;

    if (rt_interfaces_list(found, INTERFACES_MAX, &count) != RT_ERR_OK)
        return;
    for (size_t i = 0; i < count; i++) {
        if (!dht_hop_from(&found[i].addr, &hop) || (hop.is_ipv6 && !bound->is_ipv6))
            continue;
        hop.port = bound->port;
        hop.transport = bound->transport;
        add_bound(self, &hop);
    }
}

void network_where_we_are(void *ctx, struct dht_self *out)
{
    const struct relay *r = ctx;
    const struct cfg_peers *announced = &r->cfg->announce_addrs;
    struct wire_peer_hop hop;

    for (uint32_t i = 0; i < announced->count && out->announced_count < DHT_SELF_MAX; i++) {
        if (!dht_hop_from(&announced->at[i].addr, &hop))
            continue;
        hop.transport = transport_of(announced->at[i].scheme);
        out->announced[out->announced_count++] = hop;
    }
    for (unsigned t = 0; t < TRANSPORTS_COUNT; t++) {
        if (!dht_hop_from(&r->transports[t].bound, &hop))
            continue;
        hop.transport = transport_of(t);
        if (is_wildcard(&hop))
            expand(out, &hop);
        else
            add_bound(out, &hop);
    }
}

/* -- making -- */

_Static_assert(CFG_PEERS_MAX <= LIM_TRUST_ROOTS_MAX - LIM_PINS_MAX,
               "every configured key is a root");

static void bootstrap_of(const struct cfg_peer *from, struct dht_boot_peer *to)
{
    memset(to, 0, sizeof(*to));
    memcpy(to->text, from->text, sizeof(from->text));
    if (from->is_literal)
        RT_INSIST(dht_hop_from(&from->addr, &to->hop));
    else
        memcpy(to->host, from->host, sizeof(from->host));
    to->hop.port = from->port;
    to->hop.transport = transport_of(from->scheme);
    to->hop.has_pubkey_hint = from->has_key;
    memcpy(to->hop.pubkey_hint, from->key, sizeof(from->key));
}

rt_err network_init(struct relay *r)
{
    const struct cfg_peers *peers = &r->cfg->bootstrap_peers;
    struct dht_boot_peer *bootstrap = calloc(peers->count + 1, sizeof(*bootstrap));
    struct dht_config c = {
        .identity = &r->shared.identity,
        .dialects = r->shared.dialects,
        .value_bytes_max = r->cfg->memory_max / 4,
        .bootstrap = bootstrap,
        .bootstrap_count = peers->count,
        .resolver = &rt_resolver_uv,
        .self = network_where_we_are,
        .self_ctx = r,
        .disk = durable_disk(r),
        .seen_self = announce_seen_self,
        .revoked = announce_revoked,
    };
    rt_err e;

    memcpy(c.hash_key, r->dht_key, sizeof(c.hash_key));
    RT_INSIST(bootstrap != NULL);
    if (c.value_bytes_max > LIM_VALUE_BYTES_MAX)
        c.value_bytes_max = LIM_VALUE_BYTES_MAX;
    for (uint32_t i = 0; i < peers->count; i++)
        bootstrap_of(&peers->at[i], &bootstrap[i]);
    e = dht_init(r->system, &c);
    free(bootstrap);
    return e;
}

void network_start(struct relay *r)
{
    for (unsigned t = 0; t < TRANSPORTS_COUNT; t++)
        dht_set_transport(r->system, transport_of(t), r->transports[t].table,
                          r->transports[t].ports[0].state);
    dht_start(r->system);
}
