/* SPDX-License-Identifier: MPL-2.0 */
/* Every counter and gauge of the daemon. X(id, name, help). Add freely; keep groups together. */
#ifndef RT_METRIC_LIST_H
#define RT_METRIC_LIST_H

#define RT_METRIC_LIST(X)                                                                          \
    /* gauges */                                                                                   \
    X(CONNECTIONS, "connections", "connections admitted and not yet closed (gauge)")               \
    X(HALF_OPEN, "connections_half_open", "connections not yet authenticated (gauge)")             \
    X(TUNNELS, "tunnels", "identities with a live tunnel (gauge)")                                 \
    X(TUNNEL_LINKS, "tunnel_links", "tunnel connections (gauge)")                                  \
    X(TUNNEL_LINKS_A, "tunnel_links_dialect_a",                                                    \
      "of these: version 1, 5 capability fields (gauge)")                                          \
    X(TUNNEL_LINKS_B, "tunnel_links_dialect_b",                                                    \
      "of these: version 1, 8 capability fields (gauge)")                                          \
    X(TUNNEL_LINKS_C, "tunnel_links_dialect_c", "of these: version 2 (gauge)")                     \
    X(MEMORY_BYTES, "memory_charged_bytes", "bytes charged to memory_max (gauge)")                 \
    /* connections */                                                                              \
    X(ADMITTED, "connections_admitted_total", "connections let in at the door")                    \
    X(REFUSED_PREFIX, "connections_refused_prefix_total", "refused: address prefix at its limit")  \
    X(REFUSED_TOTAL, "connections_refused_full_total", "refused: connections_max reached")         \
    X(EVICTED_HALF_OPEN, "half_open_evicted_total", "half-open closed for a newcomer")             \
    X(EVICTED_MEMORY, "memory_evicted_total", "stalled readers closed, memory_max reached")        \
    X(MEMORY_REFUSED, "memory_refused_total", "buffers refused, memory_max reached")               \
    X(TIMEOUT_HANDSHAKE, "timeout_handshake_total", "closed: handshake deadline")                  \
    X(TIMEOUT_IDLE, "timeout_idle_total", "closed: session idle")                                  \
    X(TIMEOUT_FRAME, "timeout_frame_total", "closed: a frame did not arrive in time")              \
    X(TIMEOUT_SEND, "timeout_send_total", "closed: an answer did not leave in time")               \
    X(END_HANDSHAKE, "transport_handshake_failed_total", "secure handshake failed")                \
    X(SESSIONS, "sessions_authenticated_total", "SCP2P handshakes completed")                      \
    X(SESSIONS_A, "sessions_dialect_a_total", "of these: version 1, 5 capability fields")          \
    X(SESSIONS_B, "sessions_dialect_b_total", "of these: version 1, 8 capability fields")          \
    X(SESSIONS_C, "sessions_dialect_c_total", "of these: version 2")                               \
    /* requests */                                                                                 \
    X(REQUESTS, "requests_total", "request envelopes read")                                        \
    X(ERRORS_SENT, "error_answers_total", "error envelopes answered")                              \
    /* tunnels */                                                                                  \
    X(RELAYED, "relayed_requests_total", "requests handed to a tunnel")                            \
    X(RELAYED_BYTES_IN, "relayed_request_bytes_total", "bytes of inner requests")                  \
    X(RELAYED_BYTES_OUT, "relayed_answer_bytes_total", "bytes of inner answers")                   \
    X(TUNNEL_REGISTERED, "tunnels_registered_total", "tunnel registrations accepted")              \
    X(TUNNEL_REPLACED, "tunnels_fourth_closed_total", "oldest link closed for a fourth")           \
    X(TUNNEL_DEMOTED, "tunnels_demoted_total", "silent link passed over for another")              \
    X(TUNNEL_STALLED, "tunnels_progress_timeout_total", "links closed: owed an answer, no byte")   \
    X(TUNNEL_UNASKED, "tunnels_unasked_frame_total", "links closed: frame while nothing is owed")  \
    X(TUNNEL_TOMBSTONED, "tunnel_answers_discarded_total", "answers nobody waited for any more")   \
    X(QUEUE_TIMEOUT, "tunnel_queue_timeout_total", "requests that waited too long")                \
    X(QUEUE_FULL, "tunnel_queue_full_total", "requests refused: tunnel queue full")                \
    X(TEMP_SLOTS, "temporary_slots", "live temporary slots (gauge)")                               \
    /* DHT */                                                                                      \
    X(DHT_NODES_A, "dht_nodes_dialect_a", "nodes in the routing table of dialect A (gauge)")       \
    X(DHT_NODES_B, "dht_nodes_dialect_b", "nodes in the routing table of dialect B (gauge)")       \
    X(DHT_NODES_C, "dht_nodes_dialect_c", "nodes in the routing table of dialect C (gauge)")       \
    X(DHT_VALUES, "dht_values", "values stored (gauge)")                                           \
    X(DHT_VALUE_BYTES, "dht_value_bytes", "bytes of values stored (gauge)")                        \
    X(DHT_PEERS, "dht_peers", "addresses in the peer database (gauge)")                            \
    X(DHT_DIALS, "dht_dials_total", "outbound sessions dialled")                                   \
    X(DHT_DIALECT_REDIALS, "dht_dialect_redials_total", "of these: after a refused hello")         \
    X(DHT_LOOKUPS, "dht_lookups_total", "iterative look-ups begun")                                \
    X(DHT_QUERIES, "dht_queries_total", "queries of look-ups")                                     \
    X(DHT_QUERIES_FAILED, "dht_queries_failed_total", "of these: without an answer")               \
    X(DHT_STORED, "dht_stores_total", "values of peers accepted")                                  \
    X(DHT_PUSHED, "dht_pushes_total", "values pushed to a node that took them")                    \
    X(DHT_PUSH_LIMITED, "dht_pushes_limited_total", "pushes answered with a rate limit")           \
    X(DHT_PUSH_REFUSED, "dht_pushes_refused_total", "pushes answered with another error")          \
    X(DHT_UNREACHED, "dht_values_unreached_total", "pushes of new values that no node took")       \
    X(DHT_PROBED, "dht_probes_total", "unproven addresses dialled")                                \
    X(DHT_CALLS_DROPPED, "dht_calls_dropped_total", "calls to peers not made: too many at once")   \
    X(DHT_LOOKUPS_DROPPED, "dht_lookups_dropped_total", "look-ups not begun: too many wait")       \
    X(DHT_OFFERS_DROPPED, "dht_offers_dropped_total", "peers' offers unheard: too many from one")  \
    X(DHT_VALUES_EVICTED, "dht_values_evicted_total", "values that gave way in a full store")      \
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
    X(DHT_PROBES_DROPPED, "dht_probes_dropped_total",                                              \
      "of addresses to be dialled: too many waited")                                               \
    X(DHT_INBOUND_DROPPED, "dht_inbound_dropped_total", "reports on inbound peers withheld")       \
    X(DHT_PINS_DROPPED, "dht_pins_dropped_total", "bootstrap keys not pinned: too many pins")      \
    X(DHT_CHAINS_TOO_LONG, "dht_rotation_chains_too_long_total",                                   \
      "chains of key rotations refused: over 16, or a cycle")                                      \
    /* state on disk */                                                                            \
    X(STORAGE_QUEUED, "storage_queued", "writes of state not yet on disk (gauge)")                 \
    X(STORAGE_WRITTEN, "storage_rows_written_total", "rows written or removed")                    \
    X(STORAGE_COALESCED, "storage_writes_coalesced_total", "writes overtaken by one to their row") \
    X(STORAGE_BATCHES, "storage_batches_total", "transactions committed")                          \
    X(STORAGE_FAILED, "storage_batches_failed_total", "transactions that failed, tried again")     \
    X(STORAGE_DROPPED, "storage_writes_dropped_total", "writes dropped, queue full")               \
    X(STORAGE_SWEPT, "storage_rows_expired_total", "expired rows removed")                         \
    /* relays: ourselves and others */                                                             \
    X(RELAYS, "relays", "relays in the list that is given to others (gauge)")                      \
    X(ANNOUNCED, "announcements_stored_total", "stores of our announcement at other nodes")        \
    X(RELAYS_REFUSED, "relay_announcements_refused_total", "of others: not valid, or too large")   \
    X(RELAYS_EXCESS, "relay_announcements_excess_total", "of others: too many in one answer")      \
    X(RELAY_DIALS, "relay_dials_total", "relays dialled because an announcement names them")       \
    X(RELAYS_WAITING, "relay_candidates_dropped_total", "relays not dialled: too many waited")     \
    X(RELAYS_REVOKED, "relays_revoked_total", "relays refused or dropped: revoked key")            \
    X(RELAYS_REVOKED_EXCESS, "relay_revocations_forgotten_total",                                  \
      "revoked keys not kept: no room")                                                            \
    X(RELAYS_EVICTED, "relays_evicted_total", "relays that gave way in a full list")               \
    X(RELAYS_LOST, "relays_lost_total", "listed relays that did not answer any more")              \
    X(RELAY_LISTS_CUT, "relay_lists_cut_total", "lists that would have passed 1 MiB")              \
    /* runtime */                                                                                  \
    X(MSG_STALE, "messages_stale_total", "messages to an actor that was gone")                     \
    X(MSG_BOUNCED, "messages_bounced_total", "of these: answered as closed")                       \
    X(LOG_DROPPED, "log_lines_dropped_total", "log lines lost, ring full")                         \
    X(LOG_LIMITED, "log_lines_limited_total", "log lines withheld, rate limit of their kind")

#endif
