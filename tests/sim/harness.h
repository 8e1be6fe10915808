/* SPDX-License-Identifier: MPL-2.0 */
/*
 * The parts of a scenario: a world with a relay in it, nodes, requesters and lone clients, and
 * the checks that hold for every run. A scenario is a function that sets the limits it is about,
 * calls sim_begin, adds peers, awaits, expects, and calls sim_end.
 *
 * Each run has a process of its own (main.c), so counters start at zero.
 */
#ifndef SIM_HARNESS_H
#define SIM_HARNESS_H

#include "base/metric.h"
#include "relay_under_test.h"
#include "requester.h"

#define SIM_RELAYS_MAX 2u
#define SIM_MIB (1024u * 1024u)

struct sim {
    struct sim_world *world;
    struct sim_oracle oracle;
    struct sim_prng *prng;

    /* before sim_begin; with config.ip, the relays are a network: /24 after /24, joined by the
     * first */
    struct sim_relay_config config;
    uint64_t memory_max;
    uint32_t relay_count;

    struct sim_relay *relays[SIM_RELAYS_MAX];
    struct sim_node **nodes;
    struct sim_requester **requesters;
    struct sim_identity **identities;
    struct sim_lone **lones;
    uint32_t node_count, requester_count, identity_count, lone_count;
    bool is_shutting_down;
};

struct sim_scenario {
    const char *name;
    void (*run)(struct sim *s);
};
extern const struct sim_scenario sim_scenarios[];
extern const uint32_t sim_scenario_count;

/* Runs one scenario in a fresh world. Returns the trace hash; a failure ends the process. */
struct sim_result {
    uint64_t hash, steps, virtual_ns, asks;
};
void sim_run_scenario(const struct sim_scenario *which, uint64_t seed, uint16_t workers,
                      bool threads, const char *label, struct sim_result *out);

/* -- for scenarios -- */

void sim_begin(struct sim *s);
/* Stops the only relay and starts it again, with its disk. All peers have left. */
void sim_restart(struct sim *s);
/* Everybody leaves, the relays shut down, nothing may be left. */
void sim_end(struct sim *s);

uint64_t sim_between(struct sim *s, uint64_t lo, uint64_t hi);
bool sim_chance(struct sim *s, unsigned percent);

struct sim_identity *sim_new_identity(struct sim *s);

/* Filled with defaults: new identity, relay 0, a random path; quick answers. */
void sim_node_default(struct sim *s, struct sim_node_config *c);
/* Connects at once. */
struct sim_node *sim_add_node(struct sim *s, const struct sim_node_config *c);
/* New identity, relay 0, a random path, one request of up to 1 KiB. */
void sim_requester_default(struct sim *s, const struct sim_node *to,
                           struct sim_requester_config *c);
/* Starts at once. */
struct sim_requester *sim_add_requester(struct sim *s, const struct sim_requester_config *c);

/* A client that is neither: sends what a scenario wants and remembers the last answer. */
struct sim_lone {
    struct sim *sim;
    struct sim_client *client;
    bool is_ready, is_gone, has_answer;
    uint64_t gone_ns;
    uint32_t answers;
    uint16_t type, flags;
    uint32_t req_id, len;
    enum wire_refusal refusal; /* of an error answer */
    uint8_t payload[256];      /* the first bytes of it */
};
struct sim_lone *sim_add_lone(struct sim *s, const struct sim_identity *id,
                              const struct sim_path *path, enum sim_trick trick);
/* Sends one envelope; sim_lone_ask also awaits the answer, or the end. */
void sim_lone_send(struct sim_lone *l, uint16_t type, uint32_t req_id, const void *payload,
                   uint32_t len);
void sim_lone_ask(struct sim_lone *l, uint16_t type, const void *payload, uint32_t len);
void sim_lone_close(struct sim_lone *l);

/* Fails the run, with these words, unless done within the virtual time. */
void sim_await(struct sim *s, uint64_t within_ns, sim_done_fn *done, void *ctx, const char *what);
void sim_await_ready(struct sim_lone *l, uint64_t within_ns);
void sim_await_gone(struct sim_lone *l, uint64_t within_ns);
void sim_await_nodes(struct sim *s, uint64_t within_ns);      /* all are registered */
void sim_await_requesters(struct sim *s, uint64_t within_ns); /* all are done */
void sim_sleep(struct sim *s, uint64_t ns);

#define sim_expect(s, cond, ...)                                                                   \
    do {                                                                                           \
        if (!(cond))                                                                               \
            sim_fail((s)->world, __VA_ARGS__);                                                     \
    } while (0)

#endif
