/* SPDX-License-Identifier: MPL-2.0 */
/*
 * Merges the two kinds of value that many peers write to (protocol: DHT, Providers and
 * CommunityMembers). The result is the union of the held and the new entries; entries are equal if
 * the whole PeerAddr is. Limits: LIM_SET_PER_PEER entries from one storing key, LIM_PROVIDERS_MAX
 * or LIM_MEMBERS_MAX entries, and LIM_VALUE_MAX bytes. Past a limit the newest entries stay. Pure.
 *
 * An entry belongs to the key that stored it first, and only that key renews its time: clients
 * store all entries that they hold again and again, without knowing whether these are alive. If a
 * STORE has more new entries than its key may have, the last ones count, because clients append
 * themselves.
 *
 * The merged value is encoded canonically, newest entry first: clients ask the first of several
 * providers behind one relay, and an old entry may name a slot that has closed.
 */
#ifndef DHT_PEER_SET_H
#define DHT_PEER_SET_H

#include "abi/relay_buf.h"
#include "wire_refusal.h"
#include "wire_value.h"

#define DHT_ORIGIN_LOADED 1u /* of entries from disk: no share, and the oldest */

/* The storers of the entries of a held value, in its order. */
struct dht_set_meta {
    uint32_t count;
    struct dht_set_entry {
        uint64_t origin;
        uint64_t time_s;
    } at[];
};

/*
 * Merges value, which is checked, into the held value of the same kind. held and held_meta are NULL
 * if there is none; they do not change. origin: the storer; 0: this relay, which has no share. The
 * caller drops *out_value and frees *out_meta. NONE or MEMORY.
 */
enum wire_refusal dht_peer_set_merge(enum wire_value_kind kind, const struct relay_slice *held,
                                     const struct dht_set_meta *held_meta, const uint8_t *value,
                                     uint32_t len, uint64_t origin, uint64_t now_s,
                                     struct relay_slice *out_value, struct dht_set_meta **out_meta);

/* Returns the meta of a value with `count` entries from disk; the caller frees it. NULL: no memory.
 */
struct dht_set_meta *dht_peer_set_loaded(uint32_t count);

#endif
