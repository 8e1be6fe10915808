/* SPDX-License-Identifier: MPL-2.0 */
#include "listen.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/check.h"
#include "common/error.h"
#include "conn.h"
#include "socket.h"

#define BACKLOG 4096
#define ACCEPTS_PER_TURN 64
#define RETRY_NS UINT64_C(100000000) /* after ENOBUFS, ENOMEM or EMFILE */

struct relay_listener {
    uv_poll_t poll;
    struct tls_worker *worker;
    struct relay_timer retry;
    int fd; /* -1: closed */
};

static void on_acceptable(uv_poll_t *poll, int status, int events);

static void on_retry(struct relay_timer *t)
{
    struct relay_listener *l = RT_CONTAINER_OF(t, struct relay_listener, retry);

    uv_poll_start(&l->poll, UV_READABLE, on_acceptable);
}

static void retry_later(struct relay_listener *l)
{
    struct tls_worker *tw = l->worker;

    uv_poll_stop(&l->poll);
    tw->host->timer_arm(tw->w, &l->retry, tw->host->now_ns(tw->w) + RETRY_NS);
}

/* Out of descriptors: frees the reserve to accept one peer and close it, so that it is refused. */
static bool refuse_one(struct relay_listener *l)
{
    struct tls_worker *tw = l->worker;
    int fd;

    tls_count(tw, TLS_COUNTER_EMFILE, 1);
    if (tw->reserve_fd < 0)
        return false;
    close(tw->reserve_fd);
    fd = accept4(l->fd, NULL, NULL, SOCK_CLOEXEC);
    if (fd >= 0)
        close(fd);
    tw->reserve_fd = open("/dev/null", O_RDONLY | O_CLOEXEC);
    return fd >= 0;
}

static void admit(struct tls_worker *tw, int fd, const struct sockaddr *peer, socklen_t len)
{
    struct relay_conn *c = tls_conn_new(tw, fd, peer, len);
    void *user;

    if (!c)
        return;
    c->is_server = true;
    user = tw->host->events->admit(tw->w, tw->table, c, peer);
    if (user) {
        tls_count(tw, TLS_COUNTER_ACCEPTED, 1);
        tls_conn_start(c, TLS_CONN_HANDSHAKE, user);
    } else {
        tls_count(tw, TLS_COUNTER_REFUSED, 1);
        tls_conn_end(c, RELAY_END_LOCAL, NULL);
    }
}

static void on_acceptable(uv_poll_t *poll, int status, int events)
{
    struct relay_listener *l = RT_CONTAINER_OF(poll, struct relay_listener, poll);

    (void)status, (void)events;
    for (int i = 0; i < ACCEPTS_PER_TURN && l->fd >= 0; i++) {
        struct sockaddr_storage peer;
        socklen_t len = sizeof(peer);
        int fd = accept4(l->fd, (struct sockaddr *)&peer, &len, SOCK_NONBLOCK | SOCK_CLOEXEC);

        if (fd >= 0) {
            admit(l->worker, fd, (struct sockaddr *)&peer, len);
        } else if (errno == EAGAIN) {
            return;
        } else if (errno == EMFILE || errno == ENFILE) {
            if (!refuse_one(l)) {
                retry_later(l);
                return;
            }
        } else if (errno == ENOBUFS || errno == ENOMEM) {
            retry_later(l);
            return;
        }
        /* any other error concerns a peer that is gone already */
    }
}

static int set_on(int fd, int level, int option)
{
    int one = 1;

    return setsockopt(fd, level, option, &one, sizeof(one));
}

