/* SPDX-License-Identifier: MPL-2.0 */
#include "socket.h"

#include <stdlib.h>
#include <string.h>

#include "base/check.h"

static void on_poll(uv_poll_t *poll, int status, int events);

static void watch(struct quic_socket *s)
{
    QUIC_INSIST(uv_poll_start(&s->poll, UV_READABLE | (s->is_blocked ? UV_WRITABLE : 0), on_poll) ==
                0);
}

struct quic_socket *quic_socket_new(struct quic_worker *qw, const struct quic_udp *u)
{
    struct quic_socket *s = calloc(1, sizeof(*s));

    if (!s)
        abort();
    s->udp = *u;
    if (uv_poll_init(qw->loop, &s->poll, u->fd) != 0) {
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

/* A run, or the rest of one, until the kernel takes more. */
struct quic_kept {
    struct rt_list node;
    struct quic_udp_out out;
    union quic_addr local, remote;
    uint8_t bytes[];
};

static struct quic_kept *next_kept(struct quic_socket *s)
{
    struct rt_list *n = rt_list_pop_front(&s->kept);
    struct quic_kept *k;

    if (!n)
        return NULL;
    k = RT_CONTAINER_OF(n, struct quic_kept, node);
    s->kept_bytes -= (uint32_t)k->out.len;
    return k;
}

static void keep(struct quic_socket *s, const struct quic_udp_out *o, size_t done)
{
    size_t n = o->len - done;
    struct quic_kept *k;

    quic_count(s->worker, QUIC_COUNTER_BLOCKED, 1);
    if (!s->is_blocked) {
        s->is_blocked = true;
        watch(s);
    }
    if (s->kept_bytes + n > QUIC_KEPT_BYTES_MAX) {
        quic_count(s->worker, QUIC_COUNTER_KEPT_LOST, 1);
        return;
    }
    k = calloc(1, sizeof(*k) + n);
    if (!k)
        abort();
    memcpy(k->bytes, o->bytes + done, n);
    memcpy(&k->local, o->local, quic_addr_len(o->local));
    memcpy(&k->remote, o->remote, o->remote_len);
    k->out = *o;
    k->out.bytes = k->bytes;
    k->out.len = n;
    k->out.local = &k->local.any;
    k->out.remote = &k->remote.any;
    rt_list_init(&k->node);
    rt_list_push_back(&s->kept, &k->node);
    s->kept_bytes += (uint32_t)n;
}

/* Its last words: once more, and then they are lost like any packet. */
static void empty_kept(struct quic_socket *s)
{
    struct quic_kept *k;
    size_t done;

    while ((k = next_kept(s))) {
        (void)quic_udp_write(&s->udp, &k->out, &done);
        free(k);
    }
}

void quic_socket_drop(struct quic_socket **sp)
{
    struct quic_socket *s = *sp;

    *sp = NULL;
    if (!s || --s->refs > 0)
        return;
    s->worker->hooks->socket_closed(s);
    rt_list_unlink(&s->node);
    s->worker->socket_count--;
    empty_kept(s);
    uv_close((uv_handle_t *)&s->poll, on_socket_closed);
    quic_udp_close(&s->udp);
}

void quic_socket_write(struct quic_socket *s, const struct quic_udp_out *o)
{
    struct quic_worker *qw = s->worker;
    size_t done = 0;

    if (!s->is_blocked) {
        done = o->len;
        (void)quic_udp_write(&s->udp, o, &done); /* what is lost is lost like any packet */
        quic_count(qw, QUIC_COUNTER_WRITES, 1);
        quic_count(qw, QUIC_COUNTER_PACKETS_OUT, (o->len + o->segment - 1) / o->segment);
        quic_count(qw, QUIC_COUNTER_BYTES_OUT, o->len);
    }
    if (done < o->len)
        keep(s, o, done);
}

static void on_writable(struct quic_socket *s)
{
    struct quic_kept *k;
    struct rt_list *n;

    s->is_blocked = false;
    while (!s->is_blocked && (k = next_kept(s))) {
        quic_socket_write(s, &k->out);
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
        watch(s); /* an error that the read has taken; the loop stops watching at one */
    quic_socket_drop(&s);
}
