/* SPDX-License-Identifier: MPL-2.0 */
/*
 * The revoked keys of relays that are remembered, at most LIM_RELAYS_REVOKED. Anybody can revoke
 * keys of their own, so a key that was never met as a relay is added only while there is room; one
 * that was met takes the place of the oldest. Pure.
 */
#ifndef ANNOUNCER_REVOKED_H
#define ANNOUNCER_REVOKED_H

#include <stdbool.h>
#include <stdint.h>

struct revoked_keys;

struct revoked_keys *revoked_new(const uint8_t hash_key[16]);
void revoked_free(struct revoked_keys **r);

/* False: there was no room for it, or the oldest was forgotten for it. */
bool revoked_add(struct revoked_keys *r, const uint8_t key[32], bool was_met);
bool revoked_has(const struct revoked_keys *r, const uint8_t key[32]);

#endif
