/* SPDX-License-Identifier: MPL-2.0 */
/* The scenarios of sim_net; size: how many relays. Each ends the process when what it shows fails.
 */
#ifndef SIM_NET_SCENARIOS_H
#define SIM_NET_SCENARIOS_H

#include "network.h"

struct net_scenario {
    const char *name;
    void (*run)(struct network *n, uint32_t size);
};
extern const struct net_scenario net_scenarios[];
extern const uint32_t net_scenario_count;

/* net_life.c */
void net_scenario_hops(struct network *n, uint32_t size);
void net_scenario_churn(struct network *n, uint32_t size);
void net_scenario_partition(struct network *n, uint32_t size);
/* net_announce.c */
void net_scenario_announce(struct network *n, uint32_t size);
/* net_announce_mixed.c */
void net_scenario_announce_mixed(struct network *n, uint32_t size);
/* net_hostile.c */
void net_scenario_liars(struct network *n, uint32_t size);
void net_scenario_eclipse(struct network *n, uint32_t size);
void net_scenario_false_heads(struct network *n, uint32_t size);
/* net_crowd.c */
void net_scenario_flood(struct network *n, uint32_t size);
void net_scenario_peers(struct network *n, uint32_t size);
/* net_dialects.c */
void net_scenario_dialects(struct network *n, uint32_t size);
void net_scenario_dialects_rare(struct network *n, uint32_t size);
void net_scenario_upgrade(struct network *n, uint32_t size);
/* net_askers.c */
void net_scenario_fresh(struct network *n, uint32_t size);
void net_scenario_renewed(struct network *n, uint32_t size);

#endif
