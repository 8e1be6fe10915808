/* SPDX-License-Identifier: MPL-2.0 */
/*
 * Writing. Invariant: bytes leave in the order sealed, staged, queued; see struct tls_output. A
 * connection that is not blocked has nothing queued at the end of a verb.
 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>

#include "base/check.h"
#include "conn.h"

#define FLUSH_ROUNDS 4 /* full buffers written for one connection at a time */

void tls_output_mark(struct relay_conn *c)
{
    if (rt_list_empty(&c->dirty))
        rt_list_push_back(&c->worker->dirty, &c->dirty);
    tls_worker_kick(c->worker);
}

size_t tls_output_left(const struct relay_conn *c)
{
    return c->out.queued + c->out.staged + c->out.sealed_plain;
}

static void note_large(struct relay_conn *c, bool is_large)
{
    if (c->is_large == is_large)
        return;
    c->is_large = is_large;
    if (is_large)
        c->worker->large_gathering++;
    else
        c->worker->large_gathering--;
}

/* Replaces the buffer by b (NULL: none) and moves the bytes in use to its start. */
static void replace_buf(struct relay_conn *c, struct relay_buf *b)
{
    struct tls_output *o = &c->out;
    uint32_t n = o->used - o->start;

    PLUGIN_INSIST(o->start <= o->used && (!b || b->capacity >= n + o->staged));
    if (b && o->buf)
        memcpy(b->bytes, o->buf->bytes + o->start, n + o->staged);
    o->start = 0;
    o->used = n;
    tls_buf_put(c->worker, &o->buf);
    o->buf = b;
    note_large(c, b && !c->is_blocked && b->capacity >= TLS_LARGE_BYTES);
}

static bool flush_gathered(struct relay_conn *c);

/* Too many large buffers: flushes other connections early, which frees theirs. */
static void flush_others(struct tls_worker *tw, const struct relay_conn *but)
{
    struct rt_list *n = tw->dirty.next;

    while (n != &tw->dirty) {
        struct relay_conn *c = RT_CONTAINER_OF(n, struct relay_conn, dirty);

        n = n->next;
        if (c != but && c->is_large && tls_conn_may_write(c))
            flush_gathered(c);
    }
}

/* Provides space for n bytes after those in use. */
static bool ensure_room(struct relay_conn *c, size_t n)
{
    struct tls_output *o = &c->out;
    struct tls_worker *tw = c->worker;
    size_t in_use = o->used - o->start + o->staged, total = in_use + n;
    struct relay_buf *b;

    if (o->buf && o->buf->capacity - o->used - o->staged >= n)
        return true;
    if (o->buf && o->buf->capacity >= total) {
        memmove(o->buf->bytes, o->buf->bytes + o->start, in_use);
        o->used -= o->start;
        o->start = 0;
        return true;
    }
    if (total > TLS_SMALL_BYTES && tw->large_gathering >= TLS_LARGE_GATHERING)
        flush_others(tw, c);
    if (total <= TLS_LARGE_BYTES)
        b = tls_buf_get(tw, total > TLS_SMALL_BYTES);
    else
        b = tw->host->buf_new(total);
    if (!b)
        return false;
    replace_buf(c, b);
    return true;
}

bool tls_output_write(struct tls_engine *e, const struct iovec *v, int count)
{
    struct relay_conn *c = RT_CONTAINER_OF(e, struct relay_conn, engine);
    struct tls_output *o = &c->out;
    size_t n = 0;
    uint8_t *dst;

    for (int i = 0; i < count; i++)
        n += v[i].iov_len;
    if (c->state == TLS_CONN_BROKEN)
        return true;
    if (!ensure_room(c, n))
        return false;
    dst = o->buf->bytes + o->used;
    /* a record that the session writes itself (key update, alert) goes before staged bytes */
    memmove(dst + n, dst, o->staged);
    for (int i = 0; i < count; i++) {
        memcpy(dst, v[i].iov_base, v[i].iov_len);
        dst += v[i].iov_len;
    }
    o->used += (uint32_t)n;
    tls_output_mark(c);
    return true;
}

/* Seals one record from src. False: the connection has ended. */
static bool seal(struct relay_conn *c, const uint8_t *src, uint32_t n)
{
    c->out.sealed_plain += n;
    if (tls_engine_seal(&c->engine, src, n)) {
        tls_count(c->worker, TLS_COUNTER_RECORDS_OUT, 1);
        return true;
    }
    tls_conn_end(c, RELAY_END_SYSTEM, tls_engine_error_text(&c->engine));
    return false;
}

