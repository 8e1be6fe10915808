/* SPDX-License-Identifier: MPL-2.0 */
/*
 * Plan: a tuned listener passes all its options on to what it accepts (the kernel's promise that
 * the plugin leans on); addresses read as people write them; errors are one sentence.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <errno.h>
#include <string.h>
#include <unistd.h>

#include <arpa/inet.h>
#include <netinet/in.h>
#include <netinet/tcp.h>

#include <cmocka.h>

#include "tcp_tls/socket.h"

static int option(int fd, int level, int name)
{
    int value = -1;
    socklen_t len = sizeof(value);

    assert_int_equal(getsockopt(fd, level, name, &value, &len), 0);
    return value;
}

static void test_accepted_sockets_inherit(void **state)
{
    struct sockaddr_in addr = {.sin_family = AF_INET};
    int listener = socket(AF_INET, SOCK_STREAM, 0), client = socket(AF_INET, SOCK_STREAM, 0), fd;
    socklen_t len = sizeof(addr);

    (void)state;
    addr.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    assert_int_equal(bind(listener, (struct sockaddr *)&addr, sizeof(addr)), 0);
    assert_int_equal(tls_socket_tune(listener), 0);
    assert_int_equal(listen(listener, 1), 0);
    assert_int_equal(getsockname(listener, (struct sockaddr *)&addr, &len), 0);
    assert_int_equal(connect(client, (struct sockaddr *)&addr, sizeof(addr)), 0);
    fd = accept(listener, NULL, NULL);
    assert_true(fd >= 0);
    assert_int_equal(option(fd, IPPROTO_TCP, TCP_NODELAY), 1);
    assert_int_equal(option(fd, SOL_SOCKET, SO_KEEPALIVE), 1);
    assert_int_equal(option(fd, IPPROTO_TCP, TCP_KEEPIDLE), 30);
    assert_int_equal(option(fd, IPPROTO_TCP, TCP_KEEPINTVL), 5);
    assert_int_equal(option(fd, IPPROTO_TCP, TCP_KEEPCNT), 3);
    assert_int_equal(option(fd, IPPROTO_TCP, TCP_USER_TIMEOUT), 45000);
    close(fd);
    close(client);
    close(listener);
}

static void test_texts(void **state)
{
    struct sockaddr_in v4 = {.sin_family = AF_INET, .sin_port = htons(7001)};
    struct sockaddr_in6 v6 = {.sin6_family = AF_INET6, .sin6_port = htons(1)};
    struct relay_error err;
    char text[80];

    (void)state;
    tls_addr_text((struct sockaddr *)&v4, sizeof(v4), text, sizeof(text));
    assert_string_equal(text, "0.0.0.0:7001");
    v6.sin6_addr = in6addr_loopback;
    tls_addr_text((struct sockaddr *)&v6, sizeof(v6), text, sizeof(text));
    assert_string_equal(text, "[::1]:1");
    assert_int_equal(
        tls_error_set(&err, "cannot listen on", (struct sockaddr *)&v4, sizeof(v4), EADDRINUSE),
        -1);
    assert_string_equal(err.text, "tcp_tls: cannot listen on 0.0.0.0:7001: address already in use");
    tls_error_set(&err, "cannot dial", (struct sockaddr *)&v4, sizeof(v4), 99999);
    assert_string_equal(err.text, "tcp_tls: cannot dial 0.0.0.0:7001: unknown error 99999");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_accepted_sockets_inherit),
        cmocka_unit_test(test_texts),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
