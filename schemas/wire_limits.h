/* SPDX-License-Identifier: MPL-2.0 */
/*
 * Sizes and values that the wire protocol fixes. "protocol" means the SCP2P wire specification and
 * the behaviour of its deployed clients.
 */
#ifndef WIRE_LIMITS_H
#define WIRE_LIMITS_H

#define LIM_HANDSHAKE_FRAME_MAX (64u * 1024u)       /* bytes of one handshake frame */
#define LIM_FRAME_MAX (2u * 1024u * 1024u)          /* bytes of one envelope frame */
#define LIM_PAYLOAD_MAX (1024u * 1024u)             /* bytes of an envelope's payload */
#define LIM_INNER_FRAME_MAX (LIM_PAYLOAD_MAX - 65u) /* a reply plus the RelayStream around it */
#define LIM_CBOR_DEPTH_MAX 16u                      /* levels of nesting we decode */
#define LIM_MANIFEST_ITEMS_MAX 3000u                /* protocol: items of a share's manifest */
#define LIM_VALUE_MAX (64u * 1024u)                 /* bytes of one DHT value */

#define LIM_HELLO_SKEW_S 300u     /* protocol: |now - timestamp| of a hello, seconds */
#define LIM_ANNOUNCEMENT_S 21600u /* protocol: expires_at - issued_at of a relay, seconds */

_Static_assert(LIM_INNER_FRAME_MAX + 65u <= LIM_PAYLOAD_MAX, "an answer fits its envelope");
_Static_assert(LIM_PAYLOAD_MAX < LIM_FRAME_MAX, "an envelope fits its frame");

#endif
