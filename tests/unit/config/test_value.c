/* SPDX-License-Identifier: MPL-2.0 */
/*
 * Plan: numbers, sizes and choices: valid ones with their value, limits of ranges, overflow, and
 * text that is not a number.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
#include <string.h>

#include "config/parse.h"

static void numbers(void **state)
{
    const struct cfg_row *row = &cfg_rows[CFG_KEY_WORKERS];
    static const char *const bad[] = {
        "", " 1", "1 ", "+1", "-1", "0x2", "1e1", "0", "65", "99999999999999999999999", "two"};
    struct cfg_fault fault;
    uint64_t v = 0;

    (void)state;
    assert_true(cfg_parse_number(row, "1", &v, &fault));
    assert_int_equal(v, 1);
    assert_true(cfg_parse_number(row, "64", &v, &fault));
    assert_int_equal(v, 64);
    assert_true(cfg_parse_number(row, "007", &v, &fault));
    assert_int_equal(v, 7);
    for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
        assert_false(cfg_parse_number(row, bad[i], &v, &fault));
        assert_non_null(strstr(fault.text, "give 1 to 64 threads"));
    }
    assert_int_equal(v, 7);
}

static void sizes(void **state)
{
    const struct cfg_row *row = &cfg_rows[CFG_KEY_MEMORY_MAX];
    static const struct {
        const char *text;
        uint64_t bytes;
    } good[] = {
        {"16777216", UINT64_C(16) << 20}, {"16384K", UINT64_C(16) << 20},
        {"16384KiB", UINT64_C(16) << 20}, {"16M", UINT64_C(16) << 20},
        {"17mib", UINT64_C(17) << 20},    {"2G", UINT64_C(2) << 30},
        {"3GiB", UINT64_C(3) << 30},      {"1T", UINT64_C(1) << 40},
        {"1024TiB", UINT64_C(1) << 50},   {"20000000B", 20000000},
    };
    static const char *const bad[] = {"",
                                      "M",
                                      "16 M",
                                      "1.5G",
                                      "16MB",
                                      "-1",
                                      "16Mi",
                                      "16777215",
                                      "1025T",
                                      "18446744073709551615T",
                                      "99999999999999999999",
                                      "0x10M"};
    struct cfg_fault fault;
    uint64_t v = 0;

    (void)state;
    for (size_t i = 0; i < sizeof(good) / sizeof(good[0]); i++) {
        assert_true(cfg_parse_bytes(row, good[i].text, &v, &fault));
        assert_true(v == good[i].bytes);
    }
    for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
        if (cfg_parse_bytes(row, bad[i], &v, &fault))
            fail_msg("took \"%s\"", bad[i]);
        assert_non_null(strstr(fault.text, "give "));
    }
}

static void choices(void **state)
{
    struct cfg_fault fault;
    int v = -1;

    (void)state;
    assert_true(cfg_parse_choice(CFG_KEY_LOG_LEVEL, "WARN", &v, &fault));
    assert_int_equal(v, RELAY_LOG_WARN);
    assert_true(cfg_parse_choice(CFG_KEY_BANDWIDTH_CLASS, "med", &v, &fault));
    assert_int_equal(v, CFG_BANDWIDTH_MEDIUM);
    assert_false(cfg_parse_choice(CFG_KEY_LOG_FORMAT, "warn", &v, &fault));
    assert_string_equal(fault.text, "is not known: give one of text, json");
    assert_int_equal(v, CFG_BANDWIDTH_MEDIUM);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(numbers),
        cmocka_unit_test(sizes),
        cmocka_unit_test(choices),
    };

    return cmocka_run_group_tests_name("config values", tests, NULL, NULL);
}
