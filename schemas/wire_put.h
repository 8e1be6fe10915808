/* SPDX-License-Identifier: MPL-2.0 */
/*
 * Private to this room: the canonical encoding of the hot messages, written and recognised without
 * the general cursor. A writer here puts bytes where the caller has made room; a taker consumes the
 * one encoding today's clients send and returns false for anything else, which then goes to the
 * general reader from the start. Takers change nothing in the input.
 */
#ifndef WIRE_PUT_H
#define WIRE_PUT_H

#include <stdbool.h>
#include <stdint.h>
#include <string.h>

#include "wire_cbor.h"

/* Shortest-form head, at most 9 bytes; returns the place behind it. */
static inline uint8_t *wire_put_head(uint8_t *p, uint8_t major, uint64_t arg)
{
    uint8_t top = (uint8_t)(major << 5);
    uint8_t width = arg < 24 ? 0 : arg <= 0xff ? 1 : arg <= 0xffff ? 2 : arg <= 0xffffffff ? 4 : 8;
    if (width == 0) {
        *p++ = (uint8_t)(top | arg);
        return p;
    }
    *p++ = (uint8_t)(top | (24 + __builtin_ctz(width)));
    for (uint8_t shift = (uint8_t)(8 * width); shift > 0;)
        *p++ = (uint8_t)(arg >> (shift -= 8));
    return p;
}

/* Literal bytes, by their count without the closing NUL. Heads in them are written in octal, where
 * a text of n bytes begins with 0140 + n and a map of n pairs with 0240 + n. */
#define WIRE_PUT(p, literal)                                                                       \
    ((uint8_t *)memcpy((p), (literal), sizeof(literal) - 1) + sizeof(literal) - 1)

struct wire_taker {
    uint8_t *pos, *end;
};

static inline bool wire_take_literal(struct wire_taker *t, const char *literal, size_t len)
{
    if ((size_t)(t->end - t->pos) < len || memcmp(t->pos, literal, len) != 0)
        return false;
    t->pos += len;
    return true;
}
#define WIRE_TAKE(t, literal) wire_take_literal((t), (literal), sizeof(literal) - 1)

/* A head of this major type; its argument is at most max. */
static inline bool wire_take_head(struct wire_taker *t, uint8_t major, uint64_t max,
                                  uint64_t *out_arg)
{
    size_t left = (size_t)(t->end - t->pos);
    if (left < 1 || *t->pos >> 5 != major)
        return false;
    uint32_t info = *t->pos & 0x1f;
    uint64_t arg = info;
    size_t width = info < 24 ? 0 : (size_t)1 << (info - 24);
    if (info > 27 || left < 1 + width)
        return false;
    if (width > 0)
        arg = 0;
    for (size_t i = 1; i <= width; i++)
        arg = arg << 8 | t->pos[i];
    if (arg > max)
        return false;
    t->pos += 1 + width;
    *out_arg = arg;
    return true;
}

static inline bool wire_take_view(struct wire_taker *t, uint64_t max, struct wire_view *out)
{
    uint64_t len;
    if (!wire_take_head(t, 2, max, &len) || len > (size_t)(t->end - t->pos))
        return false;
    *out = (struct wire_view){t->pos, (uint32_t)len};
    t->pos += len;
    return true;
}

#endif
