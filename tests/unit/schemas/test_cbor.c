/* SPDX-License-Identifier: MPL-2.0 */
/*
 * Plan: the cursor alone.
 *  - Integers of every width at their limits, both signs; those above the limit of the caller.
 *  - Byte fields: every form gives one run of bytes, without a copy in the plain form. A compacted
 *    field decodes again. An array of small numbers of indefinite length, of any size, is correct.
 *  - Limits: depth 16 and no deeper, in skipped values and open ones; counts larger than the input;
 *    lengths of 2^64 - 1; a million levels.
 *  - Text: the limits of UTF-8. Choices. Malformed heads. Breaks in invalid places.
 *  - Errors are permanent: the cursor does not move, and all reads return zero.
 *  - Writer: shortest forms, exact bytes. On overflow it continues to count and writes nothing past
 *    the buffer.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "wire_cbor.h"
#include "wire_limits.h"

/* A heap copy of exactly these bytes, so that reading beyond them is seen; one at a time. */
static uint8_t *held;

static struct wire_reader open_copy(const void *bytes, size_t len)
{
    struct wire_reader r;
    free(held);
    held = malloc(len > 0 ? len : 1);
    assert_non_null(held);
    memcpy(held, bytes, len);
    wire_reader_init(&r, held, len);
    return r;
}

#define OPEN(literal) open_copy("" literal, sizeof(literal) - 1)

static int drop(void **state)
{
    (void)state;
    free(held);
    held = NULL;
    return 0;
}

/* -- numbers -- */

static void test_uint(void **state)
{
    (void)state;
    static const uint64_t borders[] = {
        0, 23, 24, 255, 256, 65535, 65536, UINT32_MAX, UINT64_C(1) << 32, INT64_MAX, UINT64_MAX,
    };
    static const size_t widths[] = {1, 1, 2, 2, 3, 3, 5, 5, 9, 9, 9};
    for (size_t i = 0; i < sizeof borders / sizeof *borders; i++) {
        uint8_t buf[16];
        struct wire_writer w;
        wire_writer_init(&w, buf, sizeof buf);
        wire_write_uint(&w, borders[i]);
        assert_int_equal(w.pos, widths[i]);
        struct wire_reader r = open_copy(buf, w.pos);
        assert_true(wire_read_uint(&r, borders[i]) == borders[i]);
        assert_int_equal(r.err, RT_ERR_OK);
        assert_ptr_equal(r.pos, r.end);
        if (borders[i] > 0) {
            r = open_copy(buf, w.pos);
            assert_true(wire_read_uint(&r, borders[i] - 1) == 0);
            assert_int_equal(r.err, RT_ERR_MALFORMED);
        }
        r = open_copy(buf, w.pos - 1);
        assert_true(wire_read_uint(&r, UINT64_MAX) == 0);
        assert_int_equal(r.err, RT_ERR_TRUNCATED);
    }
}

static void test_int(void **state)
{
    (void)state;
    static const int64_t borders[] = {0, -1, -24, -25, -256, -257, INT64_MIN, INT64_MAX, 10};
    for (size_t i = 0; i < sizeof borders / sizeof *borders; i++) {
        uint8_t buf[16];
        struct wire_writer w;
        wire_writer_init(&w, buf, sizeof buf);
        wire_write_int(&w, borders[i]);
        struct wire_reader r = open_copy(buf, w.pos);
        assert_true(wire_read_int(&r) == borders[i]);
        assert_int_equal(r.err, RT_ERR_OK);
    }
    struct wire_reader r = OPEN("\x1b\x80\0\0\0\0\0\0\0"); /* 2^63 */
    wire_read_int(&r);
    assert_int_equal(r.err, RT_ERR_MALFORMED);
    r = OPEN("\x3b\x80\0\0\0\0\0\0\0");
    wire_read_int(&r);
    assert_int_equal(r.err, RT_ERR_MALFORMED);
    r = OPEN("\x20"); /* -1 */
    wire_read_uint(&r, UINT64_MAX);
    assert_int_equal(r.err, RT_ERR_MALFORMED);
}

static void test_simple(void **state)
{
    (void)state;
    struct wire_reader r = OPEN("\xf4\xf5\xf6\xf7\x01");
    assert_false(wire_read_bool(&r));
    assert_true(wire_read_bool(&r));
    assert_true(wire_read_null(&r));
    assert_true(wire_read_null(&r));
    assert_false(wire_read_null(&r));
    assert_int_equal(r.err, RT_ERR_OK);
    assert_false(wire_read_bool(&r));
    assert_int_equal(r.err, RT_ERR_MALFORMED);
}

