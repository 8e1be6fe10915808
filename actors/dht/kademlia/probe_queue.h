/* SPDX-License-Identifier: MPL-2.0 */
/*
 * Schedules dials to unverified addresses (protocol: DHT, only peers that we dialled ourselves).
 * Sources of an address: the source address of an inbound connection with the conventional ports,
 * an offer, a reply, or the disk. Any of these can be forged, so limits prevent port scans
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

/* Returns the next address to dial now. The caller ends it with dht_probe_queue_ended. False: none
 * is due. */
bool dht_probe_queue_next(struct dht_probe_queue *p, uint64_t now_ns, struct wire_peer_hop *out,
                          enum wire_dialect *out_dialect);
/* When dht_probe_queue_next returns an address, if nothing else happens; UINT64_MAX: never. */
uint64_t dht_probe_queue_next_ns(const struct dht_probe_queue *p);
/* The dial ended. is_there: a peer authenticated; else the address is refused for LIM_REFUSED_NS.
 */
void dht_probe_queue_ended(struct dht_probe_queue *p, const struct wire_peer_hop *hop,
                           bool is_there, uint64_t now_ns);

/* -- refused addresses, also of other dials -- */

/* The address is not dialled before until_ns. At most LIM_REFUSED_ENTRIES: the oldest is dropped.
 */
void dht_probe_queue_refused(struct dht_probe_queue *p, const struct wire_peer_hop *hop,
                             uint64_t until_ns, uint64_t now_ns);
bool dht_probe_queue_is_refused(const struct dht_probe_queue *p, const struct wire_peer_hop *hop,
                                uint64_t now_ns);

/* A peer authenticated at the address: drops its refusal. */
void dht_probe_queue_forgive(struct dht_probe_queue *p, const struct wire_peer_hop *hop);

uint32_t dht_probe_queue_waiting(const struct dht_probe_queue *p);

#endif
