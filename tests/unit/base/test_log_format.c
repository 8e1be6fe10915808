/* SPDX-License-Identifier: MPL-2.0 */
/*
 * Plan: lines with known parts, compared letter by letter, in both formats. Times at the limits of
 * the calendar. Values quoted, unquoted, empty, and with quotes in them. Control characters and
 * invalid UTF-8 are never written. A part that is too long is cut, and the line says so.
 * With random bytes in every part, a text line has no control character except the last, a JSON
 * line is one complete object by an independent checker, and both are within RT_LOG_LINE_MAX.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "base/log_format.h"
#include "base/seams.h"

#define NOON_NS (UINT64_C(1772620230) * RT_S + 123456789) /* 2026-03-04T10:30:30.123 */
#define TEXT_HEAD "2026-03-04T10:30:30.123Z INFO  "
#define JSON_HEAD "{\"ts\":\"2026-03-04T10:30:30.123Z\",\"level\":\"info\",\"msg\":\""

static uint64_t seed;

static uint64_t next_random(void)
{
    seed ^= seed << 13;
    seed ^= seed >> 7;
    seed ^= seed << 17;
    return seed;
}

static char line[RT_LOG_LINE_MAX + 1];

static const char *format(enum rt_log_format how, const char *msg, const char *fields)
{
    struct rt_log_parts parts = {
        .level = RELAY_LOG_INFO, .wall_ns = NOON_NS, .msg = msg, .fields = fields};
    size_t n = rt_log_format_line(&parts, how, line);

    assert_in_range(n, 1, RT_LOG_LINE_MAX);
    line[n] = '\0';
    return line;
}

static void test_text(void **state)
{
    (void)state;
    assert_string_equal(format(RT_LOG_TEXT, "relay node ready", "pubkey=ab version=1"),
                        TEXT_HEAD "relay node ready pubkey=ab version=1\n");
    assert_string_equal(format(RT_LOG_TEXT, "plain", ""), TEXT_HEAD "plain\n");
    assert_string_equal(format(RT_LOG_TEXT, "two\nlines\x7f", "a=\"\x1b[0m\""),
                        TEXT_HEAD "two\\x0alines\\x7f a=\"\\x1b[0m\"\n");
}

static void test_json(void **state)
{
    (void)state;
    assert_string_equal(format(RT_LOG_JSON, "relay node ready", "pubkey=ab version=1"),
                        JSON_HEAD "relay node ready\",\"pubkey\":\"ab\",\"version\":\"1\"}\n");
    assert_string_equal(format(RT_LOG_JSON, "plain", ""), JSON_HEAD "plain\"}\n");
    assert_string_equal(format(RT_LOG_JSON, "a \"b\" \\ \n", ""),
                        JSON_HEAD "a \\\"b\\\" \\\\ \\u000a\"}\n");
    assert_string_equal(
        format(RT_LOG_JSON, "m", "a=\"two words\" b=\"say \"hi\"\" c=\"\" d= e  f=1"),
        JSON_HEAD "m\",\"a\":\"two words\",\"b\":\"say \\\"hi\\\"\",\"c\":\"\",\"d\":\"\","
                  "\"e\":\"\",\"f\":\"1\"}\n");
    assert_string_equal(format(RT_LOG_JSON, "m", "a=\"open b=2"),
                        JSON_HEAD "m\",\"a\":\"open b=2\"}\n");
}

static void test_json_is_utf8(void **state)
{
    (void)state;
    assert_string_equal(format(RT_LOG_JSON, "\xc3\xa4\xe2\x82\xac\xf0\x9f\x98\x80", ""),
                        JSON_HEAD "\xc3\xa4\xe2\x82\xac\xf0\x9f\x98\x80\"}\n");
    /* Lone tail, cut head, overlong, surrogate, beyond the range. */
    assert_string_equal(format(RT_LOG_JSON, "\x80.\xc3", ""), JSON_HEAD "\\ufffd.\\ufffd\"}\n");
    assert_string_equal(format(RT_LOG_JSON, "\xc0\xaf", ""), JSON_HEAD "\\ufffd\\ufffd\"}\n");
    assert_string_equal(format(RT_LOG_JSON, "\xed\xa0\x80", ""),
                        JSON_HEAD "\\ufffd\\ufffd\\ufffd\"}\n");
    assert_string_equal(format(RT_LOG_JSON, "\xf4\x90\x80\x80", ""),
                        JSON_HEAD "\\ufffd\\ufffd\\ufffd\\ufffd\"}\n");
}

static void test_levels_and_times(void **state)
{
    static const struct {
        uint64_t secs;
        const char *text;
    } times[] = {
        {0, "1970-01-01T00:00:00.000Z"},          {951782400, "2000-02-29T00:00:00.000Z"},
        {951868799, "2000-02-29T23:59:59.000Z"},  {951868800, "2000-03-01T00:00:00.000Z"},
        {1798761599, "2026-12-31T23:59:59.000Z"}, {1798761600, "2027-01-01T00:00:00.000Z"},
        {4107542400, "2100-03-01T00:00:00.000Z"},
    };
    static const char *const levels[] = {" ERROR ", " WARN  ", " INFO  ", " DEBUG ", " TRACE "};

    (void)state;
    for (size_t i = 0; i < sizeof times / sizeof times[0]; i++) {
        struct rt_log_parts parts = {
            .wall_ns = times[i].secs * RT_S, .msg = "", .fields = "", .level = (int)i % 5};

        rt_log_format_line(&parts, RT_LOG_TEXT, line);
        assert_memory_equal(line, times[i].text, 24);
        assert_memory_equal(line + 24, levels[i % 5], 7);
    }
}

