/* SPDX-License-Identifier: MPL-2.0 */
/*
 * Plan: the allocator as ngtcp2 uses it. Many blocks of random sizes are made, grown, shrunk and
 * freed in random order; each keeps its contents and is aligned. calloc clears; NULL is freed and
 * reallocated as in libc; sizes that overflow are refused. At the end nothing is in use, by the
 * pool's count and by that of the host's buffers. When the host refuses memory, the result is NULL.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "quic/pool.h"
#include "random.h"

#define BLOCKS 300u

static size_t host_live;
static bool is_refused;

static void host_free(struct relay_buf *b)
{
    host_live--;
    free(b);
}

static struct relay_buf *host_new(size_t capacity)
{
    struct relay_buf *b;

    if (is_refused)
        return NULL;
    b = malloc(sizeof(*b) + capacity);
    assert_non_null(b);
    atomic_init(&b->refs, 1);
    b->capacity = (uint32_t)capacity;
    b->free = host_free;
    host_live++;
    return b;
}

struct block {
    uint8_t *p;
    size_t n;
    uint8_t with;
};

static void fill(struct block *k, size_t from)
{
    assert_int_equal((uintptr_t)k->p % _Alignof(max_align_t), 0);
    memset(k->p + from, k->with, k->n - from);
}

static void check(const struct block *k, size_t n)
{
    for (size_t i = 0; i < n; i++)
        assert_int_equal(k->p[i], k->with);
}

static size_t any_size(void)
{
    return any(20) == 0 ? 1 + any(100000) : 1 + any(any(2) ? 256 : 4096);
}

static void make(const ngtcp2_mem *mem, struct block *k)
{
    k->n = any_size();
    k->with = (uint8_t)(1 + any(255));
    if (any(2)) {
        k->p = mem->malloc(k->n, mem->user_data);
    } else {
        k->p = mem->calloc(1, k->n, mem->user_data);
        assert_non_null(k->p);
        for (size_t i = 0; i < k->n; i++)
            assert_int_equal(k->p[i], 0);
    }
    assert_non_null(k->p);
    fill(k, 0);
}

static void resize(const ngtcp2_mem *mem, struct block *k)
{
    size_t was = k->n, n = any_size();

    k->p = mem->realloc(k->p, n, mem->user_data);
    assert_non_null(k->p);
    k->n = n;
    check(k, was < n ? was : n);
    fill(k, was < n ? was : n);
}

static void test_random_use(void **state)
{
    static struct block blocks[BLOCKS];
    struct quic_pool *pool = quic_pool_new(host_new);
    const ngtcp2_mem *mem = quic_pool_mem(pool);

    (void)state;
    for (unsigned i = 0; i < 50000; i++) {
        struct block *k = &blocks[any(BLOCKS)];

        if (!k->p) {
            make(mem, k);
        } else if (any(3) == 0) {
            resize(mem, k);
        } else {
            check(k, k->n);
            mem->free(k->p, mem->user_data);
            k->p = NULL;
        }
    }
    assert_true(quic_pool_bytes(pool) > 0);
    for (unsigned i = 0; i < BLOCKS; i++) {
        mem->free(blocks[i].p, mem->user_data);
        blocks[i].p = NULL;
    }
    assert_int_equal(quic_pool_bytes(pool), 0);
    quic_pool_free(&pool);
    assert_null(pool);
    assert_int_equal(host_live, 0);
}

static void test_null(void **state)
{
    struct quic_pool *pool = quic_pool_new(host_new);
    const ngtcp2_mem *mem = quic_pool_mem(pool);
    void *p;

    (void)state;
    mem->free(NULL, mem->user_data);
    p = mem->realloc(NULL, 100, mem->user_data);
    assert_non_null(p);
    mem->free(p, mem->user_data);
    assert_null(mem->calloc(SIZE_MAX / 2, 4, mem->user_data));
    assert_int_equal(quic_pool_bytes(pool), 0);
    quic_pool_free(&pool);
}

/* Large blocks come from the host, which may refuse them. */
static void test_refused(void **state)
{
    struct quic_pool *pool = quic_pool_new(host_new);
    const ngtcp2_mem *mem = quic_pool_mem(pool);
    void *large, *small;

    (void)state;
    large = mem->malloc(256 * 1024, mem->user_data);
    small = mem->malloc(100, mem->user_data);
    assert_true(large && small);
    assert_true(host_live >= 1);
    is_refused = true;
    assert_null(mem->malloc(256 * 1024, mem->user_data));
    assert_null(mem->calloc(1024, 256, mem->user_data));
    memset(small, 7, 100);
    assert_null(mem->realloc(small, 256 * 1024, mem->user_data)); /* which stays as it is */
    assert_int_equal(((uint8_t *)small)[99], 7);
    is_refused = false;
    mem->free(large, mem->user_data);
    mem->free(small, mem->user_data);
    assert_int_equal(quic_pool_bytes(pool), 0);
    quic_pool_free(&pool);
    assert_int_equal(host_live, 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_random_use),
        cmocka_unit_test(test_null),
        cmocka_unit_test(test_refused),
    };

    random_begin();
    return cmocka_run_group_tests(tests, NULL, NULL);
}
