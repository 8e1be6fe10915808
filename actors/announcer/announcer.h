/* SPDX-License-Identifier: MPL-2.0 */
/*
 * Life of the announcer, for actors/relay; other actors use announcer_msg.h. One actor on worker 0,
 * which sends its network requests to the DHT's actor.
 *
 * Order: dht_init, announcer_init; announcer_start when listeners are open; then the threads start.
 * ANNOUNCER_SHUTDOWN stops it. After the threads: announcer_fini, then dht_fini.
 */
#ifndef ANNOUNCER_H
#define ANNOUNCER_H

#include "announcer/directory/addresses.h"
#include "announcer/announcer_msg.h"
#include "crypto/crypto.h"
#include "wire_announce.h"

struct relay_directory;

struct announcer_config {
    const struct rt_sign_key *identity; /* outlives the actor */
    uint8_t hash_key[16];               /* secret */
    uint32_t interval_s;                /* between announcements */
    uint16_t max_tunnels;
    enum wire_bandwidth bandwidth;
    /* Fills in the current addresses of this relay; *out is zeroed. Called on worker 0 before every
     * announcement. */
    void (*where)(void *ctx, struct announcer_where *out);
    void *where_ctx;
};

/* Starts the actor on worker 0 and publishes its address to all workers. */
void announcer_init(struct rt_system *sys, const struct announcer_config *config);
/* Starts to announce this relay and to look for others. */
void announcer_start(struct rt_system *sys);
void announcer_fini(struct rt_system *sys);

/* The relays that the announcer knows, for the checks of a simulation; w is worker 0. */
struct relay_directory *announcer_directory(struct rt_worker *w);

#endif
