/* SPDX-License-Identifier: MPL-2.0 */
/*
 * The addresses that a relay announces, and which of them other relays reported. Pure.
 *
 * Configured addresses are announced as they are. Without any, the bound addresses of global scope
 * are announced: no unspecified, loopback, link-local or private ones. The caller expands
 * wildcards.
 */
#ifndef ANNOUNCER_ADDRESSES_H
#define ANNOUNCER_ADDRESSES_H

#include <stdbool.h>
#include <stdint.h>

#include "announcer/announcer_limits.h"
#include "wire_peer.h"

/* Distinct and normalised (dht_hop_normalise), without key. */
struct announcer_addrs {
    uint32_t count;
    struct wire_peer_hop at[LIM_RELAY_ADDRS_MAX];
    bool is_verified[LIM_RELAY_ADDRS_MAX];
};

/* The addresses of this relay that the host knows. */
struct announcer_where {
    uint32_t configured_count, bound_count;
    struct wire_peer_hop configured[LIM_RELAY_ADDRS_MAX];
    struct wire_peer_hop bound[LIM_RELAY_ADDRS_MAX];
};

/* Replaces *a; addresses that it had before stay verified. True: the addresses have changed. */
bool announcer_addrs_choose(struct announcer_addrs *a, const struct announcer_where *where);

/* Another relay reported this address as ours. True: it is one of *a and was not verified. */
bool announcer_addrs_verified(struct announcer_addrs *a, const struct wire_peer_hop *hop);

#endif
