/* SPDX-License-Identifier: MPL-2.0 */
/*
 * Plan: one read and one write; the test replaces the system calls. Read: control messages
 * (local address, segment size, ECN; both families, an IPv4 peer on an IPv6 socket), odd sizes,
 * several datagrams, errors, interruptions. Write: control messages only where needed; a run in one
 * call; a kernel or device that cannot split, after which datagrams are written one by one; a full
 * socket at the start and in the middle; errors that lose one datagram only.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <errno.h>
#include <string.h>

#include <arpa/inet.h>
#include <netinet/udp.h>

#include <cmocka.h>

#include "udp_buffers.h"

#ifndef UDP_SEGMENT
#define UDP_SEGMENT 103
#endif
#ifndef UDP_GRO
#define UDP_GRO 104
#endif

#define CALLS_MAX 64

/* The arguments of one call of sendmsg. */
struct call {
    const uint8_t *bytes;
    size_t len;
    bool has_name, has_local, has_ecn;
    uint16_t segment;
    struct in_addr local4;
    struct in6_addr local6;
};

static struct {
    struct call calls[CALLS_MAX];
    int count;
    int errors[CALLS_MAX]; /* of each call to come */
} kernel;

ssize_t __wrap_sendmsg(int fd, const struct msghdr *m, int flags);
int __wrap_recvmmsg(int fd, struct mmsghdr *m, unsigned count, int flags, struct timespec *t);

static void read_control(struct call *k, const struct cmsghdr *c)
{
    int key = c->cmsg_level << 16 | c->cmsg_type;

    if (key == (IPPROTO_UDP << 16 | UDP_SEGMENT)) {
        memcpy(&k->segment, CMSG_DATA(c), sizeof(k->segment));
    } else if (key == (IPPROTO_IP << 16 | IP_TOS) || key == (IPPROTO_IPV6 << 16 | IPV6_TCLASS)) {
        k->has_ecn = true;
    } else if (key == (IPPROTO_IP << 16 | IP_PKTINFO)) {
        struct in_pktinfo info;

        memcpy(&info, CMSG_DATA(c), sizeof(info));
        k->local4 = info.ipi_spec_dst;
        k->has_local = true;
    } else if (key == (IPPROTO_IPV6 << 16 | IPV6_PKTINFO)) {
        struct in6_pktinfo info;

        memcpy(&info, CMSG_DATA(c), sizeof(info));
        k->local6 = info.ipi6_addr;
        k->has_local = true;
    } else {
        fail_msg("an odd control message: %d %d", c->cmsg_level, c->cmsg_type);
    }
}

ssize_t __wrap_sendmsg(int fd, const struct msghdr *m, int flags)
{
    struct msghdr copy = *m;
    struct call *k;

    (void)fd, (void)flags;
    assert_true(kernel.count < CALLS_MAX && m->msg_iovlen == 1);
    k = &kernel.calls[kernel.count];
    *k = (struct call){.bytes = m->msg_iov[0].iov_base,
                       .len = m->msg_iov[0].iov_len,
                       .has_name = m->msg_name != NULL};
    if (m->msg_controllen > 0) {
        for (struct cmsghdr *c = CMSG_FIRSTHDR(&copy); c; c = CMSG_NXTHDR(&copy, c))
            read_control(k, c);
    }
    errno = kernel.errors[kernel.count++];
    return errno ? -1 : (ssize_t)k->len;
}

/* -- reading -- */

static struct {
    union quic_addr from;
    socklen_t from_len;
    ssize_t len; /* of the first of them, the others a byte longer each; < 0: an error, negated */
    unsigned count; /* datagrams */
    int interruptions;
    uint8_t control[256];
    size_t control_len;
} arrival;