static void test_bad_heads(void **state)
{
    (void)state;
    for (int first = 0; first < 256; first++) {
        uint8_t info = first & 31, byte = (uint8_t)first;
        struct wire_reader r = open_copy(&byte, 1);
        wire_skip(&r);
        bool is_whole = info < 24 && (info == 0 || first >> 5 < 2 || first >> 5 == 7);
        bool is_tag = first >> 5 == 6;
        rt_err want = info >= 28 && (info < 31 || first >> 5 < 2 || is_tag || first == 0xff)
                          ? RT_ERR_MALFORMED
                      : is_whole && !is_tag ? RT_ERR_OK
                                            : RT_ERR_TRUNCATED;
        if (r.err != want)
            fail_msg("first byte %02x: %d, not %d", first, r.err, want);
    }
}

/* -- runs of bytes -- */

static void assert_run(struct wire_reader *r, const char *want)
{
    struct wire_reader again = *r;
    for (int i = 0; i < 2; i++) {
        struct wire_bytes run = wire_read_bytes(r, 16);
        assert_int_equal(r->err, RT_ERR_OK);
        assert_int_equal(run.len, strlen(want));
        assert_memory_equal(run.ptr, want, run.len);
        assert_ptr_equal(r->pos, r->end);
        *r = again; /* a compacted field reads the same */
    }
    uint8_t out[16];
    wire_read_fixed(r, out, (uint32_t)strlen(want));
    assert_int_equal(r->err, RT_ERR_OK);
    assert_memory_equal(out, want, strlen(want));
}

static void test_bytes_forms(void **state)
{
    (void)state;
    struct wire_reader r = OPEN("\x43xyz");
    assert_ptr_equal(wire_read_bytes(&r, 3).ptr, held + 1);
    r = OPEN("\x43xyz");
    assert_run(&r, "xyz");
    r = OPEN("\x5b\0\0\0\0\0\0\0\x03xyz");
    assert_run(&r, "xyz");
    r = OPEN("\x5f\x41x\x40\x58\x02yz\xff");
    assert_run(&r, "xyz");
    r = OPEN("\x5f\xff");
    assert_run(&r, "");
    r = OPEN("\x83\x18x\x18y\x18z");
    assert_run(&r, "xyz");
    r = OPEN("\x83\x18x\x19\0y\x1b\0\0\0\0\0\0\0z");
    assert_run(&r, "xyz");
    r = OPEN("\x9f\x18x\x18y\x18z\xff");
    assert_run(&r, "xyz");
    r = OPEN("\x83\x01\x02\x17");
    assert_run(&r, "\x01\x02\x17");
    r = OPEN("\x9f\x01\x02\x17\xff");
    assert_run(&r, "\x01\x02\x17");
    r = OPEN("\x80");
    assert_run(&r, "");
    r = OPEN("\x9f\xff");
    assert_run(&r, "");
    r = OPEN("\xc1\xd8\x20\x83\xc1\x01\x02\xd9\x01\x01\x17");
    assert_run(&r, "\x01\x02\x17");
}

static void assert_no_run(struct wire_reader r, rt_err want)
{
    struct wire_reader fixed = r; /* goes first: it changes nothing */
    uint8_t out[3] = {1, 2, 3};
    wire_read_fixed(&fixed, out, 3);
    assert_int_equal(fixed.err, want == RT_ERR_TOO_LARGE ? RT_ERR_MALFORMED : want);
    assert_memory_equal(out, "\0\0", 3);
    struct wire_bytes run = wire_read_bytes(&r, 3);
    assert_int_equal(r.err, want);
    assert_null(run.ptr);
    assert_int_equal(run.len, 0);
}

