/* SPDX-License-Identifier: MPL-2.0 */
/*
 * The simulated transport: struct relay_transport over net.h. A third plugin beside tcp_tls and
 * quic, and the strictest: it raises events late, in small pieces and in an unfriendly order, and
 * it stops the process when the host breaks a law of the table.
 *
 * Its event loop is a lane: relay_host.loop must give the worker's struct sim_lane.
 */
#ifndef SIM_TRANSPORT_H
#define SIM_TRANSPORT_H

#include "abi/relay_transport.h"

/* Scheme "sim". */
const struct relay_transport *sim_transport(void);

#endif
