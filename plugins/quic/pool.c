/* SPDX-License-Identifier: MPL-2.0 */
#include "pool.h"

#include <stdlib.h>
#include <string.h>

#define LARGE_BYTES 16384u

struct quic_pool {
    ngtcp2_mem mem;
    struct relay_buf *(*buf_new)(size_t capacity);
    size_t bytes;
};

/* In front of every block; as long as what the library may want its blocks aligned to. */
struct head {
    size_t size;
    struct relay_buf *buf; /* it lies in; NULL: in none */
};

_Static_assert(sizeof(struct head) % _Alignof(max_align_t) == 0, "blocks are aligned");
_Static_assert(offsetof(struct relay_buf, bytes) % _Alignof(struct head) == 0, "heads are");

static void *pool_malloc(size_t n, void *ctx)
{
    struct quic_pool *p = ctx;
    struct relay_buf *b = NULL;
    struct head *h;

    if (n > SIZE_MAX - sizeof(*h))
        return NULL;
    if (n > LARGE_BYTES) {
        b = p->buf_new(sizeof(*h) + n);
        h = b ? (struct head *)(void *)b->bytes : NULL;
    } else {
        h = malloc(sizeof(*h) + n);
    }
    if (!h)
        return NULL;
    *h = (struct head){n, b};
    p->bytes += n;
    return h + 1;
}

static void pool_free(void *ptr, void *ctx)
{
    struct quic_pool *p = ctx;
    struct head *h = ptr;
    struct relay_buf *b;

    if (!ptr)
        return;
    h--;
    p->bytes -= h->size;
    b = h->buf;
    if (b)
        relay_buf_drop(&b);
    else
        free(h);
}

static void *pool_calloc(size_t count, size_t size, void *ctx)
{
    size_t n;
    void *ptr = __builtin_mul_overflow(count, size, &n) ? NULL : pool_malloc(n, ctx);

    if (ptr)
        memset(ptr, 0, n);
    return ptr;
}

static void *pool_realloc(void *ptr, size_t n, void *ctx)
{
    void *to = pool_malloc(n, ctx);

    if (ptr && to) {
        struct head *h = (struct head *)ptr - 1;

        memcpy(to, ptr, h->size < n ? h->size : n);
        pool_free(ptr, ctx);
    }
    return to;
}

struct quic_pool *quic_pool_new(struct relay_buf *(*buf_new)(size_t capacity))
{
    struct quic_pool *p = calloc(1, sizeof(*p));

    if (!p)
        abort();
    p->buf_new = buf_new;
    p->mem = (ngtcp2_mem){p, pool_malloc, pool_free, pool_calloc, pool_realloc};
    return p;
}

void quic_pool_free(struct quic_pool **pp)
{
    free(*pp);
    *pp = NULL;
}

const ngtcp2_mem *quic_pool_mem(const struct quic_pool *p)
{
    return &p->mem;
}

size_t quic_pool_bytes(const struct quic_pool *p)
{
    return p->bytes;
}
