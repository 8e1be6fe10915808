/* SPDX-License-Identifier: MPL-2.0 */
#include "unit/schemas/odd.h"

#include <stdbool.h>
#include <string.h>

#include "base/check.h"

struct odd {
    const uint8_t *pos, *end; /* input */
    uint8_t *out, *out_end;
    unsigned forms;
    uint64_t *rng;
};

uint64_t odd_random(uint64_t *rng)
{
    *rng ^= *rng >> 12;
    *rng ^= *rng << 25;
    *rng ^= *rng >> 27;
    return *rng * UINT64_C(0x2545f4914f6cdd1d);
}

static bool applies(struct odd *o, enum odd_form form)
{
    return (o->forms & form) != 0 && (o->rng == NULL || odd_random(o->rng) >> 63 != 0);
}

static void put(struct odd *o, const void *bytes, size_t len)
{
    RT_INSIST(len <= (size_t)(o->out_end - o->out));
    memcpy(o->out, bytes, len);
    o->out += len;
}

static void put_byte(struct odd *o, uint8_t byte)
{
    put(o, &byte, 1);
}

static void put_head(struct odd *o, uint8_t major, uint64_t arg)
{
    size_t width = arg < 24 ? 0 : arg < 256 ? 1 : arg < 65536 ? 2 : arg <= UINT32_MAX ? 4 : 8;
    if (applies(o, ODD_WIDE_HEADS))
        width = 8;
    if (width == 0) {
        put_byte(o, (uint8_t)(major << 5 | arg));
        return;
    }
    uint8_t info = width == 1 ? 24 : width == 2 ? 25 : width == 4 ? 26 : 27;
    put_byte(o, (uint8_t)(major << 5 | info));
    for (size_t i = width; i-- > 0;)
        put_byte(o, (uint8_t)(arg >> (8 * i)));
}

static uint64_t take_head(struct odd *o, uint8_t *out_major)
{
    RT_INSIST(o->pos < o->end);
    uint8_t first = *o->pos++;
    *out_major = first >> 5;
    uint64_t arg = first & 31;
    if (arg < 24)
        return arg;
    RT_INSIST(arg <= 27);
    size_t width = (size_t)1 << (arg - 24);
    RT_INSIST(width <= (size_t)(o->end - o->pos));
    arg = 0;
    for (size_t i = 0; i < width; i++)
        arg = arg << 8 | *o->pos++;
    return arg;
}

static void write_as_ints(struct odd *o, const uint8_t *bytes, size_t len)
{
    bool is_indefinite = applies(o, ODD_INDEFINITE);
    if (is_indefinite)
        put_byte(o, 0x9f);
    else
        put_head(o, 4, len);
    for (size_t i = 0; i < len; i++)
        put_head(o, 0, bytes[i]);
    if (is_indefinite)
        put_byte(o, 0xff);
}

static void write_string(struct odd *o, uint8_t major, const uint8_t *bytes, size_t len)
{
    if (major == 2 && applies(o, ODD_BYTES_AS_INTS)) {
        write_as_ints(o, bytes, len);
        return;
    }
    if (!applies(o, ODD_CHUNKS)) {
        put_head(o, major, len);
        put(o, bytes, len);
        return;
    }
    put_byte(o, (uint8_t)(major << 5 | 31));
    for (size_t at = 0, step = 1; at < len; at += step, step = step * 2 + 1) {
        if (step > len - at)
            step = len - at;
        put_head(o, major, step);
        put(o, bytes + at, step);
        put_head(o, major, 0);
    }
    put_byte(o, 0xff);
}

/* An array that stands for a byte field of fixed length. */
static bool take_byte_array(struct odd *o, uint64_t count, uint8_t bytes[64])
{
    if (count != 4 && count != 16 && count != 20 && count != 32 && count != 64)
        return false;
    const uint8_t *start = o->pos;
    for (uint64_t i = 0; i < count; i++) {
        uint8_t major;
        uint64_t v = o->pos < o->end && *o->pos >> 5 == 0 ? take_head(o, &major) : 256;
        if (v > 255) {
            o->pos = start;
            return false;
        }
        bytes[i] = (uint8_t)v;
    }
    return true;
}

static void write_item(struct odd *o);

static void skip_item(struct odd *o)
{
    uint8_t major;
    uint64_t arg = take_head(o, &major);
    if (major == 2 || major == 3)
        o->pos += arg;
    else if (major == 4 || major == 5)
        for (uint64_t i = 0; i < (major == 5 ? 2 * arg : arg); i++)
            skip_item(o);
}

static void write_unknown(struct odd *o)
{
    static const uint8_t entry[] = "\x67unknown\x83\xa1\x01\x82\xf6\xf5\xfb@\x09!\xfbTD-\x18\x7f"
                                   "ax`\xff";
    put(o, entry, sizeof entry - 1);
}

static void write_map(struct odd *o, uint64_t count)
{
    const uint8_t *pairs[64];
    bool is_indefinite = applies(o, ODD_INDEFINITE), is_reversed = applies(o, ODD_REVERSED);
    bool has_unknown = applies(o, ODD_UNKNOWN_KEYS);
    RT_INSIST(count <= 64);
    for (uint64_t i = 0; i < count; i++) {
        pairs[i] = o->pos;
        skip_item(o);
        skip_item(o);
    }
    const uint8_t *end = o->pos;
    if (is_indefinite)
        put_byte(o, 0xbf);
    else
        put_head(o, 5, count + has_unknown);
    if (has_unknown)
        write_unknown(o);
    for (uint64_t i = 0; i < count; i++) {
        o->pos = pairs[is_reversed ? count - 1 - i : i];
        write_item(o);
        write_item(o);
    }
    if (is_indefinite)
        put_byte(o, 0xff);
    o->pos = end;
}

static void write_array(struct odd *o, uint64_t count)
{
    uint8_t bytes[64];
    if (applies(o, ODD_INTS_AS_BYTES) && take_byte_array(o, count, bytes)) {
        write_string(o, 2, bytes, count);
        return;
    }
    bool is_indefinite = applies(o, ODD_INDEFINITE);
    if (is_indefinite)
        put_byte(o, 0x9f);
    else
        put_head(o, 4, count);
    for (uint64_t i = 0; i < count; i++)
        write_item(o);
    if (is_indefinite)
        put_byte(o, 0xff);
}

static void write_item(struct odd *o)
{
    uint8_t major;
    uint64_t arg = take_head(o, &major);
    if (major != 7 && applies(o, ODD_TAGS))
        put_head(o, 6, 23);
    switch (major) {
    case 2:
    case 3:
        RT_INSIST(arg <= (size_t)(o->end - o->pos));
        o->pos += arg;
        write_string(o, major, o->pos - arg, arg);
        break;
    case 4:
        write_array(o, arg);
        break;
    case 5:
        write_map(o, arg);
        break;
    case 7:
        put_byte(o, (uint8_t)(7 << 5 | arg));
        break;
    default:
        put_head(o, major, arg);
    }
}

size_t odd_write(const uint8_t *in, size_t len, size_t tag_len, unsigned forms, uint64_t *rng,
                 uint8_t *out, size_t cap)
{
    RT_INSIST(tag_len <= len);
    struct odd o = {in + tag_len, in + len, out, out + cap, forms, rng};
    put(&o, in, tag_len);
    write_item(&o);
    RT_INSIST(o.pos == o.end);
    return (size_t)(o.out - out);
}