int __wrap_recvmmsg(int fd, struct mmsghdr *m, unsigned count, int flags, struct timespec *t)
{
    (void)fd, (void)flags, (void)t;
    if (arrival.interruptions-- > 0) {
        errno = EINTR;
        return -1;
    }
    if (arrival.len < 0) {
        errno = (int)-arrival.len;
        return -1;
    }
    assert_true(arrival.count <= count);
    for (unsigned i = 0; i < arrival.count; i++) {
        struct msghdr *h = &m[i].msg_hdr;

        assert_true(h->msg_iov[0].iov_len == QUIC_UDP_MAX);
        assert_true(h->msg_controllen >= arrival.control_len);
        assert_true(h->msg_namelen >= arrival.from_len);
        memcpy(h->msg_name, &arrival.from, arrival.from_len);
        memcpy(h->msg_control, arrival.control, arrival.control_len);
        memset(h->msg_iov[0].iov_base, (int)i, 1);
        h->msg_namelen = arrival.from_len;
        h->msg_controllen = arrival.control_len;
        m[i].msg_len = (unsigned)arrival.len + i;
    }
    return (int)arrival.count;
}

static void arrive(ssize_t len, const char *from)
{
    memset(&arrival, 0, sizeof(arrival));
    arrival.len = len;
    arrival.count = 1;
    if (strchr(from, ':')) {
        arrival.from.v6 = (struct sockaddr_in6){.sin6_family = AF_INET6, .sin6_port = htons(9)};
        assert_int_equal(inet_pton(AF_INET6, from, &arrival.from.v6.sin6_addr), 1);
        arrival.from_len = sizeof(arrival.from.v6);
    } else {
        arrival.from.v4 = (struct sockaddr_in){.sin_family = AF_INET, .sin_port = htons(9)};
        assert_int_equal(inet_pton(AF_INET, from, &arrival.from.v4.sin_addr), 1);
        arrival.from_len = sizeof(arrival.from.v4);
    }
}

static void tell(int level, int type, const void *data, size_t n)
{
    struct cmsghdr c = {.cmsg_level = level, .cmsg_type = type, .cmsg_len = CMSG_LEN(n)};

    memcpy(arrival.control + arrival.control_len, &c, sizeof(c));
    memcpy(arrival.control + arrival.control_len + CMSG_LEN(0), data, n);
    arrival.control_len += CMSG_SPACE(n);
}

static struct quic_udp any4(void)
{
    struct quic_udp u = {.fd = 1, .is_wildcard = true, .can_join = true, .can_split = true};

    u.local.v4 = (struct sockaddr_in){.sin_family = AF_INET, .sin_port = htons(7000)};
    return u;
}

static struct quic_udp any6(void)
{
    struct quic_udp u = any4();

    u.local.v6 = (struct sockaddr_in6){.sin6_family = AF_INET6, .sin6_port = htons(7000)};
    return u;
}

static uint8_t buffer[QUIC_UDP_MAX]; /* to write from */

static void test_read_v4(void **state)
{
    struct in_pktinfo info = {.ipi_addr = {htonl(0x7f000002)}};
    uint8_t tos = 0xfe; /* all of DSCP, and ECT(0) */
    struct quic_udp u = any4();
    struct quic_datagram in;
    int segment = 1200;

    (void)state;
    arrive(3000, "127.0.0.9");
    tell(IPPROTO_IP, IP_PKTINFO, &info, sizeof(info));
    tell(IPPROTO_IP, IP_TOS, &tos, sizeof(tos));
    tell(IPPROTO_UDP, UDP_GRO, &segment, sizeof(segment));
    assert_int_equal(read_one(&u, &in), 0);
    assert_int_equal(in.len, 3000);
    assert_int_equal(in.segment, 1200);
    assert_int_equal(in.ecn, 2);
    assert_int_equal(in.local->v4.sin_addr.s_addr, htonl(0x7f000002));
    assert_int_equal(in.local->v4.sin_port, htons(7000));
    assert_int_equal(in.remote->v4.sin_addr.s_addr, htonl(0x7f000009));
}

