/* SPDX-License-Identifier: MPL-2.0 */
/*
 * What other actors may know of the DHT (protocol: DHT). One dht actor per relay, on worker 0.
 */
#ifndef DHT_MSG_H
#define DHT_MSG_H

#include "abi/relay_buf.h"
#include "actor/actor.h"
#include "base/refusal.h"

#define DHT_KIND(n) (RT_KIND_BASE(4) | (n))

enum dht_kind {
    DHT_ASK = DHT_KIND(1) | RT_KIND_OWES, /* struct dht_ask, to the dht actor */
    DHT_TOLD = DHT_KIND(2),               /* the same block, back */
};

enum dht_op {
    DHT_FIND_VALUE, /* key in, value and ttl_secs (what is left of it) back; value.ptr NULL: none */
    DHT_STORE,      /* key, value, ttl_secs in; refusal back */
    DHT_MANIFEST, /* key = manifest id in; value = encoded ManifestV1 back, or MANIFEST_NOT_FOUND */
};

struct dht_ask {
    struct rt_msg msg;
    enum dht_op op;
    uint8_t key[32];
    uint64_t origin; /* keyed hash of the asking identity */
    uint64_t ttl_secs;
    struct relay_slice value; /* owned */
    enum rt_refusal refusal;
};

/* A zeroed ask, kind and fini set. */
struct dht_ask *dht_ask_new(enum dht_op op);

/* The dht actor's address, from any worker of the relay. */
struct rt_addr dht_addr(const struct rt_worker *w);

/* Starts the actor on worker 0 and makes its address known to every worker; before threads start.
 */
RT_MUST_CHECK rt_err dht_init(struct rt_system *sys);
void dht_fini(struct rt_system *sys);

#endif
