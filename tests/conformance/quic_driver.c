/* SPDX-License-Identifier: MPL-2.0 */
#include <arpa/inet.h>
#include <errno.h>
#include <netinet/in.h>
#include <netinet/udp.h>
#include <stdlib.h>
#include <string.h>

#include "quic_tests.h"

#define POSTED_MAX 4096u
#define SOCKETS_MAX 4096u

struct quic_host_ways quic_ways;

static struct relay_host host;
static struct cf_driver driver;
static int (*fresh_secret)(const char *name, void *out, size_t len);

static struct {
    void (*fn)(void *state, void *arg);
    void *arg;
    uint16_t to;
} posted[POSTED_MAX];
static size_t posted_count;

/* -- the kernel, in a mood -- */

ssize_t __wrap_sendmsg(int fd, const struct msghdr *m, int flags);
ssize_t __real_sendmsg(int fd, const struct msghdr *m, int flags);
int __wrap_setsockopt(int fd, int level, int option, const void *value, socklen_t len);
int __real_setsockopt(int fd, int level, int option, const void *value, socklen_t len);

static bool is_marked(const struct msghdr *m)
{
    for (struct cmsghdr *c = CMSG_FIRSTHDR(m); c;
         c = CMSG_NXTHDR((struct msghdr *)(uintptr_t)m, c)) {
        if ((c->cmsg_level == IPPROTO_IP && c->cmsg_type == IP_TOS) ||
            (c->cmsg_level == IPPROTO_IPV6 && c->cmsg_type == IPV6_TCLASS))
            return true;
    }
    return false;
}

/* Bytes of each datagram that a call sends; they may be fewer of the last. */
static size_t datagram_of(const struct msghdr *m)
{
    uint16_t segment;

    for (struct cmsghdr *c = CMSG_FIRSTHDR(m); c;
         c = CMSG_NXTHDR((struct msghdr *)(uintptr_t)m, c)) {
        if (c->cmsg_level == IPPROTO_UDP && c->cmsg_type == UDP_SEGMENT) {
            memcpy(&segment, CMSG_DATA(c), sizeof(segment));
            return segment;
        }
    }
    return m->msg_iov[0].iov_len;
}

ssize_t __wrap_sendmsg(int fd, const struct msghdr *m, int flags)
{
    size_t datagram = datagram_of(m);
    static unsigned counts[SOCKETS_MAX];

    CF_CHECK(fd >= 0 && fd < (int)SOCKETS_MAX);
    CF_CHECK(!is_marked(m)); /* a path may drop packets that are marked for ECN */
    if (quic_ways.full_every && ++counts[fd] % quic_ways.full_every == 0) {
        errno = EAGAIN;
        return -1;
    }
    if (quic_ways.carries && datagram > quic_ways.carries) {
        quic_ways.refused++;
        quic_ways.refused_along += m->msg_iov[0].iov_len > datagram;
        errno = EMSGSIZE;
        return -1;
    }
    return __real_sendmsg(fd, m, flags);
}

int __wrap_setsockopt(int fd, int level, int option, const void *value, socklen_t len)
{
    if (quic_ways.is_kernel_old && level == IPPROTO_UDP) {
        errno = ENOPROTOOPT;
        return -1;
    }
    return __real_setsockopt(fd, level, option, value, len);
}

/* -- the host -- */

static const char *option(const char *name)
{
    return strcmp(name, "retry") == 0 ? quic_ways.retry : NULL;
}

static int secret(const char *name, void *out, size_t len)
{
    if (!quic_ways.has_fixed_secret)
        return fresh_secret(name, out, len);
    memset(out, 0x5e, len);
    return 0;
}

static uint16_t worker_index(struct relay_worker *w)
{
    (void)w;
    return quic_ways.worker_index;
}

static bool post(uint16_t index, const char *transport, void (*fn)(void *state, void *arg),
                 void *arg)
{
    (void)transport;
    if (posted_count == POSTED_MAX)
        return false;
    posted[posted_count].fn = fn;
    posted[posted_count].arg = arg;
    posted[posted_count++].to = index;
    return true;
}

static void *driver_open(const struct relay_events *events, const struct relay_host **out_host,
                         struct relay_worker **out_worker)
{
    const struct relay_host *plain;
    void *d = cf_driver_uv.open(events, &plain, out_worker);

    host = *plain;
    fresh_secret = plain->secret;
    host.option = option;
    host.secret = secret;
    host.worker_index = worker_index;
    host.post = post;
    if (quic_ways.worker_count)
        host.worker_count = quic_ways.worker_count;
    *out_host = &host;
    return d;
}

static void driver_turn(void *d, uint64_t max_wait_ns)
{
    for (size_t i = 0; i < posted_count; i++)
        posted[i].fn(quic_ways.states[posted[i].to], posted[i].arg);
    posted_count = 0;
    cf_driver_uv.turn(d, max_wait_ns);
}

const struct cf_driver *quic_driver(void)
{
    driver = cf_driver_uv;
    driver.open = driver_open;
    driver.turn = driver_turn;
    return &driver;
}

uint16_t quic_port_of(const struct sockaddr_storage *a)
{
    return ntohs(a->ss_family == AF_INET6 ? ((const struct sockaddr_in6 *)a)->sin6_port
                                          : ((const struct sockaddr_in *)a)->sin_port);
}
