/* SPDX-License-Identifier: MPL-2.0 */
/* Plan: each refusal has a reason of its own; a text, or it closes; `rate limit` where it helps. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
#include <string.h>

#include "wire_refusal.h"

static void test_table(void **state)
{
    (void)state;
    for (int i = 1; i < WIRE_REFUSAL_COUNT; i++) {
        const struct wire_refusal_info *info = wire_refusal_info((enum wire_refusal)i);

        assert_true(strlen(info->reason) > 0);
        assert_non_null(info->text);
        assert_true(info->text[0] != '\0' || info->closes);
        for (int j = 1; j < i; j++)
            assert_string_not_equal(info->reason, wire_refusal_info((enum wire_refusal)j)->reason);
    }
    assert_non_null(strstr(wire_refusal_info(WIRE_REFUSAL_RATE_RELAY)->text, "rate limit"));
    assert_null(strstr(wire_refusal_info(WIRE_REFUSAL_TUNNELS_FULL)->text, "rate limit"));
    assert_true(wire_refusal_info(WIRE_REFUSAL_HELLO_REPLAY)->closes);
    assert_false(wire_refusal_info(WIRE_REFUSAL_SLOT_NOT_FOUND)->closes);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_table),
    };

    return cmocka_run_group_tests_name("schemas/wire_refusal", tests, NULL, NULL);
}
