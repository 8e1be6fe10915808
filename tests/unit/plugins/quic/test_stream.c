/* SPDX-License-Identifier: MPL-2.0 */
/*
 * Plan: output. Random sends of owned slices and views are sent in random pieces and acknowledged
 * in others. What peek shows is always the next bytes of the stream; the counts add up; a view may
 * be overwritten once push has returned; a slice is dropped when its last byte is acknowledged.
 * Small views share buffers. Without memory, push returns false and the rest can still be dropped.
 *
 * Held input: random pieces in and out, the same bytes in the same order; buffers are freed as they
 * are emptied; no memory.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "quic/stream.h"
#include "random.h"

static size_t live, live_bytes, bytes_max;

static void buf_free(struct relay_buf *b)
{
    live--;
    live_bytes -= b->capacity;
    free(b);
}

static struct relay_buf *buf_new(size_t capacity)
{
    struct relay_buf *b;

    if (live_bytes + capacity > bytes_max)
        return NULL;
    b = malloc(sizeof(*b) + capacity);
    assert_non_null(b);
    atomic_init(&b->refs, 1);
    b->capacity = (uint32_t)capacity;
    b->free = buf_free;
    live++;
    live_bytes += capacity;
    return b;
}

static int setup(void **state)
{
    (void)state;
    bytes_max = SIZE_MAX;
    return 0;
}

static uint8_t byte_at(uint64_t i)
{
    return (uint8_t)(i * 131 + (i >> 8) * 7);
}

static void write_bytes(uint8_t *p, uint64_t from, size_t n)
{
    for (size_t i = 0; i < n; i++)
        p[i] = byte_at(from + i);
}

/* Up to four slices, some owned. */
static void push_some(struct quic_output *o)
{
    static uint8_t views[RELAY_VEC_MAX][3000];
    struct relay_vec v = {.count = 1 + (uint32_t)any(RELAY_VEC_MAX)};
    uint64_t at = o->total;

    for (uint32_t i = 0; i < v.count; i++) {
        uint32_t n = (uint32_t)any(any(2) ? 40 : sizeof(views[0]));
        struct relay_buf *b = n > 0 && any(2) ? buf_new(n) : NULL;
        uint8_t *p = b ? b->bytes : views[i];

        write_bytes(p, at, n);
        v.slice[i] = b ? relay_slice_own(b, p, n) : relay_slice_view(p, n);
        at += n;
    }
    assert_true(quic_output_push(o, buf_new, &v));
    assert_int_equal(v.count, 0);
    memset(views, 0xaa, sizeof(views)); /* a view is good for the call only */
    assert_int_equal(o->total, at);
}

static void send_some(struct quic_output *o)
{
    struct iovec v[8];
    size_t max = 1 + any(8), offered, seen = 0, count = quic_output_peek(o, v, max, &offered);

    assert_true(count <= max && offered <= quic_output_unsent(o));
    assert_int_equal(count > 0, quic_output_unsent(o) > 0);
    if (count < max)
        assert_int_equal(offered, quic_output_unsent(o));
    for (size_t i = 0; i < count; i++) {
        const uint8_t *p = v[i].iov_base;

        assert_true(v[i].iov_len > 0);
        for (size_t k = 0; k < v[i].iov_len; k++)
            assert_int_equal(p[k], byte_at(o->sent + seen + k));
        seen += v[i].iov_len;
    }
    assert_int_equal(seen, offered);
    quic_output_sent(o, any(offered + 1));
}

static void test_output(void **state)
{
    struct quic_output o = {0};

    (void)state;
    for (unsigned i = 0; i < 20000; i++) {
        switch (any(4)) {
        case 0:
            if (quic_output_left(&o) < 200000)
                push_some(&o);
            break;
        case 1:
            quic_output_acked(&o, any(o.sent - o.acked + 1));
            break;
        default:
            send_some(&o);
        }
        if (quic_output_left(&o) == 0)
            assert_int_equal(live, 0);
    }
    while (quic_output_left(&o) > 0) {
        if (quic_output_unsent(&o) > 0)
            send_some(&o);
        quic_output_acked(&o, o.sent - o.acked);
    }
    assert_int_equal(live, 0);
    push_some(&o);
    quic_output_drop(&o);
    assert_int_equal(live, 0);
    assert_int_equal(o.total, 0);
}

