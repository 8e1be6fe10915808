/* SPDX-License-Identifier: MPL-2.0 */
/*
 * Handshake packets and new connections. Handshake packets are deferred to the end of the turn, so
 * that established connections come first.
 *
 * Nothing is kept for a peer whose address is not proven, beyond QUIC_UNVALIDATED_MAX handshakes.
 */
#ifndef QUIC_ACCEPT_H
#define QUIC_ACCEPT_H

#include "engine.h"
#include "socket.h"

/*
 * True, with *in set, if a packet of no known connection may begin one. False: the packet is no
 * Initial, or got a Retry. The reply needs no memory, so it is sent at once.
 */
bool quic_accept_is_welcome(struct quic_socket *s, const struct quic_datagram *d,
                            struct quic_initial *in);
/* Keeps a copy of a handshake packet until the end of the turn. */
void quic_accept_defer(struct quic_socket *s, const struct quic_datagram *d);
/* Handles deferred packets in order, for at most QUIC_HANDSHAKE_TURN_NS. */
void quic_accept_run_deferred(struct quic_worker *qw);
/* Discards all deferred packets. */
void quic_accept_drop_deferred(struct quic_worker *qw);

#endif
