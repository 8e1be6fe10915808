/* SPDX-License-Identifier: MPL-2.0 */
/*
 * Networks in which a fifth of the members serve all dialects, and the others one dialect each.
 * One module in several files: net_askers.c net_dialects.c.
 */
#ifndef SIM_NET_DIALECTS_H
#define SIM_NET_DIALECTS_H

#include "net_scenarios.h"

/* Percent of the nodes of one dialect, by dialect. */
struct net_mix {
    uint32_t percent[WIRE_DIALECTS];
};
extern const struct net_mix net_mix_common; /* 50/30/20 */
extern const struct net_mix net_mix_rare;   /* 95/4/1 */

/* Adds size members in random order, at least one of each dialect, and lets them settle. The first
 * serves all dialects. */
void net_populate(struct network *n, uint32_t size, const struct net_mix *mix);

/* Members that serve any of these dialects. */
uint32_t net_count_serving(const struct network *n, uint8_t dialects);

/* Clients of each dialect ask every member that serves all of them; each named peer must serve the
 * asker's dialect. net_askers.c. */
void net_ask_all(struct network *n);

#endif