static void test_bytes_refused(void **state)
{
    (void)state;
    assert_no_run(OPEN("\x44wxyz"), RT_ERR_TOO_LARGE);
    assert_no_run(OPEN("\x84\x01\x02\x03\x04"), RT_ERR_TOO_LARGE);
    assert_no_run(OPEN("\x9f\x01\x02\x03\x04\xff"), RT_ERR_TOO_LARGE);
    assert_no_run(OPEN("\x5f\x42wx\x42yz\xff"), RT_ERR_TOO_LARGE);
    assert_no_run(OPEN("\x43xy"), RT_ERR_TRUNCATED);
    assert_no_run(OPEN("\x5b\xff\xff\xff\xff\xff\xff\xff\xff"), RT_ERR_TRUNCATED);
    assert_no_run(OPEN("\x9b\xff\xff\xff\xff\xff\xff\xff\xff"), RT_ERR_TRUNCATED);
    assert_no_run(OPEN("\x5f\x5b\xff\xff\xff\xff\xff\xff\xff\xff"), RT_ERR_TRUNCATED);
    assert_no_run(OPEN("\x5f\x41x"), RT_ERR_TRUNCATED);
    assert_no_run(OPEN("\x9f\x01"), RT_ERR_TRUNCATED);
    assert_no_run(OPEN("\x83\x01\x02\x18"), RT_ERR_TRUNCATED);
    assert_no_run(OPEN("\x83\x01\x02\x19\x01\0"), RT_ERR_MALFORMED); /* 256 */
    assert_no_run(OPEN("\x83\x01\x02\x20"), RT_ERR_MALFORMED);
    assert_no_run(OPEN("\x83\x01\x02\xff"), RT_ERR_MALFORMED);
    assert_no_run(OPEN("\x83\x01\x02\x41z"), RT_ERR_MALFORMED);
    assert_no_run(OPEN("\x63xyz"), RT_ERR_MALFORMED);
    assert_no_run(OPEN("\x5f\x5f\x41x\xff\xff"), RT_ERR_MALFORMED);
    assert_no_run(OPEN("\x5f\x61x\xff"), RT_ERR_MALFORMED);
    assert_no_run(OPEN("\xf6"), RT_ERR_MALFORMED);
    assert_no_run(OPEN(""), RT_ERR_TRUNCATED);

    uint8_t out[3];
    struct wire_reader r = OPEN("\x42xy"); /* too short for the field, not for the input */
    wire_read_fixed(&r, out, 3);
    assert_int_equal(r.err, RT_ERR_MALFORMED);
}

/* Arrays without a count whose elements take one byte each leave no room for a longer head. */
static void test_dense_arrays(void **state)
{
    (void)state;
    static uint8_t in[140000];
    static const size_t sizes[] = {23, 24, 255, 256, 257, 65535, 65536, 65537, 131072};
    for (size_t i = 0; i < sizeof sizes / sizeof *sizes; i++) {
        for (size_t wide = 0; wide < 3; wide++) {
            size_t n = sizes[i], at = 0;
            in[at++] = 0x9f;
            for (size_t k = 0; k < n; k++) {
                if (k < wide)
                    in[at++] = 0x18;
                in[at++] = (uint8_t)(k % 24);
            }
            in[at++] = 0xff;
            struct wire_reader r = open_copy(in, at), again = r;
            struct wire_bytes run = wire_read_bytes(&r, UINT32_MAX);
            assert_int_equal(r.err, RT_ERR_OK);
            assert_int_equal(run.len, n);
            for (size_t k = 0; k < n; k++)
                assert_int_equal(run.ptr[k], k % 24);
            run = wire_read_bytes(&again, UINT32_MAX);
            if (n < 65536 || wide == 0) {
                assert_int_equal(again.err, RT_ERR_OK);
                assert_int_equal(run.len, n);
                for (size_t k = 0; k < n; k++)
                    assert_int_equal(run.ptr[k], k % 24);
            }
        }
    }
}

/* -- text -- */

static rt_err text_error(struct wire_reader r)
{
    wire_read_text(&r, 100);
    return r.err;
}

