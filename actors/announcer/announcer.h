/* SPDX-License-Identifier: MPL-2.0 */
/*
 * The announcer of a relay, for who puts the relay together (tools/relayd, tests/sim); other actors
 * use announcer_msg.h. One actor on worker 0, beside the DHT's, through which it does everything on
 * the network.
 *
 * Life: announcer_init, after dht_init; announcer_start, when listeners are open; then the threads.
 * ANNOUNCER_SHUTDOWN ends all it does; announcer_fini after the threads, before dht_fini.
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
    uint32_t interval_s;                /* between two announcements */
    uint16_t max_tunnels;
    enum wire_bandwidth bandwidth;
    /* Where we might be reached, as of now, into a zeroed struct; asked on worker 0, at start and
     * before every announcement. */
    void (*where)(void *ctx, struct announcer_where *out);
    void *where_ctx;
};

/* Starts the actor on worker 0 and makes its address known to every worker; before threads start.
 */
void announcer_init(struct rt_system *sys, const struct announcer_config *config);
/* Begins to announce and to look for others. */
void announcer_start(struct rt_system *sys);
void announcer_fini(struct rt_system *sys);

/* The relays that the announcer knows, for the checks of a simulation; w is worker 0. */
struct relay_directory *announcer_directory(struct rt_worker *w);

#endif
