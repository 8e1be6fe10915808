/* SPDX-License-Identifier: MPL-2.0 */
/*
 * All refusals of a peer: the reason in counters and logs, the text of the error reply, and
 * whether the connection closes. A refusal without a text closes the connection without a reply,
 * as a handshake has no error message. Deployed clients act on one text only: `rate limit` makes
 * them wait. It is therefore in a text exactly if waiting helps.
 */
#ifndef WIRE_REFUSAL_H
#define WIRE_REFUSAL_H

#include <stdbool.h>

/* X(id, reason, closes, text) */
#define WIRE_REFUSAL_LIST(X)                                                                       \
    /* handshake */                                                                                \
    X(HELLO_OVERSIZE, "hello_oversize", true, "")                                                  \
    X(HELLO_MALFORMED, "hello_malformed", true, "")                                                \
    X(HELLO_VERSION, "hello_version", true, "")                                                    \
    X(HELLO_CLOCK, "hello_clock", true, "")                                                        \
    X(HELLO_SIGNATURE, "hello_signature", true, "")                                                \
    X(HELLO_REPLAY, "hello_replay", true, "")                                                      \
    X(ACK_MISMATCH, "ack_mismatch", true, "")                                                      \
    X(SERVER_KEY, "server_key", true, "")                                                          \
    /* framing */                                                                                  \
    X(FRAME_OVERSIZE, "frame_oversize", true, "frame too large")                                   \
    X(ENVELOPE_MALFORMED, "envelope_malformed", true, "undecodable envelope")                      \
    /* requests */                                                                                 \
    X(UNSUPPORTED_TYPE, "unsupported_type", false, "unsupported message type")                     \
    X(PAYLOAD_MALFORMED, "payload_malformed", false, "undecodable payload")                        \
    X(RATE_DHT, "rate_dht", false, "dht rate limit exceeded")                                      \
    X(RATE_FETCH, "rate_fetch", false, "fetch rate limit exceeded")                                \
    X(RATE_RELAY, "rate_relay", false, "relay rate limit exceeded")                                \
    X(RATE_COMMUNITY, "rate_community", false, "community request rate limit exceeded")            \
    X(MEMORY, "memory", false, "relay is short of memory, rate limit exceeded")                    \
    X(SHUTTING_DOWN, "shutting_down", false, "relay is shutting down")                             \
    X(MANIFEST_NOT_FOUND, "manifest_not_found", false, "manifest not found")                       \
    X(CHUNK_NOT_FOUND, "chunk_not_found", false, "chunk not found")                                \
    X(CHUNK_HASHES_NOT_FOUND, "chunk_hashes_not_found", false, "chunk hashes not found")           \
    X(COMMUNITY_MISMATCH, "community_mismatch", false,                                             \
      "community_share_id is not the hash of community_share_pubkey")                              \
    X(COMMUNITY_NOT_FOUND, "community_not_found", false, "community not found")                    \
    X(SEARCHES_FULL, "searches_full", false, "too many community searches at once")                \
    X(STORE_FULL, "store_full", false, "dht value store is full")                                  \
    X(STORE_VALUE, "store_value", false, "dht value is not valid for its key")                     \
    /* slots and tunnels */                                                                        \
    X(SLOT_NOT_FOUND, "slot_not_found", false, "relay slot not found")                             \
    X(SLOT_OWNER_MISMATCH, "slot_owner_mismatch", false, "relay slot owner mismatch")              \
    X(SLOT_UNAUTHORIZED, "slot_unauthorized", false, "unauthorized peer for relay slot")           \
    X(SLOT_NO_REQUESTER, "slot_no_requester", false, "no requester connected to relay slot")       \
    X(SLOT_CONTENT, "slot_content", false, "relay slot has no tunnel for content")                 \
    X(SLOT_TEMP_KEY, "slot_temp_key", false, "too many temporary relay slots for this peer")       \
    X(SLOT_TEMP_FULL, "slot_temp_full", false, "too many temporary relay slots")                   \
    X(CONTROL_TOO_LARGE, "control_too_large", false, "relay control payload too large")            \
    X(TUNNELS_FULL, "tunnels_full", false, "relay is full: max_tunnels reached")                   \
    X(INNER_MALFORMED, "inner_malformed", false, "relay tunnel: bad inner envelope")               \
    X(INNER_TOO_LARGE, "inner_too_large", false, "relay tunnel: bad inner envelope: too large")    \
    X(TUNNEL_CLOSED, "tunnel_closed", false, "relay tunnel: closed")                               \
    X(TUNNEL_TIMEOUT, "tunnel_timeout", false, "relay tunnel: no answer in time")                  \
    X(QUEUE_TIMEOUT, "queue_timeout", false, "relay tunnel: waited too long for its turn")         \
    X(QUEUE_FULL, "queue_full", false, "relay tunnel: queue full, rate limit exceeded")            \
    X(ANSWER_TOO_LARGE, "answer_too_large", false, "relay tunnel: answer too large")               \
    X(CANCELLED, "cancelled", false, "requester left")

enum wire_refusal {
    WIRE_REFUSAL_NONE = 0,
#define X(id, reason, closes, text) WIRE_REFUSAL_##id,
    WIRE_REFUSAL_LIST(X)
#undef X
        WIRE_REFUSAL_COUNT
};

struct wire_refusal_info {
    const char *reason; /* the counter's label, and `reason=` in logs */
    const char *text;   /* the error reply's payload */
    bool closes;
};

/* r in 1 .. WIRE_REFUSAL_COUNT - 1 */
const struct wire_refusal_info *wire_refusal_info(enum wire_refusal r);

#endif
