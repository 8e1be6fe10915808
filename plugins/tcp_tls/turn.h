/* SPDX-License-Identifier: MPL-2.0 */
/* The order of work at the end of a turn of the loop; see worker.h. */
#ifndef TLS_TURN_H
#define TLS_TURN_H

#include "worker.h"

extern const struct tls_hooks tls_turn_hooks;

#endif
