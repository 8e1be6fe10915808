/* SPDX-License-Identifier: MPL-2.0 */
/*
 * One iterative look-up (protocol: DHT): which node to ask next, when to stop, which nodes are
 * closest. Pure: the caller asks the nodes and reports each result. Look-ups are independent of
 * each other.
 *
 * Order: closest to the target first; addresses without a key last; TCP before QUIC at equal
 * distance. Two addresses are one candidate if IP, port and transport are equal. Two candidates
 * that answered with the same key are one node.
 *
 * The look-up stops when
 *  - DHT_K nodes have answered,
 *  - all of the DHT_K closest candidates have been asked,
 *  - the last DHT_ALPHA answers named no new candidate, and the DHT_ALPHA closest candidates have
 *    been asked; not in a thorough look-up,
 *  - or after LIM_LOOKUP_ASKED_MAX dials.
 * Failed nodes do not count for this: otherwise three dead nodes would end a look-up.
 *
 * Names are claims. Until a candidate is asked, it has the key that was named with it; then the key
 * that it authenticates with. A node is distrusted once it has named LIM_LOOKUP_LIES_MAX candidates
 * that were unreachable or had another key, if these are more than half of its named candidates
 * that were asked. Candidates that only distrusted nodes named are not asked. At most
 * DHT_LOOKUP_NET_MAX nodes of one public IPv4 /24 or IPv6 /40 count, so that one network cannot
 * surround a look-up.
 */
#ifndef DHT_LOOKUP_H
#define DHT_LOOKUP_H

#include <stdbool.h>
#include <stdint.h>

#include "wire_peer.h"

#define DHT_ALPHA 3u
#define DHT_LOOKUP_NET_MAX 4u
#define DHT_LOOKUP_SEED UINT32_MAX /* as a source: this relay */

struct dht_lookup;

/* is_thorough: answers that name no new candidate do not end the look-up. Use it for values:
 * attackers around a key name only each other, and the honest nodes next to them must be asked,
 * too. */
struct dht_lookup *dht_lookup_new(const uint8_t target[20], bool is_thorough);
void dht_lookup_free(struct dht_lookup **l);
const uint8_t *dht_lookup_target(const struct dht_lookup *l); /* 20 bytes */

/* Adds an address that may be dialled. source: the candidate that named it, which was asked, or
 * DHT_LOOKUP_SEED. False: nothing new. */
bool dht_lookup_add(struct dht_lookup *l, const struct wire_peer_hop *hop, uint32_t source);

/* Returns a candidate to ask now, at most DHT_ALPHA at a time. *out_hop has the key that was named
 * with it, if any. The caller reports it as answered or failed. False: none now. */
bool dht_lookup_next(struct dht_lookup *l, uint32_t *out_candidate, struct wire_peer_hop *out_hop);

/* The candidate answered and authenticated with this key. Call before adding the peers it named. */
void dht_lookup_answered(struct dht_lookup *l, uint32_t candidate, const uint8_t key[32]);
/* All peers that the candidate named have been added. */
void dht_lookup_reply_ends(struct dht_lookup *l, uint32_t candidate);
void dht_lookup_failed(struct dht_lookup *l, uint32_t candidate);

/* True: no candidate is being asked, and none is left to ask. */
bool dht_lookup_is_done(const struct dht_lookup *l);

/* The closest nodes, at most max <= 2 * DHT_K, closest first: nodes that answered, with their keys.
 * with_unasked: also candidates that have a key and were not asked. */
uint32_t dht_lookup_closest(const struct dht_lookup *l, uint32_t max, bool with_unasked,
                            struct wire_peer_hop *out);

/* Dials, answers, and the longest chain from a seed to a reply. */
uint32_t dht_lookup_asked(const struct dht_lookup *l);
uint32_t dht_lookup_replies(const struct dht_lookup *l);
uint32_t dht_lookup_hops(const struct dht_lookup *l);

#endif
