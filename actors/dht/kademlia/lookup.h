/* SPDX-License-Identifier: MPL-2.0 */
/*
 * One iterative look-up (protocol: DHT): which node to ask next, when to stop, who the closest are.
 * Pure: the caller asks the nodes and says what came of it. Any number of look-ups may run at once.
 *
 * Order: closest to the target first, addresses without a key last, TCP before QUIC at equal
 * distance. Two addresses are one candidate when ip, port and transport are the same; two
 * candidates whose answers came from one key are one node.
 *
 * It stops when DHT_K nodes have answered; when all of the DHT_K closest that are known have been
 * asked; when the last DHT_ALPHA answers brought nothing new while the DHT_ALPHA closest have all
 * been asked (unless it is a thorough one); or after LIM_LOOKUP_ASKED_MAX dials. A failed node ends
 * nothing, or three dead ones would.
 *
 * What a node says is a claim. A candidate counts as what its key hint says only until it is
 * asked: then the key that answers there decides. Whoever has named LIM_LOOKUP_LIES_MAX addresses
 * at which nobody, or somebody else, answers, more than half of its named ones so far, is not
 * believed any more: the rest of what it named is left out, unless another one names it too.
 * No more than DHT_LOOKUP_NET_MAX nodes of one public IPv4 /24 or IPv6 /40 count, so that a look-up
 * cannot be surrounded from one network.
 */
#ifndef DHT_LOOKUP_H
#define DHT_LOOKUP_H

#include <stdbool.h>
#include <stdint.h>

#include "wire_peer.h"

#define DHT_ALPHA 3u
#define DHT_LOOKUP_NET_MAX 4u
#define DHT_LOOKUP_SEED UINT32_MAX /* a source: ourselves */

struct dht_lookup;

/* is_thorough: answers that bring nothing new do not end it. For values: who surrounds a key names
 * only friends, so that nothing new comes, and the honest nodes beside them would not be asked. */
struct dht_lookup *dht_lookup_new(const uint8_t target[20], bool is_thorough);
void dht_lookup_free(struct dht_lookup **l);
const uint8_t *dht_lookup_target(const struct dht_lookup *l); /* 20 bytes */

/* A peer that candidate `source` named, or DHT_LOOKUP_SEED. False: nothing new. The caller has
 * left out what may not be dialled. */
bool dht_lookup_add(struct dht_lookup *l, const struct wire_peer_hop *hop, uint32_t source);

/* A candidate to ask now, at most DHT_ALPHA at a time; false: none, for now or for good. out_hop
 * has the key the candidate is said to have, if any. It must be answered or failed. */
bool dht_lookup_next(struct dht_lookup *l, uint32_t *out_candidate, struct wire_peer_hop *out_hop);

/* It answered, with this key; before its peers are added. */
void dht_lookup_answered(struct dht_lookup *l, uint32_t candidate, const uint8_t key[32]);
/* All it named was added. */
void dht_lookup_answer_ends(struct dht_lookup *l, uint32_t candidate);
void dht_lookup_failed(struct dht_lookup *l, uint32_t candidate);

/* Nothing is under way and nothing is left to ask. */
bool dht_lookup_is_done(const struct dht_lookup *l);

/* The closest nodes known, at most max <= 2 * DHT_K, closest first: those that answered, with
 * their keys, and (with_unasked) those that were not asked any more and have a key. */
uint32_t dht_lookup_closest(const struct dht_lookup *l, uint32_t max, bool with_unasked,
                            struct wire_peer_hop *out);

/* For the log and the simulation: dials, answers, and the longest chain from a seed to an answer.
 */
uint32_t dht_lookup_asked(const struct dht_lookup *l);
uint32_t dht_lookup_answers(const struct dht_lookup *l);
uint32_t dht_lookup_hops(const struct dht_lookup *l);

#endif
