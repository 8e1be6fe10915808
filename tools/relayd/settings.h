/* SPDX-License-Identifier: MPL-2.0 */
/* Turns the operator's options into the settings of actors/relay. */
#ifndef RELAYD_SETTINGS_H
#define RELAYD_SETTINGS_H

#include "config/config.h"
#include "dht/dht.h"
#include "relay/relay.h"

/* The relay's config and what it points to. */
struct settings {
    struct relay_config relay;
    struct dht_boot_peer bootstrap[CFG_PEERS_MAX];
    struct wire_peer_hop announced[CFG_PEERS_MAX];
};

/* connections_max: what the limit of open files allows. *out points into itself. */
void settings_fill(const struct cfg *cfg, uint32_t connections_max, struct settings *out);

#endif
