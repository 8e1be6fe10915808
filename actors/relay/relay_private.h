/* SPDX-License-Identifier: MPL-2.0 */
/* Shared by the files of actors/relay. */
#ifndef RELAY_PRIVATE_H
#define RELAY_PRIVATE_H

#include "announcer/announcer_limits.h"
#include "announcer/directory/addresses.h"
#include "dht/dht.h"
#include "relay/relay.h"
#include "storage/storage.h"

enum relay_kind {
    RELAY_STOP = RT_NOTIFY_KIND(RELAY, 1),     /* struct relay_stop, to the relay's actor */
    RELAY_UNLISTEN = RT_NOTIFY_KIND(RELAY, 2), /* struct rt_msg, to a node's actor */
};

/* The relay's state on one network worker. */
struct relay_node {
    struct rt_actor actor; /* closes the worker's listeners */
    struct relay *relay;
    struct rt_worker *worker;
    struct relay_port {
        void *state;
        struct relay_listener *listener;
    } ports[RELAY_TRANSPORTS_MAX];
};

enum relay_phase {
    RELAY_RUNNING,
    RELAY_DRAINING,
    RELAY_CLOSING,
    RELAY_FLUSHING,
    RELAY_STOPPED,
};

struct relay {
    struct relay_config config; /* its pointers are good in relay_new only */
    struct wire_peer_hop announced[LIM_RELAY_ADDRS_MAX];
    struct rt_system *system;
    struct rt_door *door;
    struct session_shared sessions;
    struct storage *store;         /* NULL: nothing is kept */
    struct storage_client storage; /* once started */
    uint8_t slot_secret[32];
    uint8_t dht_key[16]; /* of the DHT's tables: with a store, the same after a restart */

    uint32_t transport_count;
    struct relay_transport_config transports[RELAY_TRANSPORTS_MAX];
    struct sockaddr_storage bound[RELAY_TRANSPORTS_MAX];

    struct rt_actor actor; /* on worker 0: the orderly stop */
    enum relay_phase phase;
    uint32_t awaited; /* answers that this phase waits for */
    void (*done)(void *ctx);
    void *done_ctx;

    struct relay_node nodes[];
};

/* transports.c */
RT_MUST_CHECK rt_err relay_transports_open(struct relay *r,
                                           const struct relay_transport_config *transports,
                                           uint32_t count, struct relay_error *err);
/* On the node's worker, or while no worker runs. */
void relay_node_unlisten(struct relay_node *n);
void relay_transports_close(struct relay *r);

/* addresses.c: callbacks of the DHT and of the announcer; ctx is the relay. Worker 0. */
void relay_dht_self(void *ctx, struct dht_self *out);
void relay_announcer_where(void *ctx, struct announcer_where *out);

/* load.c: gives the DHT what the store has. Expired rows are left out. Peers that were not seen for
 * LIM_PEER_FORGET_S are dropped from disk. */
RT_MUST_CHECK rt_err relay_load(struct relay *r, struct relay_error *err);

/* stop.c */
void relay_stop_init(struct relay *r);
void relay_stop_fini(struct relay *r);

#endif
