/* SPDX-License-Identifier: MPL-2.0 */
/*
 * A simulated requester: connects to a relay and asks a node for answers through its slot, over one
 * connection or a new one for each request (as today's clients do), one at a time or several frames
 * ahead. Checks that each request is answered exactly once, in order, with its own numbers.
 * World's thread; lives as long as its world.
 */
#ifndef SIM_REQUESTER_H
#define SIM_REQUESTER_H

#include "node.h"

#define SIM_DEPTH_MAX 8u
#define SIM_ALLOW(refusal) (UINT64_C(1) << WIRE_REFUSAL_##refusal)

struct sim_requester_config {
    const struct sim_identity *id;
    struct sim_target relay;
    struct sim_path path;
    const struct sim_identity *node;
    const uint64_t *slot_id;     /* asked for each request, so that it may be learnt meanwhile */
    uint32_t count;              /* requests in all */
    uint32_t per_connection;     /* then a new connection; 0: all over one */
    uint32_t depth;              /* frames sent ahead, at most SIM_DEPTH_MAX; 0: one */
    uint32_t ask_max, reply_max; /* bytes of inner payload, chosen for each */
    uint32_t ask_min, reply_min;
    uint64_t pause_max_ns;  /* between requests */
    unsigned odd_percent;   /* requests in an unusual but valid encoding */
    uint64_t allowed;       /* SIM_ALLOW bits: error answers that are no failure */
    bool may_be_cut;        /* the relay may close the connection */
    uint64_t read_bytes_s;  /* how fast it reads once it is authenticated; SIM_NEVER: not */
    unsigned leave_percent; /* leaves so often in the middle of a request */
    enum sim_leave leave;
};

struct sim_requester {
    struct sim_world *world;
    struct sim_oracle *oracle;
    struct sim_requester_config config;
    uint32_t index;
    struct sim_client *client;
    uint32_t epoch;
    bool is_done, is_stopped, has_fin;

    struct {
        struct sim_ask *ask;
        uint32_t req_id, stream_id;
    } waiting[SIM_DEPTH_MAX]; /* oldest first */
    uint32_t waiting_count, on_connection, next_req_id;

    uint32_t asked, answered, left, cuts; /* left: requests given up by leaving or being cut */
    uint32_t refused, refused_by[WIRE_REFUSAL_COUNT];
    uint64_t slowest_ns; /* of the requests that were answered */
};

void sim_requester_init(struct sim_requester *r, struct sim_world *w, struct sim_oracle *o,
                        uint32_t index, const struct sim_requester_config *config);
void sim_requester_start(struct sim_requester *r);
/* Closes what is open; no more requests. */
void sim_requester_stop(struct sim_requester *r);

#endif
