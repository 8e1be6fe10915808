/* SPDX-License-Identifier: MPL-2.0 */
/*
 * Kademlia's routing table for one dialect (protocol: DHT). A bucket has the nodes whose id has a
 * certain number of leading bits in common with ours: at most DHT_K nodes, and at most DHT_NET_MAX
 * of one IPv4 /24 or IPv6 /40 (except loopback, where all addresses are one host). Pure.
 *
 * The table has only nodes that we dialled and that authenticated at that address; the caller
 * reports them with dht_table_seen. A node can have one address of each transport.
 *
 * A full bucket keeps its nodes while they are alive. A new node waits, one per bucket, the newest,
 * while the caller pings the node seen least recently. The new node replaces it only if the ping
 * fails. A crowd of new nodes replaces no known one.
 *
 * Time: dht_table_closest takes at most 160 bit tests and a sort per bucket; all others O(DHT_K).
 */
#ifndef DHT_ROUTING_TABLE_H
#define DHT_ROUTING_TABLE_H

#include <stdbool.h>
#include <stdint.h>

#include "wire_peer.h"

#define DHT_K 20u
#define DHT_NET_MAX 2u
#define DHT_FAILURES_MAX 2u /* failures in a row after which a node is dropped */

struct dht_table;

struct dht_table *dht_table_new(const uint8_t self_id[20]);
void dht_table_free(struct dht_table **t);

enum dht_seen {
    DHT_SEEN_ADDED,
    DHT_SEEN_KNOWN,
    DHT_SEEN_WAITS,   /* the bucket is full: ping *out_ping; port 0: that ping is under way */
    DHT_SEEN_REFUSED, /* this relay, the network's share is used up, or all nodes of the bucket were
                       * seen recently */
};

/* The node at hop was reached at now_ns and authenticated with the key in its pubkey_hint. */
enum dht_seen dht_table_seen(struct dht_table *t, const struct wire_peer_hop *hop, uint64_t now_ns,
                             struct wire_peer_hop *out_ping);

enum dht_failed {
    DHT_FAILED_UNKNOWN,  /* not in the table at this address */
    DHT_FAILED_KEPT,     /* still in the table */
    DHT_FAILED_DROPPED,  /* removed */
    DHT_FAILED_REPLACED, /* removed, and the waiting node *out_new was added */
};

/* The node at hop could not be reached, or another key authenticated there. */
enum dht_failed dht_table_failed(struct dht_table *t, const struct wire_peer_hop *hop,
                                 struct wire_peer_hop *out_new);

/* Removes the node with this key, which does not speak the table's dialect. False: no such node. */
bool dht_table_leave(struct dht_table *t, const uint8_t key[32]);

/* No value is pushed to the node before until_ns, because it answered `rate limit`. */
void dht_table_hold(struct dht_table *t, const uint8_t key[32], uint64_t until_ns);
bool dht_table_is_held(const struct dht_table *t, const uint8_t key[32], uint64_t now_ns);

bool dht_table_has(const struct dht_table *t, const uint8_t id[20]);

/* Returns the count of nodes in *out: the closest to target, closest first, at most max <= DHT_K,
 * each with one address (TCP before QUIC). Leaves out nodes whose last dial failed. */
uint32_t dht_table_closest(const struct dht_table *t, const uint8_t target[20], uint32_t max,
                           struct wire_peer_hop *out);

/* True: of this relay and all nodes, we are among the k closest to target. without: the id of a
 * node that does not count, or NULL. */
bool dht_table_self_is_among(const struct dht_table *t, const uint8_t target[20], uint32_t k,
                             const uint8_t *without);
/* The same for the node with this id in the table. k <= DHT_K. */
bool dht_table_is_among(const struct dht_table *t, const uint8_t target[20], uint32_t k,
                        const uint8_t id[20]);

/* Returns a number of bits. To a key with fewer leading bits in common with ours, at least k nodes
 * are closer than we are. */
uint32_t dht_table_reach(const struct dht_table *t, uint32_t k);

/* Up to max different random nodes. draw: a source of random numbers. skip: a key to leave out, or
 * NULL. */
uint32_t dht_table_sample(struct dht_table *t, uint32_t max, const uint8_t *skip,
                          uint64_t (*draw)(void *ctx), void *ctx, struct wire_peer_hop *out);

/* The node seen least recently, if before before_ns. It stays the next one until it is seen,
 * dropped or touched. False: none. */
bool dht_table_stalest(const struct dht_table *t, uint64_t before_ns, struct wire_peer_hop *out);
/* Moves the node to the end of that order without counting it as seen. */
void dht_table_touch(struct dht_table *t, const uint8_t key[32]);

/* Call when a look-up for target began: refreshes its bucket. */
void dht_table_looked_up(struct dht_table *t, const uint8_t target[20], uint64_t now_ns);
/* An id in a bucket that no look-up refreshed since before_ns, up to the deepest bucket with nodes.
 * False: none. */
bool dht_table_refresh(const struct dht_table *t, uint64_t before_ns, const uint8_t random[20],
                       uint8_t out_target[20]);

/* Removes addresses for which keep returns false, for a change of our scope. */
void dht_table_filter(struct dht_table *t, bool (*keep)(void *ctx, const struct wire_peer_hop *hop),
                      void *ctx);

uint32_t dht_table_count(const struct dht_table *t);

#endif
