/* SPDX-License-Identifier: MPL-2.0 */
#include <string.h>

#include "dht/address/addr.h"
#include "host/interfaces.h"
#include "relay_private.h"

#define INTERFACES_MAX 64u

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
static void expand(const struct relay *r, const struct wire_peer_hop *bound, struct dht_self *self)
{
    struct rt_interface found[INTERFACES_MAX];
    struct wire_peer_hop hop;
    size_t count = 0;

    if (!r->config.interfaces || r->config.interfaces(found, INTERFACES_MAX, &count) != RT_ERR_OK)
        return;
    for (size_t i = 0; i < count; i++) {
        if (!dht_hop_from(&found[i].addr, &hop) || (hop.is_ipv6 && !bound->is_ipv6))
            continue;
        hop.port = bound->port;
        hop.transport = bound->transport;
        add_bound(self, &hop);
    }
}

void relay_dht_self(void *ctx, struct dht_self *out)
{
    const struct relay *r = ctx;
    struct wire_peer_hop hop;

    while (out->announced_count < r->config.announced_count &&
           out->announced_count < DHT_SELF_MAX) {
        out->announced[out->announced_count] = r->announced[out->announced_count];
        out->announced_count++;
    }
    for (uint32_t t = 0; t < r->transport_count; t++) {
        if (!dht_hop_from(&r->bound[t], &hop))
            continue;
        hop.transport = r->transports[t].kind;
        if (is_wildcard(&hop))
            expand(r, &hop, out);
        else
            add_bound(out, &hop);
    }
}

void relay_announcer_where(void *ctx, struct announcer_where *out)
{
    const struct relay *r = ctx;
    struct dht_self self = {0};

    while (out->configured_count < r->config.announced_count) {
        out->configured[out->configured_count] = r->announced[out->configured_count];
        out->configured_count++;
    }
    relay_dht_self(ctx, &self);
    while (out->bound_count < self.bound_count && out->bound_count < LIM_RELAY_ADDRS_MAX) {
        out->bound[out->bound_count] = self.bound[out->bound_count];
        out->bound_count++;
    }
}
