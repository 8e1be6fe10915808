/* SPDX-License-Identifier: MPL-2.0 */
/* Listeners and dialling: verbs of struct relay_transport; state: a struct tls_worker. */
#ifndef TLS_LISTEN_H
#define TLS_LISTEN_H

#include "worker.h"

int tls_listen(void *state, const struct relay_listen *spec, struct relay_listener **out,
               struct sockaddr_storage *out_bound, struct relay_error *err);
void tls_unlisten(struct relay_listener *l);

int tls_dial(void *state, const struct sockaddr *addr, socklen_t addr_len, void *user,
             struct relay_conn **out, struct relay_error *err);

#endif
