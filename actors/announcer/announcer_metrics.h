/* SPDX-License-Identifier: MPL-2.0 */
/* Counters and gauges of this relay's announcement and the relays it lists: X(id, name, help). */
#ifndef ANNOUNCER_METRICS_H
#define ANNOUNCER_METRICS_H

#include "base/metric.h"

#define ANNOUNCER_METRICS(X)                                                                       \
    X(RELAYS, "relays", "relays in the list returned to others (gauge)")                           \
    X(ANNOUNCED, "announcements_stored_total", "stores of our announcement at other nodes")        \
    X(RELAYS_REFUSED, "relay_announcements_refused_total",                                         \
      "announcements of others: not valid, or too large")                                          \
    X(RELAYS_EXCESS, "relay_announcements_excess_total",                                           \
      "announcements of others: too many in one answer")                                           \
    X(RELAY_DIALS, "relay_dials_total", "relays dialled because an announcement names them")       \
    X(RELAYS_WAITING, "relay_candidates_dropped_total", "relays not dialled: too many waited")     \
    X(RELAYS_REVOKED, "relays_revoked_total", "relays refused or dropped: revoked key")            \
    X(RELAYS_REVOKED_EXCESS, "relay_revocations_forgotten_total",                                  \
      "revoked keys not kept: no room")                                                            \
    X(RELAYS_EVICTED, "relays_evicted_total", "relays evicted from a full list")                   \
    X(RELAYS_LOST, "relays_lost_total", "listed relays that no longer answer")                     \
    X(RELAY_LISTS_CUT, "relay_lists_cut_total", "lists cut because they exceed 1 MiB")

ANNOUNCER_METRICS(RT_METRIC_DECLARE)
extern const struct rt_metric_table announcer_metrics;

#endif
