/* SPDX-License-Identifier: MPL-2.0 */
#include "wire_relay.h"

#include "wire_envelope.h"
#include "wire_limits.h"
#include "wire_put.h"

static const char *const kind_names[] = {"control", "content"};

/* -- register, registered, connect -- */

enum { SLOT_ID, TUNNEL, EXPIRES_AT = TUNNEL };
static const char *const register_names[] = {"relay_slot_id", "tunnel"};
static const char *const registered_names[] = {"relay_slot_id", "expires_at"};

rt_err wire_relay_register_decode(uint8_t *buf, size_t len, struct wire_relay_register *out)
{
    struct wire_relay_register d = {0};
    struct wire_reader r;
    wire_reader_init(&r, buf, len);
    struct wire_map m = wire_map_open(&r, register_names, 2);
    for (int key; (key = wire_map_next(&r, &m)) >= 0;) {
        if (key == TUNNEL) {
            d.tunnel = wire_read_bool(&r);
        } else if (!wire_read_null(&r)) {
            d.has_slot_id = true;
            d.slot_id = wire_read_uint(&r, UINT64_MAX);
        }
    }
    if (r.err == RT_ERR_OK)
        *out = d;
    return r.err;
}

rt_err wire_relay_registered_decode(uint8_t *buf, size_t len, struct wire_relay_registered *out)
{
    struct wire_relay_registered d = {0};
    struct wire_reader r;
    wire_reader_init(&r, buf, len);
    struct wire_map m = wire_map_open(&r, registered_names, 2);
    for (int key; (key = wire_map_next(&r, &m)) >= 0;)
        *(key == EXPIRES_AT ? &d.expires_at : &d.slot_id) = wire_read_uint(&r, UINT64_MAX);
    wire_map_require(&r, &m, 1u << SLOT_ID | 1u << EXPIRES_AT);
    if (r.err == RT_ERR_OK)
        *out = d;
    return r.err;
}

rt_err wire_relay_connect_decode(uint8_t *buf, size_t len, uint64_t *out_slot_id)
{
    uint64_t slot_id = 0;
    struct wire_reader r;
    wire_reader_init(&r, buf, len);
    struct wire_map m = wire_map_open(&r, register_names, 1);
    while (wire_map_next(&r, &m) >= 0)
        slot_id = wire_read_uint(&r, UINT64_MAX);
    wire_map_require(&r, &m, 1u << SLOT_ID);
    if (r.err == RT_ERR_OK)
        *out_slot_id = slot_id;
    return r.err;
}

size_t wire_relay_register_encode(const struct wire_relay_register *m, uint8_t *out, size_t cap)
{
    struct wire_writer w;
    wire_writer_init(&w, out, cap);
    wire_write_map(&w, 2);
    wire_write_key(&w, register_names[SLOT_ID]);
    if (m->has_slot_id)
        wire_write_uint(&w, m->slot_id);
    else
        wire_write_null(&w);
    wire_write_key(&w, register_names[TUNNEL]);
    wire_write_bool(&w, m->tunnel);
    return w.pos;
}

size_t wire_relay_registered_encode(const struct wire_relay_registered *m, uint8_t *out, size_t cap)
{
    struct wire_writer w;
    wire_writer_init(&w, out, cap);
    wire_write_map(&w, 2);
    wire_write_key(&w, registered_names[SLOT_ID]);
    wire_write_uint(&w, m->slot_id);
    wire_write_key(&w, registered_names[EXPIRES_AT]);
    wire_write_uint(&w, m->expires_at);
    return w.pos;
}

size_t wire_relay_connect_encode(uint64_t slot_id, uint8_t *out, size_t cap)
{
    struct wire_writer w;
    wire_writer_init(&w, out, cap);
    wire_write_map(&w, 1);
    wire_write_key(&w, register_names[SLOT_ID]);
    wire_write_uint(&w, slot_id);
    return w.pos;
}

/* -- stream -- */

