/* SPDX-License-Identifier: MPL-2.0 */
/* Networks in which a fifth of the members serve all dialects, and the others one dialect each. */
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

/* The contents of the routing tables of all members. */
struct net_tables {
    uint32_t foreign; /* nodes in a table of a dialect that they, or its holder, do not serve */
    uint32_t gone;    /* entries that are no living member */
    uint32_t named_foreign; /* peers that peer exchange could name to askers of another dialect */
    /* Of a member's DHT_K closest in the dialect, the percentage that knows it: the least. */
    uint32_t known_percent[WIRE_DIALECTS];
    double mean[WIRE_DIALECTS]; /* nodes in a table of those that serve the dialect */
};
void net_tables_read(struct network *n, struct net_tables *out);

/* Members that serve any of these dialects, and exactly these. */
uint32_t net_count_serving(const struct network *n, uint8_t dialects);
uint32_t net_count_exact(const struct network *n, uint8_t dialects);

/* Clients of each dialect ask every member that serves all of them; whoever is named must serve the
 * asker's dialect. net_askers.c. */
void net_ask_all(struct network *n);

#endif
