/* SPDX-License-Identifier: MPL-2.0 */
/*
 * The relay of actors/relay in the simulated world, with lanes for threads and the simulated
 * transport for a plugin. Without storage its identity comes from its number.
 *
 * World's thread. Budget, counters and gauges are the process's: of several relays, together.
 */
#ifndef SIM_RELAY_UNDER_TEST_H
#define SIM_RELAY_UNDER_TEST_H

#include "client.h"
#include "dht/dht_private.h"
#include "session/session.h"

struct sim_relay_config {
    uint16_t workers;
    uint32_t number; /* its identity and its address */
    uint32_t max_tunnels;
    uint8_t dialects; /* served; all, as in production, unless it plays a node of one dialect */
    struct rt_door_limits door;
    struct session_rates rates;

    /* A member of a network: it dials, joins through these peers, and has this address; ip 0: none
     * of this, at 192.168.0.number. */
    uint32_t ip;
    const struct dht_boot_peer *bootstrap; /* copied */
    uint32_t bootstrap_count;
    /* As tools/relayd has it: memory_max / 4 of values at most. 0: the most there is. */
    uint64_t value_bytes_max;
    bool stores;    /* its state, on the simulated disk, in a directory of its number */
    bool announces; /* itself, and looks for others; a member only */
};

/* Generous limits: a scenario lowers what it is about. */
void sim_relay_config_default(struct sim_relay_config *c);

struct sim_relay;

/* Listens from the start. */
struct sim_relay *sim_relay_new(struct sim_world *w, const struct sim_relay_config *config);
const struct sim_target *sim_relay_target(const struct sim_relay *r);
/* Runs fn(ctx, dht) where the relay's DHT lives; the world goes on meanwhile. */
void sim_relay_in_dht(struct sim_relay *r, void (*fn)(void *ctx, struct dht *d), void *ctx);
/* Connections of all workers; the world runs meanwhile. */
/* Actors beyond those every relay has: sessions and tunnels. */
uint32_t sim_relay_actors(struct sim_relay *r);

/* The phases of a SIGTERM: begins them and returns. */
void sim_relay_shut_down(struct sim_relay *r);
bool sim_relay_is_down(const struct sim_relay *r);

/* Shut down, and no link left. */
void sim_relay_free(struct sim_relay **r);

#endif
