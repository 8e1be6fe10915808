/* SPDX-License-Identifier: MPL-2.0 */
#include "bench.h"

#include <arpa/inet.h>
#include <netinet/in.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <setjmp.h>
#include <cmocka.h>

#define TURN_NS UINT64_C(10000000)
#define CHUNK_MAX 70000u /* bytes of one send of cf_send */

static struct cf_bench *bench;

void cf_fail(const char *fmt, ...)
{
    char text[512];
    va_list ap;

    va_start(ap, fmt);
    vsnprintf(text, sizeof(text), fmt, ap);
    va_end(ap);
    fail_msg("%s", text);
    abort();
}

struct cf_bench *cf_bench_now(void)
{
    return bench;
}

int cf_bench_forget(void **state)
{
    (void)state;
    bench = NULL;
    return 0;
}

uint8_t cf_byte(uint32_t key, uint64_t i)
{
    uint64_t x = (i >> 3) * UINT64_C(0x9e3779b97f4a7c15) + key;

    x ^= x >> 29;
    x *= UINT64_C(0xbf58476d1ce4e5b9);
    return (uint8_t)(x >> (8 * (i & 7)));
}

uint64_t cf_random(struct cf_bench *b, uint64_t below)
{
    b->random ^= b->random << 13;
    b->random ^= b->random >> 7;
    b->random ^= b->random << 17;
    return b->random % below;
}

/* -- events -- */

static struct cf_end *end_new(struct cf_bench *b, const struct cf_hooks *hooks)
{
    struct cf_end *e = calloc(1, sizeof(*e));

    CF_CHECK(e && b->end_count < CF_ENDS_MAX);
    if (hooks)
        e->hooks = *hooks;
    b->ends[b->end_count++] = e;
    return e;
}

/* The offer that was made last may go unused, but after another event it is none any more. */
static void forget_offer(void)
{
    free(bench->offered);
    bench->offered = NULL;
    bench->offered_to = NULL;
}

static void check_event(const struct cf_end *e)
{
    forget_offer();
    CF_CHECK(bench->in_verb == 0);
    CF_CHECK(e->closed == 0);
}

static void check_live_event(const struct cf_end *e)
{
    check_event(e);
    CF_CHECK(!e->has_called_close);
}

static void *on_admit(struct relay_worker *w, const struct relay_transport *t, struct relay_conn *c,
                      const struct sockaddr *peer)
{
    struct cf_end *e;

    CF_CHECK(w == bench->worker && t == bench->subject->transport);
    CF_CHECK(peer->sa_family == AF_INET || peer->sa_family == AF_INET6);
    CF_CHECK(bench->in_verb == 0);
    forget_offer();
    bench->admits++;
    if (bench->refuses)
        return NULL;
    e = end_new(bench, &bench->accept_hooks);
    e->conn = c;
    e->rx_key = 1;
    e->tx_key = 2;
    bench->last_admitted = e;
    return e;
}

static void on_opened(void *user)
{
    struct cf_end *e = user;

    check_live_event(e);
    CF_CHECK(e->opened == 0 && e->received == 0 && e->eof == 0 && e->sent_events == 0);
    e->opened = 1;
    if (e->hooks.opened)
        e->hooks.opened(e);
}

static void on_alloc(void *user, uint8_t **out, size_t *out_len)
{
    struct cf_end *e = user;

    check_live_event(e);
    CF_CHECK(e->opened == 1 && !e->is_paused);
    bench->offered_len = e->alloc_max ? e->alloc_max : 1 + cf_random(bench, 65536);
    /* of its exact size, so that a sanitizer sees a byte too many */
    bench->offered = malloc(bench->offered_len);
    CF_CHECK(bench->offered);
    bench->offered_to = e;
    *out = bench->offered;
    *out_len = bench->offered_len;
    if (e->hooks.alloc)
        e->hooks.alloc(e);
}

