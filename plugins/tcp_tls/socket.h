/* SPDX-License-Identifier: MPL-2.0 */
/* Socket options. */
#ifndef TLS_SOCKET_H
#define TLS_SOCKET_H

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

#endif