static bool seal_staged(struct relay_conn *c)
{
    struct tls_output *o = &c->out;
    uint32_t n = o->staged;

    if (n == 0)
        return true;
    o->staged = 0; /* the record replaces them */
    return seal(c, o->buf->bytes + o->used, n);
}

/* The socket is full. Keeps the rest in at most about twice its size. */
static void block(struct relay_conn *c)
{
    struct tls_output *o = &c->out;
    uint32_t left = o->used - o->start;
    struct relay_buf *b;

    c->is_blocked = true;
    note_large(c, false);
    tls_count(c->worker, TLS_COUNTER_BLOCKED, 1);
    if (left + o->staged > o->buf->capacity / 2)
        return;
    b = left + o->staged <= TLS_SMALL_BYTES ? tls_buf_get(c->worker, false)
                                            : c->worker->host->buf_new(left + o->staged);
    if (b)
        replace_buf(c, b);
    else
        tls_conn_no_memory(c);
}

static void advance(struct tls_output *o, uint32_t n)
{
    uint64_t len = o->used - o->start, left = len - n;

    PLUGIN_INSIST(n > 0 && n <= len);
    o->sealed_plain = (uint32_t)((o->sealed_plain * left + len - 1) / len);
    o->start += n;
}

/* Writes sealed bytes. True: all are written. */
static bool write_sealed(struct relay_conn *c)
{
    struct tls_output *o = &c->out;

    while (o->start < o->used) {
        uint32_t len = o->used - o->start;
        ssize_t n = send(c->fd, o->buf->bytes + o->start, len, MSG_NOSIGNAL);

        if (n < 0 && errno == EINTR)
            continue;
        if (n < 0 && errno != EAGAIN) {
            tls_conn_broken(c, errno);
            return false;
        }
        tls_count(c->worker, TLS_COUNTER_WRITES, 1);
        if (n > 0) {
            tls_count(c->worker, TLS_COUNTER_BYTES_OUT, (uint64_t)n);
            advance(o, (uint32_t)n);
        }
        if (n < (ssize_t)len) {
            block(c);
            return false;
        }
    }
    return true;
}

static bool is_writing(const struct relay_conn *c)
{
    return tls_conn_may_write(c) && !c->is_blocked;
}

/* Seals or stages n bytes at p, writing whenever a buffer is full. Returns how many it took: less
 * than n when the socket blocks or the connection ends. */
static size_t put(struct relay_conn *c, const uint8_t *p, size_t n)
{
    struct tls_output *o = &c->out;
    size_t done = 0;

    while (done < n && is_writing(c)) {
        size_t rest = n - done;
        uint32_t part = TLS_RECORD_MAX - o->staged;

        if (part > rest)
            part = (uint32_t)rest;
        if (o->used - o->start + o->staged + part + TLS_RECORD_OVERHEAD > TLS_LARGE_BYTES) {
            flush_gathered(c);
            continue;
        }
        if (!ensure_room(c, part + TLS_RECORD_OVERHEAD)) {
            tls_conn_no_memory(c);
            break;
        }
        done += part;
        if (part == TLS_RECORD_MAX) {
            seal(c, p + done - part, part);
            continue;
        }
        memcpy(o->buf->bytes + o->used + o->staged, p + done - part, part);
        o->staged += part;
        if (o->staged == TLS_RECORD_MAX)
            seal_staged(c);
    }
    return done;
}

/* Writes all gathered output to the socket. */
static bool flush_gathered(struct relay_conn *c)
{
    if (!seal_staged(c) || !write_sealed(c))
        return false;
    replace_buf(c, NULL);
    return true;
}

static void push_chunk(struct relay_conn *c, struct relay_slice *s, size_t skip)
{
    struct tls_output *o = &c->out;
    uint32_t len = s->len - (uint32_t)skip;
    struct tls_chunk *k = malloc(sizeof(*k));

    if (!k)
        abort();
    if (s->owner) {
        k->slice = relay_slice_take(s);
        k->slice.ptr += skip;
        k->slice.len = len;
    } else {
        struct relay_buf *b = c->worker->host->buf_new(len);

        if (!b) {
            free(k);
            tls_conn_no_memory(c);
            return;
        }
        memcpy(b->bytes, s->ptr + skip, len);
        k->slice = relay_slice_own(b, b->bytes, len);
    }
    k->next = NULL;
    *o->tail = k;
    o->tail = &k->next;
    o->queued += len;
}

