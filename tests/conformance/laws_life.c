/* SPDX-License-Identifier: MPL-2.0 */
/*
 * Plan: how connections begin and end. Each test opens a bench of its own; the ends check the order
 * of events on every one of them, so that most tests only provoke an ending and say who hears what.
 */
#include <arpa/inet.h>
#include <netinet/in.h>
#include <stdio.h>
#include <string.h>

#include "laws.h"

#define SETTLE_NS UINT64_C(50000000)
#define CROWD 200

void law_table(void **state)
{
    const struct cf_subject *s = *state;
    const struct relay_transport *t = s->transport;

    CF_CHECK(t->magic == RELAY_TRANSPORT_MAGIC);
    CF_CHECK(t->size >= sizeof(*t) && t->abi_minor >= RELAY_ABI_MINOR);
    CF_CHECK(t->name && *t->name && t->schemes && *t->schemes);
    CF_CHECK(t->worker_init && t->worker_fini && t->listen && t->unlisten && t->dial);
    CF_CHECK(t->send && t->pause && t->resume && t->close && t->peer);
}

void law_open_close(void **state)
{
    struct cf_bench *b = cf_bench_open(*state);
    struct cf_end *a, *z;

    cf_connect(b, &a, &z);
    cf_close(a, RELAY_CLOSE_GRACEFUL);
    CF_CHECK(!a->closed); /* on a later turn */
    cf_until_eof(z);
    CF_CHECK(!z->closed); /* its own half is still open */
    cf_close(z, RELAY_CLOSE_GRACEFUL);
    cf_until_closed(a);
    cf_until_closed(z);
    CF_CHECK(a->end == RELAY_END_LOCAL && z->end == RELAY_END_LOCAL);
    cf_for(b, SETTLE_NS);
    cf_bench_close(b);
}

static uint16_t port_of(const struct sockaddr_storage *a)
{
    return ntohs(a->ss_family == AF_INET6 ? ((const struct sockaddr_in6 *)a)->sin6_port
                                          : ((const struct sockaddr_in *)a)->sin_port);
}

void law_peer_address(void **state)
{
    struct cf_bench *b = cf_bench_open(*state);
    struct sockaddr_storage at_a, at_z;
    struct cf_end *a, *z;

    cf_connect(b, &a, &z);
    b->subject->transport->peer(a->conn, &at_a);
    b->subject->transport->peer(z->conn, &at_z);
    CF_CHECK(at_a.ss_family == b->address.ss_family && at_z.ss_family == b->address.ss_family);
    CF_CHECK(port_of(&at_a) == port_of(&b->address) && port_of(&at_a) != 0);
    CF_CHECK(port_of(&at_z) != 0);
    cf_bench_close(b);
}

static void close_now(struct cf_end *e)
{
    cf_close(e, e->ctx ? RELAY_CLOSE_ABORT : RELAY_CLOSE_GRACEFUL);
}

static void close_on_data(struct cf_end *e, size_t n)
{
    (void)n;
    close_now(e);
}

static void send_now(struct cf_end *e)
{
    cf_send(e, 100);
}

static void send_and_leave(struct cf_end *e)
{
    cf_send(e, 100000);
    cf_close(e, RELAY_CLOSE_GRACEFUL);
}

/* One connection whose accepted end has these hooks; the dialled one sends and closes. */
static void close_in(const struct cf_subject *s, const struct cf_hooks *hooks, bool is_abort)
{
    const struct cf_hooks client = {.opened = send_and_leave};
    struct cf_bench *b = cf_bench_open(s);
    struct cf_end *z;

    b->accept_hooks = *hooks;
    cf_dial(b, &client);
    z = cf_until_admitted(b);
    z->ctx = is_abort ? b : NULL;
    cf_until_closed(z);
    CF_CHECK(z->end == RELAY_END_LOCAL);
    cf_bench_close(b);
}

void law_close_inside_events(void **state)
{
    const struct cf_hooks hooks[] = {
        {.opened = close_now},
        {.alloc = close_now},
        {.data = close_on_data},
        {.eof = close_now},
        {.opened = send_now, .sent = close_on_data},
    };

    for (size_t i = 0; i < sizeof(hooks) / sizeof(hooks[0]); i++) {
        close_in(*state, &hooks[i], false);
        close_in(*state, &hooks[i], true);
    }
}

void law_close_before_open(void **state)
{
    const enum relay_close ways[] = {RELAY_CLOSE_GRACEFUL, RELAY_CLOSE_ABORT};

    for (int i = 0; i < 2; i++) {
        struct cf_bench *b = cf_bench_open(*state);
        struct cf_end *a = cf_dial(b, NULL);

        cf_close(a, ways[i]);
        CF_CHECK(!a->closed);
        cf_until_closed(a);
        CF_CHECK(!a->opened && a->end == RELAY_END_LOCAL);
        cf_bench_close(b);
    }
}

static void close_the_other(struct cf_end *e)
{
    struct cf_end *other = e->ctx;

    if (!other->closed && !other->has_called_close) {
        cf_close(other, RELAY_CLOSE_ABORT);
        CF_CHECK(!other->closed);
    }
}