static void test_read_v6(void **state)
{
    struct quic_udp u = any6();
    struct in6_pktinfo info = {0};
    struct quic_datagram in;
    uint8_t tos = 3;
    int class = 0xfd;

    (void)state;
    arrive(100, "::1");
    info.ipi6_addr = in6addr_loopback;
    tell(IPPROTO_IPV6, IPV6_PKTINFO, &info, sizeof(info));
    tell(IPPROTO_IPV6, IPV6_TCLASS, &class, sizeof(class));
    assert_int_equal(read_one(&u, &in), 0);
    assert_int_equal(in.segment, 100);
    assert_int_equal(in.ecn, 1);
    assert_memory_equal(&in.local->v6.sin6_addr, &in6addr_loopback, sizeof(in6addr_loopback));
    assert_int_equal(in.local->v6.sin6_port, htons(7000));

    arrive(100, "::ffff:127.0.0.9"); /* an IPv4 peer: its ECN comes as one */
    assert_int_equal(inet_pton(AF_INET6, "::ffff:127.0.0.1", &info.ipi6_addr), 1);
    tell(IPPROTO_IPV6, IPV6_PKTINFO, &info, sizeof(info));
    tell(IPPROTO_IP, IP_TOS, &tos, sizeof(tos));
    assert_int_equal(read_one(&u, &in), 0);
    assert_int_equal(in.ecn, 3);
    assert_true(IN6_IS_ADDR_V4MAPPED(&in.local->v6.sin6_addr));
}

static void test_read_odd(void **state)
{
    struct quic_udp u = any4();
    int segments[] = {0, 1, 99, 100, 101, 70000};
    struct quic_datagram in;

    (void)state;
    for (size_t i = 0; i < sizeof(segments) / sizeof(segments[0]); i++) {
        arrive(100, "127.0.0.1");
        tell(IPPROTO_UDP, UDP_GRO, &segments[i], sizeof(int));
        assert_int_equal(read_one(&u, &in), 0);
        assert_int_equal(in.segment, i == 1 || i == 2 ? segments[i] : 100);
    }
    arrive(0, "127.0.0.1"); /* an empty datagram: nothing to split */
    assert_int_equal(read_one(&u, &in), 0);
    assert_int_equal(in.len, 0);
    arrive(100, "127.0.0.1");
    arrival.interruptions = 3;
    assert_int_equal(read_one(&u, &in), 0);
    arrive(-EAGAIN, "127.0.0.1");
    assert_int_equal(read_one(&u, &in), EAGAIN);
    arrive(-ECONNREFUSED, "127.0.0.1");
    assert_int_equal(read_one(&u, &in), ECONNREFUSED);
}

static void test_read_many(void **state)
{
    struct in_pktinfo info = {.ipi_addr = {htonl(0x7f000002)}};
    struct quic_datagram in[QUIC_READ_BATCH];
    struct quic_udp u = any4();
    unsigned count = 0;

    (void)state;
    for (unsigned times = 0; times < 3; times++) { /* the headers are reset for every read */
        arrive(700, "127.0.0.9");
        tell(IPPROTO_IP, IP_PKTINFO, &info, sizeof(info));
        arrival.count = QUIC_READ_BATCH - times;
        assert_int_equal(quic_udp_read(&u, buffers, in, &count), 0);
        assert_int_equal(count, arrival.count);
        for (unsigned i = 0; i < count; i++) {
            assert_int_equal(in[i].len, 700 + i);
            assert_int_equal(in[i].segment, 700 + i);
            assert_int_equal(in[i].bytes[0], i);
            assert_int_equal(in[i].local->v4.sin_addr.s_addr, htonl(0x7f000002));
            assert_int_equal(in[i].remote->v4.sin_port, htons(9));
        }
    }
}

/* -- writing -- */

static const struct sockaddr_in local4 = {.sin_family = AF_INET, .sin_addr = {0x0200007f}};
static const struct sockaddr_in peer4 = {.sin_family = AF_INET, .sin_port = 9};
static const struct sockaddr_in6 local6 = {.sin6_family = AF_INET6};
static const struct sockaddr_in6 peer6 = {.sin6_family = AF_INET6, .sin6_port = 9};

static int kernel_setup(void **state)
{
    (void)state;
    memset(&kernel, 0, sizeof(kernel));
    return 0;
}

