/* SPDX-License-Identifier: MPL-2.0 */
/*
 * The routing table (protocol: DHT): 160 buckets by the number of leading bits that a node's id has
 * in common with ours, at most DHT_K nodes in each, at most DHT_NET_MAX of them from one IPv4 /24
 * or IPv6 /40 (loopback exempt: all of it is one host). Pure.
 *
 * In it stand only nodes that were dialled and authenticated at the address they stand with; the
 * caller says so by calling dht_table_seen. A node may be known by one address of each transport.
 *
 * A full bucket keeps what it has as long as that is alive: the newcomer waits (one per bucket, the
 * newest) while the caller pings the node seen least recently, and takes its place only if that
 * failed. So nobody is driven out by a crowd of newcomers.
 *
 * Cost: closest is at most 160 bit tests and a sort per bucket touched; all others O(DHT_K).
 */
#ifndef DHT_ROUTING_TABLE_H
#define DHT_ROUTING_TABLE_H

#include <stdbool.h>
#include <stdint.h>

#include "wire_peer.h"

#define DHT_K 20u
#define DHT_NET_MAX 2u
#define DHT_FAILURES_MAX 2u /* in a row, and a node is dropped */

struct dht_table;

struct dht_table *dht_table_new(const uint8_t self_id[20]);
void dht_table_free(struct dht_table **t);

enum dht_seen {
    DHT_SEEN_ADDED,
    DHT_SEEN_KNOWN,
    DHT_SEEN_WAITS,   /* its bucket is full: *out_ping is to be pinged; its port is 0 where a ping
                       * is owed already */
    DHT_SEEN_REFUSED, /* ourselves, its network's share is used up, or the bucket is full of nodes
                       * seen just now */
};

/* hop, with its key in pubkey_hint, was reached and authenticated at now_ns. */
enum dht_seen dht_table_seen(struct dht_table *t, const struct wire_peer_hop *hop, uint64_t now_ns,
                             struct wire_peer_hop *out_ping);

enum dht_failed {
    DHT_FAILED_UNKNOWN,  /* it is not in the table at that address */
    DHT_FAILED_KEPT,     /* for now */
    DHT_FAILED_DROPPED,  /* gone */
    DHT_FAILED_REPLACED, /* gone; *out_new, which had waited, stands in its place */
};

/* hop could not be reached, or another key answered there. */
enum dht_failed dht_table_failed(struct dht_table *t, const struct wire_peer_hop *hop,
                                 struct wire_peer_hop *out_new);

/* Removes the node with this key, which does not speak the table's dialect. False: no such node. */
bool dht_table_leave(struct dht_table *t, const uint8_t key[32]);

/* No store is pushed to it before until_ns (it said `rate limit`). */
void dht_table_hold(struct dht_table *t, const uint8_t key[32], uint64_t until_ns);
bool dht_table_is_held(const struct dht_table *t, const uint8_t key[32], uint64_t now_ns);

bool dht_table_has(const struct dht_table *t, const uint8_t id[20]);

/* The max nodes closest to target, closest first, each by the address it is best reached at (TCP
 * before QUIC). One whose last dial failed is left out. Returns how many. */
uint32_t dht_table_closest(const struct dht_table *t, const uint8_t target[20], uint32_t max,
                           struct wire_peer_hop *out);

/* Whether we are among the k closest to target of all nodes known and ourselves; without: the id of
 * a node that is not counted, or NULL. */
bool dht_table_self_is_among(const struct dht_table *t, const uint8_t target[20], uint32_t k,
                             const uint8_t *without);
/* The same of a node in the table. k <= DHT_K. */
bool dht_table_is_among(const struct dht_table *t, const uint8_t target[20], uint32_t k,
                        const uint8_t id[20]);

/* Bits that a key must have in common with us for fewer than k known nodes to be closer to it than
 * we are; keys with fewer have k. */
uint32_t dht_table_reach(const struct dht_table *t, uint32_t k);

/* Up to max different nodes at random: `draw` gives numbers. skip: a key left out, or NULL. */
uint32_t dht_table_sample(struct dht_table *t, uint32_t max, const uint8_t *skip,
                          uint64_t (*draw)(void *ctx), void *ctx, struct wire_peer_hop *out);

/* The node seen least recently of all, if that was before `before_ns`. Asked again, the same one
 * until it was seen or failed: dht_table_touch puts it to the end without a claim. */
bool dht_table_stalest(const struct dht_table *t, uint64_t before_ns, struct wire_peer_hop *out);
void dht_table_touch(struct dht_table *t, const uint8_t key[32]);

/* A look-up went into this part of the id space. */
void dht_table_looked_up(struct dht_table *t, const uint8_t target[20], uint64_t now_ns);
/* An id in a bucket, no further in than our deepest, into which no look-up went since before_ns, or
 * ever; false: there is none. random: 20 bytes. */
bool dht_table_refresh(const struct dht_table *t, uint64_t before_ns, const uint8_t random[20],
                       uint8_t out_target[20]);

/* Drops what `keep` says no to: the scope has changed. */
void dht_table_filter(struct dht_table *t, bool (*keep)(void *ctx, const struct wire_peer_hop *hop),
                      void *ctx);

uint32_t dht_table_count(const struct dht_table *t);

#endif
