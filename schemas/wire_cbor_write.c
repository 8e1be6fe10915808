/* SPDX-License-Identifier: MPL-2.0 */
#include "wire_cbor.h"

#include <string.h>

#include "wire_put.h"

void wire_writer_init(struct wire_writer *w, uint8_t *buf, size_t cap)
{
    w->start = buf;
    w->end = cap > 0 ? buf + cap : buf; /* NULL to measure only */
    w->pos = 0;
}

size_t wire_writer_len(const struct wire_writer *w, bool *out_fits)
{
    *out_fits = w->pos <= (size_t)(w->end - w->start);
    return w->pos;
}

/* Room for len bytes at the cursor, which moves on in any case; NULL: there is none. */
static uint8_t *advance(struct wire_writer *w, size_t len)
{
    size_t cap = (size_t)(w->end - w->start);
    uint8_t *at = cap > 0 && w->pos <= cap && len <= cap - w->pos ? w->start + w->pos : NULL;
    w->pos += len;
    return at;
}

void wire_write_raw(struct wire_writer *w, const uint8_t *ptr, size_t len)
{
    uint8_t *at = advance(w, len);
    if (at != NULL && len > 0)
        memcpy(at, ptr, len);
}

static void write_head(struct wire_writer *w, uint8_t major, uint64_t arg)
{
    uint8_t head[9];
    wire_write_raw(w, head, (size_t)(wire_put_head(head, major, arg) - head));
}

void wire_write_uint(struct wire_writer *w, uint64_t v)
{
    write_head(w, 0, v);
}

void wire_write_int(struct wire_writer *w, int64_t v)
{
    if (v >= 0)
        write_head(w, 0, (uint64_t)v);
    else
        write_head(w, 1, (uint64_t)(-1 - v));
}

void wire_write_bool(struct wire_writer *w, bool v)
{
    wire_write_raw(w, (const uint8_t[]){v ? 0xf5 : 0xf4}, 1);
}

void wire_write_null(struct wire_writer *w)
{
    wire_write_raw(w, (const uint8_t[]){0xf6}, 1);
}

void wire_write_text(struct wire_writer *w, const char *ptr, size_t len)
{
    write_head(w, 3, len);
    wire_write_raw(w, (const uint8_t *)ptr, len);
}

void wire_write_key(struct wire_writer *w, const char *literal)
{
    wire_write_text(w, literal, strlen(literal));
}

void wire_write_bytes(struct wire_writer *w, const uint8_t *ptr, size_t len)
{
    write_head(w, 2, len);
    wire_write_raw(w, ptr, len);
}

void wire_write_int_array(struct wire_writer *w, const uint8_t *ptr, size_t len)
{
    size_t wide = 0;
    for (size_t i = 0; i < len; i++)
        wide += ptr[i] >= 24;
    write_head(w, 4, len);
    uint8_t *at = advance(w, len + wide);
    if (at == NULL)
        return;
    for (size_t i = 0; i < len; i++) {
        bool is_wide = ptr[i] >= 24;
        *at = 24;
        at[is_wide] = ptr[i];
        at += 1 + is_wide;
    }
}

void wire_write_array(struct wire_writer *w, uint64_t count)
{
    write_head(w, 4, count);
}

void wire_write_map(struct wire_writer *w, uint64_t count)
{
    write_head(w, 5, count);
}