static void test_text(void **state)
{
    (void)state;
    struct wire_reader r = OPEN("\x7f\x62gr\x60\x62\xc3\xbc\x61n\xff"), again = r;
    for (int i = 0; i < 2; i++) {
        struct wire_bytes text = wire_read_text(&r, 10);
        assert_int_equal(r.err, RT_ERR_OK);
        assert_int_equal(text.len, 5);
        assert_memory_equal(text.ptr, "gr\xc3\xbcn", 5);
        r = again;
    }
    assert_int_equal(text_error(OPEN("\x60")), RT_ERR_OK);
    assert_int_equal(text_error(OPEN("\x62\xdf\xbf")), RT_ERR_OK);
    assert_int_equal(text_error(OPEN("\x63\xe0\xa0\x80")), RT_ERR_OK);
    assert_int_equal(text_error(OPEN("\x63\xed\x9f\xbf")), RT_ERR_OK);
    assert_int_equal(text_error(OPEN("\x63\xef\xbf\xbf")), RT_ERR_OK);
    assert_int_equal(text_error(OPEN("\x64\xf0\x90\x80\x80")), RT_ERR_OK);
    assert_int_equal(text_error(OPEN("\x64\xf4\x8f\xbf\xbf")), RT_ERR_OK);

    assert_int_equal(text_error(OPEN("\x61\x80")), RT_ERR_MALFORMED);
    assert_int_equal(text_error(OPEN("\x62\xc1\xbf")), RT_ERR_MALFORMED);     /* overlong */
    assert_int_equal(text_error(OPEN("\x63\xe0\x9f\xbf")), RT_ERR_MALFORMED); /* overlong */
    assert_int_equal(text_error(OPEN("\x63\xed\xa0\x80")), RT_ERR_MALFORMED); /* surrogate */
    assert_int_equal(text_error(OPEN("\x64\xf0\x8f\xbf\xbf")), RT_ERR_MALFORMED);
    assert_int_equal(text_error(OPEN("\x64\xf4\x90\x80\x80")), RT_ERR_MALFORMED); /* > 10ffff */
    assert_int_equal(text_error(OPEN("\x64\xf5\x80\x80\x80")), RT_ERR_MALFORMED);
    assert_int_equal(text_error(OPEN("\x61\xc3")), RT_ERR_MALFORMED); /* ends in a sequence */
    assert_int_equal(text_error(OPEN("\x62\xc3\x41")), RT_ERR_MALFORMED);
    assert_int_equal(text_error(OPEN("\x41x")), RT_ERR_MALFORMED);
    assert_int_equal(text_error(OPEN("\x81\x01")), RT_ERR_MALFORMED);
}

static void test_choice(void **state)
{
    (void)state;
    static const char *const names[] = {"one", "two", "twofold"};
    struct wire_reader r = OPEN("\x67twofold\x63two\x43one\x7f\x61t\x62wo\xff");
    assert_int_equal(wire_read_choice(&r, names, 3), 2);
    assert_int_equal(wire_read_choice(&r, names, 3), 1);
    assert_int_equal(wire_read_choice(&r, names, 3), 0);
    assert_int_equal(wire_read_choice(&r, names, 3), 1);
    assert_int_equal(r.err, RT_ERR_OK);
    r = OPEN("\x62tw");
    wire_read_choice(&r, names, 3);
    assert_int_equal(r.err, RT_ERR_MALFORMED);
    r = OPEN("\x64two\0");
    wire_read_choice(&r, names, 3);
    assert_int_equal(r.err, RT_ERR_MALFORMED);
    r = OPEN("\x01");
    wire_read_choice(&r, names, 3);
    assert_int_equal(r.err, RT_ERR_MALFORMED);
    r = OPEN("\x7f\x78\x24longer than any name could ever be...\xff");
    wire_read_choice(&r, names, 3);
    assert_int_equal(r.err, RT_ERR_MALFORMED);
}

/* -- arrays, maps, depth -- */

static void test_depth(void **state)
{
    (void)state;
    static uint8_t bomb[1000000];
    static const uint8_t openers[] = {0x81, 0x9f, 0xa1, 0xbf};
    for (size_t kind = 0; kind < sizeof openers; kind++) {
        /* maps: the key is the next level, which is allowed in what is skipped */
        memset(bomb, openers[kind], sizeof bomb);
        struct wire_reader r = open_copy(bomb, sizeof bomb);
        wire_skip(&r);
        assert_int_equal(r.err, RT_ERR_TOO_LARGE);
        assert_true(r.pos <= r.end);

        r = open_copy(bomb, sizeof bomb);
        for (uint32_t i = 0; i < LIM_CBOR_DEPTH_MAX; i++) {
            struct wire_seq s = kind < 2 ? wire_read_array(&r) : wire_read_map(&r);
            assert_true(wire_seq_next(&r, &s));
        }
        if (kind < 2)
            wire_read_array(&r);
        else
            wire_read_map(&r);
        assert_int_equal(r.err, RT_ERR_TOO_LARGE);
    }
    struct wire_reader r = OPEN("\x81\x81\x81\x81\x81\x81\x81\x81\x81\x81\x81\x81\x81\x81\x81\x81"
                                "\x01"); /* sixteen */
    wire_skip(&r);
    assert_int_equal(r.err, RT_ERR_OK);
    assert_ptr_equal(r.pos, r.end);
    assert_int_equal(r.depth, 0);
    memset(bomb, 0xc1, sizeof bomb); /* tags are no levels */
    r = open_copy(bomb, sizeof bomb);
    wire_skip(&r);
    assert_int_equal(r.err, RT_ERR_TRUNCATED);
}

