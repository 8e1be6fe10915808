/* SPDX-License-Identifier: MPL-2.0 */
/*
 * Invariants: a reader's pos never passes its end, and the first error stays. Bytes are compacted
 * only over input that was read already: an encoded item is never shorter than its bytes.
 */
#include "wire_cbor.h"

#include <string.h>

#include "base/check.h"
#include "wire_limits.h"
#include "wire_put.h"

enum major { UINT, NEGATIVE, BYTES, TEXT, ARRAY, MAP, TAG, OTHER };

#define INFO_INDEFINITE 31u
#define BREAK 0xffu
#define PADDING_TAG 0xd7u /* any tag of one byte; a reader ignores it */
#define NAME_MAX_BYTES 31u

static const struct wire_view no_view = {NULL, 0};
static const struct wire_bytes no_bytes = {NULL, 0};

struct head {
    uint8_t major;
    uint8_t info;
    uint64_t arg;
};

void wire_reader_init(struct wire_reader *r, uint8_t *buf, size_t len)
{
    static uint8_t nothing[1];
    r->pos = buf != NULL ? buf : nothing;
    r->end = r->pos + (buf != NULL ? len : 0);
    r->err = RT_ERR_OK;
    r->depth = 0;
}

void wire_reader_init_const(struct wire_reader *r, const uint8_t *buf, size_t len)
{
    /* The reader writes only where it compacts, which such input has no occasion for. */
    wire_reader_init(r, (uint8_t *)(uintptr_t)buf, len);
}

rt_err wire_reader_fail(struct wire_reader *r, rt_err e)
{
    if (r->err == RT_ERR_OK)
        r->err = e;
    return r->err;
}

static inline size_t left(const struct wire_reader *r)
{
    return (size_t)(r->end - r->pos);
}

static bool read_one_head(struct wire_reader *r, struct head *h)
{
    if (left(r) < 1) {
        wire_reader_fail(r, RT_ERR_TRUNCATED);
        return false;
    }
    h->major = *r->pos >> 5;
    h->info = *r->pos & 0x1f;
    r->pos++;
    h->arg = h->info;
    if (h->info < 24)
        return true;
    if (h->info > 27) {
        if (h->info == INFO_INDEFINITE && h->major != UINT && h->major != NEGATIVE &&
            h->major != TAG)
            return true;
        wire_reader_fail(r, RT_ERR_MALFORMED);
        return false;
    }
    size_t width = (size_t)1 << (h->info - 24);
    if (left(r) < width) {
        wire_reader_fail(r, RT_ERR_TRUNCATED);
        return false;
    }
    h->arg = 0;
    for (size_t i = 0; i < width; i++)
        h->arg = h->arg << 8 | *r->pos++;
    return true;
}

/* The next item's head, past any tags. */
static bool read_head(struct wire_reader *r, struct head *h)
{
    if (r->err != RT_ERR_OK)
        return false;
    do {
        if (!read_one_head(r, h))
            return false;
    } while (h->major == TAG);
    return true;
}

static bool is_indefinite(const struct head *h)
{
    return h->info == INFO_INDEFINITE;
}

static bool take_break(struct wire_reader *r)
{
    if (left(r) < 1) {
        wire_reader_fail(r, RT_ERR_TRUNCATED);
        return false;
    }
    if (*r->pos != BREAK)
        return false;
    r->pos++;
    return true;
}

/* -- scalars -- */

uint64_t wire_read_uint(struct wire_reader *r, uint64_t max)
{
    struct head h;
    if (!read_head(r, &h))
        return 0;
    if (h.major != UINT || h.arg > max) {
        wire_reader_fail(r, RT_ERR_MALFORMED);
        return 0;
    }
    return h.arg;
}

int64_t wire_read_int(struct wire_reader *r)
{
    struct head h;
    if (!read_head(r, &h))
        return 0;
    if (h.major > NEGATIVE || h.arg > INT64_MAX) {
        wire_reader_fail(r, RT_ERR_MALFORMED);
        return 0;
    }
    return h.major == UINT ? (int64_t)h.arg : -1 - (int64_t)h.arg;
}

