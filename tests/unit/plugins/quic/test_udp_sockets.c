/* SPDX-License-Identifier: MPL-2.0 */
/*
 * Plan: real sockets on loopback. A run written at once arrives as its datagrams, whether or not
 * the kernel joins them. A wildcard socket reports the local address of a datagram and answers from
 * it, in both families. ECN marks arrive. An address in use is refused, shared or not. An inherited
 * socket is used or closed. An unreachable peer is reported. The filter gives each datagram to the
 * socket that its connection id names.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <string.h>
#include <unistd.h>

#include <arpa/inet.h>

#include <cmocka.h>

#include "quic/token.h"
#include "udp_buffers.h"

#define WORKERS 4

static uint8_t sent[QUIC_UDP_MAX];

static union quic_addr address(const char *text, uint16_t port)
{
    union quic_addr a;

    memset(&a, 0, sizeof(a));
    if (strchr(text, ':')) {
        a.v6.sin6_family = AF_INET6;
        a.v6.sin6_port = htons(port);
        assert_int_equal(inet_pton(AF_INET6, text, &a.v6.sin6_addr), 1);
    } else {
        a.v4.sin_family = AF_INET;
        a.v4.sin_port = htons(port);
        assert_int_equal(inet_pton(AF_INET, text, &a.v4.sin_addr), 1);
    }
    return a;
}

static uint16_t port_of(const struct quic_udp *u)
{
    return ntohs(u->local.v4.sin_port);
}

static struct quic_udp bound(const char *text, uint16_t port)
{
    union quic_addr a = address(text, port);
    struct quic_udp u;

    assert_int_equal(quic_udp_bind(&u, &a.any, quic_addr_len(&a), false, true), 0);
    assert_true(port_of(&u) != 0);
    return u;
}

static struct quic_udp connected(const char *text, uint16_t port)
{
    union quic_addr a = address(text, port);
    struct quic_udp u;

    assert_int_equal(quic_udp_connect(&u, &a.any, quic_addr_len(&a)), 0);
    return u;
}

/* For a connected socket: the destination matters only for its family. */
static struct quic_datagram run_of(const struct quic_udp *from, size_t len, size_t segment)
{
    return (struct quic_datagram){.local = &from->local,
                                  .remote = &from->local,
                                  .bytes = sent,
                                  .len = len,
                                  .segment = segment};
}

static void write_all(struct quic_udp *u, const struct quic_datagram *o)
{
    size_t done = 0;

    assert_int_equal(quic_udp_write(u, o, &done), 0);
    assert_int_equal(done, o->len);
}

static bool wait_readable(const struct quic_udp *u, int ms)
{
    struct pollfd p = {.fd = u->fd, .events = POLLIN};

    return poll(&p, 1, ms) == 1;
}

/* Reads until n bytes are received, in datagrams of `segment` bytes and maybe a shorter last one.
 */
static void read_run(const struct quic_udp *u, size_t n, size_t segment)
{
    struct quic_datagram in[QUIC_READ_BATCH];
    unsigned count = 0;
    size_t at = 0;

    while (at < n) {
        assert_true(wait_readable(u, 2000));
        assert_int_equal(quic_udp_read(u, buffers, in, &count), 0);
        for (unsigned i = 0; i < count; i++) {
            assert_true(in[i].segment == segment || at + in[i].len == n);
            assert_memory_equal(in[i].bytes, sent + at, in[i].len);
            at += in[i].len;
        }
    }
    assert_int_equal(quic_udp_read(u, buffers, in, &count), EAGAIN);
}

static void runs(const char *text)
{
    struct quic_udp server = bound(text, 0), client = connected(text, port_of(&server));
    const size_t sizes[][2] = {{1, 1}, {1200, 1200}, {3600, 1200}, {5000, 1200}, {60000, 1000}};

    for (size_t i = 0; i < sizeof(sent); i++)
        sent[i] = (uint8_t)(i * 7 + i / 251);
    for (size_t i = 0; i < sizeof(sizes) / sizeof(sizes[0]); i++) {
        struct quic_datagram o = run_of(&client, sizes[i][0], sizes[i][1]);

        write_all(&client, &o);
        read_run(&server, sizes[i][0], sizes[i][1]);
        client.can_split = !client.can_split; /* the same one by one */
        write_all(&client, &o);
        read_run(&server, sizes[i][0], sizes[i][1]);
        client.can_split = !client.can_split;
    }
    quic_udp_close(&client);
    quic_udp_close(&server);
}

static void test_runs(void **state)
{
    (void)state;
    runs("127.0.0.1");
    runs("::1");
}

static void mark_sent(const struct quic_udp *u, int ecn)
{
    assert_int_equal(setsockopt(u->fd, IPPROTO_IP, IP_TOS, &ecn, sizeof(ecn)), 0);
    if (u->local.any.sa_family == AF_INET6)
        assert_int_equal(setsockopt(u->fd, IPPROTO_IPV6, IPV6_TCLASS, &ecn, sizeof(ecn)), 0);
}

