/* SPDX-License-Identifier: MPL-2.0 */
/*
 * Schedules dials to unverified addresses (protocol: DHT, only peers that we dialled ourselves).
 * Sources of an address: the source address of an inbound connection with the conventional ports,
 * an offer, an answer, or the disk. Any of these can be forged, so limits prevent port scans
 * through us. At most LIM_PROBES_PER_S addresses a second are dialled, and one at a time per IPv4
 * /24 or IPv6 /48. Each is dialled in the remaining dialects until one is accepted. An address that
 * refused is not dialled for LIM_REFUSED_NS. The queue is bounded: when full, newcomers are dropped
 * and counted. When half full, newcomers of a network that has an eighth of the queue are dropped,
 * too. Pure.
 */
#ifndef DHT_PROBE_QUEUE_H
#define DHT_PROBE_QUEUE_H

#include <stdbool.h>
#include <stdint.h>

#include "wire_dialect.h"
#include "wire_peer.h"

struct dht_probe_queue;

struct dht_probe_queue *dht_probe_queue_new(const uint8_t hash_key[16]);
void dht_probe_queue_free(struct dht_probe_queue **p);

/* Queues an address; dialect: of the first dial. False: the address is already queued or refused
 * recently, or the queue is full. */
bool dht_probe_queue_offer(struct dht_probe_queue *p, const struct wire_peer_hop *hop,
                           enum wire_dialect dialect, uint64_t now_ns);

/* The next to be dialled now; it must be ended. False: none, or not yet. */
bool dht_probe_queue_next(struct dht_probe_queue *p, uint64_t now_ns, struct wire_peer_hop *out,
                          enum wire_dialect *out_dialect);
/* When to ask again, if nothing else happens; UINT64_MAX: nothing waits that could be dialled. */
uint64_t dht_probe_queue_next_ns(const struct dht_probe_queue *p);
/* The dial came to an end, in vain unless is_there. */
void dht_probe_queue_ended(struct dht_probe_queue *p, const struct wire_peer_hop *hop,
                           bool is_there, uint64_t now_ns);

/* -- the memory of refusals, for other dials too -- */
void dht_probe_queue_refused(struct dht_probe_queue *p, const struct wire_peer_hop *hop,
                             uint64_t until_ns, uint64_t now_ns);
bool dht_probe_queue_is_refused(const struct dht_probe_queue *p, const struct wire_peer_hop *hop,
                                uint64_t now_ns);

/* It has shown that it is there: the refusal is forgotten. */
void dht_probe_queue_forgive(struct dht_probe_queue *p, const struct wire_peer_hop *hop);

uint32_t dht_probe_queue_waiting(const struct dht_probe_queue *p);

#endif