bool wire_read_bool(struct wire_reader *r)
{
    struct head h;
    if (!read_head(r, &h))
        return false;
    if (h.major != OTHER || (h.info != 20 && h.info != 21)) {
        wire_reader_fail(r, RT_ERR_MALFORMED);
        return false;
    }
    return h.info == 21;
}

bool wire_read_null(struct wire_reader *r)
{
    if (r->err != RT_ERR_OK || left(r) < 1 || (*r->pos != 0xf6 && *r->pos != 0xf7))
        return false;
    r->pos++;
    return true;
}

/* -- runs of bytes -- */

/* Items of an array of integers below 256, n of them, written to dst. dst may lie behind the
 * cursor in the same buffer: an item is never shorter than the byte it stands for. */
static bool collect_ints(struct wire_reader *r, uint8_t *dst, uint64_t n)
{
    for (uint64_t i = 0; i < n; i++) {
        if (left(r) >= 2 && r->pos[0] <= 24) {
            uint32_t is_wide = r->pos[0] == 24;
            dst[i] = r->pos[is_wide];
            r->pos += 1 + is_wide;
        } else {
            uint8_t v = (uint8_t)wire_read_uint(r, UINT8_MAX);
            if (r->err != RT_ERR_OK)
                return false;
            dst[i] = v;
        }
    }
    return true;
}

static uint32_t collect_int_array(struct wire_reader *r, const struct head *h, uint8_t *dst,
                                  uint32_t max)
{
    if (!is_indefinite(h)) {
        if (h->arg > left(r))
            wire_reader_fail(r, RT_ERR_TRUNCATED);
        else if (h->arg > max)
            wire_reader_fail(r, RT_ERR_TOO_LARGE);
        else if (collect_ints(r, dst, h->arg))
            return (uint32_t)h->arg;
        return 0;
    }
    uint32_t n = 0;
    while (!take_break(r) && r->err == RT_ERR_OK) {
        if (n == max) {
            wire_reader_fail(r, RT_ERR_TOO_LARGE);
            return 0;
        }
        if (!collect_ints(r, dst + n, 1))
            return 0;
        n++;
    }
    return n;
}

static uint32_t collect_chunks(struct wire_reader *r, uint8_t major, uint8_t *dst, uint32_t max)
{
    uint32_t n = 0;
    while (!take_break(r) && r->err == RT_ERR_OK) {
        struct head h;
        if (!read_one_head(r, &h))
            return 0;
        if (h.major != major || is_indefinite(&h))
            wire_reader_fail(r, RT_ERR_MALFORMED);
        else if (h.arg > left(r))
            wire_reader_fail(r, RT_ERR_TRUNCATED);
        else if (h.arg > max - n)
            wire_reader_fail(r, RT_ERR_TOO_LARGE);
        if (r->err != RT_ERR_OK)
            return 0;
        memmove(dst + n, r->pos, (size_t)h.arg);
        r->pos += h.arg;
        n += (uint32_t)h.arg;
    }
    return n;
}

/* The bytes of the string or array whose head h was read, in any form, to dst (which may be where
 * the item began). Returns how many; check r->err. */
static uint32_t collect(struct wire_reader *r, const struct head *h, uint8_t major, uint8_t *dst,
                        uint32_t max)
{
    if (h->major == ARRAY && major == BYTES)
        return collect_int_array(r, h, dst, max);
    if (h->major != major) {
        wire_reader_fail(r, RT_ERR_MALFORMED);
        return 0;
    }
    if (is_indefinite(h))
        return collect_chunks(r, major, dst, max);
    if (h->arg > left(r)) {
        wire_reader_fail(r, RT_ERR_TRUNCATED);
        return 0;
    }
    if (h->arg > max) {
        wire_reader_fail(r, RT_ERR_TOO_LARGE);
        return 0;
    }
    memmove(dst, r->pos, (size_t)h->arg);
    r->pos += h->arg;
    return (uint32_t)h->arg;
}