/* A request to `to`, answered by the wildcard socket; the client receives only from `to`. */
static void ask_wildcard(struct quic_udp *server, const char *to, uint8_t ecn)
{
    struct quic_udp client = connected(to, port_of(server));
    struct quic_datagram o = run_of(&client, 100, 100);
    struct quic_datagram in;

    mark_sent(&client, ecn);
    write_all(&client, &o);
    assert_true(wait_readable(server, 2000));
    assert_int_equal(read_one(server, &in), 0);
    assert_int_equal(in.ecn, ecn);
    assert_int_equal(ntohs(in.local->v4.sin_port), port_of(server));
    o = run_of(server, 100, 100);
    o.local = in.local;
    o.remote = in.remote;
    mark_sent(server, ecn);
    write_all(server, &o);
    assert_true(wait_readable(&client, 2000));
    assert_int_equal(read_one(&client, &in), 0);
    assert_int_equal(in.ecn, ecn);
    quic_udp_close(&client);
}

static void test_wildcard(void **state)
{
    struct quic_udp v4 = bound("0.0.0.0", 0), v6 = bound("::", 0);

    (void)state;
    assert_true(v4.is_wildcard && v6.is_wildcard);
    for (uint8_t ecn = 0; ecn < 4; ecn++) {
        ask_wildcard(&v4, "127.0.0.1", ecn);
        ask_wildcard(&v4, "127.0.0.2", ecn);
        ask_wildcard(&v6, "::1", ecn);
        ask_wildcard(&v6, "127.0.0.2", ecn);
    }
    quic_udp_close(&v4);
    quic_udp_close(&v6);
}

static void test_taken(void **state)
{
    struct quic_udp first = bound("127.0.0.1", 0), shared[2], u;
    union quic_addr a = address("127.0.0.1", port_of(&first));
    socklen_t len = quic_addr_len(&a);

    (void)state;
    assert_int_equal(quic_udp_bind(&u, &a.any, len, false, true), EADDRINUSE);
    assert_int_equal(quic_udp_bind(&u, &a.any, len, true, true), EADDRINUSE);
    quic_udp_close(&first);
    assert_int_equal(quic_udp_bind(&shared[0], &a.any, len, true, true), 0);
    assert_int_equal(quic_udp_bind(&shared[1], &a.any, len, true, false), 0);
    assert_int_equal(quic_udp_bind(&u, &a.any, len, true, true), EADDRINUSE);
    quic_udp_close(&shared[0]);
    quic_udp_close(&shared[1]);
    quic_udp_close(&shared[1]); /* again */
}

static void test_inherit(void **state)
{
    int fd = socket(AF_INET, SOCK_DGRAM, 0);
    union quic_addr a = address("127.0.0.1", 0);
    struct quic_udp u;

    (void)state;
    assert_int_equal(bind(fd, &a.any, quic_addr_len(&a)), 0);
    assert_int_equal(quic_udp_inherit(&u, fd), 0);
    assert_true(port_of(&u) != 0 && (fcntl(fd, F_GETFL) & O_NONBLOCK));
    quic_udp_close(&u);
    fd = socket(AF_INET, SOCK_STREAM, 0);
    assert_int_equal(quic_udp_inherit(&u, fd), ESOCKTNOSUPPORT);
    assert_int_equal(fcntl(fd, F_GETFD), -1);
    fd = open("/dev/null", O_RDONLY);
    assert_int_not_equal(quic_udp_inherit(&u, fd), 0);
    assert_int_equal(fcntl(fd, F_GETFD), -1);
}

static void test_unreachable(void **state)
{
    struct quic_udp server = bound("127.0.0.1", 0),
                    client = connected("127.0.0.1", port_of(&server));
    struct quic_datagram o = run_of(&client, 100, 100);
    struct quic_datagram in;
    size_t done = 0;

    (void)state;
    quic_udp_close(&server);
    quic_udp_write(&client, &o, &done);
    assert_true(wait_readable(&client, 2000));
    assert_int_equal(read_one(&client, &in), ECONNREFUSED);
    quic_udp_close(&client);
}

/* The index of the socket that receives a datagram with this id. */
static int socket_of(struct quic_udp *client, struct quic_udp *u, bool is_long, uint8_t id_byte)
{
    struct quic_datagram o = run_of(client, 60, 60);
    struct quic_datagram in;

    memset(sent, 0xee, 60);
    sent[0] = is_long ? 0xc0 : 0x40;
    sent[is_long ? 6 : 1] = id_byte;
    write_all(client, &o);
    for (int i = 0; i < WORKERS; i++) {
        if (wait_readable(&u[i], 0))
            return read_one(&u[i], &in) == 0 ? i : -1;
    }
    return -1;
}

static void test_steer(void **state)
{
    union quic_addr a = address("127.0.0.1", 0);
    struct quic_udp u[WORKERS], client;

    (void)state;
    for (int i = 0; i < WORKERS; i++) {
        assert_int_equal(quic_udp_bind(&u[i], &a.any, quic_addr_len(&a), true, i == 0), 0);
        a = u[i].local;
        assert_true(quic_udp_steer(&u[i], WORKERS));
    }
    client = connected("127.0.0.1", port_of(&u[0]));
    for (unsigned b = 0; b < 256; b++) {
        int want = quic_cid_worker((uint8_t)b, WORKERS);

        assert_int_equal(socket_of(&client, u, true, (uint8_t)b), want);
        assert_int_equal(socket_of(&client, u, false, (uint8_t)b), want);
    }
    quic_udp_close(&client);
    for (int i = 0; i < WORKERS; i++)
        quic_udp_close(&u[i]);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_runs),        cmocka_unit_test(test_wildcard),
        cmocka_unit_test(test_taken),       cmocka_unit_test(test_inherit),
        cmocka_unit_test(test_unreachable), cmocka_unit_test(test_steer),
    };

    return cmocka_run_group_tests(tests, buffers_setup, buffers_teardown);
}
