/* SPDX-License-Identifier: MPL-2.0 */
/*
 * Looks up the records of all keys in the chains of bootstrap peers (kademlia/trust.h), one look-up
 * at a time. Each key gets two: rotation, then revocation. Our own store is searched before the
 * network. Records are published in dialect C only. Thread: worker 0.
 */
#ifndef DHT_TRUST_LOOKUPS_H
#define DHT_TRUST_LOOKUPS_H

#include "dht/context.h"
#include "dht/kademlia/trust.h"
#include "dht/lookup_run.h"
#include "dht/value_store/value_store.h"

struct trust_lookups {
    struct dht_context *context;
    struct lookup_runs *lookups;
    struct dht_value_store *values;
    struct dht_trust *trust;
    struct relay_timer timer;
    enum { TRUST_LOOKUP_IDLE, TRUST_LOOKUP_ROTATION, TRUST_LOOKUP_REVOCATION } step; /* or next */
    uint8_t key[32]; /* owner of the records; unset while IDLE */
};

void trust_lookups_init(struct trust_lookups *t, struct dht_context *context,
                        struct lookup_runs *lookups, struct dht_value_store *values,
                        const struct dht_trust_hooks *hooks);
/* Call after the state on disk was loaded. */
void trust_lookups_start(struct trust_lookups *t);
/* Disarms the timer. */
void trust_lookups_stop(struct trust_lookups *t);
void trust_lookups_fini(struct trust_lookups *t);

/* A key may have been pinned: its records are looked up soon. */
void trust_lookups_wake(struct trust_lookups *t);
/* A STORE had a valid rotation or revocation, which may have been refused for lack of room. */
void trust_lookups_heard(struct trust_lookups *t, struct relay_slice value);

#endif
