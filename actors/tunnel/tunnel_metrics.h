/* SPDX-License-Identifier: MPL-2.0 */
/* Counters and gauges of tunnels and slots: X(id, name, help). */
#ifndef TUNNEL_METRICS_H
#define TUNNEL_METRICS_H

#include "base/metric.h"

#define TUNNEL_METRICS(X)                                                                          \
    X(TUNNELS, "tunnels", "identities with a live tunnel (gauge)")                                 \
    X(TUNNEL_LINKS, "tunnel_links", "tunnel connections (gauge)")                                  \
    X(TUNNEL_LINKS_A, "tunnel_links_dialect_a",                                                    \
      "of these: version 1, 5 capability fields (gauge)")                                          \
    X(TUNNEL_LINKS_B, "tunnel_links_dialect_b",                                                    \
      "of these: version 1, 8 capability fields (gauge)")                                          \
    X(TUNNEL_LINKS_C, "tunnel_links_dialect_c", "of these: version 2 (gauge)")                     \
    X(TUNNEL_REGISTERED, "tunnels_registered_total", "tunnel registrations accepted")              \
    X(TUNNEL_REPLACED, "tunnels_fourth_closed_total",                                              \
      "oldest link closed because the identity opened a fourth")                                   \
    X(TUNNEL_DEMOTED, "tunnels_demoted_total", "silent link replaced by another of its identity")  \
    X(TUNNEL_STALLED, "tunnels_progress_timeout_total",                                            \
      "links closed: an answer was due and no byte arrived")                                       \
    X(TUNNEL_UNASKED, "tunnels_unasked_frame_total",                                               \
      "links closed: a frame arrived while no answer was due")                                     \
    X(TUNNEL_TOMBSTONED, "tunnel_answers_discarded_total",                                         \
      "answers to requests that had already ended")                                                \
    X(QUEUE_TIMEOUT, "tunnel_queue_timeout_total", "requests that waited too long")                \
    X(QUEUE_FULL, "tunnel_queue_full_total", "requests refused: tunnel queue full")                \
    X(TEMP_SLOTS, "temporary_slots", "live temporary slots (gauge)")

TUNNEL_METRICS(RT_METRIC_DECLARE)
extern const struct rt_metric_table tunnel_metrics;

#endif
