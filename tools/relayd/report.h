/* SPDX-License-Identifier: MPL-2.0 */
/* Log lines about the state of the process. */
#ifndef RELAYD_REPORT_H
#define RELAYD_REPORT_H

#include "config/config.h"

/* After the state was opened: version, sizes. */
void report_state(const struct cfg *cfg, bool identity_is_new);
void report_listening(const char *transport, const struct sockaddr_storage *bound);
/* "relay node ready", the line operators and scripts wait for. */
void report_ready(const struct cfg *cfg, const uint8_t public_key[32]);
/* All counters, a line each. */
void report_counters(void);

#endif
