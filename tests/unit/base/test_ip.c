/* SPDX-License-Identifier: MPL-2.0 */
/*
 * Plan: a table of IPv6 addresses at and next to the limits of the four ranges, with the IPv4
 * address inside, if there is one.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <arpa/inet.h>
#include <cmocka.h>

#include "base/ip.h"

static const struct {
    const char *ip, *v4; /* v4 NULL: none */
    bool is_local;
} cases[] = {
    {"::ffff:1.2.3.4", "1.2.3.4", false},
    {"::ffff:0.0.0.0", "0.0.0.0", false},
    {"::fffe:1.2.3.4", NULL, false},
    {"::1:ffff:1.2.3.4", NULL, false},
    {"::1.2.3.4", NULL, false},
    {"64:ff9b::1.2.3.4", "1.2.3.4", false},
    {"64:ff9b::255.255.255.255", "255.255.255.255", false},
    {"64:ff9b::1:1.2.3.4", NULL, false},
    {"64:ff9a:ffff::1.2.3.4", NULL, false},
    {"64:ff9b:1::1.2.3.4", "1.2.3.4", false},
    {"64:ff9b:1::1:1.2.3.4", "1.2.3.4", true},
    {"64:ff9b:1:ffff:ffff:ffff:1.2.3.4", "1.2.3.4", true},
    {"64:ff9b:2::1.2.3.4", NULL, false},
    {"64:ff9b:0:1::1.2.3.4", NULL, false},
    {"2002:102:304::", "1.2.3.4", false},
    {"2002:102:304:ffff:ffff:ffff:ffff:ffff", "1.2.3.4", false},
    {"2001:102:304::", NULL, false},
    {"2003:102:304::", NULL, false},
    {"2001:db8::1.2.3.4", NULL, false},
};

static void test_inner_addresses(void **state)
{
    (void)state;
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        uint8_t ip[16], expect[4] = {0xee, 0xee, 0xee, 0xee}, got[4] = {0xee, 0xee, 0xee, 0xee};

        assert_int_equal(inet_pton(AF_INET6, cases[i].ip, ip), 1);
        if (cases[i].v4)
            assert_int_equal(inet_pton(AF_INET, cases[i].v4, expect), 1);
        if (rt_ip6_inner_v4(ip, got) != (cases[i].v4 != NULL) ||
            rt_ip6_is_local_translated(ip) != cases[i].is_local)
            fail_msg("%s", cases[i].ip);
        assert_memory_equal(got, expect, sizeof(got));
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(test_inner_addresses)};

    return cmocka_run_group_tests(tests, NULL, NULL);
}
