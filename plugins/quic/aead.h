/* SPDX-License-Identifier: MPL-2.0 */
/*
 * Who encrypts the packets of established connections. GnuTLS does it everywhere, in 400 ns for a
 * packet of 1,400 bytes; where Intel's multi-buffer library is there (amd64), AES-128 of
 * accepted connections is its work, in 150 ns. One of aead_gnutls.c and aead_ipsec_mb.c is built.
 */
#ifndef QUIC_AEAD_H
#define QUIC_AEAD_H

#include <gnutls/gnutls.h>
#include <ngtcp2/ngtcp2.h>

/* The callbacks that encrypt, decrypt, mask headers, renew keys and forget them. */
void quic_aead_callbacks(ngtcp2_callbacks *cb);
/* An accepted connection's session, configured by the library's helper, before its handshake. */
void quic_aead_session(gnutls_session_t s);

#endif
