/* SPDX-License-Identifier: MPL-2.0 */
/*
 * Sends the DHT's durable state to the storage actor: values, event numbers of communities, peers,
 * pinned keys and the records about them. Without a client nothing is sent.
 *
 * A write that the storage's queue has no room for is not kept on disk. The storage counts it and
 * logs it. Threads: worker 0.
 */
#ifndef DHT_PERSIST_H
#define DHT_PERSIST_H

#include "dht/context.h"
#include "dht/kademlia/peer_db.h"
#include "dht/value_store/value_store.h"
#include "storage/storage_msg.h"

struct persist {
    const struct dht_context *context;
    struct storage_client storage;
};

void persist_init(struct persist *p, const struct dht_context *context);
void persist_set_storage(struct persist *p, const struct storage_client *to);

/* The sinks of the parts that keep state. The value store's has no `revoked`. */
struct dht_value_store_sink persist_value_sink(struct persist *p);
struct dht_peers_sink persist_peer_sink(struct persist *p);

/* The whole map; moved. */
void persist_put_pins(struct persist *p, struct relay_slice pins);
/* A rotation or revocation of a bootstrap peer's key, under the record's DHT key; copied. */
void persist_put_identity(struct persist *p, const uint8_t key[32], const uint8_t *value,
                          size_t len);
void persist_drop_identity(struct persist *p, const uint8_t key[32]);

#endif
