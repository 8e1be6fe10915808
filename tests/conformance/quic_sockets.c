/* SPDX-License-Identifier: MPL-2.0 */
/*
 * Plan: quic and its sockets: addresses of both families, wildcards, shared and inherited
 * listeners, two workers behind one port with and without the kernel's help, and a relay that was
 * restarted.
 */
#include <fcntl.h>
#include <string.h>
#include <unistd.h>

#include "base/check.h"
#include "quic/socket.h"
#include "quic_tests.h"

#ifndef SO_DETACH_REUSEPORT_BPF
#define SO_DETACH_REUSEPORT_BPF 68
#endif

#define SETTLE_NS UINT64_C(50000000)
#define CROWD 40

/* A second listener of the bench's worker, or of another; fails the test when it is refused. */
static struct relay_listener *listen_on(struct cf_bench *b, void *state,
                                        const struct relay_listen *spec,
                                        struct sockaddr_storage *out_bound)
{
    struct relay_listener *l;
    struct relay_error err = {""};

    if (b->subject->transport->listen(state, spec, &l, out_bound, &err) != 0)
        cf_fail("listen: %s", err.text);
    return l;
}

static void dial_through(struct cf_bench *b, const char *text, uint16_t port)
{
    struct sockaddr_storage to;
    struct cf_end *a;

    b->last_admitted = NULL;
    a = cf_dial_to(b, &to, cf_address(&to, text, port), NULL);
    cf_until_opened(a);
    cf_send(a, 100000);
    cf_until_received(cf_until_admitted(b), 100000);
    cf_send(b->last_admitted, 100000);
    cf_until_received(a, 100000);
}

void over_quic_wildcard(void **state)
{
    static const char *const any[] = {"0.0.0.0", "::"};
    static const char *const asked[2][4] = {{"127.0.0.1", "127.0.0.2", "127.3.4.5", "127.0.0.1"},
                                            {"127.0.0.1", "127.0.0.2", "::1", "::1"}};
    struct cf_bench *b = cf_bench_open(*state);

    for (int i = 0; i < 2; i++) {
        struct sockaddr_storage addr, bound;
        struct relay_listen spec = {.fd = -1, .count = 1, .addr = (struct sockaddr *)&addr};
        struct relay_listener *l;

        spec.addr_len = cf_address(&addr, any[i], 0);
        l = listen_on(b, b->state, &spec, &bound);
        for (int k = 0; k < 4; k++)
            dial_through(b, asked[i][k], quic_port_of(&bound));
        b->subject->transport->unlisten(l);
    }
    cf_bench_close(b);
}

void over_quic_shared_port(void **state)
{
    struct cf_bench *b = cf_bench_open(*state);
    struct sockaddr_storage addr, bound;
    struct relay_listen spec = {.fd = -1, .count = 3, .addr = (struct sockaddr *)&addr};
    struct relay_listener *l[3], *other;
    struct relay_error err = {""};

    spec.addr_len = cf_address(&addr, "127.0.0.1", 0);
    for (spec.index = 0; spec.index < 3; spec.index++) {
        l[spec.index] = listen_on(b, b->state, &spec, &bound);
        addr = bound;
    }
    spec.index = 0; /* another relay of the same user, as sharing as ours */
    CF_CHECK(b->subject->transport->listen(b->state, &spec, &other, &bound, &err) == -1);
    CF_CHECK(strstr(err.text, "address already in use"));
    b->admits = 0;
    for (int i = 0; i < 20; i++)
        cf_until_opened(cf_dial_to(b, &addr, spec.addr_len, NULL));
    CF_CHECK(b->admits >= 20);
    for (int i = 0; i < 3; i++)
        b->subject->transport->unlisten(l[i]);
    cf_bench_close(b);
}

/* Takes the filter from a worker's shared sockets: the kernel then chooses by addresses. */
static void unsteer(struct quic_worker *qw)
{
    int none = 0;

    for (struct rt_list *n = qw->sockets.next; n != &qw->sockets; n = n->next) {
        struct quic_socket *s = RT_CONTAINER_OF(n, struct quic_socket, node);

        (void)setsockopt(s->udp.fd, SOL_SOCKET, SO_DETACH_REUSEPORT_BPF, &none, sizeof(none));
    }
}

static void echo(struct cf_end *e, size_t n)
{
    cf_send(e, n);
}

static void greet(struct cf_end *e)
{
    cf_send(e, 50000);
}

