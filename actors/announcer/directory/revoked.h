/* SPDX-License-Identifier: MPL-2.0 */
/*
 * The revoked keys of relays, at most LIM_RELAYS_REVOKED. Anyone can make and revoke keys, so the
 * key of an unknown relay is added only while there is room. The key of a relay that was listed or
 * a candidate evicts the oldest. Pure.
 */
#ifndef ANNOUNCER_REVOKED_H
#define ANNOUNCER_REVOKED_H

#include <stdbool.h>
#include <stdint.h>

struct revoked_keys;

struct revoked_keys *revoked_new(const uint8_t hash_key[16]);
void revoked_free(struct revoked_keys **r);

/* False: there was no room for the key, or the oldest was evicted. */
bool revoked_add(struct revoked_keys *r, const uint8_t key[32], bool was_reached);
bool revoked_has(const struct revoked_keys *r, const uint8_t key[32]);

#endif
