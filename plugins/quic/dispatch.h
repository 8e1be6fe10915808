/* SPDX-License-Identifier: MPL-2.0 */
/*
 * Which connection a datagram is for: by its destination connection id, on this worker or another.
 * A datagram of no connection is answered without state, deferred as the start of one, or
 * dropped.
 */
#ifndef QUIC_DISPATCH_H
#define QUIC_DISPATCH_H

#include "socket.h"

/* Reads what the socket holds, within QUIC_READS_PER_EVENT, and handles it. */
void quic_dispatch_read(struct quic_socket *s);
/* Handles one datagram that came to s. */
void quic_dispatch_datagram(struct quic_socket *s, const struct quic_datagram *d);
/*
 * Copies a datagram to worker `to`, whose connection id it carries. Happens where the kernel does
 * not steer datagrams, and while listeners come and go.
 */
void quic_dispatch_hand_over(struct quic_socket *s, uint16_t to, const struct quic_datagram *d);

#endif
