/* SPDX-License-Identifier: MPL-2.0 */
/*
 * The life of a connection:
 *
 *            half-open                                      closing
 *     NEW -> CONNECTING -> HANDSHAKE -> OPEN ------> CLOSING -> LINGERING
 *      |  dialled          ^             |    close     all      |
 *      +-------------------+             |    called    flushed  |
 *         accepted                       v                       v
 *                                      BROKEN ----------------> GONE
 *                           a write failed     input is read
 *
 * Every state but GONE may go to GONE: error, abort, refusal. Dialling begins in CONNECTING,
 * accepting in HANDSHAKE.
 *
 * Invariant: in GONE nothing is held but the struct, on no list. The host gets `closed` exactly
 * once if has_user, from the loop, and nothing after it. is_paused, is_muted, is_blocked,
 * owes_sent, has_fin and has_eof are orthogonal to the state.
 */
#include "conn.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/check.h"
#include "socket.h"

static void on_poll(uv_poll_t *poll, int status, int events);

#define BIT(state) (1u << (state))

void tls_conn_set_state(struct relay_conn *c, enum tls_conn_state to)
{
    static const uint8_t may_follow[] = {
        [TLS_CONN_NEW] = BIT(TLS_CONN_CONNECTING) | BIT(TLS_CONN_HANDSHAKE) | BIT(TLS_CONN_GONE),
        [TLS_CONN_CONNECTING] = BIT(TLS_CONN_HANDSHAKE) | BIT(TLS_CONN_GONE),
        [TLS_CONN_HANDSHAKE] = BIT(TLS_CONN_OPEN) | BIT(TLS_CONN_GONE),
        [TLS_CONN_OPEN] = BIT(TLS_CONN_BROKEN) | BIT(TLS_CONN_CLOSING) | BIT(TLS_CONN_GONE),
        [TLS_CONN_BROKEN] = BIT(TLS_CONN_GONE),
        [TLS_CONN_CLOSING] = BIT(TLS_CONN_LINGERING) | BIT(TLS_CONN_GONE),
        [TLS_CONN_LINGERING] = BIT(TLS_CONN_GONE),
        [TLS_CONN_GONE] = 0,
    };

    PLUGIN_INSIST(may_follow[c->state] & BIT(to));
    c->state = (uint8_t)to;
}

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

void tls_conn_start(struct relay_conn *c, enum tls_conn_state state, void *user)
{
    c->user = user;
    c->has_user = true;
    if (c->state == TLS_CONN_GONE)
        return; /* closed from inside admit */
    tls_conn_set_state(c, state);
    tls_conn_watch(c);
}

static int events_wanted(const struct relay_conn *c)
{
    int events = c->is_blocked ? UV_WRITABLE : 0;

    switch (c->state) {
    case TLS_CONN_CONNECTING:
        return UV_WRITABLE;
    case TLS_CONN_HANDSHAKE:
        return events | UV_READABLE | UV_DISCONNECT;
    case TLS_CONN_LINGERING:
        return UV_READABLE;
    default:
        break;
    }
    if (!c->has_fin && (c->state == TLS_CONN_CLOSING || (!c->is_muted && !c->has_close_notify)))
        events |= UV_READABLE;
    if (!c->has_eof && c->state != TLS_CONN_CLOSING)
        events |= UV_DISCONNECT;
    /* waits only for a reset, which needs some event in the poll set */
    return events ? events : UV_PRIORITIZED;
}

void tls_conn_watch(struct relay_conn *c)
{
    int events;

    if (c->state == TLS_CONN_GONE || c->state == TLS_CONN_BROKEN)
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
    tls_conn_set_state(c, TLS_CONN_HANDSHAKE);
    tls_input_queue_handshake(c);
    tls_conn_watch(c);
}

static void on_poll(uv_poll_t *poll, int status, int events)
{
    struct relay_conn *c = RT_CONTAINER_OF(poll, struct relay_conn, poll);

    if (c->state == TLS_CONN_CONNECTING) {
        on_connected(c);
        return;
    }
    if (status < 0) {
        tls_conn_broken(c, tls_socket_error(c->fd));
        return;
    }
    if (events & UV_WRITABLE)
        tls_output_writable(c);
    if (c->state != TLS_CONN_GONE && (events & (UV_READABLE | UV_DISCONNECT)))
        tls_input_readable(c, events);
    else if (c->state != TLS_CONN_GONE && (events & UV_PRIORITIZED))
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

    if (c->state == TLS_CONN_GONE)
        return;
    if (c->state == TLS_CONN_HANDSHAKE && (end == RELAY_END_PEER || end == RELAY_END_TIMEOUT))
        tls_count(tw, TLS_COUNTER_FAILED_LEFT, 1);
    tls_conn_set_state(c, TLS_CONN_GONE);
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
        return c->state == TLS_CONN_CONNECTING ? RELAY_END_REFUSED : RELAY_END_TIMEOUT;
    default:
        return c->state == TLS_CONN_CONNECTING ? RELAY_END_REFUSED : RELAY_END_PEER;
    }
}

void tls_conn_end_errno(struct relay_conn *c, int error)
{
    tls_conn_end(c, end_of_errno(c, error), error ? strerror(error) : NULL);
}

void tls_conn_broken(struct relay_conn *c, int error)
{
    if (c->state == TLS_CONN_GONE || c->state == TLS_CONN_BROKEN)
        return;
    if (c->state == TLS_CONN_LINGERING) {
        tls_conn_end(c, RELAY_END_LOCAL, NULL);
        return;
    }
    if (!tls_conn_is_reading(c)) {
        tls_conn_end_errno(c, error);
        return;
    }
    tls_conn_set_state(c, TLS_CONN_BROKEN);
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
    tls_conn_set_state(c, TLS_CONN_LINGERING);
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
    if (c->state == TLS_CONN_GONE)
        return;
    if (how == RELAY_CLOSE_ABORT) {
        tls_socket_reset_on_close(c->fd);
        tls_conn_end(c, RELAY_END_LOCAL, NULL);
        return;
    }
    if (tls_conn_is_closing(c))
        return;
    if (c->state != TLS_CONN_OPEN) {
        tls_conn_end(c, RELAY_END_LOCAL, NULL);
        return;
    }
    tls_conn_set_state(c, TLS_CONN_CLOSING);
    /* a peer that closed TCP alone, with no output under way, does not wait for close_notify */
    c->sent_close_notify =
        c->has_fin && !c->has_close_notify && !c->answered_fin && tls_output_left(c) == 0;
    rt_list_unlink(&c->ready);
    relay_slice_drop(&c->stash);
    tls_output_mark(c);
}

void tls_conn_peer(const struct relay_conn *c, struct sockaddr_storage *out)
{
    memset(out, 0, sizeof(*out));
    memcpy(out, &c->peer, sizeof(c->peer));
}
