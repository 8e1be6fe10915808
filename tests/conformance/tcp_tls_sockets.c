/* SPDX-License-Identifier: MPL-2.0 */
/*
 * Plan: tcp_tls and its sockets: addresses of both families, shared and inherited listeners,
 * running out of descriptors, and what an idle connection keeps.
 */
#include "tcp_tls_tests.h"

#include <arpa/inet.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <string.h>
#include <sys/resource.h>
#include <unistd.h>

#include "raw_peer.h"
#include "tcp_tls/worker.h"

#define SETTLE_NS UINT64_C(50000000)
#define CROWD 100

static uint16_t port_of(const struct sockaddr_storage *a)
{
    return ntohs(a->ss_family == AF_INET6 ? ((const struct sockaddr_in6 *)a)->sin6_port
                                          : ((const struct sockaddr_in *)a)->sin_port);
}

/* A second listener of the bench's worker; fails the test when it is refused. */
static struct relay_listener *listen_on(struct cf_bench *b, const struct relay_listen *spec,
                                        struct sockaddr_storage *out_bound)
{
    struct relay_listener *l;
    struct relay_error err = {""};

    if (b->subject->transport->listen(b->state, spec, &l, out_bound, &err) != 0)
        cf_fail("listen: %s", err.text);
    return l;
}

void tls_dual_stack(void **state)
{
    static const char *const from[] = {"127.0.0.1", "::1"};
    struct cf_bench *b = cf_bench_open(*state);
    struct sockaddr_storage any, bound, to;
    struct relay_listen spec = {.fd = -1, .count = 1, .addr = (struct sockaddr *)&any};
    struct relay_listener *l;

    spec.addr_len = cf_address(&any, "::", 0);
    l = listen_on(b, &spec, &bound);
    for (int i = 0; i < 2; i++) {
        struct cf_end *a;

        b->last_admitted = NULL;
        a = cf_dial_to(b, &to, cf_address(&to, from[i], port_of(&bound)), NULL);
        cf_until_opened(a);
        cf_send(a, 1000);
        cf_until_received(cf_until_admitted(b), 1000);
    }
    b->subject->transport->unlisten(l);
    cf_bench_close(b);
}

void tls_shared_port(void **state)
{
    struct cf_bench *b = cf_bench_open(*state);
    struct sockaddr_storage addr, bound;
    struct relay_listen spec = {.fd = -1, .count = 3, .addr = (struct sockaddr *)&addr};
    struct relay_listener *l[3];
    struct relay_error err = {""};

    spec.addr_len = cf_address(&addr, "127.0.0.1", 0);
    for (spec.index = 0; spec.index < 3; spec.index++) {
        l[spec.index] = listen_on(b, &spec, &bound);
        addr = bound;
    }
    spec.index = 0; /* another relay of the same user, as sharing as ours */
    CF_CHECK(b->subject->transport->listen(b->state, &spec, &l[0], &bound, &err) == -1);
    CF_CHECK(strstr(err.text, "address already in use"));
    b->admits = 0;
    for (int i = 0; i < 20; i++)
        cf_until_opened(cf_dial_to(b, &addr, spec.addr_len, NULL));
    CF_CHECK(b->admits == 20);
    for (int i = 0; i < 3; i++)
        b->subject->transport->unlisten(l[i]);
    cf_bench_close(b);
}

void tls_error_texts(void **state)
{
    struct cf_bench *b = cf_bench_open(*state);
    struct sockaddr_storage addr, bound;
    struct relay_listen spec = {.fd = -1, .count = 1, .addr = (struct sockaddr *)&addr};
    struct relay_listener *l;
    struct relay_error err;

    spec.addr_len = cf_address(&addr, "192.0.2.1", 7001);
    CF_CHECK(b->subject->transport->listen(b->state, &spec, &l, &bound, &err) == -1);
    CF_CHECK(strcmp(err.text, "tcp_tls: cannot listen on 192.0.2.1:7001: cannot assign requested "
                              "address") == 0);
    spec.addr_len = cf_address(&addr, "127.0.0.1", 0);
    ((struct sockaddr_in *)&addr)->sin_port = ((struct sockaddr_in *)&b->address)->sin_port;
    CF_CHECK(b->subject->transport->listen(b->state, &spec, &l, &bound, &err) == -1);
    CF_CHECK(strstr(err.text, "tcp_tls: cannot listen on 127.0.0.1:") == err.text);
    CF_CHECK(strstr(err.text, ": address already in use"));
    cf_bench_close(b);
}