/*
 * The item start .. end was compacted to n bytes at start: makes it [padding][head][bytes]. Only an
 * array of indefinite length may have no room for the head: when each element took one byte it is
 * put back as it was, otherwise it is not to be read again.
 */
static struct wire_view settle(uint8_t *start, uint8_t *end, uint32_t n, uint8_t major)
{
    uint8_t head[9];
    size_t head_len = (size_t)(wire_put_head(head, major, n) - head);
    size_t room = (size_t)(end - start) - n;
    if (room >= head_len) {
        memmove(end - n, start, n);
        memset(start, PADDING_TAG, room - head_len);
        memcpy(end - n - head_len, head, head_len);
        return (struct wire_view){end - n, n};
    }
    memmove(start + 1, start, n);
    memset(start + 1 + n, BREAK, room - 1);
    start[0] = room == 2 ? ARRAY << 5 | INFO_INDEFINITE : BREAK;
    return (struct wire_view){start + 1, n};
}

static struct wire_view read_run(struct wire_reader *r, uint8_t major, uint32_t max)
{
    uint8_t *start = r->pos;
    struct head h;
    if (!read_head(r, &h))
        return no_view;
    if (h.major == major && !is_indefinite(&h)) {
        if (h.arg > left(r) || h.arg > max) {
            wire_reader_fail(r, h.arg > left(r) ? RT_ERR_TRUNCATED : RT_ERR_TOO_LARGE);
            return no_view;
        }
        struct wire_view run = {r->pos, (uint32_t)h.arg};
        r->pos += h.arg;
        return run;
    }
    uint32_t n = collect(r, &h, major, start, max);
    return r->err == RT_ERR_OK ? settle(start, r->pos, n, major) : no_view;
}

struct wire_view wire_read_view(struct wire_reader *r, uint32_t max)
{
    return read_run(r, BYTES, max);
}

struct wire_bytes wire_read_bytes(struct wire_reader *r, uint32_t max)
{
    struct wire_view run = read_run(r, BYTES, max);
    return (struct wire_bytes){run.ptr, run.len};
}

void wire_read_fixed(struct wire_reader *r, uint8_t *out, uint32_t len)
{
    struct head h;
    if (read_head(r, &h)) {
        uint32_t n = collect(r, &h, BYTES, out, len);
        if (r->err == RT_ERR_OK && n == len)
            return;
        if (r->err == RT_ERR_OK || r->err == RT_ERR_TOO_LARGE)
            r->err = RT_ERR_MALFORMED;
    }
    memset(out, 0, len);
}

void wire_read_signature(struct wire_reader *r, uint8_t out[64])
{
    struct wire_bytes sig = wire_read_bytes(r, UINT32_MAX);
    if (r->err == RT_ERR_OK && sig.len == 64) {
        memcpy(out, sig.ptr, 64);
        return;
    }
    wire_reader_fail(r, RT_ERR_BAD_SIGNATURE);
    memset(out, 0, 64);
}

/* Bytes of the UTF-8 sequence at p, which is not ASCII; 0: not valid. */
static size_t utf8_sequence(const uint8_t *p, size_t room)
{
    size_t n = p[0] >= 0xf0 ? 4 : p[0] >= 0xe0 ? 3 : 2;
    if (p[0] < 0xc2 || p[0] > 0xf4 || room < n)
        return 0;
    uint32_t code = p[0] & (0x7fu >> n);
    for (size_t i = 1; i < n; i++) {
        if ((p[i] & 0xc0) != 0x80)
            return 0;
        code = code << 6 | (p[i] & 0x3f);
    }
    if ((n == 3 && code < 0x800) || (n == 4 && code < 0x10000) || code > 0x10ffff ||
        (code >= 0xd800 && code <= 0xdfff))
        return 0;
    return n;
}

