/* SPDX-License-Identifier: MPL-2.0 */
/*
 * The DHT of a relay, for the code that composes the relay (actors/relay). Other actors use
 * dht_msg.h and dht_worker.h. One actor on worker 0.
 *
 * Life: dht_init, then dht_set_storage if there is a store, dht_load_* with the state on disk,
 * dht_set_transport, dht_start, then the threads. Without a transport the DHT stores and answers,
 * but dials no peer. DHT_STOP ends all dials; it comes before connections are closed. dht_fini
 * comes after the threads.
 */
#ifndef DHT_H
#define DHT_H

#include "abi/relay_transport.h"
#include "actor/actor.h"
#include "crypto/crypto.h"
#include "dht/dht_limits.h"
#include "dht/dht_msg.h"
#include "dht/kademlia/bootstrap.h"
#include "dht/self_address.h"
#include "wire_state.h"

struct rt_resolver;
struct storage_client;

struct dht_config {
    const struct rt_sign_key *identity;    /* outlives the actor */
    uint8_t dialects;                      /* of the networks to join; not empty */
    uint8_t hash_key[16];                  /* secret, and the same after a restart */
    uint64_t value_bytes_max;              /* at most LIM_VALUE_BYTES_MAX */
    const struct dht_boot_peer *bootstrap; /* copied */
    uint32_t bootstrap_count;
    const struct rt_resolver *resolver; /* NULL: names cannot be resolved */
    /* Writes the addresses of this relay to a zeroed struct, in normal form (dht_hop_normalise).
     * Called every minute. NULL: there are none. */
    void (*self)(void *ctx, struct dht_self *out);
    void *self_ctx;
    /* Another relay has named one of our addresses with our key. On worker 0; may be NULL. */
    void (*seen_self)(void *ctx, struct rt_worker *w, const struct wire_peer_hop *hop);
    void *seen_self_ctx;
    /* A valid revocation of this key has been stored here. On worker 0; may be NULL. */
    void (*revoked)(void *ctx, struct rt_worker *w, const uint8_t key[32]);
    void *revoked_ctx;
};

/* Starts the actor on worker 0 and makes its address known to every worker; before threads start.
 */
RT_MUST_CHECK rt_err dht_init(struct rt_system *sys, const struct dht_config *config);
void dht_fini(struct rt_system *sys);

/* state: the transport's on worker 0. */
void dht_set_transport(struct rt_system *sys, enum wire_transport kind,
                       const struct relay_transport *t, void *state);

/* Sets the store that keeps the state. Call it before dht_load_*. Without it nothing is kept. */
void dht_set_storage(struct rt_system *sys, const struct storage_client *to);

struct dht_origin; /* dht/value_store/value_store.h */

/* -- from disk, before dht_start: marks of communities first. sub, event and origin are as in
 * struct dht_value -- */
void dht_load_mark(struct rt_system *sys, const uint8_t community_id[32], uint64_t mark,
                   uint64_t expires_s);
void dht_load_value(struct rt_system *sys, const uint8_t key[32], const uint8_t sub[32],
                    const uint8_t *value, uint32_t len, uint64_t expires_s, uint64_t event,
                    const struct dht_origin *origin);
/* dialects 0: not known. */
void dht_load_peer(struct rt_system *sys, const struct wire_peer_row *row, uint8_t dialects,
                   enum wire_dialect last);
void dht_load_pins(struct rt_system *sys, uint8_t *payload, size_t len);
/* Loads the saved rotations and revocations of bootstrap peers' keys, in any order. A record is
 * kept as long as its key is in the chain of a pin or is configured; any other is dropped from
 * disk. */
void dht_load_identity(struct rt_system *sys, const uint8_t key[32], const uint8_t *value,
                       size_t len);

/* Begins to join the network. */
void dht_start(struct rt_system *sys);

#endif