static rt_err skip_error(struct wire_reader r)
{
    wire_skip(&r);
    return r.err;
}

static void test_counts(void **state)
{
    (void)state;
    assert_int_equal(skip_error(OPEN("\x9b\xff\xff\xff\xff\xff\xff\xff\xff\x01")),
                     RT_ERR_TRUNCATED);
    assert_int_equal(skip_error(OPEN("\xbb\xff\xff\xff\xff\xff\xff\xff\xff\x01")),
                     RT_ERR_TRUNCATED);
    assert_int_equal(skip_error(OPEN("\xbb\x80\0\0\0\0\0\0\0\x01\x01")), RT_ERR_TRUNCATED);
    assert_int_equal(skip_error(OPEN("\x82\x01")), RT_ERR_TRUNCATED);
    assert_int_equal(skip_error(OPEN("\xa1\x01")), RT_ERR_TRUNCATED);
    assert_int_equal(skip_error(OPEN("\xbf\x01\xff")), RT_ERR_MALFORMED); /* a key, no value */
    assert_int_equal(skip_error(OPEN("\xbf\x01\x02\xff")), RT_ERR_OK);
    assert_int_equal(skip_error(OPEN("\x82\x01\xff")), RT_ERR_MALFORMED);
    assert_int_equal(skip_error(OPEN("\x9f\x9f\x01\xff\xff")), RT_ERR_OK);
    assert_int_equal(skip_error(OPEN("\x9f\x9f\x01\xff")), RT_ERR_TRUNCATED);
    assert_int_equal(skip_error(OPEN("\x82\xa1\x01\x82\x02\x03\x5f\x41x\xff")), RT_ERR_OK);
    assert_int_equal(skip_error(OPEN("\x7f\x41x\xff")), RT_ERR_MALFORMED);
    assert_int_equal(skip_error(OPEN("\xf8\x20")), RT_ERR_OK);
    assert_int_equal(skip_error(OPEN("\xf9\x3c\0")), RT_ERR_OK);
    assert_int_equal(skip_error(OPEN("\xfb\x3c\0\0\0\0\0\0")), RT_ERR_TRUNCATED);
}

static void test_map(void **state)
{
    (void)state;
    static const char *const names[] = {"a", "bb", "ccc"};
    struct wire_reader r = OPEN("\xbf\x63"
                                "ccc\x03\x01\x02\x62"
                                "bx\x81\x80\xf6\xf6\x61"
                                "a\x01\x80\x05\xff");
    struct wire_map m = wire_map_open(&r, names, 3);
    assert_int_equal(wire_map_next(&r, &m), 2);
    assert_int_equal(wire_read_uint(&r, 9), 3);
    assert_int_equal(wire_map_next(&r, &m), 0);
    assert_int_equal(wire_read_uint(&r, 9), 1);
    assert_int_equal(wire_map_next(&r, &m), -1);
    assert_int_equal(r.err, RT_ERR_OK);
    assert_int_equal(m.seen, 5);
    assert_ptr_equal(r.pos, r.end);
    wire_map_require(&r, &m, 5);
    assert_int_equal(r.err, RT_ERR_OK);
    wire_map_require(&r, &m, 2);
    assert_int_equal(r.err, RT_ERR_MALFORMED);

    r = OPEN("\xa3\x02\x07\x20\x08\x18\x64\x09"); /* {2: 7, -1: 8, 100: 9} */
    m = wire_map_open(&r, NULL, 3);
    assert_int_equal(wire_map_next(&r, &m), 2);
    assert_int_equal(wire_read_uint(&r, 9), 7);
    assert_int_equal(wire_map_next(&r, &m), -1);
    assert_int_equal(r.err, RT_ERR_OK);
    assert_ptr_equal(r.pos, r.end);
}

