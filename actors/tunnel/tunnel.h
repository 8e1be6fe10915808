/* SPDX-License-Identifier: MPL-2.0 */
/*
 * Tunnels, for callers on the same worker: slots, registration, and the room's beginning and end.
 * Its messages are in tunnel_msg.h.
 */
#ifndef TUNNEL_H
#define TUNNEL_H

#include "actor/actor.h"
#include "wire_dialect.h"

struct rt_conn;

/* The slot id of an identity: keyed hash of its public key, never 0. */
uint64_t tunnel_slot_id(const struct rt_worker *w, const uint8_t key[32]);
/* The authority's address. */
struct rt_addr tunnel_slots_addr(const struct rt_worker *w);
/* The link to use for a slot, from this worker's view; rt_addr_none when it knows none. */
struct rt_addr tunnel_slot_lookup(const struct rt_worker *w, uint64_t slot_id);

/*
 * A tunnel actor without a connection yet, so that it has an address to register. Requests that
 * come before tunnel_attach wait in it.
 */
struct tunnel;
struct tunnel *tunnel_new(struct rt_worker *w, const uint8_t key[32], enum wire_dialect dialect);
struct rt_addr tunnel_addr(const struct tunnel *t);
/* Registered: the connection becomes the link (moved; consumer set, hold released). What the node
 * is to hear about its registration has been sent before. */
void tunnel_attach(struct tunnel *t, struct rt_conn *c);
/* Refused, or its session ended first: never attached; what waits in it moves or is refused.
 * registered: it was asked for and not refused so far, so the authority is told. */
void tunnel_discard(struct tunnel *t, bool registered);

/* Starting and ending the room: main and the simulation. */
struct tunnel_config {
    uint8_t slot_secret[32];
    uint32_t max_tunnels; /* identities with a live tunnel */
};
/* Creates the slot view of worker w; worker 0 also gets the authority. Call for every worker in
 * order before threads start. */
RT_MUST_CHECK rt_err tunnel_worker_init(struct rt_worker *w, const struct tunnel_config *config);
void tunnel_worker_fini(struct rt_worker *w);

#endif
