/* SPDX-License-Identifier: MPL-2.0 */
/* Counters and gauges of the state on disk: X(id, name, help). */
#ifndef STORAGE_METRICS_H
#define STORAGE_METRICS_H

#include "base/metric.h"

#define STORAGE_METRICS(X)                                                                         \
    X(STORAGE_QUEUED, "storage_queued", "writes of state not yet on disk (gauge)")                 \
    X(STORAGE_WRITTEN, "storage_rows_written_total", "rows written or removed")                    \
    X(STORAGE_COALESCED, "storage_writes_coalesced_total",                                         \
      "writes replaced by a later one to their row")                                               \
    X(STORAGE_BATCHES, "storage_batches_total", "transactions committed")                          \
    X(STORAGE_FAILED, "storage_batches_failed_total", "transactions that failed, tried again")     \
    X(STORAGE_DROPPED, "storage_writes_dropped_total", "writes dropped, queue full")               \
    X(STORAGE_SWEPT, "storage_rows_expired_total", "expired rows removed")

STORAGE_METRICS(RT_METRIC_DECLARE)
extern const struct rt_metric_table storage_metrics;

#endif
