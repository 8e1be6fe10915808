/* SPDX-License-Identifier: MPL-2.0 */
#include "pool.h"

#include <stdlib.h>
#include <string.h>

#define STEP 64u /* sizes of small blocks are multiples of it */
#define CLASSES (QUIC_POOL_LARGE / STEP)
#define KEPT_MAX 32u /* freed blocks of one size */

/* Precedes every block. */
struct head {
    size_t size; /* of what follows */
    union {
        struct relay_buf *buf; /* a large block's; NULL: a small one */
        struct head *next;     /* of the kept ones */
    };
};

_Static_assert(sizeof(struct head) % _Alignof(max_align_t) == 0, "blocks are aligned");

struct quic_pool {
    ngtcp2_mem mem;
    struct relay_buf *(*buf_new)(size_t capacity);
    size_t bytes;
    struct {
        struct head *first;
        uint32_t count;
    } kept[CLASSES];
};

static struct head *large_new(struct quic_pool *p, size_t n)
{
    struct relay_buf *b = n <= SIZE_MAX / 2 ? p->buf_new(n + 2 * sizeof(struct head)) : NULL;
    struct head *h;

    if (!b)
        return NULL;
    h = (struct head *)(void *)(b->bytes + (-(uintptr_t)b->bytes & (_Alignof(max_align_t) - 1)));
    *h = (struct head){.size = n, .buf = b};
    return h;
}

static struct head *small_new(struct quic_pool *p, size_t n)
{
    size_t class = n ? (n - 1) / STEP : 0;
    struct head *h = p->kept[class].first;

    if (h) {
        p->kept[class].first = h->next;
        p->kept[class].count--;
    } else {
        h = malloc(sizeof(*h) + (class + 1) * STEP);
    }
    if (h)
        *h = (struct head){.size = (class + 1) * STEP};
    return h;
}

static void *pool_malloc(size_t n, void *ctx)
{
    struct quic_pool *p = ctx;
    struct head *h = n > QUIC_POOL_LARGE ? large_new(p, n) : small_new(p, n);

    if (!h)
        return NULL;
    p->bytes += h->size;
    return h + 1;
}

static void pool_free(void *ptr, void *ctx)
{
    struct quic_pool *p = ctx;
    struct head *h = ptr;
    size_t class;

    if (!ptr)
        return;
    h--;
    p->bytes -= h->size;
    if (h->buf) {
        struct relay_buf *b = h->buf;

        relay_buf_drop(&b);
        return;
    }
    class = h->size / STEP - 1;
    if (p->kept[class].count == KEPT_MAX) {
        free(h);
        return;
    }
    h->next = p->kept[class].first;
    p->kept[class].first = h;
    p->kept[class].count++;
}

static void *pool_calloc(size_t count, size_t size, void *ctx)
{
    void *ptr = size == 0 || count <= SIZE_MAX / size ? pool_malloc(count * size, ctx) : NULL;

    if (ptr)
        memset(ptr, 0, count * size);
    return ptr;
}

static void *pool_realloc(void *ptr, size_t n, void *ctx)
{
    size_t had = ptr ? ((struct head *)ptr - 1)->size : 0;
    void *to;

    if (ptr && n <= had && n > had / 2)
        return ptr;
    to = pool_malloc(n, ctx);
    if (ptr && to) {
        memcpy(to, ptr, had < n ? had : n);
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
    for (size_t i = 0; *pp && i < CLASSES; i++) {
        for (struct head *h = (*pp)->kept[i].first, *next; h; h = next) {
            next = h->next;
            free(h);
        }
    }
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