void law_close_other_inside_closed(void **state)
{
    struct cf_bench *b = cf_bench_open(*state);
    struct cf_end *a1, *z1, *a2, *z2;

    cf_connect(b, &a1, &z1);
    cf_connect(b, &a2, &z2);
    a1->ctx = z2;
    a1->hooks.closed = close_the_other;
    cf_close(a1, RELAY_CLOSE_ABORT);
    cf_until_closed(a1);
    cf_until_closed(z2);
    cf_until_closed(a2);
    cf_until_closed(z1);
    cf_bench_close(b);
}

void law_abort(void **state)
{
    struct cf_bench *b = cf_bench_open(*state);
    struct cf_end *a, *z;

    cf_connect(b, &a, &z);
    cf_send(a, 1000000);
    cf_close(a, RELAY_CLOSE_ABORT);
    CF_CHECK(!a->closed);
    cf_until_closed(a);
    CF_CHECK(a->end == RELAY_END_LOCAL);
    cf_until_closed_or_eof(z);
    cf_bench_close(b);
}

void law_abort_after_graceful(void **state)
{
    struct cf_bench *b = cf_bench_open(*state);
    struct cf_end *a, *z;

    cf_connect(b, &a, &z);
    cf_pause(z);
    cf_send(a, 16u << 20); /* more than the network takes: close has to wait */
    cf_close(a, RELAY_CLOSE_GRACEFUL);
    cf_for(b, SETTLE_NS);
    CF_CHECK(!a->closed);
    cf_close(a, RELAY_CLOSE_ABORT);
    cf_until_closed(a);
    CF_CHECK(a->end == RELAY_END_LOCAL);
    cf_bench_close(b);
}

void law_refused_admission(void **state)
{
    struct cf_bench *b = cf_bench_open(*state);
    struct cf_end *a;

    b->refuses = true;
    a = cf_dial(b, NULL);
    cf_until_closed(a);
    CF_CHECK(!a->opened && b->admits == 1 && b->last_admitted == NULL);
    b->refuses = false;
    a = cf_dial(b, NULL);
    cf_until_opened(a);
    cf_bench_close(b);
}

void law_dead_port(void **state)
{
    const struct cf_subject *s = *state;
    struct cf_bench *b;
    struct cf_end *a;

    if (!s->has_dead_ports)
        skip();
    b = cf_bench_open(s);
    s->transport->unlisten(b->listener);
    b->listener = NULL;
    cf_for(b, SETTLE_NS);
    a = cf_dial(b, NULL);
    CF_CHECK(!a->closed);
    cf_until_closed(a);
    CF_CHECK(a->end == RELAY_END_REFUSED && !a->opened);
    cf_bench_close(b);
}

void law_taken_port(void **state)
{
    const struct cf_subject *s = *state;
    struct cf_bench *b = cf_bench_open(s);
    struct relay_listen spec = {
        .addr = (struct sockaddr *)&b->address, .addr_len = b->address_len, .fd = -1, .count = 1};
    struct sockaddr_storage bound;
    char port[8];

    snprintf(port, sizeof(port), "%u", port_of(&b->address));
    for (uint16_t count = 1; count <= 2; count++) {
        struct relay_listener *l = NULL;
        struct relay_error err = {""};

        spec.count = count;
        CF_CHECK(s->transport->listen(b->state, &spec, &l, &bound, &err) == -1);
        CF_CHECK(strstr(err.text, s->transport->name) && strstr(err.text, port));
    }
    cf_bench_close(b);
}

void law_unlisten(void **state)
{
    struct cf_bench *b = cf_bench_open(*state);
    struct cf_end *a, *z, *late;

    cf_connect(b, &a, &z);
    b->subject->transport->unlisten(b->listener);
    b->listener = NULL;
    cf_send(a, 1000);
    cf_until_received(z, 1000);
    b->admits = 0;
    late = cf_dial(b, NULL);
    cf_for(b, SETTLE_NS);
    CF_CHECK(!late->opened && b->admits == 0);
    cf_send(z, 1000);
    cf_until_received(a, 1000);
    cf_bench_close(b);
}

static void echo(struct cf_end *e, size_t n)
{
    cf_send(e, n);
}

static void greet(struct cf_end *e)
{
    cf_send(e, 1000 + cf_random(cf_bench_now(), 5000));
}

static bool is_echoed(void *ctx)
{
    struct cf_bench *b = ctx;

    for (uint32_t i = 0; i < b->end_count; i++) {
        const struct cf_end *e = b->ends[i];

        if (e->is_dialled && (!e->opened || e->received < e->sent))
            return false;
    }
    return true;
}

void law_many_connections(void **state)
{
    const struct cf_hooks client = {.opened = greet};
    struct cf_bench *b = cf_bench_open(*state);

    b->accept_hooks.data = echo;
    for (int i = 0; i < CROWD; i++)
        cf_dial(b, &client);
    cf_until(b, is_echoed, b, "every echo");
    /* over datagrams a client that was not heard in time may ask twice, and be admitted twice */
    CF_CHECK(b->admits >= CROWD && b->end_count == CROWD + b->admits);
    cf_bench_close(b);
}
