/* SPDX-License-Identifier: MPL-2.0 */
/* Counters and gauges of messages: X(id, name, help). */
#ifndef RT_ACTOR_METRICS_H
#define RT_ACTOR_METRICS_H

#include "base/metric.h"

#define RT_ACTOR_METRICS(X)                                                                        \
    X(MSG_STALE, "messages_stale_total", "messages to an actor that has stopped")                  \
    X(MSG_BOUNCED, "messages_bounced_total", "of these: returned to their sender")

RT_ACTOR_METRICS(RT_METRIC_DECLARE)
extern const struct rt_metric_table rt_actor_metrics;

#endif
