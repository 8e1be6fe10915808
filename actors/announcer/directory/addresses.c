/* SPDX-License-Identifier: MPL-2.0 */
#include "announcer/directory/addresses.h"

#include <string.h>

#include "dht/address/addr.h"

static int find(const struct announcer_addrs *a, const struct wire_peer_hop *hop)
{
    for (uint32_t i = 0; i < a->count; i++)
        if (dht_hop_same(&a->at[i], hop))
            return (int)i;
    return -1;
}

static void add(struct announcer_addrs *a, const struct wire_peer_hop *hop)
{
    struct wire_peer_hop one = {
        .is_ipv6 = hop->is_ipv6, .port = hop->port, .transport = hop->transport};

    memcpy(one.ip, hop->ip, one.is_ipv6 ? 16 : 4);
    dht_hop_normalise(&one);
    if (a->count < LIM_RELAY_ADDRS_MAX && find(a, &one) < 0)
        a->at[a->count++] = one;
}

bool announcer_addrs_choose(struct announcer_addrs *a, const struct announcer_where *where)
{
    struct announcer_addrs now = {0};
    bool is_same = true;

    for (uint32_t i = 0; i < where->configured_count; i++)
        add(&now, &where->configured[i]);
    for (uint32_t i = 0; where->configured_count == 0 && i < where->bound_count; i++)
        if (dht_scope_of(&where->bound[i]) == DHT_SCOPE_GLOBAL)
            add(&now, &where->bound[i]);
    for (uint32_t i = 0; i < now.count; i++) {
        int before = find(a, &now.at[i]);

        now.is_verified[i] = before >= 0 && a->is_verified[before];
        is_same = is_same && before == (int)i;
    }
    is_same = is_same && a->count == now.count;
    *a = now;
    return !is_same;
}

bool announcer_addrs_verified(struct announcer_addrs *a, const struct wire_peer_hop *hop)
{
    struct wire_peer_hop one = *hop;
    int at;

    dht_hop_normalise(&one);
    at = find(a, &one);
    if (at < 0 || a->is_verified[at])
        return false;
    a->is_verified[at] = true;
    return true;
}
