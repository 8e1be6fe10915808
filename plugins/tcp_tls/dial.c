/* SPDX-License-Identifier: MPL-2.0 */
#include <errno.h>
#include <sys/socket.h>
#include <unistd.h>

#include "common/error.h"
#include "conn.h"
#include "listen.h"
#include "socket.h"

int tls_dial(void *state, const struct sockaddr *addr, socklen_t addr_len, void *user,
             struct relay_conn **out, struct relay_error *err)
{
    struct tls_worker *tw = state;
    struct relay_conn *c;
    int fd, error;

    fd = socket(addr->sa_family, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
    if (fd < 0)
        return plugin_error_set(err, "tcp_tls", "cannot dial", addr, addr_len, errno);
    error = tls_socket_tune(fd);
    if (error != 0) {
        close(fd);
        return plugin_error_set(err, "tcp_tls", "cannot dial", addr, addr_len, error);
    }
    c = tls_conn_new(tw, fd, addr, addr_len);
    if (!c)
        return plugin_error_set(err, "tcp_tls", "cannot dial", addr, addr_len, ENOMEM);
    tls_count(tw, TLS_COUNTER_DIALLED, 1);
    error = connect(fd, addr, addr_len) == 0 ? 0 : errno;
    tls_conn_start(c, TLS_CONN_CONNECTING, user);
    if (error != 0 && error != EINPROGRESS)
        tls_conn_end_errno(c, error);
    *out = c;
    return 0;
}
