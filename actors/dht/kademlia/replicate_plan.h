/* SPDX-License-Identifier: MPL-2.0 */
/*
 * Schedules pushes of values without a request (protocol: DHT, republishing). Pure: computes the
 * next push from the values, the routing tables and the time.
 *
 *  - Republishing: a value that no peer stored here for LIM_REPUBLISH_S is pushed in each dialect
 *    that accepts it. The targets are the DHT_K closest nodes, if we are among them. Usually only
 *    one of the closest holders pushes, because each STORE resets the interval of the receiver.
 *  - Handover: a new contact gets the values that it is now among the DHT_K closest to, from the
 *    two other nodes closest to the value.
 *  - Fresh values: clients send all values of a round to the nodes closest to the round's first
 *    one. A new value from a storer that is not a contact is therefore pushed once to its own
 *    closest nodes, which a look-up finds. A value from a contact is pushed in the same way in the
 *    accepting dialects that the contact does not speak. A fresh value that no node stored is
 * pushed again after LIM_PUSH_AGAIN_S, when no other is fresh, then hourly. No look-up begins while
 * we have no contact of a dialect in which the value is to be pushed.
 *
 * A value in the second half of the shortest TTL of a STORE is not pushed. Receivers raise the TTL,
 * so relays that push to each other until the end would never expire any value.
 *
 * The three take turns. Pushes are LIM_REPUBLISH_SPACE_NS apart, which is below the rate limit of
 * every remote. A remote that answers `rate limit` is held back (dht_table_hold), and the pace is
 * halved, down to a sixteenth. Every other push restores an eighth of that.
 */
#ifndef DHT_REPLICATE_PLAN_H
#define DHT_REPLICATE_PLAN_H

#include "dht/kademlia/routing_table.h"
#include "dht/value_store/value_store.h"
#include "wire_dialect.h"

struct dht_replicate_plan;

#define DHT_TARGETS_MAX (DHT_K * WIRE_DIALECTS)

struct dht_replicate_plan *dht_replicate_plan_new(const uint8_t self_id[20]);
void dht_replicate_plan_free(struct dht_replicate_plan **r);

/* A new contact has entered the routing tables of these dialects. */
void dht_replicate_plan_joined(struct dht_replicate_plan *r, const struct wire_peer_hop *node,
                               uint8_t dialects);

struct dht_push_plan {
    uint8_t key[32], sub[32];
    struct relay_slice value; /* a reference that the caller drops */
    uint64_t ttl_secs;
    uint8_t dialects; /* that accept the value */
    bool is_fresh;    /* look up the targets; count is 0 */
    bool is_owed;     /* if no node stores it, call dht_value_store_unreached */
    uint32_t count;
    struct dht_target {
        struct wire_peer_hop hop; /* with its key */
        enum wire_dialect dialect;
    } to[DHT_TARGETS_MAX]; /* each node once */
};

/* Returns the next push that is due. False: none now. Checks a bounded number of values. */
bool dht_replicate_plan_next(struct dht_replicate_plan *r, struct dht_value_store *values,
                             struct dht_table *const tables[WIRE_DIALECTS], uint64_t now_ns,
                             uint64_t now_s, struct dht_push_plan *out);
/* When to call dht_replicate_plan_next again. */
uint64_t dht_replicate_plan_next_ns(const struct dht_replicate_plan *r,
                                    const struct dht_value_store *values, uint64_t now_ns,
                                    uint64_t now_s);

/* A push ended. is_limited: a remote answered `rate limit`. */
void dht_replicate_plan_ended(struct dht_replicate_plan *r, bool is_limited);

#endif
