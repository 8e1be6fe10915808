/* SPDX-License-Identifier: MPL-2.0 */
/*
 * Wires the DHT: what the operator said about the network, where this host can be reached, and what
 * of it all is kept on disk.
 */
#ifndef RELAYD_NETWORK_H
#define RELAYD_NETWORK_H

#include "base/err.h"

struct dht_self;
struct relay;

/* Makes the DHT, with the storage open and the system made. */
RT_MUST_CHECK rt_err network_init(struct relay *r);
/* Begins to join the network, with the transports loaded and listening; before threads start. */
void network_start(struct relay *r);

/* Where we can be reached, for dht_config.self; ctx is the relay. Worker 0. */
void network_where_we_are(void *ctx, struct dht_self *out);

#endif
