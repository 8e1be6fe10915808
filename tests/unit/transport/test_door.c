/* SPDX-License-Identifier: MPL-2.0 */
/*
 * Plan: the prefix of an address, from a table. An IPv4 address and all IPv6 addresses that contain
 * it have one prefix. Only real loopback addresses are loopback. Then the limit per prefix holds
 * for one IPv4 address however it is written.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <arpa/inet.h>
#include <cmocka.h>
#include <netinet/in.h>

#include "transport/door.h"
#include "transport/transport_metrics.h"

static struct rt_prefix prefix(const char *ip)
{
    struct sockaddr_in v4 = {.sin_family = AF_INET};
    struct sockaddr_in6 v6 = {.sin6_family = AF_INET6};
    struct rt_prefix out;

    if (inet_pton(AF_INET, ip, &v4.sin_addr) == 1) {
        rt_prefix_of((const struct sockaddr *)&v4, &out);
    } else {
        assert_int_equal(inet_pton(AF_INET6, ip, &v6.sin6_addr), 1);
        rt_prefix_of((const struct sockaddr *)&v6, &out);
    }
    return out;
}

static void test_prefixes(void **state)
{
    static const struct {
        const char *a, *b;
        bool is_same;
    } cases[] = {
        {"203.0.113.5", "203.0.113.6", false},
        {"203.0.113.5", "::ffff:203.0.113.5", true},
        {"203.0.113.5", "64:ff9b::203.0.113.5", true},
        {"203.0.113.5", "64:ff9b:1::203.0.113.5", true},
        {"203.0.113.5", "64:ff9b:1:9:9:9:203.0.113.5", true},
        {"203.0.113.5", "2002:cb00:7105::1", true},
        {"203.0.113.5", "2002:cb00:7105:ffff:1:2:3:4", true},
        {"64:ff9b::203.0.113.5", "64:ff9b::203.0.113.6", false},
        {"2001:db8:1:100::1", "2001:db8:1:1ff::1", true},
        {"2001:db8:1:100::1", "2001:db8:1:200::1", false},
    };

    (void)state;
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        struct rt_prefix a = prefix(cases[i].a), b = prefix(cases[i].b);

        if ((memcmp(a.bytes, b.bytes, sizeof(a.bytes)) == 0) != cases[i].is_same)
            fail_msg("%s %s", cases[i].a, cases[i].b);
    }
}

static void test_loopback(void **state)
{
    (void)state;
    assert_true(prefix("127.0.0.1").is_loopback);
    assert_true(prefix("::1").is_loopback);
    assert_true(prefix("::ffff:127.1.2.3").is_loopback);
    assert_false(prefix("::ffff:128.0.0.1").is_loopback);
    assert_false(prefix("64:ff9b::127.0.0.1").is_loopback);
    assert_false(prefix("2002:7f00:1::1").is_loopback);
}

static void test_one_host_has_one_share(void **state)
{
    static const char *const names[] = {"203.0.113.5", "64:ff9b::203.0.113.5", "2002:cb00:7105::1"};
    struct rt_door_limits limits = {
        .connections_max = 10, .half_open_max = 10, .per_prefix_max = 2};
    uint64_t before = rt_metric_get(RT_METRIC_REFUSED_PREFIX);
    struct rt_prefix p, other = prefix("64:ff9b::203.0.113.6");
    struct rt_door *d = NULL;

    (void)state;
    assert_int_equal(rt_door_new(&limits, 1, (const uint8_t *)"0123456789abcdef", &d), RT_ERR_OK);
    for (int i = 0; i < 3; i++) {
        p = prefix(names[i]);
        assert_int_equal(rt_door_enter(d, &p), i < 2);
    }
    assert_int_equal(rt_metric_get(RT_METRIC_REFUSED_PREFIX), before + 1);
    assert_true(rt_door_enter(d, &other));
    rt_door_leave(d, &other);
    for (int i = 0; i < 2; i++)
        rt_door_leave(d, &p);
    rt_door_free(&d);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_prefixes),
        cmocka_unit_test(test_loopback),
        cmocka_unit_test(test_one_host_has_one_share),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
