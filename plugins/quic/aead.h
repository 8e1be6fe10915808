/* SPDX-License-Identifier: MPL-2.0 */
/*
 * Encryption of the packets of established connections. GnuTLS takes 400 ns for a packet of 1,400
 * bytes. On amd64, Intel's multi-buffer library does AES-128 of accepted connections in 150 ns. One
 * of aead_gnutls.c and aead_ipsec_mb.c is built.
 */
#ifndef QUIC_AEAD_H
#define QUIC_AEAD_H

#include <gnutls/gnutls.h>
#include <ngtcp2/ngtcp2.h>

/* Sets the callbacks that encrypt, decrypt, mask headers, update keys and free them. */
void quic_aead_callbacks(ngtcp2_callbacks *cb);
/* An accepted connection's session, configured by the library's helper, before its handshake. */
void quic_aead_session(gnutls_session_t s);

#endif
