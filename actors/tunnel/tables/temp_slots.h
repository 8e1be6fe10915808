/* SPDX-License-Identifier: MPL-2.0 */
/*
 * Temporary slots (protocol: RelayRegister with tunnel false): a number two peers may meet at,
 * without a stream behind it. Pure: ids and time (monotonic ns) are arguments. Every slot lives
 * LIM_TEMP_SLOT_TTL_S from its last renewal, so the list in order of renewal is the list in order
 * of expiry, and each call first drops what has expired. Bounded by LIM_TEMP_SLOTS_MAX, per owner
 * by LIM_TEMP_SLOTS_PER_KEY.
 */
#ifndef TUNNEL_TEMP_SLOTS_H
#define TUNNEL_TEMP_SLOTS_H

#include <stdbool.h>

#include "base/list.h"
#include "base/map.h"
#include "wire_refusal.h"
#include "wire_relay.h"

struct temp_slots {
    struct rt_map by_id, by_owner; /* by_owner: keyed hash of the owner's key */
    struct rt_list by_expiry;
    uint8_t hash_key[16];
};

void temp_slots_init(struct temp_slots *t, const uint8_t hash_key[16]);
void temp_slots_fini(struct temp_slots *t);

/* id must be new. NONE, SLOT_TEMP_KEY or SLOT_TEMP_FULL. */
enum rt_refusal temp_slots_add(struct temp_slots *t, uint64_t id, const uint8_t owner[32],
                               uint64_t now_ns);
bool temp_slots_has(struct temp_slots *t, uint64_t id, uint64_t now_ns);
/* NONE, SLOT_NOT_FOUND or SLOT_OWNER_MISMATCH. */
enum rt_refusal temp_slots_renew(struct temp_slots *t, uint64_t id, const uint8_t owner[32],
                                 uint64_t now_ns);
/* Binds a requester, in the place of an earlier one. NONE or SLOT_NOT_FOUND. */
enum rt_refusal temp_slots_connect(struct temp_slots *t, uint64_t id, const uint8_t requester[32],
                                   uint64_t now_ns);
/* May key's payload be sent back to it? NONE, SLOT_NOT_FOUND, SLOT_CONTENT, SLOT_UNAUTHORIZED or
 * SLOT_NO_REQUESTER. */
enum rt_refusal temp_slots_stream(struct temp_slots *t, uint64_t id, const uint8_t key[32],
                                  enum wire_relay_kind kind, uint64_t now_ns);
/* Drops what has expired; when the next one will (UINT64_MAX: there is none). */
uint64_t temp_slots_expire(struct temp_slots *t, uint64_t now_ns);

#endif
