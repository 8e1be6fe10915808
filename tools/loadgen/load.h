/* SPDX-License-Identifier: MPL-2.0 */
/*
 * The load: nodes behind tunnels that answer, and requesters that ask them through the relay, as
 * clients of the protocol do. One lane per worker thread, with nodes, requesters and figures of its
 * own; the lanes share only this plan and a stop flag.
 */
#ifndef LOADGEN_LOAD_H
#define LOADGEN_LOAD_H

#include <stdatomic.h>
#include <sys/socket.h>

#include "actor/actor.h"
#include "crypto/crypto.h"
#include "histogram.h"
#include "wire_dialect.h"

enum load_mode {
    LOAD_CONNECT, /* per request: connect, both handshakes, one relayed request, close */
    LOAD_REQUEST, /* standing connections, one relayed request at a time each */
    LOAD_IDLE,    /* tunnels that do nothing */
    LOAD_STORE,   /* persistent connections that each store a new value every every_ns */
    /* Each requester is a member, with an identity of its own, and connects every every_ns: both
     * handshakes, one request, close. The request is ... */
    LOAD_MEMBERS,   /* STORE of its record in the one community */
    LOAD_FIND_NODE, /* FindNode of a random target */
};

struct load_plan {
    enum load_mode mode;
    struct sockaddr_storage relay;
    socklen_t relay_len;
    enum wire_dialect dialect; /* of the clients */
    uint32_t nodes;            /* of this lane; 0 if the requests are not relayed */
    uint32_t requesters;       /* of this lane */
    uint32_t first_member;     /* LOAD_MEMBERS, LOAD_FIND_NODE: of this lane */
    uint32_t request_bytes;
    uint32_t answer_bytes; /* 0: the request's own bytes come back */
    uint32_t per;          /* requests per standing connection; 0: until stopped */
    uint64_t every_ns;     /* LOAD_STORE, LOAD_MEMBERS, LOAD_FIND_NODE: between two requests of
                            * one requester */
};

struct load_lane;

/* Identities are drawn from the worker's randomness. Before the threads start. */
struct load_lane *load_lane_new(struct rt_worker *w, const struct relay_transport *t, void *t_state,
                                const struct load_plan *plan);

/* For rt_conn_worker_init: refuses every inbound connection. */
struct rt_conn_acceptor load_acceptor(void);

/* Queries of the main thread (any thread). */
struct rt_addr load_lane_addr(const struct load_lane *l);
uint32_t load_lane_nodes_ready(const struct load_lane *l);
bool load_lane_finished(
    const struct load_lane *l); /* every requester has done its `per` requests */

/* Messages (struct rt_msg) to a lane, in this order. */
enum load_kind {
    LOAD_OPEN_NODES = RT_NOTIFY_KIND(LOADGEN, 1),
    LOAD_START = RT_NOTIFY_KIND(LOADGEN, 2),
    LOAD_STOP = RT_NOTIFY_KIND(LOADGEN, 3), /* no new request, close everything */
};

struct load_figures {
    uint64_t requests, failures, bytes; /* bytes: of payloads, both ways */
    struct histogram latency;
    char first_failure[288]; /* "what: why", why up to the size of an error text */
};
/* After LOAD_STOP was handled and the thread has ended. */
void load_lane_figures(const struct load_lane *l, struct load_figures *add_to);
/* Nodes that still have their tunnel. */
uint32_t load_lane_nodes_alive(const struct load_lane *l);

#endif