static void push_owned(struct quic_output *o, size_t n)
{
    struct relay_buf *b = buf_new(n);
    struct relay_vec v = {.count = 1};

    assert_non_null(b);
    write_bytes(b->bytes, o->total, n);
    v.slice[0] = relay_slice_own(b, b->bytes, (uint32_t)n);
    assert_true(quic_output_push(o, buf_new, &v));
}

static void test_kept_until_acknowledged(void **state)
{
    struct quic_output o = {0};

    (void)state;
    push_owned(&o, 1000);
    push_owned(&o, 1000);
    quic_output_sent(&o, 2000);
    assert_int_equal(live, 2);
    quic_output_acked(&o, 999);
    assert_int_equal(live, 2);
    quic_output_acked(&o, 1);
    assert_int_equal(live, 1);
    quic_output_acked(&o, 1000);
    assert_int_equal(live, 0);
}

static void push_view(struct quic_output *o, const char *text, bool *out_ok)
{
    struct relay_vec v = {.count = 1};

    v.slice[0] = relay_slice_view(text, (uint32_t)strlen(text));
    *out_ok = quic_output_push(o, buf_new, &v);
}

static void test_small_views_share(void **state)
{
    struct quic_output o = {0};
    struct iovec v[4];
    size_t offered;
    bool ok;

    (void)state;
    for (int i = 0; i < 100; i++) {
        push_view(&o, "tiny", &ok);
        assert_true(ok);
    }
    assert_int_equal(live, 1);
    /* all of it gone, not yet acknowledged: the next goes behind, where nothing is overwritten */
    quic_output_sent(&o, 400);
    push_view(&o, "next", &ok);
    assert_int_equal(quic_output_peek(&o, v, 4, &offered), 1);
    assert_int_equal(offered, 4);
    assert_memory_equal(v[0].iov_base, "next", 4);
    assert_memory_equal((uint8_t *)v[0].iov_base - 4, "tiny", 4);
    quic_output_drop(&o);
    assert_int_equal(live, 0);
}

static void test_output_no_memory(void **state)
{
    struct quic_output o = {0};
    bool ok;

    (void)state;
    push_owned(&o, 100);
    bytes_max = live_bytes;
    push_view(&o, "more", &ok); /* a few bytes go beyond the host's budget */
    assert_true(ok);
    assert_int_equal(o.total, 104);
    assert_true(live_bytes <= bytes_max);
    quic_output_drop(&o);
    assert_int_equal(live, 0);
}

static void test_held(void **state)
{
    static uint8_t in[40000], out[40000];
    struct quic_held h = {0};
    uint64_t pushed = 0, taken = 0;

    (void)state;
    for (unsigned i = 0; i < 5000; i++) {
        size_t n = any(any(3) ? 1400 : sizeof(in));

        if (any(2) && h.bytes < 300000) {
            write_bytes(in, pushed, n);
            assert_true(quic_held_push(&h, buf_new, in, n));
            memset(in, 0xaa, n);
            pushed += n;
        } else {
            size_t got = quic_held_take(&h, out, n);

            assert_int_equal(got, n < pushed - taken ? n : pushed - taken);
            for (size_t k = 0; k < got; k++)
                assert_int_equal(out[k], byte_at(taken + k));
            taken += got;
        }
        assert_int_equal(h.bytes, pushed - taken);
        if (h.bytes == 0)
            assert_int_equal(live, 0);
        assert_true(live_bytes < 4 * h.bytes + 40000); /* buffers are not mostly empty */
    }
    quic_held_drop(&h);
    assert_int_equal(live, 0);
    assert_int_equal(h.bytes, 0);
}

static void test_held_no_memory(void **state)
{
    struct quic_held h = {0};
    uint8_t got[200];

    (void)state;
    assert_true(quic_held_push(&h, buf_new, (const uint8_t *)"first", 5));
    bytes_max = live_bytes;
    assert_true(quic_held_push(&h, buf_new, (const uint8_t *)"second", 6));
    assert_true(live_bytes <= bytes_max);
    assert_int_equal(quic_held_take(&h, got, sizeof(got)), 11);
    assert_memory_equal(got, "firstsecond", 11);
    assert_int_equal(live, 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup(test_output, setup),
        cmocka_unit_test_setup(test_kept_until_acknowledged, setup),
        cmocka_unit_test_setup(test_small_views_share, setup),
        cmocka_unit_test_setup(test_output_no_memory, setup),
        cmocka_unit_test_setup(test_held, setup),
        cmocka_unit_test_setup(test_held_no_memory, setup),
    };

    random_begin();
    return cmocka_run_group_tests(tests, NULL, NULL);
}