static bool is_utf8(const uint8_t *p, size_t len)
{
    for (size_t i = 0; i < len;) {
        size_t n = p[i] < 0x80 ? 1 : utf8_sequence(p + i, len - i);
        if (n == 0)
            return false;
        i += n;
    }
    return true;
}

struct wire_bytes wire_read_text(struct wire_reader *r, uint32_t max)
{
    struct wire_view text = read_run(r, TEXT, max);
    if (is_utf8(text.ptr, text.len))
        return (struct wire_bytes){text.ptr, text.len};
    wire_reader_fail(r, RT_ERR_MALFORMED);
    return no_bytes;
}

struct wire_bytes wire_read_optional_text(struct wire_reader *r, uint32_t max)
{
    return wire_read_null(r) ? no_bytes : wire_read_text(r, max);
}

static bool is_name(const char *name, const uint8_t *p, size_t len)
{
    for (size_t i = 0; i < len; i++)
        if (name[i] == '\0' || (uint8_t)name[i] != p[i])
            return false;
    return name[len] == '\0';
}

/* The name at the cursor, as an index; -1: a text, or another item, that is none of them. `hint` is
 * tried first. */
static int read_name(struct wire_reader *r, const char *const *names, uint32_t count, uint32_t hint)
{
    struct wire_reader probe = *r;
    struct head h;
    uint8_t copy[NAME_MAX_BYTES];
    const uint8_t *p = copy;
    size_t len;
    if (!read_head(&probe, &h)) {
        wire_reader_fail(r, probe.err);
        return -1;
    }
    if ((h.major == TEXT || h.major == BYTES) && !is_indefinite(&h) && h.arg <= left(&probe)) {
        p = probe.pos;
        len = (size_t)h.arg;
        r->pos = probe.pos + len;
    } else {
        wire_skip(r);
        if (h.major != TEXT || r->err != RT_ERR_OK)
            return -1;
        len = collect(&probe, &h, TEXT, copy, sizeof copy);
        if (probe.err != RT_ERR_OK)
            return -1;
    }
    if (hint < count && is_name(names[hint], p, len))
        return (int)hint;
    for (uint32_t i = 0; i < count; i++)
        if (is_name(names[i], p, len))
            return (int)i;
    return -1;
}

uint32_t wire_read_choice(struct wire_reader *r, const char *const *names, uint32_t count)
{
    int i = r->err == RT_ERR_OK ? read_name(r, names, count, 0) : -1;
    if (i >= 0)
        return (uint32_t)i;
    wire_reader_fail(r, RT_ERR_MALFORMED);
    return 0;
}

/* -- arrays and maps -- */

static struct wire_seq open_seq(struct wire_reader *r, uint8_t major, uint64_t items_each)
{
    struct wire_seq none = {0, false};
    struct head h;
    if (!read_head(r, &h))
        return none;
    if (h.major != major)
        wire_reader_fail(r, RT_ERR_MALFORMED);
    else if (r->depth == LIM_CBOR_DEPTH_MAX)
        wire_reader_fail(r, RT_ERR_TOO_LARGE);
    else if (!is_indefinite(&h) && h.arg > left(r) / items_each)
        wire_reader_fail(r, RT_ERR_TRUNCATED);
    if (r->err != RT_ERR_OK)
        return none;
    r->depth++;
    return (struct wire_seq){is_indefinite(&h) ? 0 : h.arg, is_indefinite(&h)};
}

struct wire_seq wire_read_array(struct wire_reader *r)
{
    return open_seq(r, ARRAY, 1);
}

struct wire_seq wire_read_map(struct wire_reader *r)
{
    return open_seq(r, MAP, 2);
}

bool wire_seq_next(struct wire_reader *r, struct wire_seq *s)
{
    if (r->err != RT_ERR_OK)
        return false;
    bool has_ended = s->is_indefinite ? take_break(r) : s->left == 0;
    if (has_ended)
        r->depth--;
    else if (!s->is_indefinite)
        s->left--;
    return !has_ended && r->err == RT_ERR_OK;
}

