/* SPDX-License-Identifier: MPL-2.0 */
/* Plan: each refusal has its own total. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include "session/refusal_total.h"

static void test_totals(void **state)
{
    (void)state;
    session_refusal_count(WIRE_REFUSAL_SLOT_NOT_FOUND);
    session_refusal_count(WIRE_REFUSAL_SLOT_NOT_FOUND);
    assert_int_equal(session_refusal_total(WIRE_REFUSAL_SLOT_NOT_FOUND), 2);
    assert_int_equal(session_refusal_total(WIRE_REFUSAL_HELLO_REPLAY), 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_totals),
    };

    return cmocka_run_group_tests_name("session/refusal_total", tests, NULL, NULL);
}
