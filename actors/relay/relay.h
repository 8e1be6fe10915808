/* SPDX-License-Identifier: MPL-2.0 */
/*
 * A whole relay: every actor room, composed once. tools/relayd runs it as a process, tests/sim runs
 * it in virtual time.
 *
 * The relay creates the workers and the driver runs them. A driver gives each worker an event loop
 * and a waker (rt_worker_set_loop, rt_worker_set_waker) and steps it with rt_worker_turn. Workers
 * 0 .. workers - 1 carry the network. With a store there is one more, relay_storage_worker, whose
 * thread may block.
 *
 * Phases:
 *   new        the rooms exist; the driver attaches its loops
 *   start      transports listen, state is loaded, the network is joined
 *   running    the driver runs the workers
 *   draining   after relay_stop: listeners close, tunnels are refused, the announcement is
 *              withdrawn; requests in progress are answered, for LIM_SHUTDOWN_NS at most
 *   closing    the DHT stops dialling and every connection is closed
 *   flushing   the store writes what waits; skipped without a store
 *   stopped    the callback of relay_stop has run; the driver ends the workers
 *   finish     transports and store are released from the workers
 *   free
 *
 * Threads: all calls are made by one thread while no worker runs, except relay_stop. With a store,
 * that is storage_open's thread.
 */
#ifndef RELAY_H
#define RELAY_H

#include "abi/relay_transport.h"
#include "actor/actor.h"
#include "crypto/crypto.h"
#include "session/session.h"
#include "transport/conn.h"
#include "wire_announce.h"
#include "wire_peer.h"

struct dht_boot_peer;
struct relay;
struct rt_interface;
struct rt_resolver;
struct storage;

#define RELAY_TRANSPORTS_MAX 2u

struct relay_config {
    uint16_t workers;                   /* network workers, 1 to LIM_WORKERS_MAX */
    uint8_t dialects;                   /* served; not empty */
    const struct rt_sign_key *identity; /* copied; used only without a store */
    struct rt_door_limits door;
    const struct session_rates *rates; /* copied; NULL: the defaults */
    uint32_t max_tunnels;
    uint64_t value_bytes_max; /* of the DHT's values; at most LIM_VALUE_BYTES_MAX */

    const struct dht_boot_peer *bootstrap; /* copied */
    uint32_t bootstrap_count;
    const struct rt_resolver *resolver; /* NULL: names cannot be resolved */
    /* rt_interfaces_list, for listeners on a wildcard address. NULL: such a listener has no
     * address to offer. */
    rt_err (*interfaces)(struct rt_interface *out, size_t cap, size_t *out_count);

    const struct wire_peer_hop *announced; /* by the operator; copied, LIM_RELAY_ADDRS_MAX */
    uint32_t announced_count;
    uint32_t announce_interval_s;
    enum wire_bandwidth bandwidth;

    bool joins_network;    /* dials, looks up, replicates */
    bool announces_itself; /* and looks for other relays; needs joins_network */
};

/* A transport and where it listens; one of a kind. */
struct relay_transport_config {
    enum wire_transport kind;
    const struct relay_transport *table; /* outlives the relay, as does host */
    const struct relay_host *host;
    const struct sockaddr *listen_addr; /* NULL: dials only. Port 0: all workers share one port */
    socklen_t listen_addr_len;
};

/*
 * Creates the workers and the rooms. seams are copied. store: open and not started; it gives
 * identity and secrets and outlives the relay. NULL: identity from the config, secrets from the
 * seams, nothing is kept. On failure *err has one sentence.
 */
RT_MUST_CHECK rt_err relay_new(const struct relay_config *config, const struct rt_seams *seams,
                               struct storage *store, struct relay **out, struct relay_error *err);

struct rt_system *relay_system(struct relay *r);
/* NULL without a store. */
struct rt_worker *relay_storage_worker(struct relay *r);
const uint8_t *relay_public_key(const struct relay *r); /* 32 bytes */

/*
 * Opens the transports, in their order, which is also that of the addresses announced; loads the
 * state from the store, and joins the network as configured. Every worker has its loop and its
 * waker. On failure *err has one sentence; relay_finish and relay_free release what was started.
 */
RT_MUST_CHECK rt_err relay_start(struct relay *r, const struct relay_transport_config *transports,
                                 uint32_t count, struct relay_error *err);

/* After relay_start; transport: its index there. The address it listens on; family 0: none. */
const struct sockaddr_storage *relay_bound(const struct relay *r, uint32_t transport);
/* The transport's state of one worker. */
void *relay_transport_state(const struct relay *r, uint32_t transport, uint16_t worker);

/* Any thread, once. Begins the orderly stop. done(ctx) runs on worker 0 when it is complete. */
void relay_stop(struct relay *r, void (*done)(void *ctx), void *ctx);

/*
 * After the workers have ended, stopped or not. Writes what still waits for the store, and releases
 * the transports unless connections are left. Returns the number of connections left. When it is
 * not 0, loops and transports are still in use and relay_free must not be called.
 */
uint32_t relay_finish(struct relay *r);

/* After relay_finish, with no loop or waker attached. NULL allowed; clears the caller's pointer. */
void relay_free(struct relay **r);

#endif
