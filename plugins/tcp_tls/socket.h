/* SPDX-License-Identifier: MPL-2.0 */
/* Socket options. */
#ifndef TLS_SOCKET_H
#define TLS_SOCKET_H

/*
 * Sets the options of every connection: no Nagle; keep-alive after 30 s, then 3 probes every 5 s; a
 * user timeout of 45 s, not below idle + interval x count, so that one lost probe does not end a
 * connection. Accepted sockets inherit all of it from the listener. 0 or errno.
 */
int tls_socket_tune(int fd);
/* Acknowledges at once: the peer may delay the rest of a message (Nagle). */
void tls_socket_quickack(int fd);
/* Makes close() reset the connection. */
void tls_socket_reset_on_close(int fd);
/* SO_ERROR, cleared by reading. */
int tls_socket_error(int fd);

#endif
