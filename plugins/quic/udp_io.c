/* SPDX-License-Identifier: MPL-2.0 */
#include "udp_io.h"

#include <errno.h>
#include <netinet/udp.h>
#include <stdlib.h>
#include <string.h>

#ifndef UDP_SEGMENT
#define UDP_SEGMENT 103
#endif
#ifndef UDP_GRO
#define UDP_GRO 104
#endif

#define ECN_MASK 3

/* Control data: the local address, the segment size, the ECN mark. */
static void take_control(const struct cmsghdr *c, union quic_addr *local, struct quic_datagram *out)
{
    int value;

    if (c->cmsg_level == IPPROTO_IP && c->cmsg_type == IP_PKTINFO) {
        struct in_pktinfo info;

        memcpy(&info, CMSG_DATA(c), sizeof(info));
        local->v4.sin_addr = info.ipi_addr;
    } else if (c->cmsg_level == IPPROTO_IPV6 && c->cmsg_type == IPV6_PKTINFO) {
        struct in6_pktinfo info;

        memcpy(&info, CMSG_DATA(c), sizeof(info));
        local->v6.sin6_addr = info.ipi6_addr;
    } else if (c->cmsg_level == IPPROTO_UDP && c->cmsg_type == UDP_GRO) {
        memcpy(&value, CMSG_DATA(c), sizeof(value));
        out->segment = (size_t)value;
    } else if (c->cmsg_level == IPPROTO_IP && c->cmsg_type == IP_TOS) {
        out->ecn = *CMSG_DATA(c) & ECN_MASK;
    } else if (c->cmsg_level == IPPROTO_IPV6 && c->cmsg_type == IPV6_TCLASS) {
        memcpy(&value, CMSG_DATA(c), sizeof(value));
        out->ecn = (uint8_t)(value & ECN_MASK);
    }
}

struct quic_udp_buffers {
    union {
        struct cmsghdr align;
        uint8_t bytes[CMSG_SPACE(sizeof(struct in6_pktinfo)) + 3 * CMSG_SPACE(sizeof(int))];
    } control[QUIC_READ_BATCH];
    union quic_addr local[QUIC_READ_BATCH], remote[QUIC_READ_BATCH];
    struct iovec v[QUIC_READ_BATCH];
    struct mmsghdr m[QUIC_READ_BATCH];
    uint8_t bytes[QUIC_READ_BATCH][QUIC_UDP_MAX];
};

struct quic_udp_buffers *quic_udp_buffers_new(void)
{
    struct quic_udp_buffers *b = malloc(sizeof(*b));

    if (!b)
        abort();
    memset(b->m, 0, sizeof(b->m));
    for (unsigned i = 0; i < QUIC_READ_BATCH; i++) {
        b->v[i] = (struct iovec){b->bytes[i], QUIC_UDP_MAX};
        b->m[i].msg_hdr.msg_iov = &b->v[i];
        b->m[i].msg_hdr.msg_iovlen = 1;
        b->m[i].msg_hdr.msg_control = &b->control[i];
    }
    return b;
}

void quic_udp_buffers_free(struct quic_udp_buffers **b)
{
    free(*b);
    *b = NULL;
}

int quic_udp_read(const struct quic_udp *u, struct quic_udp_buffers *b,
                  struct quic_datagram out[QUIC_READ_BATCH], unsigned *out_count)
{
    int n;

