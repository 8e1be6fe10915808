/* SPDX-License-Identifier: MPL-2.0 */
/*
 * The two directions of a connection's one stream, as bytes in memory: no packets, no clock.
 *
 * Output: slices in order. Sent bytes must stay in place until the peer acknowledges them, so a
 * slice is dropped only when its last byte is acknowledged.
 *
 *     [0 .. acked) dropped   [acked .. sent) in flight   [sent .. total) unsent
 *
 * Held input: bytes received while the host did not read. The peer's flow-control window limits
 * them, as it is extended only when they are delivered.
 */
#ifndef QUIC_STREAM_H
#define QUIC_STREAM_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/uio.h>

#include "abi/relay_buf.h"

typedef struct relay_buf *quic_buf_new_fn(size_t capacity);

struct quic_chunk;

struct quic_output {
    struct quic_chunk *head, *tail;
    struct quic_chunk *next; /* the first with unsent bytes; NULL: none */
    uint32_t next_at;        /* ... and their offset in it */
    uint32_t head_acked;     /* acknowledged bytes of the head */
    uint64_t total, sent, acked;
};

/* Takes v; views are copied, short ones even beyond the host's memory budget. False: no memory; a
 * part may have been queued. */
bool quic_output_push(struct quic_output *o, quic_buf_new_fn *buf_new, struct relay_vec *v);
/* The next unsent bytes, in at most max pieces: their number; *out_len: the sum of bytes. */
size_t quic_output_peek(const struct quic_output *o, struct iovec *v, size_t max, size_t *out_len);
/* n bytes, at most those of the last peek, are sent. */
void quic_output_sent(struct quic_output *o, size_t n);
/* The next n bytes in order are acknowledged. */
void quic_output_acked(struct quic_output *o, size_t n);
/* Drops everything. */
void quic_output_drop(struct quic_output *o);

static inline uint64_t quic_output_unsent(const struct quic_output *o)
{
    return o->total - o->sent;
}

static inline uint64_t quic_output_left(const struct quic_output *o)
{
    return o->total - o->acked;
}

struct quic_held {
    struct quic_chunk *head, *tail;
    uint32_t head_at; /* bytes of the head that were delivered */
    size_t bytes;
};

/* Keeps a copy, even beyond the host's memory budget. False: no memory. */
bool quic_held_push(struct quic_held *h, quic_buf_new_fn *buf_new, const uint8_t *p, size_t n);
/* Moves up to cap bytes to dst: their number. */
size_t quic_held_take(struct quic_held *h, uint8_t *dst, size_t cap);
void quic_held_drop(struct quic_held *h);

#endif
