/* SPDX-License-Identifier: MPL-2.0 */
/*
 * A UDP socket: datagrams in and out with their local addresses, many at a system call where the
 * kernel splits and joins them (UDP_SEGMENT, UDP_GRO). No loop, no connections.
 */
#ifndef QUIC_UDP_IO_H
#define QUIC_UDP_IO_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/socket.h>

#include "datagram.h"

#define QUIC_UDP_MAX 65535u   /* bytes of one write, or of one datagram (or joined ones) read */
#define QUIC_READ_BATCH 8u    /* ... of which so many come with one system call */
#define QUIC_SEGMENTS_MAX 60u /* of one write; older kernels take 64 */
#define QUIC_SOCKET_BUFFER (4 << 20) /* bytes asked for, each way */

struct quic_udp {
    int fd;
    union quic_addr local; /* as bound */
    bool is_wildcard : 1;  /* the local address of each datagram is told, and has to be */
    bool is_connected : 1;
    bool can_join : 1;  /* UDP_GRO is on */
    bool can_split : 1; /* UDP_SEGMENT works, as far as is known */
};

/*
 * A non-blocking socket bound to addr. is_shared: others of this process bind there, too
 * (SO_REUSEPORT); is_first of them: somebody else's is refused. 0, or errno.
 */
int quic_udp_bind(struct quic_udp *u, const struct sockaddr *addr, socklen_t len, bool is_shared,
                  bool is_first);
/* One that was bound by somebody else; fd is taken over, also on failure. 0 or errno. */
int quic_udp_inherit(struct quic_udp *u, int fd);
/* One that talks to a single peer, and hears when nobody is there. 0 or errno. */
int quic_udp_connect(struct quic_udp *u, const struct sockaddr *addr, socklen_t len);
/* Makes the kernel hand each datagram to the socket, of `workers` bound in order, whose index its
 * connection id names (see token.h). False: it cannot. */
bool quic_udp_steer(const struct quic_udp *u, uint16_t workers);
/* Bytes the receive buffer really has. */
int quic_udp_buffer(const struct quic_udp *u);
void quic_udp_close(struct quic_udp *u);

/* Where reads go: QUIC_READ_BATCH times QUIC_UDP_MAX bytes, touched as far as they are needed. */
struct quic_udp_buffers;
struct quic_udp_buffers *quic_udp_buffers_new(void);
void quic_udp_buffers_free(struct quic_udp_buffers **b);

/*
 * Reads what is there into *out, QUIC_READ_BATCH at most, good until the next read with b. 0 and
 * *out_count > 0, or errno (EAGAIN: nothing is there).
 */
int quic_udp_read(const struct quic_udp *u, struct quic_udp_buffers *b,
                  struct quic_datagram out[QUIC_READ_BATCH], unsigned *out_count);
/* 0 or errno. *out_done: bytes that need not be written again (also those that never can be). */
int quic_udp_write(struct quic_udp *u, const struct quic_datagram *d, size_t *out_done);

#endif
