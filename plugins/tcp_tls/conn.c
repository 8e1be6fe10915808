/* SPDX-License-Identifier: MPL-2.0 */
#include "conn.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/check.h"
#include "socket.h"

static void on_poll(uv_poll_t *poll, int status, int events);

struct relay_conn *tls_conn_new(struct tls_worker *tw, int fd, const struct sockaddr *peer,
                                socklen_t peer_len)
{
    struct relay_conn *c = calloc(1, sizeof(*c));

    if (!c)
        abort();
    if (uv_poll_init(tw->loop.uv, &c->poll, fd) != 0) {
        close(fd);
        free(c);
        return NULL;
    }
    c->worker = tw;
    c->fd = fd;
    c->out.tail = &c->out.head;
    rt_list_init(&c->dirty);
    rt_list_init(&c->ready);
    rt_list_init(&c->handshake);
    memcpy(&c->peer, peer, peer_len < sizeof(c->peer) ? peer_len : sizeof(c->peer));
    tw->conns++;
    return c;
}

void tls_conn_start(struct relay_conn *c, enum tls_state state, void *user)
{
    c->user = user;
    c->has_user = true;
    if (c->state == TLS_ENDED)
        return; /* closed from inside admit */
    c->state = (uint8_t)state;
    tls_conn_watch(c);
}

static int events_wanted(const struct relay_conn *c)
{
    int events = c->is_blocked ? UV_WRITABLE : 0;

    switch (c->state) {
    case TLS_CONNECTING:
        return UV_WRITABLE;
    case TLS_HANDSHAKE:
        return events | UV_READABLE | UV_DISCONNECT;
    case TLS_LINGER:
        return UV_READABLE;
    default:
        break;
    }
    if (!c->has_fin && (c->is_closing || (!c->is_muted && !c->has_bye)))
        events |= UV_READABLE;
    if (!c->has_eof && !c->is_closing)
        events |= UV_DISCONNECT;
    /* nothing to wait for but a reset: that needs to be in the poll set all the same */
    return events ? events : UV_PRIORITIZED;
}

void tls_conn_watch(struct relay_conn *c)
{
    int events;

    if (c->state == TLS_ENDED || c->is_broken)
        return;
    events = events_wanted(c);
    if (events == c->events)
        return;
    c->events = (uint8_t)events;
    PLUGIN_INSIST(uv_poll_start(&c->poll, events, on_poll) == 0);
}

static void on_connected(struct relay_conn *c)
{
    int error = tls_socket_error(c->fd);

    if (error != 0) {
        tls_conn_end_errno(c, error);
        return;
    }
    c->state = TLS_HANDSHAKE;
    tls_input_queue_handshake(c);
    tls_conn_watch(c);
}

static void on_poll(uv_poll_t *poll, int status, int events)
{
    struct relay_conn *c = RT_CONTAINER_OF(poll, struct relay_conn, poll);

    if (c->state == TLS_CONNECTING) {
        on_connected(c);
        return;
    }
    if (status < 0) {
        tls_conn_broken(c, tls_socket_error(c->fd));
        return;
    }
    if (events & UV_WRITABLE)
        tls_output_writable(c);
    if (c->state != TLS_ENDED && (events & (UV_READABLE | UV_DISCONNECT)))
        tls_input_readable(c, events);
    else if (c->state != TLS_ENDED && (events & UV_PRIORITIZED))
        tls_conn_end(c, RELAY_END_PROTOCOL, "urgent data or hang-up");
}

static void on_poll_closed(uv_handle_t *h)
{
    struct relay_conn *c = RT_CONTAINER_OF((uv_poll_t *)h, struct relay_conn, poll);
    struct tls_worker *tw = c->worker;

    if (c->has_user)
        tw->host->events->closed(c->user, (enum relay_end)c->end, c->detail);
    tw->conns--;
    free(c);
}

void tls_conn_end(struct relay_conn *c, enum relay_end end, const char *detail)
{
    struct tls_worker *tw = c->worker;

    if (c->state == TLS_ENDED)
        return;
    if (c->state == TLS_HANDSHAKE && (end == RELAY_END_PEER || end == RELAY_END_TIMEOUT))
        tls_count(tw, TLS_COUNTER_FAILED_LEFT, 1);
    c->state = TLS_ENDED;
    c->end = (uint8_t)end;
    c->detail = detail;
    rt_list_unlink(&c->dirty);
    rt_list_unlink(&c->ready);
    rt_list_unlink(&c->handshake);
    tw->host->timer_disarm(tw->w, &c->linger);
    tls_output_drop(c);
    relay_slice_drop(&c->stash);
    tls_engine_fini(&c->engine);
    uv_close((uv_handle_t *)&c->poll, on_poll_closed);
    close(c->fd);
    c->fd = -1;
}

