/* SPDX-License-Identifier: MPL-2.0 */
/* Counters and gauges of memory and the log: X(id, name, help). */
#ifndef RT_BASE_METRICS_H
#define RT_BASE_METRICS_H

#include "base/metric.h"

#define RT_BASE_METRICS(X)                                                                         \
    X(MEMORY_BYTES, "memory_charged_bytes", "bytes charged to memory_max (gauge)")                 \
    X(MEMORY_REFUSED, "memory_refused_total", "buffers refused, memory_max reached")               \
    X(LOG_DROPPED, "log_lines_dropped_total", "log lines lost, ring full")                         \
    X(LOG_LIMITED, "log_lines_limited_total", "log lines withheld: rate limit of their site")

RT_BASE_METRICS(RT_METRIC_DECLARE)
extern const struct rt_metric_table rt_base_metrics;

#endif
