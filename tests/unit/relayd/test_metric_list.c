/* SPDX-License-Identifier: MPL-2.0 */
/*
 * Plan: the names of all counters are unique and in one style. The list begins with the connections
 * and ends with the log.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
#include <ctype.h>

#include "relayd/metric_list.h"

#define NAMES_MAX 512

struct seen {
    const char *names[NAMES_MAX];
    size_t count;
};

static void collect(void *ctx, const char *name, uint64_t value)
{
    struct seen *seen = ctx;

    (void)value;
    assert_true(seen->count < NAMES_MAX);
    seen->names[seen->count++] = name;
}

static void test_names_are_unique(void **state)
{
    struct seen seen = {0};

    (void)state;
    for (size_t i = 0; i < METRIC_TABLES; i++)
        rt_metric_each(metric_tables[i], collect, &seen);
    assert_string_equal(seen.names[0], "connections");
    assert_string_equal(seen.names[seen.count - 1], "log_lines_limited_total");
    for (size_t i = 0; i < seen.count; i++) {
        for (const char *c = seen.names[i]; *c; c++)
            assert_true(islower(*c) || isdigit(*c) || *c == '_');
        for (size_t j = 0; j < i; j++)
            assert_string_not_equal(seen.names[i], seen.names[j]);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_names_are_unique),
    };

    return cmocka_run_group_tests_name("relayd/metric_list", tests, NULL, NULL);
}
