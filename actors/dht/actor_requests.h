/* SPDX-License-Identifier: MPL-2.0 */
/*
 * Requests of the relay's own actors: DHT_CALL_REQUEST, DHT_LOOKUP_REQUEST and DHT_PEERS_REQUEST
 * (dht_msg.h). Each message is moved in, and goes back to its sender with the reply. Thread: worker
 * 0.
 */
#ifndef DHT_ACTOR_REQUESTS_H
#define DHT_ACTOR_REQUESTS_H

#include "base/list.h"
#include "dht/dht_msg.h"
#include "dht/lookup_run.h"
#include "dht/membership.h"
#include "dht/value_store/value_store.h"

struct actor_requests {
    struct dht_context *context;
    struct membership *membership;
    struct lookup_runs *lookups;
    struct dht_value_store *values;
    struct rpc_pool *rpc;
    struct rt_list calls; /* of struct actor_call, under way */
};

void actor_requests_init(struct actor_requests *a, struct dht_context *context,
                         struct membership *membership, struct lookup_runs *lookups,
                         struct dht_value_store *values, struct rpc_pool *rpc);
/* Call after rpc_pool_free. Frees the messages of all calls under way. */
void actor_requests_fini(struct actor_requests *a);

void actor_requests_call(struct actor_requests *a, struct dht_call_request *m);
void actor_requests_lookup(struct actor_requests *a, struct dht_lookup_request *m);
void actor_requests_peers(struct actor_requests *a, struct dht_peers_request *m);

#endif
