/* SPDX-License-Identifier: MPL-2.0 */
/*
 * Finds other relays in rounds. A round looks up every rendezvous key of the current hour in each
 * dialect and picks nodes of each routing table, which are then asked for the relays they list.
 *
 * Rounds follow at doubling intervals. They become frequent again when the first node of a dialect
 * appears. Worker 0 only.
 */
#ifndef ANNOUNCER_DISCOVERY_H
#define ANNOUNCER_DISCOVERY_H

#include "actor/actor.h"
#include "dht/dht_msg.h"

struct discovery_callbacks {
    /* Sends a request to the DHT (moved). */
    void (*request)(void *ctx, struct rt_msg *m);
    /* A look-up returned an encoded announcement (moved). */
    void (*announcement_found)(void *ctx, struct relay_slice announcement);
    /* A node of this dialect's routing table, to be asked for the relays that it lists. */
    void (*node_found)(void *ctx, const struct wire_peer_hop *node, enum wire_dialect dialect);
};

struct discovery {
    struct rt_worker *worker;
    const struct discovery_callbacks *callbacks;
    void *ctx;
    uint64_t interval_ns;  /* to the next round */
    uint8_t populated;     /* dialects whose routing table has a node */
    uint32_t next_look_up; /* of the round, dialect by dialect */
    uint32_t pending;      /* look-ups under way */
    struct relay_timer timer;
};

/* The callbacks outlive the part. */
void discovery_init(struct discovery *d, struct rt_worker *w,
                    const struct discovery_callbacks *callbacks, void *ctx);
void discovery_start(struct discovery *d);
void discovery_stop(struct discovery *d);

/* A look-up has ended (COOKIE_ROUND_LOOK_UP). Its values are moved. Not after discovery_stop. */
void discovery_looked_up(struct discovery *d, struct dht_lookup_request *l);
/* The DHT returned nodes (DHT_PEERS_REPLY). Not after discovery_stop. */
void discovery_peers_found(struct discovery *d, const struct dht_peers_request *p);

#endif