static bool is_echoed(void *ctx)
{
    struct cf_bench *b = ctx;

    for (uint32_t i = 0; i < b->end_count; i++) {
        const struct cf_end *e = b->ends[i];

        if (e->is_dialled && e->closed)
            cf_fail("closed (%d, %s)", (int)e->end, e->detail);
        if (e->is_dialled && (!e->opened || e->received < e->sent))
            return false;
    }
    return true;
}

static bool are_closed(void *ctx)
{
    const struct cf_bench *b = ctx;

    for (uint32_t i = 0; i < b->end_count; i++) {
        if (!b->ends[i]->closed)
            return false;
    }
    return true;
}

/* Two workers behind one port; half of them, with or without the filter. */
static uint64_t two_workers(const struct cf_subject *s, bool is_steered)
{
    const struct cf_hooks client = {.opened = greet};
    struct sockaddr_storage addr, bound;
    struct relay_listen spec = {.fd = -1, .count = 2, .addr = (struct sockaddr *)&addr};
    struct relay_listener *l[2];
    struct relay_error err = {""};
    struct cf_bench *b;
    uint64_t crossed;

    quic_ways.worker_count = 2;
    b = cf_bench_open(s);
    quic_ways.states[0] = b->state;
    quic_ways.worker_index = 1;
    CF_CHECK(s->transport->worker_init(b->host, b->worker, &quic_ways.states[1], &err) == 0);
    spec.addr_len = cf_address(&addr, "127.0.0.1", 0);
    for (spec.index = 0; spec.index < 2; spec.index++) {
        l[spec.index] = listen_on(b, quic_ways.states[spec.index], &spec, &bound);
        addr = bound;
    }
    if (!is_steered)
        unsteer(b->state);
    b->accept_hooks.data = echo;
    for (int i = 0; i < CROWD; i++)
        cf_dial_to(b, &addr, spec.addr_len, &client);
    cf_until(b, is_echoed, b, "every echo");
    CF_CHECK(b->admits >= CROWD);
    CF_CHECK(((struct quic_worker *)quic_ways.states[1])->conns > 0);
    CF_CHECK(((struct quic_worker *)b->state)->conns > CROWD); /* its own, and the dialled ones */
    crossed = cf_counter(b, "packets_handed_over_total");
    for (uint32_t i = 0; i < b->end_count; i++)
        cf_close(b->ends[i], RELAY_CLOSE_ABORT);
    cf_until(b, are_closed, b, "every end closed");
    s->transport->unlisten(l[0]);
    s->transport->unlisten(l[1]);
    cf_for(b, SETTLE_NS / 5);
    s->transport->worker_fini(quic_ways.states[1]);
    memset(&quic_ways, 0, sizeof(quic_ways));
    cf_bench_close(b);
    return crossed;
}

void over_quic_handover(void **state)
{
    CF_CHECK(two_workers(*state, true) == 0);
    CF_CHECK(two_workers(*state, false) > 0);
}

/* A relay's process dies and is restarted: its connections do not wait for a timeout. */
void over_quic_forgotten(void **state)
{
    const struct relay_transport *t = ((struct cf_subject *)*state)->transport;
    struct sockaddr_storage addr, bound;
    struct relay_listen spec = {.fd = -1, .count = 1, .addr = (struct sockaddr *)&addr};
    struct relay_error err = {""};
    struct relay_listener *l;
    struct cf_bench *b;
    struct cf_end *a, *z;
    void *old, *new;

    quic_ways.has_fixed_secret = true;
    b = cf_bench_open(*state);
    CF_CHECK(t->worker_init(b->host, b->worker, &old, &err) == 0);
    spec.addr_len = cf_address(&addr, "127.0.0.1", 0);
    l = listen_on(b, old, &spec, &bound);
    addr = bound;
    a = cf_dial_to(b, &addr, spec.addr_len, NULL);
    cf_until_opened(a);
    z = cf_until_admitted(b);
    cf_until_opened(z);
    cf_send(a, 1000);
    cf_until_received(z, 1000);
    quic_ways.full_every = 1; /* it says nothing more */
    cf_close(z, RELAY_CLOSE_ABORT);
    cf_until_closed(z);
    t->unlisten(l);
    t->worker_fini(old);
    quic_ways.full_every = 0;
    cf_for(b, SETTLE_NS);
    CF_CHECK(!a->closed);

    CF_CHECK(t->worker_init(b->host, b->worker, &new, &err) == 0);
    l = listen_on(b, new, &spec, &bound);
    cf_send(a, 1000);
    cf_until_closed(a);
    CF_CHECK(a->end == RELAY_END_PEER);
    t->unlisten(l);
    t->worker_fini(new);
    memset(&quic_ways, 0, sizeof(quic_ways));
    cf_bench_close(b);
}

