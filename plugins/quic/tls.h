/* SPDX-License-Identifier: MPL-2.0 */
/* The cipher text of our TLS sessions. */
#ifndef QUIC_TLS_H
#define QUIC_TLS_H

#include "common/creds.h"

/* TLS_PRIORITY, without the middlebox disguise that QUIC forbids. */
#define QUIC_PRIORITY TLS_PRIORITY ":%DISABLE_TLS13_COMPAT_MODE"

#endif
