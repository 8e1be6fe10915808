/* SPDX-License-Identifier: MPL-2.0 */
/*
 * Plan: addresses as text, of both families and of an unknown one; error texts name the plugin, the
 * action, the address and the cause; a host without an event loop or with a short table is refused.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <errno.h>
#include <netinet/in.h>

#include <cmocka.h>

#include "common/error.h"

static const struct sockaddr_in v4 = {.sin_family = AF_INET, .sin_port = 0x591b /* 7001 */};

static void test_addresses(void **state)
{
    struct sockaddr_in6 v6 = {.sin6_family = AF_INET6, .sin6_port = htons(1)};
    struct sockaddr odd = {.sa_family = AF_UNIX};
    char text[80];

    (void)state;
    plugin_addr_text((const struct sockaddr *)&v4, sizeof(v4), text, sizeof(text));
    assert_string_equal(text, "0.0.0.0:7001");
    v6.sin6_addr = in6addr_loopback;
    plugin_addr_text((const struct sockaddr *)&v6, sizeof(v6), text, sizeof(text));
    assert_string_equal(text, "[::1]:1");
    plugin_addr_text(&odd, 0, text, sizeof(text));
    assert_string_equal(text, "an address of family 1");
}

static void test_errors(void **state)
{
    struct relay_error err;

    (void)state;
    assert_int_equal(plugin_error_set(&err, "quic", "cannot listen on",
                                      (const struct sockaddr *)&v4, sizeof(v4), EADDRINUSE),
                     -1);
    assert_string_equal(err.text, "quic: cannot listen on 0.0.0.0:7001: address already in use");
    plugin_error_set(&err, "tcp_tls", "cannot dial", (const struct sockaddr *)&v4, sizeof(v4),
                     99999);
    assert_string_equal(err.text, "tcp_tls: cannot dial 0.0.0.0:7001: unknown error 99999");
}

static void *loop_of(struct relay_worker *w)
{
    return w;
}

static void test_host(void **state)
{
    struct relay_host host = {.size = sizeof(host), .loop = loop_of};
    struct relay_error err;

    assert_int_equal(plugin_check_host(&host, (void *)state, "quic", &err), 0);
    assert_int_equal(plugin_check_host(&host, NULL, "quic", &err), -1);
    assert_string_equal(err.text, "quic: this worker has no event loop");
    host.size--;
    assert_int_equal(plugin_check_host(&host, (void *)state, "quic", &err), -1);
    assert_string_equal(err.text, "quic: the host's table is older than this plugin");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_addresses),
        cmocka_unit_test(test_errors),
        cmocka_unit_test(test_host),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