void tls_inherited(void **state)
{
    struct cf_bench *b = cf_bench_open(*state);
    struct sockaddr_storage addr, bound;
    struct relay_listen spec = {.count = 1};
    socklen_t len = cf_address(&addr, "127.0.0.1", 0);
    struct relay_listener *l;
    struct relay_error err = {""};

    spec.fd = socket(AF_INET, SOCK_STREAM, 0);
    CF_CHECK(spec.fd >= 0 && bind(spec.fd, (struct sockaddr *)&addr, len) == 0);
    l = listen_on(b, &spec, &bound);
    CF_CHECK(port_of(&bound) != 0);
    cf_until_opened(cf_dial_to(b, &bound, len, NULL));
    b->subject->transport->unlisten(l);
    CF_CHECK(fcntl(spec.fd, F_GETFD) == -1); /* it was moved in */

    spec.fd = open("/dev/null", O_RDONLY);
    CF_CHECK(b->subject->transport->listen(b->state, &spec, &l, &bound, &err) == -1);
    CF_CHECK(strlen(err.text) > 0 && fcntl(spec.fd, F_GETFD) == -1);
    cf_bench_close(b);
}

void tls_out_of_descriptors(void **state)
{
    struct cf_bench *b = cf_bench_open(*state);
    struct rlimit old, low;
    struct raw_peer waiting[8], late;
    struct cf_end *a, *z;
    int spare;

    cf_connect(b, &a, &z);
    cf_until_opened(cf_dial(b, NULL)); /* everything that opens lazily has been opened */
    for (int i = 0; i < 8; i++)
        raw_connect(b, &waiting[i]); /* in the backlog: nothing has turned the loop */
    spare = dup(0);
    CF_CHECK(spare >= 0 && getrlimit(RLIMIT_NOFILE, &old) == 0);
    close(spare);
    low = old;
    low.rlim_cur = (rlim_t)spare; /* not one more */
    CF_CHECK(setrlimit(RLIMIT_NOFILE, &low) == 0);
    b->admits = 0;
    cf_for(b, 2 * SETTLE_NS);
    CF_CHECK(setrlimit(RLIMIT_NOFILE, &old) == 0);
    CF_CHECK(b->admits == 0 && cf_counter(b, "out_of_descriptors_total") >= 8);
    for (int i = 0; i < 8; i++) {
        char byte;

        CF_CHECK(recv(waiting[i].fd, &byte, 1, 0) <= 0); /* it was refused, not left waiting */
        raw_close(&waiting[i]);
    }
    cf_send(a, 1000);
    cf_until_received(z, 1000);
    raw_open(b, &late);
    raw_close(&late);
    cf_bench_close(b);
}

void tls_idle_holds_nothing(void **state)
{
    const size_t pool = TLS_SMALL_POOL * TLS_SMALL_BYTES + TLS_LARGE_POOL * TLS_LARGE_BYTES;
    struct cf_bench *b = cf_bench_open(*state);
    const struct cf_driver *d = b->subject->driver;
    struct cf_end *a[CROWD], *z[CROWD];

    for (int i = 0; i < CROWD; i++) {
        cf_connect(b, &a[i], &z[i]);
        cf_send(a[i], 300000);
        cf_send(z[i], 3000);
    }
    for (int i = 0; i < CROWD; i++) {
        cf_until_received(z[i], 300000);
        cf_until_received(a[i], 3000);
    }
    cf_for(b, SETTLE_NS);
    CF_CHECK(d->bytes_live(b->driver) <= pool);
    cf_bench_close(b);
}
