/* SPDX-License-Identifier: MPL-2.0 */
/*
 * Plan: every message and value of the vectors, against the duties of every decoder.
 *  - The same value in another form decodes to the same: wide numbers, indefinite lengths, reversed
 *    keys, arrays for byte strings and the reverse, chunks, tags, unknown keys; each alone, all
 *    together, and mixed at random.
 *  - Every truncation is rejected. Bytes after the value are not read.
 *  - A duplicate key is rejected, and so is a missing one, unless the protocol allows it.
 *  - Random damage is rejected, or decodes to a value that survives another round. No read goes
 *    past the end (inputs are copied to the heap in their exact size: run under ASan).
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include <cmocka.h>

#include "unit/schemas/codec.h"
#include "unit/schemas/odd.h"
#include "unit/schemas/vector_file.h"

#define SMALL_BYTES 2000u /* larger values are not tried at every length */
#define ODD_BYTES (12u * 400u * 1024u)

static uint64_t rng;
static uint8_t *odd;

struct sample {
    const struct codec *codec;
    const char *name;
    uint8_t *bytes; /* canonical */
    size_t len;
};

static struct sample samples[300];
static size_t sample_count;

static const struct codec *codec_of(const struct vector *v)
{
    if (strcmp(v->kind, "payload") == 0)
        return codec_by_type((int)vector_u64(v, "type"));
    if (strcmp(v->kind, "answer") == 0)
        return codec_by_name(vector_u64(v, "type") == 200 ? "find_node_answer"
                                                          : "find_value_answer");
    for (size_t i = 0; i < codec_count; i++)
        if (strcmp(codecs[i].name, v->kind) == 0)
            return &codecs[i];
    return NULL;
}

/* Keeps what the vector decodes to, in canonical form. */
static void keep(const struct vector *v, void *ctx)
{
    (void)ctx;
    struct sample s = {.codec = codec_of(v)};
    if (s.codec == NULL || codec_recode(s.codec, v->bytes, v->len, &s.bytes, &s.len) != RT_ERR_OK)
        return;
    assert_true(sample_count < sizeof samples / sizeof *samples);
    s.name = strdup(v->name);
    samples[sample_count++] = s;
}

static int load(void **state)
{
    (void)state;
    static const char *const files[] = {"hello.txt", "envelope.txt", "payload.txt",
                                        "value.txt", "state.txt",    "version2.txt"};
    for (size_t i = 0; i < sizeof files / sizeof *files; i++)
        vector_file_each(files[i], keep, NULL);
    odd = malloc(ODD_BYTES);
    return odd == NULL || sample_count < 130;
}

static int unload(void **state)
{
    (void)state;
    for (size_t i = 0; i < sample_count; i++) {
        free(samples[i].bytes);
        free((char *)(uintptr_t)samples[i].name);
    }
    free(odd);
    return 0;
}

static void assert_same(const struct sample *s, const uint8_t *in, size_t len, const char *what)
{
    uint8_t *got;
    size_t got_len;
    rt_err err = codec_recode(s->codec, in, len, &got, &got_len);
    if (err != RT_ERR_OK)
        fail_msg("%s %s, %s: error %d", s->codec->name, s->name, what, err);
    if (got_len != s->len || memcmp(got, s->bytes, s->len) != 0)
        fail_msg("%s %s, %s: decodes to something else", s->codec->name, s->name, what);
    free(got);
}

static void assert_refused(const struct sample *s, const uint8_t *in, size_t len, const char *what)
{
    uint8_t *got;
    size_t got_len;
    if (codec_recode(s->codec, in, len, &got, &got_len) == RT_ERR_OK)
        fail_msg("%s %s, %s: accepted", s->codec->name, s->name, what);
}

/* Its keys are data: none is unknown, and their order is kept. */
static bool is_pins(const struct sample *s)
{
    return strcmp(s->codec->name, "pinned_bootstrap_keys") == 0;
}

static size_t write_odd(const struct sample *s, unsigned forms, uint64_t *coin)
{
    return odd_write(s->bytes, s->len, s->codec->tag_len, forms, coin, odd, ODD_BYTES);
}

static void test_odd_forms(void **state)
{
    (void)state;
    for (size_t i = 0; i < sample_count; i++) {
        const struct sample *s = &samples[i];
        unsigned all = is_pins(s) ? ODD_ALL & ~(ODD_REVERSED | ODD_UNKNOWN_KEYS) : ODD_ALL;
        for (unsigned form = 1; form <= ODD_ALL; form *= 2) {
            if ((form & all) == 0)
                continue;
            assert_same(s, odd, write_odd(s, form, NULL), "a form");
            unsigned others = all & ~form;
            assert_same(s, odd, write_odd(s, others, NULL), "all but a form");
        }
        assert_same(s, odd, write_odd(s, all, NULL), "all forms");
        for (int round = 0; round < (s->len < SMALL_BYTES ? 100 : 3); round++)
            assert_same(s, odd, write_odd(s, all, &rng), "mixed");
    }
}

