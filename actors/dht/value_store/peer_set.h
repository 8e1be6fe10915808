/* SPDX-License-Identifier: MPL-2.0 */
/*
 * Merging of the two kinds of value that many may write to (protocol: DHT, Providers and
 * CommunityMembers): the union of what is held and what comes, by whole PeerAddr, within bounds:
 * LIM_SET_PER_PEER entries from one storing key, LIM_PROVIDERS_MAX or LIM_MEMBERS_MAX in all, and
 * LIM_VALUE_MAX bytes. Past a bound the newest stay. Pure.
 *
 * An entry belongs to the key that first brought it, and its time is renewed only by that key:
 * clients store whatever they hold again and again, and with that they vouch for nothing. Of a
 * STORE with more new entries than its key may have the last ones count, where clients append
 * themselves.
 *
 * The merged value is encoded canonically, newest entry first: today's clients ask the first of
 * several providers behind one relay, and an old entry may well be of a slot that is gone.
 */
#ifndef DHT_PEER_SET_H
#define DHT_PEER_SET_H

#include "abi/relay_buf.h"
#include "wire_refusal.h"
#include "wire_value.h"

#define DHT_ORIGIN_LOADED 1u /* of entries loaded from disk: nobody's share, oldest of all */

/* Who brought the entries of a held value, in its order. */
struct dht_set_meta {
    uint32_t count;
    struct dht_set_entry {
        uint64_t origin;
        uint64_t time_s;
    } at[];
};

/*
 * held: the value held and its meta (freed by the caller), or NULL. value: one of the same kind,
 * checked. origin: who stores it; 0 is ourselves, without a share. *out_value and *out_meta are the
 * caller's to drop and free. NONE or MEMORY.
 */
enum rt_refusal dht_peer_set_merge(enum wire_value_kind kind, const struct relay_slice *held,
                                   const struct dht_set_meta *held_meta, const uint8_t *value,
                                   uint32_t len, uint64_t origin, uint64_t now_s,
                                   struct relay_slice *out_value, struct dht_set_meta **out_meta);

/* The meta of a value with `count` entries, loaded from disk. NULL: no memory. */
struct dht_set_meta *dht_peer_set_loaded(uint32_t count);

#endif
