/* SPDX-License-Identifier: MPL-2.0 */
#include "socket.h"

#include <errno.h>
#include <netinet/in.h>
#include <netinet/tcp.h>

#define KEEPALIVE_IDLE_S 30
#define KEEPALIVE_INTERVAL_S 5
#define KEEPALIVE_PROBES 3
#define USER_TIMEOUT_MS 45000

_Static_assert(USER_TIMEOUT_MS >=
                   1000 * (KEEPALIVE_IDLE_S + KEEPALIVE_INTERVAL_S * KEEPALIVE_PROBES),
               "one lost probe must not end a connection");

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
