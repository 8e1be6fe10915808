/* SPDX-License-Identifier: MPL-2.0 */
/* Making UDP sockets, and their options. */
#include <errno.h>
#include <fcntl.h>
#include <linux/filter.h>
#include <netinet/udp.h>
#include <unistd.h>

#include "udp_io.h"

#ifndef UDP_SEGMENT
#define UDP_SEGMENT 103
#endif
#ifndef UDP_GRO
#define UDP_GRO 104
#endif
#ifndef SO_ATTACH_REUSEPORT_CBPF
#define SO_ATTACH_REUSEPORT_CBPF 51
#endif

static int set(int fd, int level, int option, int value)
{
    return setsockopt(fd, level, option, &value, sizeof(value));
}

/* Sets the options that are needed, and those that the kernel may lack. */
static int tune(struct quic_udp *u)
{
    bool is_v6 = u->local.any.sa_family == AF_INET6;

    u->is_wildcard = is_v6 ? IN6_IS_ADDR_UNSPECIFIED(&u->local.v6.sin6_addr)
                           : u->local.v4.sin_addr.s_addr == htonl(INADDR_ANY);
    if (is_v6 ? u->is_wildcard && set(u->fd, IPPROTO_IPV6, IPV6_RECVPKTINFO, 1) != 0
              : u->is_wildcard && set(u->fd, IPPROTO_IP, IP_PKTINFO, 1) != 0)
        return errno;
    /* path MTU discovery is ours (DPLPMTUD): no fragments, no limit from the kernel */
    set(u->fd, IPPROTO_IP, IP_MTU_DISCOVER, IP_PMTUDISC_PROBE);
    set(u->fd, IPPROTO_IP, IP_RECVTOS, 1);
    if (is_v6) {
        set(u->fd, IPPROTO_IPV6, IPV6_MTU_DISCOVER, IPV6_PMTUDISC_PROBE);
        set(u->fd, IPPROTO_IPV6, IPV6_RECVTCLASS, 1);
    }
    if (set(u->fd, SOL_SOCKET, SO_RCVBUFFORCE, QUIC_SOCKET_BUFFER) != 0)
        set(u->fd, SOL_SOCKET, SO_RCVBUF, QUIC_SOCKET_BUFFER);
    if (set(u->fd, SOL_SOCKET, SO_SNDBUFFORCE, QUIC_SOCKET_BUFFER) != 0)
        set(u->fd, SOL_SOCKET, SO_SNDBUF, QUIC_SOCKET_BUFFER);
    u->can_join = set(u->fd, IPPROTO_UDP, UDP_GRO, 1) == 0;
    u->can_split = set(u->fd, IPPROTO_UDP, UDP_SEGMENT, 0) == 0;
    return 0;
}

static int read_local(struct quic_udp *u)
{
    socklen_t len = sizeof(u->local);

    return getsockname(u->fd, &u->local.any, &len) == 0 ? 0 : errno;
}

static int open_bound(const struct sockaddr *addr, socklen_t len, bool is_shared, int *out_fd)
{
    int fd = socket(addr->sa_family, SOCK_DGRAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
    int error = 0, only_v6;

    if (fd < 0)
        return errno;
    if (addr->sa_family == AF_INET6) {
        only_v6 =
            !IN6_IS_ADDR_UNSPECIFIED(&((const struct sockaddr_in6 *)(const void *)addr)->sin6_addr);
        if (set(fd, IPPROTO_IPV6, IPV6_V6ONLY, only_v6) != 0)
            error = errno;
    }
    if (error == 0 &&
        ((is_shared && set(fd, SOL_SOCKET, SO_REUSEPORT, 1) != 0) || bind(fd, addr, len) != 0))
        error = errno;
    if (error != 0) {
        close(fd);
        return error;
    }
    *out_fd = fd;
    return 0;
}

static int finish(struct quic_udp *u)
{
    int error = read_local(u);

    if (error == 0)
        error = tune(u);
    if (error != 0)
        quic_udp_close(u);
    return error;
}

int quic_udp_bind(struct quic_udp *u, const struct sockaddr *addr, socklen_t len, bool is_shared,
                  bool is_first)
{
    int error, probe;

    *u = (struct quic_udp){.fd = -1};
    /* SO_REUSEPORT allows another process of the same user: bind without it first */
    if (is_shared && is_first) {
        error = open_bound(addr, len, false, &probe);
        if (error != 0)
            return error;
        close(probe);
    }
    error = open_bound(addr, len, is_shared, &u->fd);
    return error ? error : finish(u);
}

int quic_udp_inherit(struct quic_udp *u, int fd)
{
    int flags = fcntl(fd, F_GETFL), type = 0, error = 0;
    socklen_t len = sizeof(type);

    *u = (struct quic_udp){.fd = fd};
    if (flags < 0 || fcntl(fd, F_SETFL, flags | O_NONBLOCK) != 0 ||
        fcntl(fd, F_SETFD, FD_CLOEXEC) != 0 ||
        getsockopt(fd, SOL_SOCKET, SO_TYPE, &type, &len) != 0)
        error = errno;
    else if (type != SOCK_DGRAM)
        error = ESOCKTNOSUPPORT;
    if (error == 0)
        return finish(u);
    quic_udp_close(u);
    return error;
}

int quic_udp_connect(struct quic_udp *u, const struct sockaddr *addr, socklen_t len)
{
    int error;

    *u = (struct quic_udp){.is_connected = true};
    u->fd = socket(addr->sa_family, SOCK_DGRAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
    if (u->fd < 0)
        return errno;
    if (connect(u->fd, addr, len) != 0) {
        error = errno;
        quic_udp_close(u);
        return error;
    }
    return finish(u);
}

/* worker = (byte 0 & 0x80 ? byte 6 : byte 1) % workers: the first byte of the connection id. */
bool quic_udp_steer(const struct quic_udp *u, uint16_t workers)
{
    struct sock_filter code[] = {
        BPF_STMT(BPF_LD | BPF_B | BPF_ABS, 0), BPF_JUMP(BPF_JMP | BPF_JSET | BPF_K, 0x80, 0, 2),
        BPF_STMT(BPF_LD | BPF_B | BPF_ABS, 6), BPF_STMT(BPF_JMP | BPF_JA, 1),
        BPF_STMT(BPF_LD | BPF_B | BPF_ABS, 1), BPF_STMT(BPF_ALU | BPF_MOD | BPF_K, workers),
        BPF_STMT(BPF_RET | BPF_A, 0),
    };
    struct sock_fprog program = {sizeof(code) / sizeof(code[0]), code};

    return setsockopt(u->fd, SOL_SOCKET, SO_ATTACH_REUSEPORT_CBPF, &program, sizeof(program)) == 0;
}

int quic_udp_buffer(const struct quic_udp *u)
{
    int bytes = 0;
    socklen_t len = sizeof(bytes);

    if (getsockopt(u->fd, SOL_SOCKET, SO_RCVBUF, &bytes, &len) != 0)
        return 0;
    return bytes / 2; /* the kernel doubles the value for its overhead */
}

void quic_udp_close(struct quic_udp *u)
{
    if (u->fd >= 0)
        close(u->fd);
    u->fd = -1;
}
