/* SPDX-License-Identifier: MPL-2.0 */
/*
 * Invariant: while is_blocked, every write is kept and the poll watches for UV_WRITABLE; kept runs
 * are written in order before any new one. kept_bytes is their sum.
 */
#include "socket.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "base/check.h"

static void on_poll(uv_poll_t *poll, int status, int events);

static void watch(struct quic_socket *s)
{
    PLUGIN_INSIST(
        uv_poll_start(&s->poll, UV_READABLE | (s->is_blocked ? UV_WRITABLE : 0), on_poll) == 0);
}

struct quic_socket *quic_socket_new(struct quic_worker *qw, const struct quic_udp *u)
{
    struct quic_socket *s = calloc(1, sizeof(*s));

    if (!s)
        abort();
    s->udp = *u;
    if (uv_poll_init(qw->loop.uv, &s->poll, u->fd) != 0) {
        quic_udp_close(&s->udp);
        free(s);
        return NULL;
    }
    s->worker = qw;
    s->refs = 1;
    rt_list_init(&s->waiting);
    rt_list_init(&s->kept);
    rt_list_init(&s->node);
    rt_list_push_back(&qw->sockets, &s->node);
    qw->socket_count++;
    watch(s);
    return s;
}

static void on_socket_closed(uv_handle_t *h)
{
    free(RT_CONTAINER_OF((uv_poll_t *)h, struct quic_socket, poll));
}

static struct quic_kept *next_kept(struct quic_socket *s)
{
    struct quic_kept *k = quic_kept_pop(&s->kept);

    if (k)
        s->kept_bytes -= (uint32_t)k->d.len;
    return k;
}

static void keep(struct quic_socket *s, const struct quic_datagram *d, size_t done)
{
    struct quic_datagram rest = *d;

    rest.bytes += done;
    rest.len -= done;
    quic_count(s->worker, QUIC_COUNTER_BLOCKED, 1);
    if (!s->is_blocked) {
        s->is_blocked = true;
        watch(s);
    }
    if (s->kept_bytes + rest.len > QUIC_KEPT_BYTES_MAX) {
        quic_count(s->worker, QUIC_COUNTER_KEPT_LOST, 1);
        return;
    }
    rt_list_push_back(&s->kept, &quic_kept_new(&rest)->node);
    s->kept_bytes += (uint32_t)rest.len;
}

/* Writes the kept runs once more; what fails now is lost like any packet. */
static void empty_kept(struct quic_socket *s)
{
    struct quic_kept *k;
    size_t done;

    while ((k = next_kept(s))) {
        (void)quic_udp_write(&s->udp, &k->d, &done);
        free(k);
    }
}

void quic_socket_drop(struct quic_socket **sp)
{
    struct quic_socket *s = *sp;

    *sp = NULL;
    if (!s)
        return;
    PLUGIN_INSIST(s->refs > 0);
    if (--s->refs > 0)
        return;
    s->worker->hooks->socket_closed(s);
    rt_list_unlink(&s->node);
    s->worker->socket_count--;
    empty_kept(s);
    uv_close((uv_handle_t *)&s->poll, on_socket_closed);
    quic_udp_close(&s->udp);
}

bool quic_socket_write(struct quic_socket *s, const struct quic_datagram *d)
{
    struct quic_worker *qw = s->worker;
    size_t done = 0;
    int error = 0;

    PLUGIN_INSIST(d->len > 0 && d->segment > 0);
    if (!s->is_blocked) {
        done = d->len;
        error = quic_udp_write(&s->udp, d, &done); /* an error loses packets, as the network does */
        quic_count(qw, QUIC_COUNTER_WRITES, 1);
        quic_count(qw, QUIC_COUNTER_PACKETS_OUT, (d->len + d->segment - 1) / d->segment);
        quic_count(qw, QUIC_COUNTER_BYTES_OUT, d->len);
    }
    if (done < d->len)
        keep(s, d, done);
    return error != EMSGSIZE;
}

static void on_writable(struct quic_socket *s)
{
    struct quic_kept *k;
    struct rt_list *n;

    s->is_blocked = false;
    while (!s->is_blocked && (k = next_kept(s))) {
        quic_socket_write(s, &k->d);
        free(k);
    }
    while (!s->is_blocked && (n = rt_list_pop_front(&s->waiting))) {
        rt_list_push_back(&s->worker->dirty, n);
        quic_worker_kick(s->worker);
    }
    watch(s);
}

static void on_poll(uv_poll_t *poll, int status, int events)
{
    struct quic_socket *s = RT_CONTAINER_OF(poll, struct quic_socket, poll);

    s->refs++;
    quic_worker_clock(s->worker);
    if (events & UV_WRITABLE && s->is_blocked)
        on_writable(s);
    s->worker->hooks->socket_readable(s);
    if (status < 0 && s->refs > 1)
        watch(s); /* the read has fetched the error; the loop stops watching on errors */
    quic_socket_drop(&s);
}
