/* SPDX-License-Identifier: MPL-2.0 */
#include "wire_envelope.h"

#include "wire_limits.h"
#include "wire_put.h"

enum { TYPE, REQ_ID, FLAGS, PAYLOAD, KEYS };
static const char *const names[] = {"type", "req_id", "flags", "payload"};

static bool take_canonical(uint8_t *buf, size_t len, struct wire_envelope *out)
{
    struct wire_taker t = {buf, buf + len};
    uint64_t type, req_id, flags;
    if (!WIRE_TAKE(&t, "\244\144type") || !wire_take_head(&t, 0, UINT16_MAX, &type) ||
        !WIRE_TAKE(&t, "\146req_id") || !wire_take_head(&t, 0, UINT32_MAX, &req_id) ||
        !WIRE_TAKE(&t, "\145flags") || !wire_take_head(&t, 0, UINT16_MAX, &flags) ||
        !WIRE_TAKE(&t, "\147payload") || !wire_take_view(&t, LIM_PAYLOAD_MAX, &out->payload))
        return false;
    out->type = (uint16_t)type;
    out->req_id = (uint32_t)req_id;
    out->flags = (uint16_t)flags;
    return true;
}

rt_err wire_envelope_decode(uint8_t *buf, size_t len, struct wire_envelope *out)
{
    struct wire_envelope e = {0};
    if (buf != NULL && take_canonical(buf, len, &e)) {
        *out = e;
        return RT_ERR_OK;
    }

    struct wire_reader r;
    wire_reader_init(&r, buf, len);
    struct wire_map m = wire_map_open(&r, names, KEYS);
    for (int key; (key = wire_map_next(&r, &m)) >= 0;) {
        switch (key) {
        case TYPE:
            e.type = (uint16_t)wire_read_uint(&r, UINT16_MAX);
            break;
        case REQ_ID:
            e.req_id = (uint32_t)wire_read_uint(&r, UINT32_MAX);
            break;
        case FLAGS:
            e.flags = (uint16_t)wire_read_uint(&r, UINT16_MAX);
            break;
        case PAYLOAD:
            e.payload = wire_read_view(&r, LIM_PAYLOAD_MAX);
            break;
        }
    }
    wire_map_require(&r, &m, (1u << KEYS) - 1);
    if (r.err == RT_ERR_OK)
        *out = e;
    return r.err;
}

size_t wire_envelope_bare_head(uint8_t *out, uint16_t type, uint32_t req_id, uint16_t flags,
                               uint32_t payload_len)
{
    uint8_t *p = WIRE_PUT(out, "\244\144type");
    p = wire_put_head(p, 0, type);
    p = WIRE_PUT(p, "\146req_id");
    p = wire_put_head(p, 0, req_id);
    p = WIRE_PUT(p, "\145flags");
    p = wire_put_head(p, 0, flags);
    p = WIRE_PUT(p, "\147payload");
    p = wire_put_head(p, 2, payload_len);
    return (size_t)(p - out);
}

size_t wire_envelope_head(uint8_t *out, uint16_t type, uint32_t req_id, uint16_t flags,
                          uint32_t payload_len)
{
    size_t n = wire_envelope_bare_head(out + WIRE_LENGTH_BYTES, type, req_id, flags, payload_len);
    wire_length_write(out, (uint32_t)n + payload_len);
    return WIRE_LENGTH_BYTES + n;
}

uint32_t wire_length_read(const uint8_t in[4])
{
    return (uint32_t)in[0] << 24 | (uint32_t)in[1] << 16 | (uint32_t)in[2] << 8 | in[3];
}

void wire_length_write(uint8_t out[4], uint32_t len)
{
    out[0] = (uint8_t)(len >> 24);
    out[1] = (uint8_t)(len >> 16);
    out[2] = (uint8_t)(len >> 8);
    out[3] = (uint8_t)len;
}