enum { STREAM_SLOT_ID, STREAM_ID, KIND, PAYLOAD, STREAM_KEYS };
static const char *const stream_names[] = {"relay_slot_id", "stream_id", "kind", "payload"};

static bool take_canonical(uint8_t *buf, size_t len, struct wire_relay_stream *out)
{
    struct wire_taker t = {buf, buf + len};
    uint64_t stream_id;
    if (!WIRE_TAKE(&t, "\244\155relay_slot_id") ||
        !wire_take_head(&t, 0, UINT64_MAX, &out->slot_id) || !WIRE_TAKE(&t, "\151stream_id") ||
        !wire_take_head(&t, 0, UINT32_MAX, &stream_id) || !WIRE_TAKE(&t, "\144kind"))
        return false;
    out->stream_id = (uint32_t)stream_id;
    if (WIRE_TAKE(&t, "\147content"))
        out->kind = WIRE_KIND_CONTENT;
    else if (WIRE_TAKE(&t, "\147control"))
        out->kind = WIRE_KIND_CONTROL;
    else
        return false;
    return WIRE_TAKE(&t, "\147payload") && wire_take_view(&t, LIM_PAYLOAD_MAX, &out->payload);
}

rt_err wire_relay_stream_decode(uint8_t *buf, size_t len, struct wire_relay_stream *out)
{
    struct wire_relay_stream d = {0};
    if (buf != NULL && take_canonical(buf, len, &d)) {
        *out = d;
        return RT_ERR_OK;
    }

    d = (struct wire_relay_stream){0};
    struct wire_reader r;
    wire_reader_init(&r, buf, len);
    struct wire_map m = wire_map_open(&r, stream_names, STREAM_KEYS);
    for (int key; (key = wire_map_next(&r, &m)) >= 0;) {
        switch (key) {
        case STREAM_SLOT_ID:
            d.slot_id = wire_read_uint(&r, UINT64_MAX);
            break;
        case STREAM_ID:
            d.stream_id = (uint32_t)wire_read_uint(&r, UINT32_MAX);
            break;
        case KIND:
            d.kind = (enum wire_relay_kind)wire_read_choice(&r, kind_names, 2);
            break;
        case PAYLOAD:
            d.payload = wire_read_view(&r, LIM_PAYLOAD_MAX);
            break;
        }
    }
    wire_map_require(&r, &m, 1u << STREAM_SLOT_ID | 1u << STREAM_ID | 1u << PAYLOAD);
    if (r.err == RT_ERR_OK)
        *out = d;
    return r.err;
}

size_t wire_relay_stream_head(uint8_t *out, const struct wire_relay_stream *m, uint32_t payload_len)
{
    uint8_t *p = WIRE_PUT(out, "\244\155relay_slot_id");
    p = wire_put_head(p, 0, m->slot_id);
    p = WIRE_PUT(p, "\151stream_id");
    p = wire_put_head(p, 0, m->stream_id);
    p = WIRE_PUT(p, "\144kind");
    if (m->kind == WIRE_KIND_CONTENT)
        p = WIRE_PUT(p, "\147content");
    else
        p = WIRE_PUT(p, "\147control");
    p = WIRE_PUT(p, "\147payload");
    p = wire_put_head(p, 2, payload_len);
    return (size_t)(p - out);
}

size_t wire_relay_stream_frame_head(uint8_t *out, uint32_t req_id, uint16_t flags,
                                    const struct wire_relay_stream *m, uint32_t payload_len)
{
    uint8_t stream[WIRE_RELAY_STREAM_HEAD_MAX];
    size_t stream_len = wire_relay_stream_head(stream, m, payload_len);
    size_t n = wire_envelope_bare_head(out + WIRE_LENGTH_BYTES, WIRE_RELAY_STREAM, req_id, flags,
                                       (uint32_t)stream_len + payload_len);
    memcpy(out + WIRE_LENGTH_BYTES + n, stream, stream_len);
    n += stream_len;
    wire_length_write(out, (uint32_t)n + payload_len);
    return WIRE_LENGTH_BYTES + n;
}
