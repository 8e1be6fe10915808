/* SPDX-License-Identifier: MPL-2.0 */
/*
 * Plan: what a worker counts reaches the process's counters when it is published, once.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "common/counters.h"

static _Atomic uint64_t process[2];

static _Atomic uint64_t *counter(const char *name)
{
    return &process[strcmp(name, "writes_total") == 0];
}

static void test_publish(void **state)
{
    static const char *const names[] = {"reads_total", "writes_total"};
    const struct relay_host host = {.counter = counter};
    struct plugin_counters c;

    (void)state;
    plugin_counters_init(&c, &host, names, 2);
    plugin_count(&c, 1, 3);
    plugin_count(&c, 1, 4);
    assert_int_equal(process[1], 0);
    plugin_counters_publish(&c);
    plugin_counters_publish(&c);
    assert_int_equal(process[0], 0);
    assert_int_equal(process[1], 7);
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(test_publish)};

    return cmocka_run_group_tests(tests, NULL, NULL);
}
