/* SPDX-License-Identifier: MPL-2.0 */
/* What the TLS sessions of our connections use. */
#ifndef QUIC_TLS_H
#define QUIC_TLS_H

#include "common/creds.h"

/* TLS_PRIORITY, without the middlebox disguise that QUIC forbids. */
#define QUIC_PRIORITY TLS_PRIORITY ":%DISABLE_TLS13_COMPAT_MODE"

#endif
