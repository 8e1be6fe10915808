/* SPDX-License-Identifier: MPL-2.0 */
/*
 * A dht actor at 11.0.0.254, a world whose sessions the test plays, and an actor that sends
 * requests.
 */
#ifndef ACTOR_WORLD_H
#define ACTOR_WORLD_H

#include "dht/dht.h"
#include "dht/dht_worker.h"
#include "fake_dial.h"
#include "storage/storage_msg.h"

extern struct rt_sign_key actor_identity;
extern struct rt_actor actor_asker;
extern uint32_t actor_seen_self_count; /* times it said that others know our address */

extern struct rt_msg *actor_reply; /* the last that came back */
extern struct dht_boot_peer actor_bootstrap;
/* Receives what the actor sends to the storage; NULL: it has no storage. */
extern void (*actor_store)(const struct storage_write *w);
extern void (*actor_load)(void); /* called before the actor starts; NULL: nothing to load */

/* Set-up and tear-down of a test; the second with a bootstrap peer at 11.0.1.1:7001, the third with
 * room for 16 KiB of values. */
int actor_begin(void **state);
int actor_begin_with_bootstrap(void **state);
int actor_begin_with_written_key(void **state, const uint8_t key[32]); /* ... with this key */
int actor_begin_with_a_small_store(void **state);
int actor_end(void **state);

/* Sends a question; the reply, which stays the world's, or NULL when none has come yet. */
void *actor_ask(struct rt_msg *m);
/* A peer's question, as from its session. */
struct dht_request *actor_ask_as(enum dht_op op, uint32_t ip, uint32_t number,
                                 const uint8_t key[32], const uint8_t *payload, uint32_t len);
/* For lists: counts into a uint32_t. Peers in a reply. */
void actor_count_peer(void *ctx, const struct wire_peer *p);
uint32_t actor_peers_in_reply(const struct dht_request *a);

struct sockaddr_storage actor_from(uint32_t ip, uint16_t port);
/* A peer authenticates to us. */
void actor_come_in(uint32_t ip, uint32_t number);
/* A node at that address that is in the table: it came in, was dialled and answered. */
struct wire_peer_hop actor_add_node(uint32_t ip, uint32_t number);

#endif
