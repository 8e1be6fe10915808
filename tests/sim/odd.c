/* SPDX-License-Identifier: MPL-2.0 */
#include <stdlib.h>
#include <string.h>

#include "base/check.h"
#include "odd.h"

/* Byte arrays cost up to two bytes a byte. */
#define ROOM(len) (2 * (size_t)(len) + 256)
#define ARRAY_MAX 4096u

static void put_byte(struct wire_writer *w, uint8_t b)
{
    wire_write_raw(w, &b, 1);
}

/* An integer in its longest form. */
static void put_long_uint(struct wire_writer *w, uint64_t v)
{
    put_byte(w, 0x1b);
    for (int shift = 56; shift >= 0; shift -= 8)
        put_byte(w, (uint8_t)(v >> shift));
}

static void put_uint(struct wire_writer *w, struct sim_prng *r, uint64_t v)
{
    if (sim_prng_chance(r, 30))
        put_long_uint(w, v);
    else
        wire_write_uint(w, v);
}

static void put_chunks(struct wire_writer *w, struct sim_prng *r, struct wire_view b)
{
    uint32_t at = 0;

    put_byte(w, 0x5f);
    for (unsigned i = 0; i < 5 && at < b.len; i++) {
        uint32_t n = (uint32_t)sim_prng_below(r, b.len - at + 1);

        wire_write_bytes(w, b.ptr + at, n);
        at += n;
    }
    wire_write_bytes(w, b.ptr + at, b.len - at);
    put_byte(w, 0xff);
}

static void put_payload(struct wire_writer *w, struct sim_prng *r, struct wire_view b)
{
    unsigned form = (unsigned)sim_prng_below(r, 3);

    if (form == 0)
        put_chunks(w, r, b);
    else if (form == 1 && b.len <= ARRAY_MAX)
        wire_write_int_array(w, b.ptr, b.len);
    else
        wire_write_bytes(w, b.ptr, b.len);
}

static void put_unknown(struct wire_writer *w, struct sim_prng *r)
{
    wire_write_key(w, "x-unknown");
    switch (sim_prng_below(r, 4)) {
    case 0:
        wire_write_null(w);
        break;
    case 1:
        wire_write_array(w, 2);
        wire_write_bool(w, true);
        wire_write_int(w, -5);
        break;
    case 2:
        wire_write_map(w, 1);
        wire_write_key(w, "payload");
        wire_write_bytes(w, (const uint8_t *)"inner", 5);
        break;
    default:
        wire_write_text(w, "text", 4);
    }
}

static void put_key(struct wire_writer *w, struct sim_prng *r, const struct wire_envelope *e,
                    unsigned key)
{
    switch (key) {
    case 0:
        wire_write_key(w, "type");
        put_uint(w, r, e->type);
        break;
    case 1:
        wire_write_key(w, "req_id");
        put_uint(w, r, e->req_id);
        break;
    case 2:
        wire_write_key(w, "flags");
        put_uint(w, r, e->flags);
        break;
    case 3:
        wire_write_key(w, "payload");
        put_payload(w, r, e->payload);
        break;
    default:
        put_unknown(w, r);
    }
}

uint8_t *sim_odd_envelope(struct sim_prng *r, const struct wire_envelope *e, uint32_t *out_len)
{
    unsigned order[5] = {0, 1, 2, 3, 4};
    unsigned count = sim_prng_chance(r, 50) ? 5 : 4;
    bool is_indefinite = sim_prng_chance(r, 50), fits;
    struct wire_writer w;
    uint8_t *buf = malloc(ROOM(e->payload.len));
    size_t len;

    RT_INSIST(buf != NULL);
    for (unsigned i = count - 1; i > 0; i--) {
        unsigned j = (unsigned)sim_prng_below(r, i + 1), t = order[i];

        order[i] = order[j];
        order[j] = t;
    }
    wire_writer_init(&w, buf, ROOM(e->payload.len));
    if (is_indefinite)
        put_byte(&w, 0xbf);
    else
        wire_write_map(&w, count);
    for (unsigned i = 0; i < count; i++)
        put_key(&w, r, e, order[i]);
    if (is_indefinite)
        put_byte(&w, 0xff);
    if (sim_prng_chance(r, 25))
        wire_write_raw(&w, (const uint8_t *)"tail", 4);
    len = wire_writer_len(&w, &fits);
    RT_INSIST(fits);
    *out_len = (uint32_t)len;
    return buf;
}
