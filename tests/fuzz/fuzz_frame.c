/* SPDX-License-Identifier: MPL-2.0 */
/*
 * A stream of frames, processed as by a relay: it is cut by length, and each envelope is decoded.
 * For a RelayStream, the inner envelope is decoded too, and its head is encoded again in front of
 * the same payload, as for a tunnel.
 */
#include <stdlib.h>
#include <string.h>

#include "base/check.h"
#include "wire_envelope.h"
#include "wire_limits.h"
#include "wire_relay.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void check_forwarded(const struct wire_envelope *inner)
{
    uint8_t head[WIRE_LENGTH_BYTES + WIRE_ENVELOPE_HEAD_MAX];
    size_t n =
        wire_envelope_head(head, inner->type, inner->req_id, inner->flags, inner->payload.len);
    RT_INSIST(n <= sizeof head);
    size_t len = n - WIRE_LENGTH_BYTES + inner->payload.len;
    RT_INSIST(wire_length_read(head) == len);
    uint8_t *frame = malloc(len);
    struct wire_envelope again;
    RT_INSIST(frame != NULL);
    memcpy(frame, head + WIRE_LENGTH_BYTES, n - WIRE_LENGTH_BYTES);
    memcpy(frame + n - WIRE_LENGTH_BYTES, inner->payload.ptr, inner->payload.len);
    RT_INSIST(wire_envelope_decode(frame, len, &again) == RT_ERR_OK);
    RT_INSIST(again.type == inner->type && again.req_id == inner->req_id);
    RT_INSIST(again.flags == inner->flags && again.payload.len == inner->payload.len);
    RT_INSIST(memcmp(again.payload.ptr, inner->payload.ptr, inner->payload.len) == 0);
    free(frame);
}

static void check_reply_head(const struct wire_envelope *e, const struct wire_relay_stream *m)
{
    uint8_t head[WIRE_RELAY_FRAME_HEAD_MAX];
    size_t n = wire_relay_stream_frame_head(head, e->req_id, WIRE_FLAG_RESPONSE, m, m->payload.len);
    RT_INSIST(n <= sizeof head);
    RT_INSIST(wire_length_read(head) == n - WIRE_LENGTH_BYTES + m->payload.len);
}

static void try_frame(const uint8_t *body, size_t len)
{
    uint8_t *copy = malloc(len > 0 ? len : 1);
    struct wire_envelope e, inner;
    struct wire_relay_stream m;
    RT_INSIST(copy != NULL);
    memcpy(copy, body, len);
    if (wire_envelope_decode(copy, len, &e) == RT_ERR_OK && e.type == WIRE_RELAY_STREAM &&
        wire_relay_stream_decode((uint8_t *)(uintptr_t)e.payload.ptr, e.payload.len, &m) ==
            RT_ERR_OK) {
        check_reply_head(&e, &m);
        if (wire_envelope_decode((uint8_t *)(uintptr_t)m.payload.ptr, m.payload.len, &inner) ==
            RT_ERR_OK)
            check_forwarded(&inner);
    }
    free(copy);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    while (size >= WIRE_LENGTH_BYTES) {
        uint32_t len = wire_length_read(data);
        data += WIRE_LENGTH_BYTES;
        size -= WIRE_LENGTH_BYTES;
        if (len > LIM_FRAME_MAX || len > size)
            break;
        try_frame(data, len);
        data += len;
        size -= len;
    }
    return 0;
}
