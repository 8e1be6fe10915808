/* SPDX-License-Identifier: MPL-2.0 */
#include "socket.h"

#include <ctype.h>
#include <errno.h>
#include <netdb.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <stdio.h>
#include <string.h>

#define KEEPALIVE_IDLE_S 30
#define KEEPALIVE_INTERVAL_S 5
#define KEEPALIVE_PROBES 3
#define USER_TIMEOUT_MS 45000

_Static_assert(USER_TIMEOUT_MS >=
                   1000 * (KEEPALIVE_IDLE_S + KEEPALIVE_INTERVAL_S * KEEPALIVE_PROBES),
               "one lost probe must not kill a connection");

static int set(int fd, int level, int option, int value)
{
    return setsockopt(fd, level, option, &value, sizeof(value));
}

int tls_socket_tune(int fd)
{
    if (set(fd, IPPROTO_TCP, TCP_NODELAY, 1) != 0 || set(fd, SOL_SOCKET, SO_KEEPALIVE, 1) != 0 ||
        set(fd, IPPROTO_TCP, TCP_KEEPIDLE, KEEPALIVE_IDLE_S) != 0 ||
        set(fd, IPPROTO_TCP, TCP_KEEPINTVL, KEEPALIVE_INTERVAL_S) != 0 ||
        set(fd, IPPROTO_TCP, TCP_KEEPCNT, KEEPALIVE_PROBES) != 0 ||
        set(fd, IPPROTO_TCP, TCP_USER_TIMEOUT, USER_TIMEOUT_MS) != 0)
        return errno;
    return 0;
}

void tls_socket_quickack(int fd)
{
    set(fd, IPPROTO_TCP, TCP_QUICKACK, 1);
}

void tls_socket_reset_on_close(int fd)
{
    struct linger l = {.l_onoff = 1, .l_linger = 0};

    setsockopt(fd, SOL_SOCKET, SO_LINGER, &l, sizeof(l));
}

int tls_socket_error(int fd)
{
    int error = 0;
    socklen_t len = sizeof(error);

    if (getsockopt(fd, SOL_SOCKET, SO_ERROR, &error, &len) != 0)
        return errno;
    return error;
}

void tls_addr_text(const struct sockaddr *addr, socklen_t len, char *out, size_t cap)
{
    char host[64], port[8];

    if (getnameinfo(addr, len, host, sizeof(host), port, sizeof(port),
                    NI_NUMERICHOST | NI_NUMERICSERV) != 0)
        snprintf(out, cap, "an address of family %d", (int)addr->sa_family);
    else
        snprintf(out, cap, addr->sa_family == AF_INET6 ? "[%s]:%s" : "%s:%s", host, port);
}

int tls_error_set(struct relay_error *err, const char *what, const struct sockaddr *addr,
                  socklen_t len, int error)
{
    const char *why = strerror(error);
    char text[80];

    tls_addr_text(addr, len, text, sizeof(text));
    snprintf(err->text, sizeof(err->text), "tcp_tls: %s %s: %c%s", what, text, tolower(*why),
             why + 1);
    return -1;
}
