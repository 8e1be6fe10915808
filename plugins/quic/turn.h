/* SPDX-License-Identifier: MPL-2.0 */
/*
 * The order of work in a turn of the loop: the one place that calls down into every layer, through
 * the worker's hooks, so that no lower layer includes a higher one:
 *
 *     turn -> dispatch -> accept -> conn -> closing -> stateless -> socket -> worker
 */
#ifndef QUIC_TURN_H
#define QUIC_TURN_H

#include "worker.h"

extern const struct quic_hooks quic_turn_hooks;

#endif