static void pop_chunk(struct tls_output *o)
{
    struct tls_chunk *k = o->head;

    o->head = k->next;
    if (!o->head)
        o->tail = &o->head;
    relay_slice_drop(&k->slice);
    free(k);
}

/* Moves queued plaintext into records until the socket blocks. */
static void seal_queue(struct relay_conn *c)
{
    struct tls_output *o = &c->out;

    while (o->head && is_writing(c)) {
        struct relay_slice *s = &o->head->slice;
        size_t n = put(c, s->ptr, s->len);

        if (c->state == TLS_CONN_GONE || c->state == TLS_CONN_BROKEN)
            return;
        s->ptr += n;
        s->len -= (uint32_t)n;
        o->queued -= n;
        if (s->len == 0)
            pop_chunk(o);
    }
}

void tls_output_send(struct relay_conn *c, struct relay_vec *v)
{
    bool is_open = c->state == TLS_CONN_OPEN;

    for (uint32_t i = 0; is_open && i < v->count; i++) {
        struct relay_slice *s = &v->slice[i];
        size_t n = c->out.head ? 0 : put(c, s->ptr, s->len);

        is_open = c->state == TLS_CONN_OPEN;
        if (is_open && n < s->len)
            push_chunk(c, s, n);
        is_open = c->state == TLS_CONN_OPEN;
    }
    relay_vec_drop(v);
    if (!is_open)
        return;
    c->owes_sent = true;
    c->answered_fin |= c->has_eof;
    tls_output_mark(c);
}

static bool owes_close_notify(const struct relay_conn *c)
{
    return c->state == TLS_CONN_CLOSING && !c->sent_close_notify && !c->out.head;
}

static void flush(struct relay_conn *c)
{
    struct tls_output *o = &c->out;

    for (int i = 0; i < FLUSH_ROUNDS && !c->is_blocked; i++) {
        if (!seal_staged(c))
            return;
        if (owes_close_notify(c)) {
            c->sent_close_notify = true;
            tls_engine_close_notify(&c->engine);
        }
        if (!write_sealed(c))
            break;
        replace_buf(c, NULL);
        if (!o->head)
            break;
        seal_queue(c);
    }
    if (c->state == TLS_CONN_GONE || c->state == TLS_CONN_BROKEN)
        return;
    if (!c->is_blocked && (o->head || o->buf || owes_close_notify(c)))
        tls_output_mark(c);
    else if (!c->is_blocked && c->state == TLS_CONN_CLOSING)
        tls_conn_flushed(c);
    tls_conn_watch(c);
}

static void raise_sent(struct relay_conn *c)
{
    if (c->state != TLS_CONN_OPEN || !c->owes_sent)
        return;
    c->owes_sent = false;
    c->worker->host->events->sent(c->user, tls_output_left(c));
}

void tls_output_writable(struct relay_conn *c)
{
    c->is_blocked = false;
    flush(c);
    c->owes_sent = true;
    raise_sent(c);
}

void tls_output_run_dirty(struct tls_worker *tw)
{
    struct rt_list now, *n;

    rt_list_init(&now);
    while ((n = rt_list_pop_front(&tw->dirty)))
        rt_list_push_back(&now, n);
    while ((n = rt_list_pop_front(&now))) {
        struct relay_conn *c = RT_CONTAINER_OF(n, struct relay_conn, dirty);

        flush(c);
        raise_sent(c);
    }
}

void tls_output_write_alert(struct relay_conn *c)
{
    struct tls_output *o = &c->out;

    if (o->buf && !c->is_blocked && c->state != TLS_CONN_BROKEN && o->used > o->start)
        (void)!send(c->fd, o->buf->bytes + o->start, o->used - o->start, MSG_NOSIGNAL);
}

void tls_output_drop(struct relay_conn *c)
{
    struct tls_output *o = &c->out;

    while (o->head)
        pop_chunk(o);
    o->start = o->used = o->staged = o->sealed_plain = 0;
    o->queued = 0;
    replace_buf(c, NULL);
}
