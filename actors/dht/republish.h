/* SPDX-License-Identifier: MPL-2.0 */
/*
 * Which values are pushed without a request, and to whom (protocol: DHT, republishing). Pure: given
 * the values, the routing tables and the time it names the next push.
 *
 *  - Republishing: a value that was not stored here for LIM_REPUBLISH_S goes to the DHT_K closest
 *    nodes of each dialect that accepts it, if we are among them. Of the closest holders usually
 * one does it, since each STORE puts off the others.
 *  - Handover: a node that is new to us gets the values it is now among the DHT_K closest to, from
 *    the two other nodes that are closest to them.
 *  - Fresh values: clients send all values of a round to the nodes closest to the round's first
 *    one. A new value from a storer that is no contact goes once to its own closest nodes,
 *    which a look-up finds. One from a contact goes likewise to those of the dialects that accept
 *    it and that the contact does not speak. A fresh value that no node took is tried again after
 *    LIM_PUSH_AGAIN_S, when no other is fresh, then hourly. While we have no contact of a dialect
 *    that it is for, no look-up begins.
 *
 * Neither happens to a value in the second half of the shortest life a STORE gives: receivers raise
 * the TTL, so that relays which pushed to each other until the end would keep everything for ever.
 *
 * Pushes are LIM_REPUBLISH_SPACE_NS apart, which is below what any remote allows. A remote that
 * says `rate limit` is left out for a while (dht_table_hold), and the pace is halved, down to a
 * sixteenth; every push without such a word takes back an eighth of that.
 */
#ifndef DHT_REPUBLISH_H
#define DHT_REPUBLISH_H

#include "dht/bucket.h"
#include "dht/values.h"
#include "wire_dialect.h"

struct dht_republish;

#define DHT_TARGETS_MAX (DHT_K * WIRE_DIALECTS)

struct dht_republish *dht_republish_new(const uint8_t self_id[20]);
void dht_republish_free(struct dht_republish **r);

/* A node that was not known before has entered the routing tables of these dialects. */
void dht_republish_joined(struct dht_republish *r, const struct wire_peer_hop *node,
                          uint8_t dialects);

struct dht_push_plan {
    uint8_t key[32], sub[32];
    struct relay_slice value; /* a reference of the caller's */
    uint64_t ttl_secs;
    uint8_t dialects; /* that accept the value */
    bool is_fresh;    /* the targets are to be looked up: count is 0 */
    bool is_owed;     /* if no node takes it, dht_values_unreached is to be called */
    uint32_t count;
    struct dht_target {
        struct wire_peer_hop hop; /* with its key */
        enum wire_dialect dialect;
    } to[DHT_TARGETS_MAX]; /* each node once */
};

/* The next push that is due; false: none now. Does a bounded amount of work in either case. */
bool dht_republish_next(struct dht_republish *r, struct dht_values *values,
                        struct dht_table *const tables[WIRE_DIALECTS], uint64_t now_ns,
                        uint64_t now_s, struct dht_push_plan *out);
/* When to ask again. */
uint64_t dht_republish_next_ns(const struct dht_republish *r, const struct dht_values *values,
                               uint64_t now_ns, uint64_t now_s);

/* What came of the push: a remote said `rate limit`, or none did. */
void dht_republish_ended(struct dht_republish *r, bool is_limited);

#endif
