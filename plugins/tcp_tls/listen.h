/* SPDX-License-Identifier: MPL-2.0 */
/* Listeners and dialling: see relay_transport. */
#ifndef TLS_LISTEN_H
#define TLS_LISTEN_H

#include "worker.h"

int tls_listen(struct tls_worker *tw, const struct relay_listen *spec, struct relay_listener **out,
               struct sockaddr_storage *out_bound, struct relay_error *err);
void tls_unlisten(struct relay_listener *l);

int tls_dial(struct tls_worker *tw, const struct sockaddr *addr, socklen_t addr_len, void *user,
             struct relay_conn **out, struct relay_error *err);

#endif