static enum relay_end end_of_errno(const struct relay_conn *c, int error)
{
    switch (error) {
    case ETIMEDOUT:
        return RELAY_END_TIMEOUT;
    case ENOMEM:
    case ENOBUFS:
    case EMFILE:
    case ENFILE:
        return RELAY_END_SYSTEM;
    case EHOSTUNREACH:
    case ENETUNREACH:
    case EHOSTDOWN:
    case ENETDOWN:
        return c->state == TLS_CONNECTING ? RELAY_END_REFUSED : RELAY_END_TIMEOUT;
    default:
        return c->state == TLS_CONNECTING ? RELAY_END_REFUSED : RELAY_END_PEER;
    }
}

void tls_conn_end_errno(struct relay_conn *c, int error)
{
    tls_conn_end(c, end_of_errno(c, error), error ? strerror(error) : NULL);
}

void tls_conn_broken(struct relay_conn *c, int error)
{
    if (c->state == TLS_ENDED || c->is_broken)
        return;
    if (c->state == TLS_LINGER) {
        tls_conn_end(c, RELAY_END_LOCAL, NULL);
        return;
    }
    if (!tls_conn_is_reading(c)) {
        tls_conn_end_errno(c, error);
        return;
    }
    c->is_broken = true;
    c->error = error;
    c->events = 0;
    uv_poll_stop(&c->poll);
    tls_output_drop(c);
    tls_input_ready(c);
}

void tls_conn_no_memory(struct relay_conn *c)
{
    tls_count(c->worker, TLS_COUNTER_NO_MEMORY, 1);
    tls_conn_end(c, RELAY_END_SYSTEM, "no memory for its buffers");
}

static void on_linger_over(struct relay_timer *t)
{
    tls_conn_end(RT_CONTAINER_OF(t, struct relay_conn, linger), RELAY_END_LOCAL, NULL);
}

void tls_conn_flushed(struct relay_conn *c)
{
    const struct relay_host *host = c->worker->host;

    if (c->has_fin || shutdown(c->fd, SHUT_WR) != 0) {
        tls_conn_end(c, RELAY_END_LOCAL, NULL);
        return;
    }
    c->state = TLS_LINGER;
    c->linger.fire = on_linger_over;
    host->timer_arm(c->worker->w, &c->linger, host->now_ns(c->worker->w) + TLS_LINGER_NS);
    tls_conn_watch(c);
}

void tls_conn_pause(struct relay_conn *c)
{
    c->is_paused = true;
}

void tls_conn_resume(struct relay_conn *c)
{
    if (!c->is_paused)
        return;
    c->is_paused = c->is_muted = false;
    if (!tls_conn_is_reading(c))
        return;
    if (c->stash.len > 0 || tls_engine_pending(&c->engine))
        tls_input_ready(c);
    tls_conn_watch(c);
}

void tls_conn_close(struct relay_conn *c, enum relay_close how)
{
    if (c->state == TLS_ENDED)
        return;
    if (how == RELAY_CLOSE_ABORT) {
        tls_socket_reset_on_close(c->fd);
        tls_conn_end(c, RELAY_END_LOCAL, NULL);
        return;
    }
    if (c->is_closing)
        return;
    if (c->state != TLS_OPEN || c->is_broken) {
        tls_conn_end(c, RELAY_END_LOCAL, NULL);
        return;
    }
    c->is_closing = true;
    /* a peer that just dropped the line, with nothing under way to it, is owed no goodbye */
    c->said_bye = c->has_fin && !c->has_bye && !c->answered_fin && tls_output_left(c) == 0;
    rt_list_unlink(&c->ready);
    relay_slice_drop(&c->stash);
    tls_output_mark(c);
}

void tls_conn_peer(const struct relay_conn *c, struct sockaddr_storage *out)
{
    memset(out, 0, sizeof(*out));
    memcpy(out, &c->peer, sizeof(c->peer));
}