/* A bound, non-blocking socket: *out_fd and 0, or errno. */
static int bind_socket(const struct sockaddr *addr, socklen_t len, bool is_shared, int *out_fd)
{
    int fd = socket(addr->sa_family, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
    int error = 0, only_v6;

    if (fd < 0)
        return errno;
    if (addr->sa_family == AF_INET6) {
        only_v6 = !IN6_IS_ADDR_UNSPECIFIED(&((const struct sockaddr_in6 *)addr)->sin6_addr);
        if (setsockopt(fd, IPPROTO_IPV6, IPV6_V6ONLY, &only_v6, sizeof(only_v6)) != 0)
            error = errno;
    }
    if (error == 0 &&
        (set_on(fd, SOL_SOCKET, SO_REUSEADDR) != 0 ||
         (is_shared && set_on(fd, SOL_SOCKET, SO_REUSEPORT) != 0) || bind(fd, addr, len) != 0))
        error = errno;
    if (error != 0) {
        close(fd);
        return error;
    }
    *out_fd = fd;
    return 0;
}

/* The bound socket of spec, inherited or new: *out_fd and 0, or errno. */
static int open_socket(const struct relay_listen *spec, int *out_fd)
{
    int error, probe;

    if (spec->fd >= 0) {
        int flags = fcntl(spec->fd, F_GETFL);

        if (flags < 0 || fcntl(spec->fd, F_SETFL, flags | O_NONBLOCK) != 0 ||
            fcntl(spec->fd, F_SETFD, FD_CLOEXEC) != 0)
            return errno;
        *out_fd = spec->fd;
        return 0;
    }
    /* SO_REUSEPORT allows another process of the same user: bind without it first */
    if (spec->count > 1 && spec->index == 0) {
        error = bind_socket(spec->addr, spec->addr_len, false, &probe);
        if (error != 0)
            return error;
        close(probe);
    }
    return bind_socket(spec->addr, spec->addr_len, spec->count > 1, out_fd);
}

static const struct sockaddr *spec_addr(const struct relay_listen *spec,
                                        struct sockaddr_storage *bound, socklen_t *out_len)
{
    *out_len = sizeof(*bound);
    if (spec->fd < 0) {
        *out_len = spec->addr_len;
        return spec->addr;
    }
    if (getsockname(spec->fd, (struct sockaddr *)bound, out_len) != 0)
        *out_len = sizeof(*bound);
    return (struct sockaddr *)bound;
}

int tls_listen(void *state, const struct relay_listen *spec, struct relay_listener **out,
               struct sockaddr_storage *out_bound, struct relay_error *err)
{
    struct tls_worker *tw = state;
    struct sockaddr_storage bound = {0};
    struct relay_listener *l = NULL;
    const struct sockaddr *addr;
    socklen_t len;
    int fd = spec->fd, error;

    addr = spec_addr(spec, &bound, &len);
    error = open_socket(spec, &fd);
    if (error != 0)
        goto fail;
    error = tls_socket_tune(fd);
    if (error == 0 && listen(fd, BACKLOG) != 0)
        error = errno;
    if (error != 0)
        goto fail;
    len = sizeof(bound);
    if (getsockname(fd, (struct sockaddr *)&bound, &len) != 0) {
        error = errno;
        goto fail;
    }
    l = calloc(1, sizeof(*l));
    if (!l)
        abort();
    error = -uv_poll_init(tw->loop.uv, &l->poll, fd);
    if (error != 0)
        goto fail;
    l->worker = tw;
    l->fd = fd;
    l->retry.fire = on_retry;
    tw->listeners++;
    uv_poll_start(&l->poll, UV_READABLE, on_acceptable);
    *out = l;
    *out_bound = bound;
    return 0;
fail:
    plugin_error_set(err, "tcp_tls", "cannot listen on", addr, len, error);
    if (fd >= 0)
        close(fd);
    free(l);
    return -1;
}

static void on_listener_closed(uv_handle_t *h)
{
    free(RT_CONTAINER_OF((uv_poll_t *)h, struct relay_listener, poll));
}

void tls_unlisten(struct relay_listener *l)
{
    struct tls_worker *tw = l->worker;

    tw->host->timer_disarm(tw->w, &l->retry);
    uv_close((uv_handle_t *)&l->poll, on_listener_closed);
    close(l->fd);
    l->fd = -1;
    tw->listeners--;
}
