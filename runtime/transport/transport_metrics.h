/* SPDX-License-Identifier: MPL-2.0 */
/* Counters and gauges of connections: X(id, name, help). */
#ifndef RT_TRANSPORT_METRICS_H
#define RT_TRANSPORT_METRICS_H

#include "base/metric.h"

#define RT_TRANSPORT_METRICS(X)                                                                    \
    X(CONNECTIONS, "connections", "connections admitted and not yet closed (gauge)")               \
    X(HALF_OPEN, "connections_half_open", "connections not yet authenticated (gauge)")             \
    X(ADMITTED, "connections_admitted_total", "connections admitted")                              \
    X(REFUSED_PREFIX, "connections_refused_prefix_total", "refused: address prefix at its limit")  \
    X(REFUSED_TOTAL, "connections_refused_full_total", "refused: connections_max reached")         \
    X(EVICTED_HALF_OPEN, "half_open_evicted_total",                                                \
      "half-open connections closed to admit another")                                             \
    X(EVICTED_MEMORY, "memory_evicted_total", "stalled readers closed, memory_max reached")        \
    X(TIMEOUT_HANDSHAKE, "timeout_handshake_total", "closed: handshake deadline")                  \
    X(TIMEOUT_IDLE, "timeout_idle_total", "closed: session idle")                                  \
    X(TIMEOUT_FRAME, "timeout_frame_total", "closed: a frame did not arrive in time")              \
    X(TIMEOUT_SEND, "timeout_send_total", "closed: an answer did not leave in time")               \
    X(END_HANDSHAKE, "transport_handshake_failed_total",                                           \
      "connections whose secure handshake failed")

RT_TRANSPORT_METRICS(RT_METRIC_DECLARE)
extern const struct rt_metric_table rt_transport_metrics;

#endif
