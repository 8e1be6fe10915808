/* SPDX-License-Identifier: MPL-2.0 */
/*
 * The addresses of this relay: announced by the operator, bound, and found by a dial that reached
 * ourselves. Decides which addresses are in scope for us, and which may be dialled because another
 * node named them. Thread: worker 0.
 *
 * Other nodes must not be able to send our dials into a private network. So an address that is not
 * global is dialled only if the operator announces or bootstraps at one of its scope. Only a relay
 * that is bound to loopback alone dials loopback addresses without that: every peer that
 * reaches it is on this host.
 */
#ifndef DHT_SELF_ADDRESS_H
#define DHT_SELF_ADDRESS_H

#include "dht/address/addr.h"
#include "dht/context.h"

/* The addresses at which a relay can be reached. */
#define DHT_SELF_MAX 16u
struct dht_self {
    uint32_t announced_count, bound_count;
    struct wire_peer_hop announced[DHT_SELF_MAX]; /* set by the operator */
    struct wire_peer_hop bound[DHT_SELF_MAX];     /* bound addresses, wildcards expanded */
};

struct self_address_callbacks {
    /* Writes the current addresses to a zeroed struct. NULL: there are none. */
    void (*get)(void *ctx, struct dht_self *out);
    void *get_ctx;
    /* Another relay named one of our addresses with our key. May be NULL. */
    void (*named)(void *ctx, struct rt_worker *w, const struct wire_peer_hop *hop);
    void *named_ctx;
};

struct self_address {
    struct dht_context *context;
    struct self_address_callbacks callbacks;
    struct dht_self now;
    enum dht_scope scope; /* the widest of the announced addresses, else of the bound ones */
    uint8_t announced_scopes, bootstrap_scopes; /* bits 1 << scope: that may be dialled */
    uint32_t met_count;
    struct wire_peer_hop met[DHT_SELF_MAX]; /* addresses at which a dial reached ourselves */
};

void self_address_init(struct self_address *s, struct dht_context *context,
                       const struct self_address_callbacks *callbacks);

/* Reads the current addresses. True: they have changed, and with them what is in scope. */
bool self_address_refresh(struct self_address *s);

/* True: the address is not ours and its scope is not narrower than ours. So it may be in a routing
 * table and may be passed on. */
bool self_address_may_keep(const struct self_address *s, const struct wire_peer_hop *hop);

/* The operator bootstraps at this address: others of its scope may be dialled from now on. */
void self_address_bootstrapped(struct self_address *s, const struct wire_peer_hop *hop);

/* True: the address may be dialled although another node named it. Global, or of a scope that the
 * operator uses. */
bool self_address_may_trust(const struct self_address *s, const struct wire_peer_hop *hop);

/* A dial reached ourselves at this address. At most DHT_SELF_MAX are kept. */
void self_address_met(struct self_address *s, const struct wire_peer_hop *hop);

/* Another relay named this address with our key. */
void self_address_named(struct self_address *s, const struct wire_peer_hop *hop);

/* Writes our addresses of the widest scope, with our key. Returns how many. */
uint32_t self_address_peers(const struct self_address *s, struct wire_peer out[DHT_SELF_MAX]);

#endif
