/* SPDX-License-Identifier: MPL-2.0 */
/* Limits of sessions: deadlines, seen nonces and rates. */
#ifndef SESSION_LIMITS_H
#define SESSION_LIMITS_H

#include "base/seams.h"

#define LIM_UNREAD_REPLIES (64u * 1024u)       /* unsent bytes past which a session stops reading */
#define LIM_CONTROL_PAYLOAD_MAX (128u * 1024u) /* RelayStream over a temporary slot */

/* -- deadlines -- */
#define LIM_SESSION_IDLE_NS (300 * RT_S) /* a session that sends no request and is no tunnel */
#define LIM_QUEUE_NS (30 * RT_S)   /* a relayed request waits for its turn at most this long */
#define LIM_SHUTDOWN_NS (8 * RT_S) /* longest wait for pending replies at shutdown */

/* -- nonces of hellos -- */
#define LIM_NONCE_S 600u             /* protocol: a hello nonce is remembered, seconds */
#define LIM_NONCE_ENTRIES (1u << 20) /* seen nonces, 8 bytes each; the oldest is overwritten */

/* -- rates per identity (protocol section 7): events per minute, and burst -- */
#define LIM_RATE_DHT_PER_MIN 600u
#define LIM_RATE_FETCH_PER_MIN 240u
#define LIM_RATE_COMMUNITY_PER_MIN 240u /* a client's browse takes 50 pages, its search 10 */
#define LIM_RATE_RELAY_PER_MIN 6000u    /* 100 a second */
#define LIM_RATE_RELAY_BURST 400u

#endif
