/* SPDX-License-Identifier: MPL-2.0 */
#include "wire_state.h"

#include <string.h>

rt_err wire_node_key_decode(uint8_t *buf, size_t len, uint8_t out_seed[32])
{
    uint8_t seed[32];
    struct wire_reader r;
    wire_reader_init(&r, buf, len);
    wire_read_fixed(&r, seed, 32);
    if (r.err == RT_ERR_OK)
        memcpy(out_seed, seed, 32);
    return r.err;
}

size_t wire_node_key_encode(const uint8_t seed[32], uint8_t *out, size_t cap)
{
    struct wire_writer w;
    wire_writer_init(&w, out, cap);
    wire_write_int_array(&w, seed, 32);
    return w.pos;
}

rt_err wire_pins_decode(uint8_t *buf, size_t len, wire_pin_fn *fn, void *ctx)
{
    struct wire_reader r;
    wire_reader_init(&r, buf, len);
    for (struct wire_seq s = wire_read_map(&r); wire_seq_next(&r, &s);) {
        uint8_t public_key[32];
        struct wire_bytes entry = wire_read_text(&r, UINT32_MAX);
        wire_read_fixed(&r, public_key, 32);
        if (fn != NULL && r.err == RT_ERR_OK)
            fn(ctx, entry, public_key);
    }
    return r.err;
}

void wire_write_pins(struct wire_writer *w, uint64_t count)
{
    wire_write_map(w, count);
}

void wire_write_pin(struct wire_writer *w, struct wire_bytes entry, const uint8_t public_key[32])
{
    wire_write_text(w, (const char *)entry.ptr, entry.len);
    wire_write_int_array(w, public_key, 32);
}

enum { ADDR, LAST_SEEN, CAPABILITIES, CAPABILITIES_SEEN, REPUTATION, KEYS };
static const char *const names[] = {
    "addr", "last_seen_unix", "capabilities", "capabilities_seen_at", "reputation_score",
};

static int32_t read_i32(struct wire_reader *r)
{
    int64_t v = wire_read_int(r);
    if (v >= INT32_MIN && v <= INT32_MAX)
        return (int32_t)v;
    wire_reader_fail(r, RT_ERR_MALFORMED);
    return 0;
}

rt_err wire_peer_row_decode(uint8_t *buf, size_t len, struct wire_peer_row *out)
{
    struct wire_peer_row row = {0};
    struct wire_reader r;
    wire_reader_init(&r, buf, len);
    struct wire_map m = wire_map_open(&r, names, KEYS);
    for (int key; (key = wire_map_next(&r, &m)) >= 0;) {
        switch (key) {
        case ADDR:
            wire_read_peer(&r, &row.addr);
            break;
        case LAST_SEEN:
            row.last_seen_unix = wire_read_uint(&r, UINT64_MAX);
            break;
        case CAPABILITIES:
            row.has_capabilities = !wire_read_null(&r);
            if (row.has_capabilities)
                wire_read_capabilities(&r, &row.capabilities);
            break;
        case CAPABILITIES_SEEN:
            row.has_capabilities_seen_at = !wire_read_null(&r);
            if (row.has_capabilities_seen_at)
                row.capabilities_seen_at = wire_read_uint(&r, UINT64_MAX);
            break;
        case REPUTATION:
            row.reputation_score = read_i32(&r);
            break;
        }
    }
    wire_map_require(&r, &m, 1u << ADDR | 1u << LAST_SEEN);
    if (r.err == RT_ERR_OK)
        *out = row;
    return r.err;
}

void wire_write_peer_row(struct wire_writer *w, const struct wire_peer_row *row)
{
    wire_write_map(w, KEYS);
    wire_write_key(w, names[ADDR]);
    wire_write_peer(w, &row->addr);
    wire_write_key(w, names[LAST_SEEN]);
    wire_write_uint(w, row->last_seen_unix);
    wire_write_key(w, names[CAPABILITIES]);
    if (row->has_capabilities)
        wire_write_capabilities(w, &row->capabilities);
    else
        wire_write_null(w);
    wire_write_key(w, names[CAPABILITIES_SEEN]);
    if (row->has_capabilities_seen_at)
        wire_write_uint(w, row->capabilities_seen_at);
    else
        wire_write_null(w);
    wire_write_key(w, names[REPUTATION]);
    wire_write_int(w, row->reputation_score);
}
