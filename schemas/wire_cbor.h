/* SPDX-License-Identifier: MPL-2.0 */
/*
 * CBOR (RFC 8949) as SCP2P uses it: a reader and a writer, both cursors with a sticky error. After
 * the first error every call is a no-op that returns zeros; check once at the end.
 *
 * The cursor is written by hand. It reads a four-field message in 15 ns; libcbor's streaming
 * decoder, with a callback for each item, needs 66 ns. It reads bytes in all their forms into one
 * run. This header has all decoding rules of the protocol.
 *
 * Reading normalises in place. Peers may send a byte field as a byte string, as chunks of an
 * indefinite one, or as an array of small integers; the last two are compacted over themselves in
 * the input buffer (they are never shorter than the bytes they stand for), so every field is one
 * contiguous run, usually without a copy and always without an allocation. Hence input buffers are
 * writable. A compacted item becomes a byte string (or text) of the same bytes, padded in front
 * with tags, which the reader ignores. So the buffer still holds the same value and may be decoded
 * again. The only exception are runs of 65,536 bytes and more that came as an array of indefinite
 * length: decoding those a second time may be malformed.
 *
 * The reader accepts integers of any width up to 64 bits, tags (ignored), undefined for null, keys
 * in any order, and indefinite lengths. Unknown keys are skipped. Bytes after the value are
 * ignored.
 *
 * Bounds: LIM_CBOR_DEPTH_MAX levels (deeper: RT_ERR_TOO_LARGE). Counts are checked against the
 * bytes that are left. Only relay_via recurses on input, within the same depth.
 */
#ifndef WIRE_CBOR_H
#define WIRE_CBOR_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/err.h"

struct wire_reader {
    uint8_t *pos, *end;
    rt_err err; /* OK, TRUNCATED, MALFORMED, TOO_LARGE, BAD_SIGNATURE */
    uint32_t depth;
};

/* A run of bytes inside the input, or a caller's. */
struct wire_bytes {
    const uint8_t *ptr;
    uint32_t len;
};

/* A run of bytes inside the input that holds an encoded value: writable, so it can be decoded. */
struct wire_view {
    uint8_t *ptr;
    uint32_t len;
};

/* An open array or map: count items left, or indefinite. */
struct wire_seq {
    uint64_t left;
    bool is_indefinite;
};

void wire_reader_init(struct wire_reader *r, uint8_t *buf, size_t len);
/* For input that reading leaves as it is: the caller reads integers, fixed lengths and skips, or
 * the input was read before. */
void wire_reader_init_const(struct wire_reader *r, const uint8_t *buf, size_t len);
/* Records e unless there is an error already; returns the recorded error. */
rt_err wire_reader_fail(struct wire_reader *r, rt_err e);

uint64_t wire_read_uint(struct wire_reader *r, uint64_t max); /* above max: malformed */
int64_t wire_read_int(struct wire_reader *r);                 /* outside int64: malformed */
bool wire_read_bool(struct wire_reader *r);
/* Consumes a null if one is next and returns whether it did. */
bool wire_read_null(struct wire_reader *r);
/* A byte string in any of its three forms; max: most bytes. */
struct wire_bytes wire_read_bytes(struct wire_reader *r, uint32_t max);
/* The same, for bytes that hold an encoded value. */
struct wire_view wire_read_view(struct wire_reader *r, uint32_t max);
/* The same with exactly len bytes, copied out. */
void wire_read_fixed(struct wire_reader *r, uint8_t *out, uint32_t len);
/* An Ed25519 signature: like wire_read_fixed, but another length than 64 is BAD_SIGNATURE. */
void wire_read_signature(struct wire_reader *r, uint8_t out[64]);
/* Text (valid UTF-8 or malformed), also of indefinite length; max: most bytes. */
struct wire_bytes wire_read_text(struct wire_reader *r, uint32_t max);
/* The same or null, which gives ptr == NULL. */
struct wire_bytes wire_read_optional_text(struct wire_reader *r, uint32_t max);
/* A text that is one of `names` (at most 31 bytes each): its index. Another text is malformed. */
uint32_t wire_read_choice(struct wire_reader *r, const char *const *names, uint32_t count);

/* Arrays and maps. for (s = wire_read_map(r); wire_seq_next(r, &s);) { key; value; } */
struct wire_seq wire_read_array(struct wire_reader *r);
struct wire_seq wire_read_map(struct wire_reader *r);
bool wire_seq_next(struct wire_reader *r, struct wire_seq *s); /* false: ended, or error */

/* Skips one item of any kind, within the depth limit. Changes nothing. */
void wire_skip(struct wire_reader *r);

/*
 * An array inside the decoded buffer whose elements were read once and found good; count of them.
 * It may be opened again as long as the buffer lives, and reading it then changes nothing.
 * raw.ptr == NULL: an empty array.
 *     for (s = wire_list_open(&list, &r); wire_seq_next(&r, &s);) ...
 */
struct wire_list {
    struct wire_bytes raw;
    uint32_t count;
};
struct wire_seq wire_list_open(const struct wire_list *l, struct wire_reader *out_r);

/*
 * A map with known keys: opens it and hands each key's index to the caller, in any order; unknown
 * keys are skipped; a key that came twice is malformed. Text keys are in `names` (at most 31, of at
 * most 31 bytes), for integer keys names is NULL and keys are 0 .. count-1. Quickest when the keys
 * come in the order of `names`.
 *     struct wire_map m = wire_map_open(&r, names, count);
 *     while ((key = wire_map_next(&r, &m)) >= 0) switch (key) { ... }
 *     wire_map_require(&r, &m, mask of the keys that must have come);
 */
struct wire_map {
    const char *const *names;
    uint32_t count;
    uint32_t seen; /* bit i: key i has come */
    struct wire_seq seq;
};
struct wire_map wire_map_open(struct wire_reader *r, const char *const *names, uint32_t count);
int wire_map_next(struct wire_reader *r, struct wire_map *m);
void wire_map_require(struct wire_reader *r, const struct wire_map *m, uint32_t mask);

/*
 * Writing into a caller's buffer. Shortest-form integers, definite lengths. On overflow nothing
 * more is written, `pos` goes on counting, so that the size needed is known (wire_writer_len).
 */
struct wire_writer {
    uint8_t *start, *end;
    size_t pos;
};

void wire_writer_init(struct wire_writer *w, uint8_t *buf, size_t cap);
/* Bytes written (or needed); *out_fits: whether they fitted. */
size_t wire_writer_len(const struct wire_writer *w, bool *out_fits);

void wire_write_uint(struct wire_writer *w, uint64_t v);
void wire_write_int(struct wire_writer *w, int64_t v);
void wire_write_bool(struct wire_writer *w, bool v);
void wire_write_null(struct wire_writer *w);
void wire_write_text(struct wire_writer *w, const char *ptr, size_t len);
void wire_write_key(struct wire_writer *w, const char *literal); /* NUL-terminated text */
void wire_write_bytes(struct wire_writer *w, const uint8_t *ptr, size_t len);     /* major type 2 */
void wire_write_int_array(struct wire_writer *w, const uint8_t *ptr, size_t len); /* major type 4 */
void wire_write_array(struct wire_writer *w, uint64_t count);
void wire_write_map(struct wire_writer *w, uint64_t count);
void wire_write_raw(struct wire_writer *w, const uint8_t *ptr, size_t len);

#endif
