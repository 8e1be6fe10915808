/* SPDX-License-Identifier: MPL-2.0 */
/* Socket options, addresses as text, error texts. */
#ifndef TLS_SOCKET_H
#define TLS_SOCKET_H

#include <stddef.h>
#include <sys/socket.h>

#include "abi/relay_transport.h"

/*
 * What every connection of ours has: no Nagle, keep-alive after 30 s, every 5 s, 3 times, and a
 * user timeout of 45 s, which is not below idle + interval x count, so that one lost probe kills
 * nothing. Accepted sockets inherit all of it from the listener. 0 or errno.
 */
int tls_socket_tune(int fd);
/* Acknowledge at once: the peer may be holding back the rest of a message (Nagle). */
void tls_socket_quickack(int fd);
/* close() will reset the connection. */
void tls_socket_reset_on_close(int fd);
/* SO_ERROR, cleared by reading. */
int tls_socket_error(int fd);

/* "127.0.0.1:7001", "[::1]:7001". */
void tls_addr_text(const struct sockaddr *addr, socklen_t len, char *out, size_t cap);

/* *err becomes "tcp_tls: WHAT ADDRESS: why", why from errno value `error`. Returns -1. */
int tls_error_set(struct relay_error *err, const char *what, const struct sockaddr *addr,
                  socklen_t len, int error);

#endif