static bool on_data(void *user, size_t n)
{
    struct cf_end *e = user;

    CF_CHECK(bench->in_verb == 0 && e->closed == 0 && !e->has_called_close && !e->is_paused);
    CF_CHECK(bench->offered_to == e && n > 0 && n <= bench->offered_len);
    for (size_t i = 0; i < n; i++) {
        if (bench->offered[i] != cf_byte(e->rx_key, e->received + i))
            cf_fail("byte %llu is wrong", (unsigned long long)(e->received + i));
    }
    forget_offer();
    e->received += n;
    e->data_events++;
    if (e->hooks.data)
        e->hooks.data(e, n);
    return e->inside == CF_INSIDE_ALWAYS || (e->inside == CF_INSIDE_RANDOM && cf_random(bench, 2));
}

static void on_eof(void *user)
{
    struct cf_end *e = user;

    check_live_event(e);
    CF_CHECK(e->opened == 1 && e->eof == 0);
    e->eof = 1;
    if (e->hooks.eof)
        e->hooks.eof(e);
}

static void on_sent(void *user, size_t left)
{
    struct cf_end *e = user;

    check_live_event(e);
    CF_CHECK(e->opened == 1 && left <= e->sent);
    e->left = left;
    e->sent_events++;
    if (e->hooks.sent)
        e->hooks.sent(e, left);
}

static void on_closed(void *user, enum relay_end end, const char *detail)
{
    struct cf_end *e = user;
    struct sockaddr_storage peer;

    check_event(e);
    if (e->conn)
        bench->subject->transport->peer(e->conn, &peer); /* still allowed */
    e->closed = 1;
    e->end = end;
    snprintf(e->detail, sizeof(e->detail), "%s", detail ? detail : "");
    if (e->hooks.closed)
        e->hooks.closed(e);
    e->conn = NULL;
}

static const struct relay_events events = {
    .size = sizeof(struct relay_events),
    .admit = on_admit,
    .opened = on_opened,
    .alloc = on_alloc,
    .data = on_data,
    .eof = on_eof,
    .sent = on_sent,
    .closed = on_closed,
};

/* -- the loop -- */

void cf_until(struct cf_bench *b, bool (*done)(void *ctx), void *ctx, const char *what)
{
    const struct cf_driver *d = b->subject->driver;
    uint64_t until = d->now_ns(b->driver) + CF_WAIT_NS;

    while (!done(ctx)) {
        if (d->now_ns(b->driver) >= until)
            cf_fail("timed out: %s", what);
        d->turn(b->driver, TURN_NS);
        forget_offer();
    }
}

void cf_for(struct cf_bench *b, uint64_t ns)
{
    const struct cf_driver *d = b->subject->driver;
    uint64_t now = d->now_ns(b->driver), until = now + ns;

    do {
        d->turn(b->driver, until - now < TURN_NS ? until - now : TURN_NS);
        forget_offer();
        now = d->now_ns(b->driver);
    } while (now < until);
}

struct received_goal {
    const struct cf_end *e;
    uint64_t bytes;
};

static bool is_opened(void *ctx)
{
    const struct cf_end *e = ctx;

    if (e->closed)
        cf_fail("closed (%d, %s) instead of opened", (int)e->end, e->detail);
    return e->opened;
}

static bool is_received(void *ctx)
{
    const struct received_goal *g = ctx;

    if (g->e->closed)
        cf_fail("closed (%d, %s) after %llu bytes", (int)g->e->end, g->e->detail,
                (unsigned long long)g->e->received);
    return g->e->received >= g->bytes;
}

static bool is_eof(void *ctx)
{
    return ((const struct cf_end *)ctx)->eof;
}

static bool is_closed_or_eof(void *ctx)
{
    const struct cf_end *e = ctx;

    return e->eof || e->closed;
}

static bool is_drained(void *ctx)
{
    const struct cf_end *e = ctx;

    return e->sent_events > 0 && e->left == 0;
}

static bool is_closed(void *ctx)
{
    return ((const struct cf_end *)ctx)->closed;
}

static bool is_admitted(void *ctx)
{
    return ((const struct cf_bench *)ctx)->last_admitted != NULL;
}

struct cf_end *cf_until_admitted(struct cf_bench *b)
{
    cf_until(b, is_admitted, b, "admitted");
    return b->last_admitted;
}

