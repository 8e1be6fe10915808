/* SPDX-License-Identifier: MPL-2.0 */
/*
 * Requests of peers, except those about communities: DHT_REQUEST with an operation up to
 * DHT_PEX_OFFER (dht_msg.h). Reads the routing tables, the value store and the peer database, and
 * encodes the reply. A STORE verifies signatures, so each waits for a heavy job of its own. Thread:
 * worker 0.
 */
#ifndef DHT_REQUESTS_H
#define DHT_REQUESTS_H

#include "base/sketch.h"
#include "dht/context.h"
#include "dht/dht_msg.h"
#include "dht/membership.h"
#include "dht/value_store/value_store.h"

struct requests_callbacks {
    /* A STORE had a valid rotation or revocation. The store may have refused it for lack of room.
     */
    void (*identity_record)(void *ctx, struct relay_slice value);
    /* The store has a fresh value, which is to be pushed. */
    void (*fresh_value)(void *ctx);
    void *ctx;
};

struct requests {
    struct dht_context *context;
    struct membership *membership;
    struct dht_value_store *values;
    struct requests_callbacks callbacks;
    struct rt_rate_sketch offers; /* PexOffers and announcements per identity */
    struct rt_queue stores;       /* STOREs that wait for their check */
    struct rt_job store_job;
};

/* On an error, only requests_fini may follow. */
RT_MUST_CHECK rt_err requests_init(struct requests *r, struct dht_context *context,
                                   struct membership *membership, struct dht_value_store *values,
                                   const struct requests_callbacks *callbacks);
/* Frees the STOREs that wait. */
void requests_fini(struct requests *r);

/* Takes the request, and answers it: a STORE on a later turn, all others at once. */
void requests_serve(struct requests *r, struct dht_request *a);

#endif