static void test_truncated(void **state)
{
    (void)state;
    for (size_t i = 0; i < sample_count; i++) {
        const struct sample *s = &samples[i];
        size_t step = s->len < SMALL_BYTES ? 1 : s->len / 97;
        for (size_t len = 0; len < s->len; len += step)
            assert_refused(s, s->bytes, len, "truncated");
        if (s->len >= SMALL_BYTES)
            continue;
        size_t odd_len = write_odd(s, ODD_ALL & ~ODD_UNKNOWN_KEYS, NULL);
        for (size_t len = 0; len < odd_len; len++)
            assert_refused(s, odd, len, "odd and truncated");
    }
}

static void test_trailing_bytes(void **state)
{
    (void)state;
    for (size_t i = 0; i < sample_count; i++) {
        memcpy(odd, samples[i].bytes, samples[i].len);
        memset(odd + samples[i].len, 0xff, 5);
        assert_same(&samples[i], odd, samples[i].len + 5, "trailing bytes");
    }
}

/* -- keys that come twice or not at all -- */

struct pairs {
    struct wire_bytes key[64], value[64];
    uint32_t count;
};

static struct wire_bytes one_item(struct wire_reader *r)
{
    const uint8_t *start = r->pos;
    wire_skip(r);
    return (struct wire_bytes){start, (uint32_t)(r->pos - start)};
}

static bool take_pairs(const struct sample *s, struct pairs *p)
{
    struct wire_reader r;
    p->count = 0;
    wire_reader_init(&r, s->bytes + s->codec->tag_len, s->len - s->codec->tag_len);
    for (struct wire_seq q = wire_read_map(&r); wire_seq_next(&r, &q); p->count++) {
        p->key[p->count] = one_item(&r);
        p->value[p->count] = one_item(&r);
    }
    return r.err == RT_ERR_OK;
}

/* The map without pair `without`, and with pair `twice` at its end again; -1: none. */
static size_t write_pairs(const struct sample *s, const struct pairs *p, int without, int twice)
{
    struct wire_writer w;
    wire_writer_init(&w, odd, ODD_BYTES);
    wire_write_raw(&w, s->bytes, s->codec->tag_len);
    wire_write_map(&w, p->count - (without >= 0) + (twice >= 0));
    for (int i = 0; i <= (int)p->count; i++) {
        int at = i < (int)p->count ? i : twice;
        if (at < 0 || (at == without && i < (int)p->count))
            continue;
        wire_write_raw(&w, p->key[at].ptr, p->key[at].len);
        wire_write_raw(&w, p->value[at].ptr, p->value[at].len);
    }
    return w.pos;
}

static bool is_optional(const struct sample *s, struct wire_bytes key)
{
    char name[64];
    if (key.len == 1)
        snprintf(name, sizeof name, " %u ", key.ptr[0]);
    else
        snprintf(name, sizeof name, " %.*s ", (int)key.len - 1 - (key.ptr[0] == 0x78),
                 (const char *)key.ptr + 1 + (key.ptr[0] == 0x78));
    return strstr(s->codec->optional, name) != NULL;
}

static void test_keys(void **state)
{
    (void)state;
    static struct pairs p;
    for (size_t i = 0; i < sample_count; i++) {
        const struct sample *s = &samples[i];
        if (is_pins(s) || !take_pairs(s, &p))
            continue;
        for (int key = 0; key < (int)p.count; key++) {
            assert_refused(s, odd, write_pairs(s, &p, -1, key), "a key twice");
            size_t len = write_pairs(s, &p, key, -1);
            uint8_t *got;
            size_t got_len;
            rt_err err = codec_recode(s->codec, odd, len, &got, &got_len);
            if ((err == RT_ERR_OK) != is_optional(s, p.key[key]))
                fail_msg("%s without its key %d: error %d", s->codec->name, key, err);
            if (err == RT_ERR_OK)
                free(got);
        }
    }
}

/* -- damage -- */

static void test_damage(void **state)
{
    (void)state;
    uint32_t accepted = 0;
    for (size_t i = 0; i < sample_count; i++) {
        const struct sample *s = &samples[i];
        if (s->len > SMALL_BYTES)
            continue;
        for (int round = 0; round < 400; round++) {
            size_t len = write_odd(s, odd_random(&rng) % 256, &rng);
            for (uint64_t n = odd_random(&rng) % 4; n-- > 0;)
                odd[odd_random(&rng) % len] = (uint8_t)(odd_random(&rng) >> 32);
            uint8_t *got;
            size_t got_len;
            if (codec_recode(s->codec, odd, len, &got, &got_len) == RT_ERR_OK) {
                accepted++;
                free(got);
            }
        }
    }
    assert_true(accepted > 1000);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_odd_forms),      cmocka_unit_test(test_truncated),
        cmocka_unit_test(test_trailing_bytes), cmocka_unit_test(test_keys),
        cmocka_unit_test(test_damage),
    };
    const char *seed = getenv("RELAY_SEED");
    rng = seed != NULL ? strtoull(seed, NULL, 10) : (uint64_t)time(NULL);
    rng += rng == 0;
    print_message("RELAY_SEED=%llu\n", (unsigned long long)rng);
    return cmocka_run_group_tests(tests, load, unload);
}
