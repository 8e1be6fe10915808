/* SPDX-License-Identifier: MPL-2.0 */
/* Limits of tunnels: their links, their requests and the temporary slots. */
#ifndef TUNNEL_LIMITS_H
#define TUNNEL_LIMITS_H

#include "base/seams.h"

#define LIM_LINKS_PER_SLOT 3u   /* connections that one identity may hold as tunnels */
#define LIM_TUNNEL_TTL_S 86400u /* lifetime that the reply to a registration names */

/* -- requests of one link -- */
#define LIM_WINDOW_MIN 1u /* written but unanswered requests */
#define LIM_WINDOW_START 4u
#define LIM_WINDOW_MAX 32u
#define LIM_QUEUED_PER_TUNNEL 512u     /* requests waiting for their turn ... */
#define LIM_QUEUED_PER_KEY 64u         /* ... of one requesting identity */
#define LIM_LINK_UNSENT (256u * 1024u) /* unsent bytes past which no request is written */
#define LIM_PROGRESS_NS (30 * RT_S)    /* a node that owes a reply sends a byte within this time */
#define LIM_DEMOTE_NS (2 * RT_S)       /* ... or another link of its identity takes over */

/* -- slots registered with tunnel: false -- */
#define LIM_TEMP_SLOTS_PER_KEY 4u
#define LIM_TEMP_SLOTS_MAX 65536u
#define LIM_TEMP_SLOT_TTL_S 600u

_Static_assert(LIM_WINDOW_MIN <= LIM_WINDOW_START && LIM_WINDOW_START <= LIM_WINDOW_MAX, "window");
_Static_assert(LIM_DEMOTE_NS < LIM_PROGRESS_NS, "another link takes over before this one is lost");

#endif
