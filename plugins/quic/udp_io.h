/* SPDX-License-Identifier: MPL-2.0 */
/*
 * A UDP socket: datagrams in and out with their local addresses. Where the kernel joins and splits
 * datagrams (UDP_GRO, UDP_SEGMENT), one system call moves many. No loop, no connections.
 */
#ifndef QUIC_UDP_IO_H
#define QUIC_UDP_IO_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/socket.h>

#include "datagram.h"

#define QUIC_UDP_MAX 65535u          /* bytes of one write, or of one buffer of a read */
#define QUIC_READ_BATCH 8u           /* buffers of one read */
#define QUIC_SEGMENTS_MAX 60u        /* datagrams of one write; the kernel's limit is 64 */
#define QUIC_SOCKET_BUFFER (4 << 20) /* bytes asked for, each way */

struct quic_udp {
    int fd;
    union quic_addr local; /* as bound */
    bool is_wildcard : 1;  /* bound to any address: each datagram has its local address */
    bool is_connected : 1;
    bool can_join : 1;  /* UDP_GRO is on */
    bool can_split : 1; /* UDP_SEGMENT works, as far as known */
};

/*
 * A non-blocking socket bound to addr. is_shared: several sockets of this process bind there
 * (SO_REUSEPORT). is_first: the first of them, which fails if another process uses the address. 0,
 * or errno.
 */
int quic_udp_bind(struct quic_udp *u, const struct sockaddr *addr, socklen_t len, bool is_shared,
                  bool is_first);
/* An inherited, bound socket; takes fd, even on failure. 0 or errno. */
int quic_udp_inherit(struct quic_udp *u, int fd);
/* A socket connected to one peer, which reports ICMP errors. 0 or errno. */
int quic_udp_connect(struct quic_udp *u, const struct sockaddr *addr, socklen_t len);
/* Makes the kernel give each datagram to the socket of the worker that its connection id names (see
 * token.h); `workers` sockets were bound in order. False: the kernel cannot. */
bool quic_udp_steer(const struct quic_udp *u, uint16_t workers);
/* The actual size of the receive buffer. */
int quic_udp_buffer(const struct quic_udp *u);
void quic_udp_close(struct quic_udp *u);

/* Buffers of reads: QUIC_READ_BATCH times QUIC_UDP_MAX bytes, resident only where used. */
struct quic_udp_buffers;
struct quic_udp_buffers *quic_udp_buffers_new(void);
void quic_udp_buffers_free(struct quic_udp_buffers **b);

/*
 * Reads what is there into *out, QUIC_READ_BATCH at most, good until the next read with b. 0 and
 * *out_count > 0, or errno (EAGAIN: nothing is there).
 */
int quic_udp_read(const struct quic_udp *u, struct quic_udp_buffers *b,
                  struct quic_datagram out[QUIC_READ_BATCH], unsigned *out_count);
/* 0 or errno; EMSGSIZE: some are too long. *out_done: bytes not to be written again, because sent
 * or impossible to send. */
int quic_udp_write(struct quic_udp *u, const struct quic_datagram *d, size_t *out_done);

#endif