    for (unsigned i = 0; i < QUIC_READ_BATCH; i++) {
        b->m[i].msg_hdr.msg_name = &b->remote[i];
        b->m[i].msg_hdr.msg_namelen = sizeof(b->remote[i]);
        b->m[i].msg_hdr.msg_controllen = sizeof(b->control[i]);
    }
    do {
        n = recvmmsg(u->fd, b->m, QUIC_READ_BATCH, 0, NULL);
    } while (n < 0 && errno == EINTR);
    if (n < 0)
        return errno;
    for (int i = 0; i < n; i++) {
        struct msghdr *m = &b->m[i].msg_hdr;

        b->local[i] = u->local;
        out[i] = (struct quic_datagram){.local = &b->local[i],
                                        .remote = &b->remote[i],
                                        .bytes = b->bytes[i],
                                        .len = b->m[i].msg_len};
        for (struct cmsghdr *c = CMSG_FIRSTHDR(m); c; c = CMSG_NXTHDR(m, c))
            take_control(c, &b->local[i], &out[i]);
        if (out[i].segment == 0 || out[i].segment > out[i].len)
            out[i].segment = out[i].len;
    }
    *out_count = (unsigned)n;
    return 0;
}

static size_t put_control(struct cmsghdr *c, int level, int type, const void *data, size_t n)
{
    c->cmsg_level = level;
    c->cmsg_type = type;
    c->cmsg_len = CMSG_LEN(n);
    memcpy(CMSG_DATA(c), data, n);
    return CMSG_SPACE(n);
}

static size_t put_local(uint8_t *to, const union quic_addr *local)
{
    if (local->any.sa_family == AF_INET) {
        struct in_pktinfo info = {.ipi_spec_dst = local->v4.sin_addr};

        return put_control((struct cmsghdr *)(void *)to, IPPROTO_IP, IP_PKTINFO, &info,
                           sizeof(info));
    }
    struct in6_pktinfo info = {.ipi6_addr = local->v6.sin6_addr};

    return put_control((struct cmsghdr *)(void *)to, IPPROTO_IPV6, IPV6_PKTINFO, &info,
                       sizeof(info));
}

/* One system call for `len` bytes; 0 or errno. */
static int write_some(const struct quic_udp *u, const struct quic_datagram *d, const uint8_t *p,
                      size_t len)
{
    union {
        struct cmsghdr align;
        uint8_t bytes[CMSG_SPACE(sizeof(struct in6_pktinfo)) + CMSG_SPACE(sizeof(uint16_t))];
    } control;
    struct iovec v = {(void *)(uintptr_t)p, len};
    struct msghdr m = {.msg_iov = &v, .msg_iovlen = 1};
    size_t used = 0;
    ssize_t n;

    memset(&control, 0, sizeof(control));
    if (!u->is_connected) {
        m.msg_name = (void *)(uintptr_t)d->remote;
        m.msg_namelen = quic_addr_len(d->remote);
    }
    if (u->is_wildcard)
        used += put_local(control.bytes + used, d->local);
    if (len > d->segment) {
        uint16_t segment = (uint16_t)d->segment;

        used += put_control((struct cmsghdr *)(void *)(control.bytes + used), IPPROTO_UDP,
                            UDP_SEGMENT, &segment, sizeof(segment));
    }
    if (used > 0) {
        m.msg_control = &control;
        m.msg_controllen = used;
    }
    do {
        n = sendmsg(u->fd, &m, 0);
    } while (n < 0 && errno == EINTR);
    return n < 0 ? errno : 0;
}

static bool is_passing(int error)
{
    return error == EAGAIN || error == ENOBUFS;
}

int quic_udp_write(struct quic_udp *u, const struct quic_datagram *d, size_t *out_done)
{
    bool is_refused = false;
    size_t done = 0;
    int error = 0;

    if (u->can_split || d->len <= d->segment) {
        error = write_some(u, d, d->bytes, d->len);
        if (d->len <= d->segment || (error != EIO && error != EINVAL && error != EOPNOTSUPP)) {
            *out_done = is_passing(error) ? 0 : d->len;
            return error;
        }
    }
    while (done < d->len) {
        size_t n = d->len - done < d->segment ? d->len - done : d->segment;

        error = write_some(u, d, d->bytes + done, n);
        if (is_passing(error))
            break;
        is_refused |= error == EMSGSIZE;
        if (error == 0 && n == d->segment)
            u->can_split = false; /* the device cannot split: write one by one from now on */
        done += n;
    }
    *out_done = done;
    return is_refused ? EMSGSIZE : error;
}
