/* SPDX-License-Identifier: MPL-2.0 */
/*
 * Which addresses a relay announces, and which of them others were seen to reach. Pure.
 *
 * What the operator configured is announced, whatever it is; without that, the bound addresses
 * (wildcards expanded by the caller) that anybody on the internet could dial: never unspecified,
 * loopback, link-local or private ones.
 */
#ifndef ANNOUNCER_ADDRESSES_H
#define ANNOUNCER_ADDRESSES_H

#include <stdbool.h>
#include <stdint.h>

#include "announcer/announcer_limits.h"
#include "wire_peer.h"

/* Each once, in one form (dht_hop_normalise), without key. */
struct announcer_addrs {
    uint32_t count;
    struct wire_peer_hop at[LIM_RELAY_ADDRS_MAX];
    bool is_verified[LIM_RELAY_ADDRS_MAX];
};

/* Where this relay might be reached, as the host knows it. */
struct announcer_where {
    uint32_t configured_count, bound_count;
    struct wire_peer_hop configured[LIM_RELAY_ADDRS_MAX];
    struct wire_peer_hop bound[LIM_RELAY_ADDRS_MAX];
};

/* Chooses anew into *a; an address that was there before stays as verified as it was. True: they
 * are others than before. */
bool announcer_addrs_choose(struct announcer_addrs *a, const struct announcer_where *where);

/* Another relay has named this address as ours. True: it is one of them, and that is news. */
bool announcer_addrs_verified(struct announcer_addrs *a, const struct wire_peer_hop *hop);

#endif