/* -- a checker for the objects we write: members are strings, but for "cut":true at the end -- */

static const char *skip_string(const char *p)
{
    assert_int_equal(*p++, '"');
    while (*p != '"') {
        uint8_t c = (uint8_t)*p;

        assert_true(c >= 0x20 && c != 0x7f);
        if (c == '\\' && p[1] == 'u') {
            for (int i = 2; i < 6; i++)
                assert_non_null(strchr("0123456789abcdef", p[i]));
            p += 6;
        } else if (c == '\\') {
            assert_true(p[1] == '"' || p[1] == '\\');
            p += 2;
        } else if (c < 0x80) {
            p++;
        } else {
            size_t more = c >= 0xf0 ? 3 : c >= 0xe0 ? 2 : 1;

            assert_true(c >= 0xc2 && c <= 0xf4);
            for (size_t i = 1; i <= more; i++)
                assert_int_equal((uint8_t)p[i] & 0xc0, 0x80);
            p += more + 1;
        }
    }
    return p + 1;
}

/* Returns whether it was cut. */
static bool check_object(const char *p)
{
    assert_int_equal(*p, '{');
    do {
        if (strcmp(p, ",\"cut\":true}\n") == 0)
            return true;
        p = skip_string(p + 1);
        assert_int_equal(*p, ':');
        p = skip_string(p + 1);
    } while (*p == ',');
    assert_string_equal(p, "}\n");
    return false;
}

static void check_text(const char *p)
{
    size_t n = strlen(p);

    assert_int_equal(p[n - 1], '\n');
    for (size_t i = 0; i + 1 < n; i++)
        assert_true((uint8_t)p[i] >= 0x20 && p[i] != 0x7f);
}

static void test_cut(void **state)
{
    char words[3000];

    (void)state;
    memset(words, 'w', sizeof words - 1);
    words[sizeof words - 1] = '\0';
    format(RT_LOG_TEXT, words, "");
    check_text(line);
    assert_string_equal(line + strlen(line) - 5, "w...\n");
    assert_true(strlen(line) > RT_LOG_LINE_MAX - 40);
    format(RT_LOG_JSON, words, "a=1");
    assert_true(check_object(line));
    assert_null(strstr(line, "\"a\""));
    memcpy(words, "a=1 b=", 6);
    format(RT_LOG_JSON, "m", words);
    assert_true(check_object(line));
    assert_non_null(strstr(line, ",\"a\":\"1\",\"b\":\"www"));
    memcpy(words, "a=1 bbb", 7);
    format(RT_LOG_JSON, "m", words);
    assert_true(check_object(line));
    assert_non_null(strstr(line, ",\"a\":\"1\",\"cut\":true}\n"));
    assert_false(check_object(format(RT_LOG_JSON, "short", "a=1")));
}

/* Every length around the limit: the closing quote and the tail share the last bytes. */
static void test_every_length(void **state)
{
    char words[RT_LOG_LINE_MAX + 1];

    (void)state;
    for (size_t len = RT_LOG_LINE_MAX - 150; len <= RT_LOG_LINE_MAX; len++) {
        memset(words, 'w', len);
        words[len] = '\0';
        check_text(format(RT_LOG_TEXT, words, "a=1 b=2"));
        check_object(format(RT_LOG_JSON, words, "a=1 b=2"));
        words[1] = '=';
        check_object(format(RT_LOG_JSON, "", words));
    }
}

static void test_cut_where_fields_were_formatted(void **state)
{
    struct rt_log_parts parts = {.msg = "m", .fields = "a=1", .is_fields_cut = true};

    (void)state;
    line[rt_log_format_line(&parts, RT_LOG_TEXT, line)] = '\0';
    assert_string_equal(line, "1970-01-01T00:00:00.000Z ERROR m a=1...\n");
    line[rt_log_format_line(&parts, RT_LOG_JSON, line)] = '\0';
    assert_true(check_object(line));
}

static void fill(char *out, size_t len)
{
    static const char favourites[] = "= \"\\\n{},:=\" = \"";

    for (size_t i = 0; i < len; i++) {
        uint64_t r = next_random();

        out[i] = r % 3 == 0 ? favourites[r / 3 % (sizeof favourites - 1)] : (char)(r >> 16);
        out[i] += out[i] == '\0';
    }
    out[len] = '\0';
}

static void test_random_bytes(void **state)
{
    char msg[1200], fields[1200];

    (void)state;
    for (int i = 0; i < 20000; i++) {
        fill(msg, next_random() % (i % 16 == 0 ? 1100 : 40));
        fill(fields, next_random() % (i % 7 == 0 ? 1100 : 60));
        check_text(format(RT_LOG_TEXT, msg, fields));
        check_object(format(RT_LOG_JSON, msg, fields));
    }
}

int main(int argc, char **argv)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_text),
        cmocka_unit_test(test_json),
        cmocka_unit_test(test_json_is_utf8),
        cmocka_unit_test(test_levels_and_times),
        cmocka_unit_test(test_cut),
        cmocka_unit_test(test_every_length),
        cmocka_unit_test(test_cut_where_fields_were_formatted),
        cmocka_unit_test(test_random_bytes),
    };

    seed = argc > 1 ? strtoull(argv[1], NULL, 10) : (uint64_t)time(NULL);
    seed += seed == 0;
    printf("seed=%llu\n", (unsigned long long)seed);
    return cmocka_run_group_tests_name("base/log_format", tests, NULL, NULL);
}