static struct quic_datagram run_of(size_t len, size_t segment)
{
    return (struct quic_datagram){.local = (const union quic_addr *)(const void *)&local4,
                                  .remote = (const union quic_addr *)(const void *)&peer4,
                                  .bytes = buffer,
                                  .len = len,
                                  .segment = segment};
}

static void test_write_run(void **state)
{
    struct quic_datagram o = run_of(5000, 1200);
    struct quic_udp u = any4();
    size_t done = 7;

    (void)state;
    o.ecn = 2;
    assert_int_equal(quic_udp_write(&u, &o, &done), 0);
    assert_int_equal(done, 5000);
    assert_int_equal(kernel.count, 1);
    assert_int_equal(kernel.calls[0].segment, 1200);
    assert_true(kernel.calls[0].has_name && kernel.calls[0].has_local);
    assert_false(kernel.calls[0].has_ecn); /* marks are read, never written */
    assert_int_equal(kernel.calls[0].local4.s_addr, 0x0200007f);
}

/* No control message where none is needed. */
static void test_write_plain(void **state)
{
    struct quic_datagram o = run_of(1200, 1200);
    struct quic_udp u = any4();
    size_t done = 0;

    (void)state;
    u.is_wildcard = false;
    u.is_connected = true;
    assert_int_equal(quic_udp_write(&u, &o, &done), 0);
    assert_int_equal(done, 1200);
    assert_int_equal(kernel.count, 1);
    assert_false(kernel.calls[0].has_name || kernel.calls[0].has_local || kernel.calls[0].has_ecn);
    assert_int_equal(kernel.calls[0].segment, 0);
}

static void test_write_v6(void **state)
{
    struct quic_datagram o = run_of(1200, 1200);
    struct sockaddr_in6 mapped = peer6;
    struct quic_udp u = any6();
    size_t done = 0;

    (void)state;
    o.local = (const union quic_addr *)(const void *)&local6;
    o.remote = (const union quic_addr *)(const void *)&peer6;
    o.ecn = 1;
    assert_int_equal(quic_udp_write(&u, &o, &done), 0);
    assert_int_equal(inet_pton(AF_INET6, "::ffff:127.0.0.1", &mapped.sin6_addr), 1);
    o.remote = (const union quic_addr *)(const void *)&mapped;
    assert_int_equal(quic_udp_write(&u, &o, &done), 0);
    assert_int_equal(kernel.count, 2);
    assert_true(kernel.calls[0].has_local && kernel.calls[1].has_local);
    assert_false(kernel.calls[0].has_ecn || kernel.calls[1].has_ecn);
}

/* The pieces of a run, one by one from call `from` on. */
static void check_pieces(int from, size_t len, size_t segment)
{
    for (size_t at = 0; at < len; at += segment, from++) {
        assert_true(from < kernel.count);
        assert_ptr_equal(kernel.calls[from].bytes, buffer + at);
        assert_int_equal(kernel.calls[from].len, len - at < segment ? len - at : segment);
        assert_int_equal(kernel.calls[from].segment, 0);
    }
    assert_int_equal(from, kernel.count);
}

static void test_write_cannot_split(void **state)
{
    const int errors[] = {EIO, EINVAL, EOPNOTSUPP};

    for (size_t i = 0; i < 3; i++) {
        struct quic_datagram o = run_of(5000, 1200);
        struct quic_udp u = any4();
        size_t done = 0;

        kernel_setup(state);
        kernel.errors[0] = errors[i];
        assert_int_equal(quic_udp_write(&u, &o, &done), 0);
        assert_int_equal(done, 5000);
        check_pieces(1, 5000, 1200);
        assert_false(u.can_split);
        kernel.count = 0;
        kernel.errors[0] = 0;
        assert_int_equal(quic_udp_write(&u, &o, &done), 0);
        check_pieces(0, 5000, 1200);
    }
}

