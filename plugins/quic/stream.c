/* SPDX-License-Identifier: MPL-2.0 */
/*
 * Invariant: acked <= sent <= total, and the chunks from head hold the bytes [acked, total), of
 * which head_acked are already acknowledged in head. `next` and `next_at` are the place of byte
 * `sent`.
 */
#include "stream.h"

#include <stdlib.h>
#include <string.h>

#include "common/insist.h"

#define COPY_BYTES 1024u  /* room for the views of one send and of the next few */
#define HELD_BYTES 16384u /* likewise, for input */

struct quic_chunk {
    struct quic_chunk *next;
    struct relay_slice slice; /* owned */
    bool is_copy;             /* the buffer is ours alone: bytes may be appended */
};

static struct quic_chunk *chunk_new(struct relay_slice slice, bool is_copy)
{
    struct quic_chunk *k = malloc(sizeof(*k));

    if (!k)
        abort();
    *k = (struct quic_chunk){.slice = slice, .is_copy = is_copy};
    return k;
}

static void chunk_free(struct quic_chunk *k)
{
    relay_slice_drop(&k->slice);
    free(k);
}

/* Appends up to n bytes to a copy: the number that fitted. */
static size_t chunk_append(struct quic_chunk *k, const uint8_t *p, size_t n)
{
    struct relay_buf *b;
    size_t room, at;

    if (!k || !k->is_copy)
        return 0;
    b = k->slice.owner;
    at = (size_t)(k->slice.ptr - b->bytes) + k->slice.len;
    room = b->capacity - at;
    if (n > room)
        n = room;
    memcpy(b->bytes + at, p, n);
    k->slice.len += (uint32_t)n;
    return n;
}

static void uncharged_free(struct relay_buf *b)
{
    free(b);
}

/* Beyond the host's memory budget. Bytes that the peer's window limits, or a head of a few bytes,
 * must not end a connection because others use all memory. */
static struct relay_buf *uncharged_new(size_t capacity)
{
    struct relay_buf *b = malloc(sizeof(*b) + capacity);

    if (!b)
        return NULL;
    atomic_init(&b->refs, 1);
    b->capacity = (uint32_t)capacity;
    b->free = uncharged_free;
    return b;
}

/* A copy of n bytes in a buffer of at least `room`; NULL: no memory. */
static struct quic_chunk *chunk_copy(quic_buf_new_fn *buf_new, const uint8_t *p, size_t n,
                                     size_t room, bool may_exceed)
{
    struct relay_buf *b = buf_new(n > room ? n : room);

    if (!b && may_exceed)
        b = uncharged_new(n > room ? n : room);
    if (!b)
        return NULL;
    memcpy(b->bytes, p, n);
    return chunk_new(relay_slice_own(b, b->bytes, (uint32_t)n), true);
}

/* -- output -- */

static void output_link(struct quic_output *o, struct quic_chunk *k)
{
    if (o->tail)
        o->tail->next = k;
    else
        o->head = k;
    o->tail = k;
    if (!o->next) {
        o->next = k;
        o->next_at = 0;
    }
}

static bool push_view(struct quic_output *o, quic_buf_new_fn *buf_new, const uint8_t *p, size_t n)
{
    size_t done = chunk_append(o->tail, p, n);
    struct quic_chunk *k;

    if (done > 0 && !o->next) {
        o->next = o->tail;
        o->next_at = o->tail->slice.len - (uint32_t)done;
    }
    o->total += done;
    if (done == n)
        return true;
    k = chunk_copy(buf_new, p + done, n - done, COPY_BYTES, n <= COPY_BYTES);
    if (!k)
        return false;
    o->total += n - done;
    output_link(o, k);
    return true;
}

bool quic_output_push(struct quic_output *o, quic_buf_new_fn *buf_new, struct relay_vec *v)
{
    bool ok = true;

    for (uint32_t i = 0; i < v->count && ok; i++) {
        struct relay_slice *s = &v->slice[i];

        if (s->len == 0)
            continue;
        if (!s->owner) {
            ok = push_view(o, buf_new, s->ptr, s->len);
            continue;
        }
        o->total += s->len;
        output_link(o, chunk_new(relay_slice_take(s), false));
    }
    relay_vec_drop(v);
    return ok;
}

size_t quic_output_peek(const struct quic_output *o, struct iovec *v, size_t max, size_t *out_len)
{
    const struct quic_chunk *k = o->next;
    uint32_t at = o->next_at;
    size_t count = 0;

    *out_len = 0;
    for (; k && count < max; k = k->next, at = 0) {
        /* only read */
        v[count].iov_base = (void *)(uintptr_t)(k->slice.ptr + at);
        v[count].iov_len = k->slice.len - at;
        *out_len += v[count++].iov_len;
    }
    return count;
}

void quic_output_sent(struct quic_output *o, size_t n)
{
    PLUGIN_INSIST(n <= quic_output_unsent(o));
    o->sent += n;
    while (n > 0) {
        uint32_t left = o->next->slice.len - o->next_at;

        if (n < left) {
            o->next_at += (uint32_t)n;
            return;
        }
        n -= left;
        o->next = o->next->next;
        o->next_at = 0;
    }
}

void quic_output_acked(struct quic_output *o, size_t n)
{
    PLUGIN_INSIST(n <= o->sent - o->acked);
    o->acked += n;
    while (n > 0) {
        struct quic_chunk *k = o->head;
        uint32_t left = k->slice.len - o->head_acked;

        if (n < left) {
            o->head_acked += (uint32_t)n;
            return;
        }
        n -= left;
        o->head_acked = 0;
        o->head = k->next;
        if (!o->head)
            o->tail = NULL;
        chunk_free(k);
    }
}

void quic_output_drop(struct quic_output *o)
{
    while (o->head) {
        struct quic_chunk *k = o->head;

        o->head = k->next;
        chunk_free(k);
    }
    *o = (struct quic_output){0};
}

/* -- held input -- */

bool quic_held_push(struct quic_held *h, quic_buf_new_fn *buf_new, const uint8_t *p, size_t n)
{
    size_t done = chunk_append(h->tail, p, n);
    struct quic_chunk *k;

    h->bytes += done;
    if (done == n)
        return true;
    /* a second piece suggests that the stream is stalled: leave room for more */
    k = chunk_copy(buf_new, p + done, n - done, h->head ? HELD_BYTES : 0, true);
    if (!k)
        return false;
    h->bytes += n - done;
    if (h->tail)
        h->tail->next = k;
    else
        h->head = k;
    h->tail = k;
    return true;
}

size_t quic_held_take(struct quic_held *h, uint8_t *dst, size_t cap)
{
    size_t got = 0;

    while (h->head && got < cap) {
        struct quic_chunk *k = h->head;
        size_t n = k->slice.len - h->head_at;

        if (n > cap - got)
            n = cap - got;
        memcpy(dst + got, k->slice.ptr + h->head_at, n);
        got += n;
        h->head_at += (uint32_t)n;
        if (h->head_at < k->slice.len)
            break;
        h->head_at = 0;
        h->head = k->next;
        if (!h->head)
            h->tail = NULL;
        chunk_free(k);
    }
    h->bytes -= got;
    return got;
}

void quic_held_drop(struct quic_held *h)
{
    while (h->head) {
        struct quic_chunk *k = h->head;

        h->head = k->next;
        chunk_free(k);
    }
    *h = (struct quic_held){0};
}
