/* SPDX-License-Identifier: MPL-2.0 */
/* Counters and gauges of the DHT and its communities: X(id, name, help). */
#ifndef DHT_METRICS_H
#define DHT_METRICS_H

#include "base/metric.h"

#define DHT_METRICS(X)                                                                             \
    X(DHT_NODES_A, "dht_nodes_dialect_a", "nodes in the routing table of dialect A (gauge)")       \
    X(DHT_NODES_B, "dht_nodes_dialect_b", "nodes in the routing table of dialect B (gauge)")       \
    X(DHT_NODES_C, "dht_nodes_dialect_c", "nodes in the routing table of dialect C (gauge)")       \
    X(DHT_VALUES, "dht_values", "values stored (gauge)")                                           \
    X(DHT_VALUE_BYTES, "dht_value_bytes", "bytes of values stored (gauge)")                        \
    X(DHT_PEERS, "dht_peers", "addresses in the peer database (gauge)")                            \
    X(DHT_DIALS, "dht_dials_total", "outbound sessions dialled")                                   \
    X(DHT_DIALECT_REDIALS, "dht_dialect_redials_total", "of these: after a refused hello")         \
    X(DHT_LOOKUPS, "dht_lookups_total", "iterative look-ups started")                              \
    X(DHT_QUERIES, "dht_queries_total", "queries of look-ups")                                     \
    X(DHT_QUERIES_FAILED, "dht_queries_failed_total", "of these: without an answer")               \
    X(DHT_STORED, "dht_stores_total", "values of peers accepted")                                  \
    X(DHT_PUSHED, "dht_pushes_total", "values pushed to a node that accepted them")                \
    X(DHT_PUSH_LIMITED, "dht_pushes_limited_total", "pushes answered with a rate limit")           \
    X(DHT_PUSH_REFUSED, "dht_pushes_refused_total", "pushes answered with another error")          \
    X(DHT_UNREACHED, "dht_values_unreached_total", "pushes of new values that no node accepted")   \
    X(DHT_PROBED, "dht_probes_total", "unverified addresses dialled")                              \
    X(DHT_CALLS_DROPPED, "dht_calls_dropped_total", "calls to peers not made: too many at once")   \
    X(DHT_LOOKUPS_DROPPED, "dht_lookups_dropped_total", "look-ups not started: too many wait")     \
    X(DHT_OFFERS_DROPPED, "dht_offers_dropped_total",                                              \
      "offers of peers ignored: too many from one node")                                           \
    X(DHT_PRIVATE_REFUSED, "dht_private_addresses_refused_total",                                  \
      "private addresses named by other nodes and not dialled")                                    \
    X(DHT_VALUES_EVICTED, "dht_values_evicted_total", "values evicted from a full store")          \
    X(COMMUNITY_RECORDS_REFUSED, "community_records_refused_total",                                \
      "records refused: community full, one record per network")                                   \
    X(COMMUNITY_RECORDS_EVICTED, "community_records_evicted_total",                                \
      "records evicted from a full community")                                                     \
    X(SEARCHES_CROWDED, "community_searches_crowded_total",                                        \
      "searches refused: too many of one network")                                                 \
    X(DHT_SAVES_DEFERRED, "dht_saves_deferred_total",                                              \
      "record changes with a deferred write to disk")                                              \
    X(COMMUNITIES_FORGOTTEN, "communities_forgotten_total",                                        \
      "empty communities dropped early: too many")                                                 \
    X(DHT_PROBES_DROPPED, "dht_probes_dropped_total", "addresses not dialled: too many waited")    \
    X(DHT_INBOUND_DROPPED, "dht_inbound_dropped_total",                                            \
      "reports on inbound peers dropped: too many from one worker")                                \
    X(DHT_PINS_DROPPED, "dht_pins_dropped_total", "bootstrap keys not pinned: too many pins")      \
    X(DHT_CHAINS_TOO_LONG, "dht_rotation_chains_too_long_total",                                   \
      "chains of key rotations refused: over 16, or a cycle")

DHT_METRICS(RT_METRIC_DECLARE)
extern const struct rt_metric_table dht_metrics;

#endif
