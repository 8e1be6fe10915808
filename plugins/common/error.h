/* SPDX-License-Identifier: MPL-2.0 */
/* Addresses and error texts for the operator. */
#ifndef PLUGIN_ERROR_H
#define PLUGIN_ERROR_H

#include <stddef.h>
#include <sys/socket.h>

#include "abi/relay_transport.h"

/* "127.0.0.1:7001", "[::1]:7001". */
void plugin_addr_text(const struct sockaddr *addr, socklen_t len, char *out, size_t cap);
/* *err becomes "PLUGIN: WHAT ADDRESS: why", why from errno value `error`. Returns -1. */
int plugin_error_set(struct relay_error *err, const char *plugin, const char *what,
                     const struct sockaddr *addr, socklen_t len, int error);
/* Checks that host and worker w provide what a plugin needs. Returns 0, or -1 and *err. */
int plugin_check_host(const struct relay_host *host, struct relay_worker *w, const char *plugin,
                      struct relay_error *err);

#endif
