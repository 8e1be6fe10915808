/* SPDX-License-Identifier: MPL-2.0 */
#include "announce.h"

#include <string.h>

#include "announcer/announcer.h"
#include "compose.h"
#include "dht/address/addr.h"
#include "dht/dht.h"
#include "network.h"

_Static_assert(CFG_PEERS_MAX <= LIM_RELAY_ADDRS_MAX, "whatever is configured is announced");

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

static void where_to_find_us(void *ctx, struct announcer_where *out)
{
    const struct relay *r = ctx;
    const struct cfg_peers *announced = &r->cfg->announce_addrs;
    struct dht_self self = {0};

    for (uint32_t i = 0; i < announced->count; i++) {
        struct wire_peer_hop *hop = &out->configured[out->configured_count];

        if (dht_hop_from(&announced->at[i].addr, hop)) {
            hop->transport = announced->at[i].scheme == CFG_QUIC ? WIRE_QUIC : WIRE_TCP;
            out->configured_count++;
        }
    }
    network_where_we_are(ctx, &self);
    while (out->bound_count < self.bound_count && out->bound_count < LIM_RELAY_ADDRS_MAX) {
        out->bound[out->bound_count] = self.bound[out->bound_count];
        out->bound_count++;
    }
}

void announce_init(struct relay *r)
{
    struct announcer_config c = {
        .identity = &r->shared.identity,
        .interval_s = r->cfg->announce_interval_secs,
        .max_tunnels = (uint16_t)r->cfg->max_tunnels,
        .bandwidth = bandwidth_of(r->cfg->bandwidth_class),
        .where = where_to_find_us,
        .where_ctx = r,
    };

    memcpy(c.hash_key, r->dht_key, sizeof(c.hash_key));
    announcer_init(r->system, &c);
}

void announce_seen_self(void *ctx, struct rt_worker *w, const struct wire_peer_hop *hop)
{
    struct announcer_seen_self *m = rt_msg_new(ANNOUNCER_SEEN_SELF, sizeof(*m));

    (void)ctx;
    m->hop = *hop;
    rt_send(w, announcer_addr(w), &m->msg);
}

void announce_revoked(void *ctx, struct rt_worker *w, const uint8_t key[32])
{
    struct announcer_revoked *m = rt_msg_new(ANNOUNCER_REVOKED, sizeof(*m));

    (void)ctx;
    memcpy(m->key, key, sizeof(m->key));
    rt_send(w, announcer_addr(w), &m->msg);
}
