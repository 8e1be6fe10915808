/* SPDX-License-Identifier: MPL-2.0 */
/*
 * Tunnel messages (protocol: messages 450 to 453).
 */
#ifndef WIRE_RELAY_H
#define WIRE_RELAY_H

#include "wire_cbor.h"

struct wire_relay_register {
    bool has_slot_id;
    uint64_t slot_id;
    bool tunnel;
};

struct wire_relay_registered {
    uint64_t slot_id;
    uint64_t expires_at; /* unix seconds */
};

enum wire_relay_kind { WIRE_KIND_CONTROL, WIRE_KIND_CONTENT };

struct wire_relay_stream {
    uint64_t slot_id;
    uint32_t stream_id;
    enum wire_relay_kind kind;
    struct wire_view payload; /* into the decoded buffer */
};

RT_MUST_CHECK rt_err wire_relay_register_decode(uint8_t *buf, size_t len,
                                                struct wire_relay_register *out);
RT_MUST_CHECK rt_err wire_relay_registered_decode(uint8_t *buf, size_t len,
                                                  struct wire_relay_registered *out);
RT_MUST_CHECK rt_err wire_relay_connect_decode(uint8_t *buf, size_t len, uint64_t *out_slot_id);
RT_MUST_CHECK rt_err wire_relay_stream_decode(uint8_t *buf, size_t len,
                                              struct wire_relay_stream *out);

#define WIRE_RELAY_SMALL_MAX 80u /* register, registered and connect encode to less */
size_t wire_relay_register_encode(const struct wire_relay_register *m, uint8_t *out, size_t cap);
size_t wire_relay_registered_encode(const struct wire_relay_registered *m, uint8_t *out,
                                    size_t cap);
size_t wire_relay_connect_encode(uint64_t slot_id, uint8_t *out, size_t cap);

/* The RelayStream map up to and with the head of its payload, whose bytes follow apart. Returns the
 * bytes written, at most WIRE_RELAY_STREAM_HEAD_MAX. */
#define WIRE_RELAY_STREAM_HEAD_MAX 65u
size_t wire_relay_stream_head(uint8_t *out, const struct wire_relay_stream *m,
                              uint32_t payload_len);

/* Frame length, envelope head (type 453) and RelayStream head in one, for a payload of payload_len
 * bytes that follows apart; the hot path's head. */
#define WIRE_RELAY_FRAME_HEAD_MAX 128u
size_t wire_relay_stream_frame_head(uint8_t *out, uint32_t req_id, uint16_t flags,
                                    const struct wire_relay_stream *m, uint32_t payload_len);

#endif