void cf_until_opened(struct cf_end *e)
{
    cf_until(bench, is_opened, e, "opened");
}

void cf_until_received(struct cf_end *e, uint64_t bytes)
{
    struct received_goal goal = {e, bytes};

    cf_until(bench, is_received, &goal, "received");
}

void cf_until_eof(struct cf_end *e)
{
    cf_until(bench, is_eof, e, "eof");
}

void cf_until_closed_or_eof(struct cf_end *e)
{
    cf_until(bench, is_closed_or_eof, e, "closed or eof");
}

void cf_until_drained(struct cf_end *e)
{
    cf_until(bench, is_drained, e, "drained");
}

void cf_until_closed(struct cf_end *e)
{
    cf_until(bench, is_closed, e, "closed");
}

/* -- life of a bench -- */

static void parse_address(struct cf_bench *b, const char *text)
{
    struct sockaddr_in *v4 = (struct sockaddr_in *)&b->address;
    struct sockaddr_in6 *v6 = (struct sockaddr_in6 *)&b->address;

    if (inet_pton(AF_INET, text, &v4->sin_addr) == 1) {
        v4->sin_family = AF_INET;
        b->address_len = sizeof(*v4);
    } else {
        CF_CHECK(inet_pton(AF_INET6, text, &v6->sin6_addr) == 1);
        v6->sin6_family = AF_INET6;
        b->address_len = sizeof(*v6);
    }
}

static uint64_t seed(void)
{
    const char *text = getenv("RELAY_TEST_SEED");

    return text ? strtoull(text, NULL, 0) : 0x5eedu;
}

struct cf_bench *cf_bench_open(const struct cf_subject *s)
{
    struct cf_bench *b = calloc(1, sizeof(*b));
    struct relay_listen spec = {.fd = -1, .count = 1};
    struct relay_error err = {""};

    CF_CHECK(b && !bench);
    bench = b;
    b->subject = s;
    b->random = seed() | 1;
    b->driver = s->driver->open(&events, &b->host, &b->worker);
    if (s->transport->worker_init(b->host, b->worker, &b->state, &err) != 0)
        cf_fail("worker_init: %s", err.text);
    parse_address(b, s->address);
    spec.addr = (struct sockaddr *)&b->address;
    spec.addr_len = b->address_len;
    if (s->transport->listen(b->state, &spec, &b->listener, &b->address, &err) != 0)
        cf_fail("listen: %s", err.text);
    return b;
}

static bool are_all_closed(void *ctx)
{
    const struct cf_bench *b = ctx;

    for (uint32_t i = 0; i < b->end_count; i++) {
        if (!b->ends[i]->closed)
            return false;
    }
    return true;
}

void cf_bench_close(struct cf_bench *b)
{
    const struct relay_transport *t = b->subject->transport;
    size_t remains;

    if (b->listener)
        t->unlisten(b->listener);
    for (uint32_t i = 0; i < b->end_count; i++) {
        if (!b->ends[i]->closed)
            cf_close(b->ends[i], RELAY_CLOSE_ABORT);
    }
    cf_until(b, are_all_closed, b, "every end closed");
    t->worker_fini(b->state);
    CF_CHECK(b->subject->driver->buffers_live(b->driver) == 0);
    CF_CHECK(b->subject->driver->bytes_live(b->driver) == 0);
    remains = b->subject->driver->close(b->driver);
    if (remains != 0)
        cf_fail("%zu handles left after worker_fini", remains);
    for (uint32_t i = 0; i < b->end_count; i++)
        free(b->ends[i]);
    forget_offer();
    bench = NULL;
    free(b);
}

/* -- verbs -- */

socklen_t cf_address(struct sockaddr_storage *out, const char *text, uint16_t port)
{
    struct sockaddr_in *v4 = (struct sockaddr_in *)out;
    struct sockaddr_in6 *v6 = (struct sockaddr_in6 *)out;

    memset(out, 0, sizeof(*out));
    if (inet_pton(AF_INET, text, &v4->sin_addr) == 1) {
        v4->sin_family = AF_INET;
        v4->sin_port = htons(port);
        return sizeof(*v4);
    }
    CF_CHECK(inet_pton(AF_INET6, text, &v6->sin6_addr) == 1);
    v6->sin6_family = AF_INET6;
    v6->sin6_port = htons(port);
    return sizeof(*v6);
}