void over_quic_narrow_path(void **state)
{
    struct cf_bench *b = cf_bench_open(*state);
    struct cf_end *a, *z;

    quic_ways.carries = 1300;
    for (int i = 0; i < 5; i++) {
        cf_connect(b, &a, &z);
        cf_send(z, 500);
        cf_send(a, 500);
        cf_until_received(a, 500);
        cf_until_received(z, 500);
    }
    cf_send(a, 300000);
    cf_send(z, 300000);
    cf_until_received(a, 300500);
    cf_until_received(z, 300500);
    CF_CHECK(quic_ways.refused > 0 && quic_ways.refused_along == 0);
    memset(&quic_ways, 0, sizeof(quic_ways));
    cf_bench_close(b);
}

void over_quic_path_shrinks(void **state)
{
    struct cf_bench *b = cf_bench_open(*state);
    struct cf_end *a, *z;

    cf_connect(b, &a, &z);
    cf_send(a, 300000); /* both ends find the path's MTU */
    cf_send(z, 300000);
    cf_until_received(a, 300000);
    cf_until_received(z, 300000);
    CF_CHECK(cf_counter(b, "mtu_fallbacks_total") == 0);
    quic_ways.carries = 1300;
    cf_send(a, 300000);
    cf_send(z, 300000);
    cf_until_received(a, 600000);
    cf_until_received(z, 600000);
    CF_CHECK(quic_ways.refused > 0 && cf_counter(b, "mtu_fallbacks_total") == 2);
    memset(&quic_ways, 0, sizeof(quic_ways));
    cf_bench_close(b);
}

void over_quic_error_texts(void **state)
{
    struct cf_bench *b = cf_bench_open(*state);
    struct sockaddr_storage addr, bound;
    struct relay_listen spec = {.fd = -1, .count = 1, .addr = (struct sockaddr *)&addr};
    struct relay_listener *l;
    struct relay_error err;

    spec.addr_len = cf_address(&addr, "192.0.2.1", 27001);
    CF_CHECK(b->subject->transport->listen(b->state, &spec, &l, &bound, &err) == -1);
    CF_CHECK(strcmp(err.text, "quic: cannot listen on 192.0.2.1:27001: cannot assign requested "
                              "address") == 0);
    spec.addr_len = cf_address(&addr, "127.0.0.1", quic_port_of(&b->address));
    CF_CHECK(b->subject->transport->listen(b->state, &spec, &l, &bound, &err) == -1);
    CF_CHECK(strstr(err.text, "quic: cannot listen on 127.0.0.1:") == err.text);
    CF_CHECK(strstr(err.text, ": address already in use"));
    cf_bench_close(b);
}

void over_quic_inherited(void **state)
{
    struct cf_bench *b = cf_bench_open(*state);
    struct sockaddr_storage addr, bound;
    struct relay_listen spec = {.count = 1};
    socklen_t len = cf_address(&addr, "127.0.0.1", 0);
    struct relay_listener *l;
    struct relay_error err = {""};

    spec.fd = socket(AF_INET, SOCK_DGRAM, 0);
    CF_CHECK(spec.fd >= 0 && bind(spec.fd, (struct sockaddr *)&addr, len) == 0);
    l = listen_on(b, b->state, &spec, &bound);
    CF_CHECK(quic_port_of(&bound) != 0);
    dial_through(b, "127.0.0.1", quic_port_of(&bound));
    for (uint32_t i = 0; i < b->end_count; i++)
        cf_close(b->ends[i], RELAY_CLOSE_ABORT);
    cf_until(b, are_closed, b, "every end closed");
    b->subject->transport->unlisten(l);
    cf_for(b, SETTLE_NS / 5);
    CF_CHECK(fcntl(spec.fd, F_GETFD) == -1); /* it was moved in */

    spec.fd = socket(AF_INET, SOCK_STREAM, 0);
    CF_CHECK(b->subject->transport->listen(b->state, &spec, &l, &bound, &err) == -1);
    CF_CHECK(strlen(err.text) > 0 && fcntl(spec.fd, F_GETFD) == -1);
    cf_bench_close(b);
}
