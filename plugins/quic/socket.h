/* SPDX-License-Identifier: MPL-2.0 */
/*
 * A UDP socket in the worker's loop. It is counted: its listener and each of its connections hold
 * one count; with the last one it closes. Thread: the worker's.
 */
#ifndef QUIC_SOCKET_H
#define QUIC_SOCKET_H

#include "udp_io.h"
#include "worker.h"

struct relay_conn;

struct quic_socket {
    uv_poll_t poll;
    struct quic_udp udp;
    struct quic_worker *worker;
    uint32_t refs;
    bool accepts;            /* a listener owns it */
    struct relay_conn *only; /* the connection of a dialled socket; NULL: none, or gone */
    bool is_blocked;         /* the kernel takes no more bytes for now */
    struct rt_list waiting;  /* connections (by `dirty`) that have something to write meanwhile */
    struct rt_list kept;     /* runs that the kernel did not take, owned ... */
    uint32_t kept_bytes;     /* ... and their bytes, QUIC_KEPT_BYTES_MAX at most */
    struct rt_list node;     /* in the worker's sockets */
};

/* A socket in the loop, with one count. NULL: the loop refuses it (u is closed). */
struct quic_socket *quic_socket_new(struct quic_worker *qw, const struct quic_udp *u);
/* Gives one count back and clears the caller's pointer. */
void quic_socket_drop(struct quic_socket **s);
/* Writes a run. Bytes that the kernel does not take now are kept, within the limit, and are written
 * first later. False: datagrams of the run are too long for the path (EMSGSIZE), and are lost. */
bool quic_socket_write(struct quic_socket *s, const struct quic_datagram *d);

#endif
