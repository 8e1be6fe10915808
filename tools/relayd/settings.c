/* SPDX-License-Identifier: MPL-2.0 */
#include "settings.h"

#include <string.h>

#include "announcer/announcer_limits.h"
#include "base/check.h"
#include "dht/address/addr.h"
#include "dht/dht_limits.h"
#include "host/interfaces.h"
#include "host/resolver.h"
#include "transport/transport_limits.h"

_Static_assert(CFG_PEERS_MAX <= LIM_TRUST_ROOTS_MAX - LIM_PINS_MAX,
               "every configured key is a root");
_Static_assert(CFG_PEERS_MAX <= LIM_RELAY_ADDRS_MAX, "every configured address is announced");

static enum wire_transport transport_of(enum cfg_scheme scheme)
{
    return scheme == CFG_QUIC ? WIRE_QUIC : WIRE_TCP;
}

static enum wire_bandwidth bandwidth_of(enum cfg_bandwidth b)
{
    switch (b) {
    case CFG_BANDWIDTH_LOW:
        return WIRE_BANDWIDTH_LOW;
    case CFG_BANDWIDTH_HIGH:
        return WIRE_BANDWIDTH_HIGH;
    case CFG_BANDWIDTH_MEDIUM:
        break;
    }
    return WIRE_BANDWIDTH_MEDIUM;
}

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

static void fill_peers(const struct cfg *cfg, struct settings *out)
{
    const struct cfg_peers *announced = &cfg->announce_addrs;
    struct relay_config *c = &out->relay;

    for (uint32_t i = 0; i < cfg->bootstrap_peers.count; i++)
        bootstrap_of(&cfg->bootstrap_peers.at[i], &out->bootstrap[c->bootstrap_count++]);
    for (uint32_t i = 0; i < announced->count; i++) {
        struct wire_peer_hop *hop = &out->announced[c->announced_count];

        if (!dht_hop_from(&announced->at[i].addr, hop))
            continue;
        hop->transport = transport_of(announced->at[i].scheme);
        c->announced_count++;
    }
    c->bootstrap = out->bootstrap;
    c->announced = out->announced;
}

void settings_fill(const struct cfg *cfg, uint32_t connections_max, struct settings *out)
{
    uint64_t share = cfg->memory_max / 4;

    out->relay = (struct relay_config){
        .workers = cfg->workers,
        .dialects = WIRE_DIALECTS_ALL,
        .door = {.connections_max = connections_max,
                 .half_open_max = LIM_HALF_OPEN_MAX,
                 .per_prefix_max = LIM_CONNS_PER_PREFIX},
        .max_tunnels = cfg->max_tunnels,
        .value_bytes_max = share < LIM_VALUE_BYTES_MAX ? share : LIM_VALUE_BYTES_MAX,
        .resolver = &rt_resolver_uv,
        .interfaces = rt_interfaces_list,
        .announce_interval_s = cfg->announce_interval_secs,
        .bandwidth = bandwidth_of(cfg->bandwidth_class),
        .joins_network = true,
        .announces_itself = true,
    };
    fill_peers(cfg, out);
}
