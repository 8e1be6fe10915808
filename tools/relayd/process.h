/* SPDX-License-Identifier: MPL-2.0 */
/* The process and its limits: signals, memory allocator, file descriptors. */
#ifndef RELAYD_PROCESS_H
#define RELAYD_PROCESS_H

#include <stdint.h>

/* Before anything else; the main thread. */
void process_prepare(uint16_t workers);

/*
 * Raises the limit of open files as far as it goes and says how many connections that carries: four
 * fifths, the rest is for the database, the log and what accepts only to refuse. Warns when that is
 * not enough for max_tunnels.
 */
uint32_t process_connections_max(uint32_t max_tunnels);

#endif
