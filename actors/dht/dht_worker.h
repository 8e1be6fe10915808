/* SPDX-License-Identifier: MPL-2.0 */
/* The DHT as other actors see it on their worker: its address, and reports of inbound peers. */
#ifndef DHT_WORKER_H
#define DHT_WORKER_H

#include "actor/actor.h"
#include "wire_dialect.h"
#include "wire_peer.h"

/* The dht actor's address, on any worker of the relay. */
struct rt_addr dht_addr(const struct rt_worker *w);

/* The address and key of a peer; false (and *out zeroed) if the address is neither IPv4 nor IPv6.
 */
bool dht_hop_of(const struct sockaddr_storage *addr, const uint8_t key[32],
                struct wire_peer_hop *out);

/*
 * A peer has authenticated to a session on this worker, or (skew_s not 0) was refused for a clock
 * that differs from ours by skew_s. Sends DHT_INBOUND, but at most once an hour per address and
 * LIM_INBOUND_PER_S times a second; other reports are dropped, so that a crowd does not load worker
 * 0.
 */
void dht_note_inbound(struct rt_worker *w, const uint8_t key[32],
                      const struct sockaddr_storage *from, enum wire_dialect dialect,
                      uint8_t peer_dialects, int64_t skew_s);

/* -- for dht.c -- */

/* Makes the actor known on every worker. */
void dht_worker_init(struct rt_system *sys, struct rt_actor *actor);
void dht_worker_fini(struct rt_system *sys);
/* The actor of dht_worker_init; NULL: there is none. */
struct rt_actor *dht_worker_actor(struct rt_system *sys);

#endif
