/* SPDX-License-Identifier: MPL-2.0 */
/* Limits of the announcer (protocol: Relay announcement and discovery). */
#ifndef ANNOUNCER_LIMITS_H
#define ANNOUNCER_LIMITS_H

#include "base/seams.h"

#define LIM_RELAYS_MAX 1024u      /* relays listed with an announcement, per form */
#define LIM_RELAY_BYTES_MAX 8192u /* of an announcement; 32 addresses take less */
#define LIM_RELAY_ADDRS_MAX 32u   /* addresses of an announcement */
#define LIM_RELAY_UNKNOWN_MAX 32u /* unknown relays accepted from one reply */
#define LIM_RELAY_ASKED 64u       /* announcements requested at once */
#define LIM_RELAY_CANDIDATES 256u /* relays to be dialled */
/* Candidates' addresses dialled, each in up to three dialects: prevents port scans through us. */
#define LIM_RELAY_DIALS_PER_S 2u
#define LIM_RELAY_DIALS_MAX 8u          /* ... and dials in progress, one per /24 or /48 */
#define LIM_RELAY_DIAL_ADDRS 4u         /* addresses dialled per announcement */
#define LIM_RELAY_CHECK_NS (600 * RT_S) /* interval of the checks of a listed relay */
#define LIM_RELAY_FAILURES 2u           /* failed checks in a row, then the relay leaves the list */
#define LIM_RELAYS_REVOKED 1024u        /* revoked keys remembered: 64 KiB */
#define LIM_REVOCATION_CHECK_NS                                                                    \
    (86400 * RT_S) /* interval of look-ups of a listed relay's revocation ... */
#define LIM_REVOCATION_SPACE_NS (10 * RT_S) /* ... and least time between two: 8640 a day */
#define LIM_RELAYS_STORED 200u              /* listed relays that are also in our own store */
/* At shutdown: lifetime of the final announcement, and the longest wait for its stores. */
#define LIM_FINAL_ANNOUNCEMENT_S 60u
#define LIM_WITHDRAWAL_NS (3 * RT_S)

#endif
