/* SPDX-License-Identifier: MPL-2.0 */
/*
 * Decides which peers enter the routing tables and the peer database, and which are passed on.
 *
 * Invariants:
 *  - A contact of the tables was dialled and authenticated at the address it is listed with. It is
 *    in the tables of exactly the dialects that it is known to speak.
 *  - An address that another peer named is only a candidate: of the database or the probe queue.
 *  - No address of narrower scope than ours, and none of our own, is in any of them.
 *  - Nothing that another node says makes us dial a private address, unless the operator announces
 *    or bootstraps at one of that scope.
 *
 * Owns the tables, the database and the probe queue. Higher parts may read them, report look-ups
 * and refusals to them, and take the next address to dial. Thread: worker 0.
 */
#ifndef DHT_MEMBERSHIP_H
#define DHT_MEMBERSHIP_H

#include "dht/context.h"
#include "dht/kademlia/peer_db.h"
#include "dht/kademlia/probe_queue.h"
#include "dht/kademlia/routing_table.h"
#include "dht/rpc_pool.h"
#include "dht/self_address.h"

struct membership_callbacks {
    /* A contact that is new, or was not seen for a day, entered the tables of these dialects. */
    void (*joined)(void *ctx, const struct wire_peer_hop *node, uint8_t dialects);
    /* This contact is to be pinged: a newcomer waits for its place. */
    void (*ping)(void *ctx, enum wire_dialect dialect, const struct wire_peer_hop *node);
    /* The probe queue may have an address to dial. */
    void (*probe)(void *ctx);
    void *ctx;
};

struct membership {
    struct dht_context *context;
    struct self_address *self;
    struct rpc_pool *rpc;
    struct membership_callbacks callbacks;
    struct dht_table *tables[WIRE_DIALECTS];
    struct dht_peers *peers;
    struct dht_probe_queue *probe;
};

/* self and rpc outlive the membership. saved: stores the database. */
void membership_init(struct membership *m, struct dht_context *context, struct self_address *self,
                     struct rpc_pool *rpc, const struct dht_peers_sink *saved,
                     const struct membership_callbacks *callbacks);
void membership_fini(struct membership *m);

/* -- events of rpc_pool, see rpc_pool_callbacks -- */
void membership_reached(struct membership *m, const struct wire_peer_hop *hop,
                        enum wire_dialect dialect, uint8_t dialects,
                        const struct wire_hello *hello);
void membership_lost(struct membership *m, const struct wire_peer_hop *hop,
                     enum wire_dialect dialect, enum dht_outcome why);

/* A contact did not answer, or another key answered at its address. */
void membership_failed(struct membership *m, const struct wire_peer_hop *node);

/* The scope of our addresses has changed: drops what is out of scope. */
void membership_rescope(struct membership *m);

/* -- what other peers say -- */

/* Another relay names this peer: writes its address in normal form. False: it must not be dialled.
 */
bool membership_heard(struct membership *m, const struct wire_peer *p, struct wire_peer_hop *out);
/* The same, and the address becomes a candidate of the database. */
bool membership_add_candidate(struct membership *m, enum wire_dialect dialect,
                              const struct wire_peer *p, struct wire_peer_hop *out);
/* The peer `from` offered this address. It is probed if it is the peer's own, on the same host. */
void membership_offered(struct membership *m, const struct wire_peer_hop *from,
                        enum wire_dialect dialect, const struct wire_peer *p);
/* A peer authenticated to us: the conventional ports of its host are probed. */
void membership_inbound(struct membership *m, const struct dht_inbound *from);

/* -- questions -- */

/* True: the address may be dialled: it is in scope, and global or of a scope that the operator uses
 * (self_address.h). The addresses of bootstrap peers need not be. */
bool membership_may_dial(const struct membership *m, const struct wire_peer_hop *hop);
/* The same for an address that another node named; counts and logs one that is private. */
bool membership_may_dial_named(const struct membership *m, const struct wire_peer_hop *hop);
/* The contacts of all tables. A node that speaks several dialects counts once in each. */
uint32_t membership_count(const struct membership *m);
/* True: the node is a contact in some dialect. */
bool membership_has(const struct membership *m, const uint8_t key[32]);
/* The dialect of the session over which a contact receives a value that nodes of `wanted` accept. A
 * relay of this implementation receives all values over one session. */
enum wire_dialect membership_push_dialect(const struct membership *m, const uint8_t key[32],
                                          enum wire_dialect wanted);

#endif