struct cf_end *cf_dial_to(struct cf_bench *b, const struct sockaddr_storage *addr, socklen_t len,
                          const struct cf_hooks *hooks)
{
    struct cf_end *e = end_new(b, hooks);
    struct relay_error err = {""};
    int rc;

    e->is_dialled = true;
    e->rx_key = 2;
    e->tx_key = 1;
    b->in_verb++;
    rc = b->subject->transport->dial(b->state, (const struct sockaddr *)addr, len, e, &e->conn,
                                     &err);
    b->in_verb--;
    if (rc != 0)
        cf_fail("dial: %s", err.text);
    return e;
}

struct cf_end *cf_dial(struct cf_bench *b, const struct cf_hooks *hooks)
{
    return cf_dial_to(b, &b->address, b->address_len, hooks);
}

uint64_t cf_counter(struct cf_bench *b, const char *name)
{
    return atomic_load(b->host->counter(name));
}

void cf_connect(struct cf_bench *b, struct cf_end **out_dialled, struct cf_end **out_accepted)
{
    b->last_admitted = NULL;
    *out_dialled = cf_dial(b, NULL);
    cf_until_opened(*out_dialled);
    CF_CHECK(b->last_admitted);
    *out_accepted = b->last_admitted;
    cf_until_opened(*out_accepted);
}

static struct relay_slice fill(struct cf_end *e, struct relay_buf *b, uint8_t *p, uint32_t n)
{
    for (uint32_t i = 0; i < n; i++)
        p[i] = cf_byte(e->tx_key, e->sent + i);
    e->sent += n;
    return b ? relay_slice_own(b, p, n) : relay_slice_view(p, n);
}

static void send_vec(struct cf_end *e, struct relay_vec *v)
{
    CF_CHECK(e->conn);
    bench->in_verb++;
    bench->subject->transport->send(e->conn, v);
    bench->in_verb--;
    CF_CHECK(v->count == 0 || v->slice[0].owner == NULL); /* owned slices moved in */
}

void cf_send(struct cf_end *e, size_t n)
{
    uint8_t *views = malloc((size_t)CHUNK_MAX * RELAY_VEC_MAX);

    CF_CHECK(views);
    while (n > 0) {
        struct relay_vec v = {.count = 1 + (uint32_t)cf_random(bench, RELAY_VEC_MAX)};

        for (uint32_t i = 0; i < v.count; i++) {
            uint32_t part = (uint32_t)cf_random(bench, cf_random(bench, 3) ? 300 : CHUNK_MAX);
            struct relay_buf *buf = NULL;

            if (part > n)
                part = (uint32_t)n;
            if (part > 0 && cf_random(bench, 2))
                buf = bench->host->buf_new(part);
            v.slice[i] = fill(e, buf, buf ? buf->bytes : views + (size_t)i * CHUNK_MAX, part);
            n -= part;
        }
        send_vec(e, &v);
        memset(views, 0xaa,
               (size_t)CHUNK_MAX * RELAY_VEC_MAX); /* views are good for the call only */
    }
    free(views);
}

void cf_send_owned(struct cf_end *e, size_t n)
{
    struct relay_buf *buf = bench->host->buf_new(n);
    struct relay_vec v = {.count = 1};

    CF_CHECK(buf);
    v.slice[0] = fill(e, buf, buf->bytes, (uint32_t)n);
    send_vec(e, &v);
}

void cf_pause(struct cf_end *e)
{
    e->is_paused = true;
    bench->in_verb++;
    bench->subject->transport->pause(e->conn);
    bench->in_verb--;
}

void cf_resume(struct cf_end *e)
{
    e->is_paused = false;
    bench->in_verb++;
    bench->subject->transport->resume(e->conn);
    bench->in_verb--;
}

void cf_close(struct cf_end *e, enum relay_close how)
{
    e->has_called_close = true;
    bench->in_verb++;
    bench->subject->transport->close(e->conn, how);
    bench->in_verb--;
}
