/* SPDX-License-Identifier: MPL-2.0 */
/* Counters and gauges of sessions and their requests: X(id, name, help). */
#ifndef SESSION_METRICS_H
#define SESSION_METRICS_H

#include "base/metric.h"

#define SESSION_METRICS(X)                                                                         \
    X(SESSIONS, "sessions_authenticated_total", "SCP2P handshakes completed")                      \
    X(SESSIONS_A, "sessions_dialect_a_total", "of these: version 1, 5 capability fields")          \
    X(SESSIONS_B, "sessions_dialect_b_total", "of these: version 1, 8 capability fields")          \
    X(SESSIONS_C, "sessions_dialect_c_total", "of these: version 2")                               \
    X(REQUESTS, "requests_total", "request envelopes read")                                        \
    X(ERRORS_SENT, "error_answers_total", "error envelopes answered")                              \
    X(RELAYED, "relayed_requests_total", "requests handed to a tunnel")                            \
    X(RELAYED_BYTES_IN, "relayed_request_bytes_total", "bytes of inner requests")                  \
    X(RELAYED_BYTES_OUT, "relayed_answer_bytes_total", "bytes of inner answers")

SESSION_METRICS(RT_METRIC_DECLARE)
extern const struct rt_metric_table session_metrics;

#endif