static void test_errors_stick(void **state)
{
    (void)state;
    static const char *const names[] = {"a"};
    struct wire_reader r = OPEN("\x01\x43xyz\xf5\x81\x01");
    uint8_t out[3];
    assert_int_equal(wire_reader_fail(&r, RT_ERR_TOO_LARGE), RT_ERR_TOO_LARGE);
    assert_int_equal(wire_reader_fail(&r, RT_ERR_MALFORMED), RT_ERR_TOO_LARGE);
    assert_true(wire_read_uint(&r, 9) == 0);
    assert_true(wire_read_int(&r) == 0);
    assert_false(wire_read_bool(&r));
    assert_false(wire_read_null(&r));
    assert_null(wire_read_bytes(&r, 9).ptr);
    assert_null(wire_read_text(&r, 9).ptr);
    wire_read_fixed(&r, out, 3);
    assert_int_equal(wire_read_choice(&r, names, 1), 0);
    struct wire_seq s = wire_read_array(&r);
    assert_false(wire_seq_next(&r, &s));
    struct wire_map m = wire_map_open(&r, names, 1);
    assert_int_equal(wire_map_next(&r, &m), -1);
    wire_skip(&r);
    assert_int_equal(r.err, RT_ERR_TOO_LARGE);
    assert_ptr_equal(r.pos, held);

    wire_reader_init(&r, NULL, 0);
    wire_skip(&r);
    assert_int_equal(r.err, RT_ERR_TRUNCATED);
}

static void test_list(void **state)
{
    (void)state;
    struct wire_list none = {{NULL, 0}, 0}, two = {{(const uint8_t *)"\x82\x01\x02", 3}, 2};
    struct wire_reader r;
    struct wire_seq s = wire_list_open(&none, &r);
    assert_false(wire_seq_next(&r, &s));
    assert_int_equal(r.err, RT_ERR_OK);
    uint64_t sum = 0;
    for (s = wire_list_open(&two, &r); wire_seq_next(&r, &s);)
        sum += wire_read_uint(&r, 9);
    assert_true(sum == 3);
    assert_int_equal(r.err, RT_ERR_OK);
}

/* -- writing -- */

static void write_some(struct wire_writer *w)
{
    wire_write_map(w, 3);
    wire_write_key(w, "a");
    wire_write_bytes(w, (const uint8_t *)"xyz", 3);
    wire_write_text(w, "n\0l", 3);
    wire_write_int_array(w, (const uint8_t *)"\x17\x18\xff", 3);
    wire_write_bool(w, true);
    wire_write_null(w);
    wire_write_array(w, 24);
    wire_write_array(w, 65536);
    wire_write_raw(w, (const uint8_t *)"raw", 3);
    wire_write_raw(w, NULL, 0);
}

static void test_writer(void **state)
{
    (void)state;
    static const char want[] =
        "\xa3\x61"
        "a\x43xyz\x63n\0l\x83\x17\x18\x18\x18\xff\xf5\xf6\x98\x18\x9a\0\1\0\0"
        "raw";
    const size_t len = sizeof want - 1;
    for (size_t cap = 0; cap <= len + 1; cap++) {
        uint8_t *buf = malloc(cap > 0 ? cap : 1);
        bool fits;
        struct wire_writer w;
        wire_writer_init(&w, buf, cap);
        write_some(&w);
        assert_int_equal(wire_writer_len(&w, &fits), len);
        assert_int_equal(fits, cap >= len);
        if (fits)
            assert_memory_equal(buf, want, len);
        free(buf);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_teardown(test_uint, drop),
        cmocka_unit_test_teardown(test_int, drop),
        cmocka_unit_test_teardown(test_simple, drop),
        cmocka_unit_test_teardown(test_bad_heads, drop),
        cmocka_unit_test_teardown(test_bytes_forms, drop),
        cmocka_unit_test_teardown(test_bytes_refused, drop),
        cmocka_unit_test_teardown(test_dense_arrays, drop),
        cmocka_unit_test_teardown(test_text, drop),
        cmocka_unit_test_teardown(test_choice, drop),
        cmocka_unit_test_teardown(test_depth, drop),
        cmocka_unit_test_teardown(test_counts, drop),
        cmocka_unit_test_teardown(test_map, drop),
        cmocka_unit_test_teardown(test_errors_stick, drop),
        cmocka_unit_test_teardown(test_list, drop),
        cmocka_unit_test_teardown(test_writer, drop),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
