/* SPDX-License-Identifier: MPL-2.0 */
/*
 * A simulated firewalled node: holds one tunnel to a relay and answers what comes through it, in
 * order, each after a delay of its own. World's thread; lives as long as its world.
 */
#ifndef SIM_NODE_H
#define SIM_NODE_H

#include "oracle.h"

enum sim_leave { SIM_STAY, SIM_FIN, SIM_CLOSE, SIM_RESET, SIM_VANISH };

struct sim_node_config {
    const struct sim_identity *id;
    struct sim_target relay;
    struct sim_path path;
    uint64_t delay_min_ns, delay_max_ns; /* work on one request; one at a time */
    uint32_t answers_max; /* falls silent after this many answers; UINT32_MAX: never */
    uint32_t leave_after; /* leaves after this many requests; 0: stays */
    enum sim_leave leave;
    uint64_t come_back_ns; /* reconnects this long after its connection has ended; 0: does not */
    bool may_be_cut;       /* the relay may close the tunnel */
    bool may_be_refused;   /* the relay may refuse the registration */
};

struct sim_owed {
    struct sim_owed *next;
    struct sim_ask *ask;
};

struct sim_node {
    struct sim_world *world;
    struct sim_oracle *oracle;
    struct sim_node_config config;
    struct sim_client *client; /* NULL: not connected */
    uint32_t epoch;            /* of its connection: events of older ones are ignored */
    uint64_t slot_id;          /* 0: never registered */
    bool is_registered;        /* now */
    bool is_stopped;           /* does not come back */
    enum wire_refusal refusal; /* of the last registration */
    struct sim_owed *owed, **owed_tail;
    bool is_working;
    uint32_t owed_count, owed_most;
    uint32_t seen, answered, registrations, cuts;
};

void sim_node_init(struct sim_node *n, struct sim_world *w, struct sim_oracle *o,
                   const struct sim_node_config *config);
void sim_node_connect(struct sim_node *n);
/* Ends its connection that way now. With come_back_ns it returns, unless stopped. */
void sim_node_leave(struct sim_node *n, enum sim_leave how);
/* Leaves for good, in an orderly way. */
void sim_node_stop(struct sim_node *n);
void sim_node_fini(struct sim_node *n);
/* Sends an unrequested frame. */
void sim_node_send_unasked(struct sim_node *n);

#endif