struct wire_seq wire_list_open(const struct wire_list *l, struct wire_reader *out_r)
{
    wire_reader_init_const(out_r, l->raw.ptr, l->raw.len);
    if (l->raw.ptr != NULL)
        return wire_read_array(out_r);
    out_r->depth = 1;
    return (struct wire_seq){0, false};
}

/* -- skipping -- */

struct level {
    struct wire_seq seq;
    bool is_map;
    bool is_odd; /* so far an odd number of items: a key without its value */
};

static void skip_chunks(struct wire_reader *r, uint8_t major)
{
    while (!take_break(r) && r->err == RT_ERR_OK) {
        struct head h;
        if (!read_one_head(r, &h))
            return;
        if (h.major != major || is_indefinite(&h))
            wire_reader_fail(r, RT_ERR_MALFORMED);
        else if (h.arg > left(r))
            wire_reader_fail(r, RT_ERR_TRUNCATED);
        else
            r->pos += h.arg;
    }
}

/* Skips a number or a string and returns false, or opens an array or map and returns true. */
static bool skip_or_open(struct wire_reader *r, struct level *out)
{
    struct wire_reader probe = *r;
    struct head h;
    if (!read_head(&probe, &h)) {
        wire_reader_fail(r, probe.err);
        return false;
    }
    if (h.major == ARRAY || h.major == MAP) {
        *out = (struct level){open_seq(r, h.major, h.major == MAP ? 2 : 1), h.major == MAP, false};
        out->seq.left *= out->is_map ? 2 : 1;
        return r->err == RT_ERR_OK;
    }
    *r = probe;
    if (h.major == BYTES || h.major == TEXT) {
        if (is_indefinite(&h))
            skip_chunks(r, h.major);
        else if (h.arg > left(r))
            wire_reader_fail(r, RT_ERR_TRUNCATED);
        else
            r->pos += h.arg;
    } else if (is_indefinite(&h)) {
        wire_reader_fail(r, RT_ERR_MALFORMED);
    }
    return false;
}

static bool next_to_skip(struct wire_reader *r, struct level *l)
{
    if (wire_seq_next(r, &l->seq)) {
        l->is_odd = !l->is_odd;
        return true;
    }
    if (l->is_map && l->is_odd)
        wire_reader_fail(r, RT_ERR_MALFORMED);
    return false;
}

void wire_skip(struct wire_reader *r)
{
    struct level open[LIM_CBOR_DEPTH_MAX + 1];
    uint32_t n = 0;
    do {
        if (skip_or_open(r, &open[n]))
            n++;
        while (n > 0 && !next_to_skip(r, &open[n - 1]))
            n--;
    } while (n > 0);
}

/* -- maps with known keys -- */

struct wire_map wire_map_open(struct wire_reader *r, const char *const *names, uint32_t count)
{
    RT_REQUIRE(count < 32);
    return (struct wire_map){names, count, 0, wire_read_map(r)};
}

static int read_index(struct wire_reader *r, uint32_t count)
{
    struct wire_reader probe = *r;
    struct head h;
    if (read_head(&probe, &h) && h.major == UINT) {
        *r = probe;
        return h.arg < count ? (int)h.arg : -1;
    }
    wire_skip(r);
    return -1;
}

int wire_map_next(struct wire_reader *r, struct wire_map *m)
{
    while (wire_seq_next(r, &m->seq)) {
        uint32_t hint = (uint32_t)__builtin_ctz(~m->seen);
        int key =
            m->names != NULL ? read_name(r, m->names, m->count, hint) : read_index(r, m->count);
        if (key < 0) {
            wire_skip(r);
            continue;
        }
        if (m->seen & 1u << key) {
            wire_reader_fail(r, RT_ERR_MALFORMED);
            return -1;
        }
        m->seen |= 1u << key;
        return key;
    }
    return -1;
}

void wire_map_require(struct wire_reader *r, const struct wire_map *m, uint32_t mask)
{
    if ((m->seen & mask) != mask)
        wire_reader_fail(r, RT_ERR_MALFORMED);
}
