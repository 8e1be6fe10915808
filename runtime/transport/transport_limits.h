/* SPDX-License-Identifier: MPL-2.0 */
/* Limits of connections: their number and their deadlines. Frame sizes are in wire_limits.h. */
#ifndef RT_TRANSPORT_LIMITS_H
#define RT_TRANSPORT_LIMITS_H

#include "base/seams.h"

#define LIM_HALF_OPEN_MAX 1024u   /* connections not yet authenticated, all workers */
#define LIM_CONNS_PER_PREFIX 256u /* per IPv4 /32 or IPv6 /56; loopback exempt */

#define LIM_HANDSHAKE_NS (10 * RT_S)    /* secure channel and SCP2P handshake together */
#define LIM_KEEP_ALIVE_NS (10 * RT_S)   /* QUIC PING interval; clients give up after 30 s */
#define LIM_FRAME_NS (30 * RT_S)        /* first to last byte of a frame */
#define LIM_SEND_NS_PER_MIB (30 * RT_S) /* slowest acceptable reader of an answer */

#define LIM_CLOSE_ALL_NS (2 * RT_S) /* at shutdown, for connections to end */

#endif
