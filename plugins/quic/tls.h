/* SPDX-License-Identifier: MPL-2.0 */
/* The TLS session of one connection, which exists only as long as its handshake. */
#ifndef QUIC_TLS_H
#define QUIC_TLS_H

#include "engine.h"

/* TLS_PRIORITY, without the middlebox disguise that QUIC forbids. */
#define QUIC_PRIORITY TLS_PRIORITY ":%DISABLE_TLS13_COMPAT_MODE"

/* Makes e->tls and gives it to e->conn. False: out of memory. */
bool quic_tls_begin(struct quic_engine *e);
/* Frees it; e->conn goes on without. */
void quic_tls_end(struct quic_engine *e);

#endif
