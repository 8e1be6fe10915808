/* SPDX-License-Identifier: MPL-2.0 */
/*
 * The composition root: the one place that knows every room and puts them together. Everything is
 * made on the main thread before any other runs, and taken apart there after all have ended.
 *
 * Workers of the system: 0 .. workers-1 carry the network, then one for storage (a thread that may
 * block), then one for control (signals and shutdown).
 */
#ifndef RELAYD_COMPOSE_H
#define RELAYD_COMPOSE_H

#include "abi/relay_transport.h"
#include "actor/actor.h"
#include "config/config.h"
#include "control.h"
#include "host/loop_uv.h"
#include "host/thread_blocking.h"
#include "session/session.h"
#include "storage/storage.h"
#include "transport/conn.h"
#include "transports.h"

/* One network worker and what was made on it. */
struct relay_node {
    struct rt_worker *worker;
    struct rt_loop *loop;
    bool has_conn, has_session, has_tunnel;
};

struct relay {
    const struct cfg *cfg;
    uint16_t workers;
    uint32_t connections_max; /* what the limit of open files carries */
    struct storage *storage;
    struct rt_addr storage_addr;
    uint8_t dht_key[16]; /* of the DHT's tables: the same after a restart */
    struct rt_system *system;
    struct rt_door *door;
    struct session_shared shared;
    bool has_shared, has_dht, has_services;
    struct transport transports[TRANSPORTS_COUNT];
    struct relay_node nodes[LIM_WORKERS_MAX];
    struct rt_blocking *storage_thread;
    struct control *control;
};

/* Runs a relay until it is told to end; the exit code. */
int relay_run(const struct cfg *cfg);

#endif
