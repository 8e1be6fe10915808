/* SPDX-License-Identifier: MPL-2.0 */
/*
 * The two directions of a connection's one stream, as bytes in memory: no packets, no clock.
 *
 * Output: slices in order. What was handed to the network must stay where it is until the peer has
 * acknowledged it, so a slice is given back only when its last byte is.
 *
 *     [0 .. acked) given back   [acked .. sent) on its way   [sent .. total) still to go
 *
 * Input held: bytes that came while the host did not want them. The peer's flow-control window
 * bounds them: it is told of new room only as they are taken.
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
    struct quic_chunk *next; /* the first with bytes to go; NULL: none */
    uint32_t next_at;        /* ... and where in it */
    uint32_t head_acked;     /* bytes of the head that were acknowledged */
    uint64_t total, sent, acked;
};

/* Takes v over; views are copied, short ones beyond the host's budget when that is used up. False:
 * no memory at all, some of it may have been queued. */
bool quic_output_push(struct quic_output *o, quic_buf_new_fn *buf_new, struct relay_vec *v);
/* The next bytes to go, at most max pieces: their number; *out_len their bytes together. */
size_t quic_output_peek(const struct quic_output *o, struct iovec *v, size_t max, size_t *out_len);
/* n <= what peek gave are on their way. */
void quic_output_sent(struct quic_output *o, size_t n);
/* The next n bytes in order are acknowledged. */
void quic_output_acked(struct quic_output *o, size_t n);
/* Gives everything back. */
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
    uint32_t head_at; /* bytes of the head that were taken */
    size_t bytes;
};

/* Keeps a copy, beyond the host's budget when that is used up. False: no memory at all. */
bool quic_held_push(struct quic_held *h, quic_buf_new_fn *buf_new, const uint8_t *p, size_t n);
/* Moves up to cap bytes to dst: their number. */
size_t quic_held_take(struct quic_held *h, uint8_t *dst, size_t cap);
void quic_held_drop(struct quic_held *h);

#endif
