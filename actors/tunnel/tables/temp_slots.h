/* SPDX-License-Identifier: MPL-2.0 */
/*
 * Temporary slots (protocol: RelayRegister with tunnel false): an id at which two peers meet,
 * without a tunnel. Pure: ids and time (monotonic ns) are arguments.
 *
 * A slot lives LIM_TEMP_SLOT_TTL_S after its last renewal, so the order of renewal is the order of
 * expiry. Each call first drops the expired slots. At most LIM_TEMP_SLOTS_MAX slots,
 * LIM_TEMP_SLOTS_PER_KEY per owner.
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
enum wire_refusal temp_slots_add(struct temp_slots *t, uint64_t id, const uint8_t owner[32],
                                 uint64_t now_ns);
bool temp_slots_has(struct temp_slots *t, uint64_t id, uint64_t now_ns);
/* NONE, SLOT_NOT_FOUND or SLOT_OWNER_MISMATCH. */
enum wire_refusal temp_slots_renew(struct temp_slots *t, uint64_t id, const uint8_t owner[32],
                                   uint64_t now_ns);
/* Binds a requester and replaces an earlier one. NONE or SLOT_NOT_FOUND. */
enum wire_refusal temp_slots_connect(struct temp_slots *t, uint64_t id, const uint8_t requester[32],
                                     uint64_t now_ns);
/* Checks that the payload of key may be echoed to it. NONE, SLOT_NOT_FOUND, SLOT_CONTENT,
 * SLOT_UNAUTHORIZED or SLOT_NO_REQUESTER. */
enum wire_refusal temp_slots_stream(struct temp_slots *t, uint64_t id, const uint8_t key[32],
                                    enum wire_relay_kind kind, uint64_t now_ns);
/* Drops expired slots. Returns the next expiry; UINT64_MAX: none. */
uint64_t temp_slots_expire(struct temp_slots *t, uint64_t now_ns);

#endif
