/* SPDX-License-Identifier: MPL-2.0 */
/*
 * Encodings of an envelope that are valid and unusual: other key orders, indefinite lengths, byte
 * arrays, long integers, unknown keys, bytes after the end.
 */
#ifndef SIM_ODD_H
#define SIM_ODD_H

#include "prng.h"
#include "wire_envelope.h"

/* Returns a malloc'ed frame body of *out_len bytes. */
uint8_t *sim_odd_envelope(struct sim_prng *r, const struct wire_envelope *e, uint32_t *out_len);

#endif
