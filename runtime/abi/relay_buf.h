/* SPDX-License-Identifier: MPL-2.0 */
/*
 * relay_buf: counted byte buffers and the slices that point into them.
 *
 * A buffer is writable only while its count is 1 and immutable once it was shared. A slice is
 * passed by value; it either owns one count of its buffer, or (owner == NULL) it is a *view* of
 * bytes of another owner, valid only until the call it was passed to returns.
 *
 * Threads: counts may be changed by any thread; bytes are read-only once shared, so a slice may
 * travel to another worker. Buffers come from relay_host.buf_new, which charges the byte budget;
 * the last drop gives the charge back.
 */
#ifndef RELAY_BUF_H
#define RELAY_BUF_H

#include <stdatomic.h>
#include <stddef.h>
#include <stdint.h>

struct relay_buf {
    _Atomic uint32_t refs;
    uint32_t capacity;                 /* bytes that bytes[] has room for */
    void (*free)(struct relay_buf *b); /* called by the last drop, on the dropping thread */
    uint8_t bytes[];
};

struct relay_slice {
    struct relay_buf *owner; /* NULL: a view, valid only for the call */
    const uint8_t *ptr;
    uint32_t len;
};

/* Most slices one send may carry: a frame head and a payload, with room to spare. */
#define RELAY_VEC_MAX 4u

/* The bytes of one send: the concatenation of its slices, in order. */
struct relay_vec {
    uint32_t count;
    struct relay_slice slice[RELAY_VEC_MAX];
};

static inline void relay_buf_ref(struct relay_buf *b)
{
    atomic_fetch_add_explicit(&b->refs, 1, memory_order_relaxed);
}

/* Drops one count and clears the caller's pointer; NULL is allowed. */
static inline void relay_buf_drop(struct relay_buf **b)
{
    struct relay_buf *old = *b;

    *b = NULL;
    if (old && atomic_fetch_sub_explicit(&old->refs, 1, memory_order_acq_rel) == 1)
        old->free(old);
}

/* A slice of len bytes at ptr inside b; takes over the caller's count of b. */
static inline struct relay_slice relay_slice_own(struct relay_buf *b, const uint8_t *ptr,
                                                 uint32_t len)
{
    return (struct relay_slice){.owner = b, .ptr = ptr, .len = len};
}

/* A view of len bytes at ptr: without a reference, valid for one call. */
static inline struct relay_slice relay_slice_view(const void *ptr, uint32_t len)
{
    return (struct relay_slice){.owner = NULL, .ptr = ptr, .len = len};
}

/* Another slice of the same bytes, with a count of its own. s must not be a view. */
static inline struct relay_slice relay_slice_ref(struct relay_slice s)
{
    relay_buf_ref(s.owner);
    return s;
}

/* Bytes [at, at + len) of s, with a count of its own when s has an owner. at + len <= s.len. */
static inline struct relay_slice relay_slice_sub(struct relay_slice s, uint32_t at, uint32_t len)
{
    if (s.owner)
        relay_buf_ref(s.owner);
    return (struct relay_slice){.owner = s.owner, .ptr = s.ptr + at, .len = len};
}

/* Moves *s out and leaves it empty. */
static inline struct relay_slice relay_slice_take(struct relay_slice *s)
{
    struct relay_slice out = *s;

    *s = (struct relay_slice){0};
    return out;
}

/* Gives back the slice's count (if it has one) and leaves it empty. */
static inline void relay_slice_drop(struct relay_slice *s)
{
    relay_buf_drop(&s->owner);
    s->ptr = NULL;
    s->len = 0;
}

static inline void relay_vec_drop(struct relay_vec *v)
{
    for (uint32_t i = 0; i < v->count; i++)
        relay_slice_drop(&v->slice[i]);
    v->count = 0;
}

static inline size_t relay_vec_len(const struct relay_vec *v)
{
    size_t n = 0;

    for (uint32_t i = 0; i < v->count; i++)
        n += v->slice[i].len;
    return n;
}

#endif