static void test_write_full(void **state)
{
    struct quic_datagram o = run_of(5000, 1200);
    struct quic_udp u = any4();
    size_t done = 7;

    (void)state;
    kernel.errors[0] = EAGAIN;
    assert_int_equal(quic_udp_write(&u, &o, &done), EAGAIN);
    assert_int_equal(done, 0);
    assert_true(u.can_split);
    u.can_split = false;
    kernel_setup(state);
    kernel.errors[2] = ENOBUFS;
    assert_int_equal(quic_udp_write(&u, &o, &done), ENOBUFS);
    assert_int_equal(done, 2400);
}

/* An unreachable peer or an MTU probe that is too long: the datagram is lost. */
static void test_write_loses_one(void **state)
{
    const int errors[] = {EMSGSIZE, ECONNREFUSED, EPERM, ENETUNREACH};

    for (size_t i = 0; i < 4; i++) {
        struct quic_datagram o = run_of(1400, 1400);
        struct quic_udp u = any4();
        size_t done = 0;

        kernel_setup(state);
        kernel.errors[0] = errors[i];
        quic_udp_write(&u, &o, &done);
        assert_int_equal(done, 1400);
        assert_int_equal(kernel.count, 1);
        assert_true(u.can_split);
    }
}

/* The MTU of the device has shrunk: some kernels report EINVAL for a run. Its full datagrams
 * are too long, the short last one is not; that is no reason to stop splitting. */
static void test_write_too_long(void **state)
{
    struct quic_datagram o = run_of(5000, 1400);
    struct quic_udp u = any4();
    size_t done = 0;

    (void)state;
    kernel.errors[0] = EINVAL;
    for (int i = 1; i <= 3; i++)
        kernel.errors[i] = EMSGSIZE;
    assert_int_equal(quic_udp_write(&u, &o, &done), EMSGSIZE);
    assert_int_equal(done, 5000);
    check_pieces(1, 5000, 1400);
    assert_true(u.can_split);
    kernel_setup(state);
    kernel.errors[0] = EMSGSIZE;
    assert_int_equal(quic_udp_write(&u, &o, &done), EMSGSIZE);
    assert_int_equal(done, 5000);
    assert_int_equal(kernel.count, 1);
    assert_true(u.can_split);
}

/* A peer at port 0 gets no answer, and must not disable splitting for all others. */
static void test_write_nowhere(void **state)
{
    struct quic_datagram one = run_of(40, 40), many = run_of(5000, 1200);
    struct quic_udp u = any4();
    size_t done = 0;

    for (int i = 0; i < CALLS_MAX; i++)
        kernel.errors[i] = EINVAL;
    quic_udp_write(&u, &one, &done);
    assert_int_equal(done, 40);
    assert_true(u.can_split);
    quic_udp_write(&u, &many, &done);
    assert_int_equal(done, 5000);
    assert_true(u.can_split);
    (void)state;
}

static void test_write_interrupted(void **state)
{
    struct quic_datagram o = run_of(1200, 1200);
    struct quic_udp u = any4();
    size_t done = 0;

    (void)state;
    kernel.errors[0] = kernel.errors[1] = EINTR;
    assert_int_equal(quic_udp_write(&u, &o, &done), 0);
    assert_int_equal(kernel.count, 3);
    assert_int_equal(done, 1200);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(test_read_v4, buffers_setup, buffers_teardown),
        cmocka_unit_test_setup_teardown(test_read_v6, buffers_setup, buffers_teardown),
        cmocka_unit_test_setup_teardown(test_read_odd, buffers_setup, buffers_teardown),
        cmocka_unit_test_setup_teardown(test_read_many, buffers_setup, buffers_teardown),
        cmocka_unit_test_setup(test_write_run, kernel_setup),
        cmocka_unit_test_setup(test_write_plain, kernel_setup),
        cmocka_unit_test_setup(test_write_v6, kernel_setup),
        cmocka_unit_test_setup(test_write_cannot_split, kernel_setup),
        cmocka_unit_test_setup(test_write_full, kernel_setup),
        cmocka_unit_test_setup(test_write_loses_one, kernel_setup),
        cmocka_unit_test_setup(test_write_too_long, kernel_setup),
        cmocka_unit_test_setup(test_write_nowhere, kernel_setup),
        cmocka_unit_test_setup(test_write_interrupted, kernel_setup),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
