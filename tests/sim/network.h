/* SPDX-License-Identifier: MPL-2.0 */
/*
 * Many relays in one simulated world, joined into one network: members that come and go, values
 * published at some and looked up from others, and what the look-ups cost. Real actors, sessions
 * and connections; signatures are fast_crypto.c's.
 */
#ifndef SIM_NETWORK_H
#define SIM_NETWORK_H

#include <stdio.h>

#include "relay_under_test.h"

struct net_member {
    struct sim_relay *relay; /* NULL: gone */
    uint32_t ip;
    uint8_t id[20];
    uint8_t dialects; /* a relay of ours serves all; with one it plays a node of that dialect */
    bool is_silent;   /* dials get no reply */
    bool is_bad;      /* one of the scenario's attackers */
    uint32_t side;    /* of a partition */
};

struct net_value {
    uint8_t key[32];
    uint8_t dialects; /* whose nodes accept it */
    uint32_t len;
    uint8_t bytes[400];
};

/* The totals of look-ups. */
struct net_stats {
    uint32_t begun, ended, found, local; /* local: the asking relay had it itself */
    uint32_t hops, hops_max, asked, answers;
    uint32_t closest; /* of node look-ups: those that found the closest member of all */
};

struct network {
    struct sim_world *world;
    struct sim_prng *prng;
    struct net_member *members;
    uint32_t count, capacity, living;
    struct net_value *values;
    uint32_t value_count;
    bool is_parted;
    uint64_t value_bytes_max; /* of each relay's store */
    bool announces;           /* members added from now on */
};

void net_init(struct network *n, uint64_t seed, const char *label);
/* Everybody shuts down; nothing may be left. */
void net_fini(struct network *n);

/* Dials to 14.0.0.0/8 are swallowed. A relay of its own /24 (ip 0) or at ip, joining through two
 * members drawn at random (good ones of its side). Returns its place in members. number: its
 * identity; 0: a new one. */
uint32_t net_add(struct network *n, uint32_t ip, uint32_t number);
/* Adds a member that serves these dialects; it joins through members that share one with it. */
uint32_t net_add_node(struct network *n, uint32_t ip, uint32_t number, uint8_t dialects);
void net_add_many(struct network *n, uint32_t count);
/* It leaves: with an orderly shutdown, or silently, so that dials to it time out. */
void net_remove(struct network *n, uint32_t member, bool is_silent);
/* A living good member at random. */
uint32_t net_draw(struct network *n);
/* One of those that serve any of these dialects; there must be one. */
uint32_t net_draw_node(struct network *n, uint8_t dialects);
/* One of those that serve exactly these dialects. */
uint32_t net_draw_exact(struct network *n, uint8_t dialects);
void net_run(struct network *n, uint64_t secs);

/* The living member with this key; NULL: none. */
const struct net_member *net_member_of(const struct network *n, const uint8_t key[32]);

/* Publishes a new value from a member; its place in values. */
uint32_t net_publish(struct network *n, uint32_t member);
void net_publish_many(struct network *n, uint32_t count);
/* Adds a copy of the value to values; its place. */
uint32_t net_note_value(struct network *n, const struct net_value *value);
/* ... and publishes it from a member in each dialect that accepts it and that the member serves. */
uint32_t net_publish_value(struct network *n, uint32_t member, const struct net_value *value);
/* Begins to look a value up; the world must run for it to end. */
void net_look_up(struct network *n, uint32_t member, uint32_t value, struct net_stats *stats);
void net_look_up_in(struct network *n, uint32_t member, enum wire_dialect dialect, uint32_t value,
                    struct net_stats *stats);
/* ... or the nodes closest to a target. */
void net_look_up_nodes(struct network *n, uint32_t member, enum wire_dialect dialect,
                       const uint8_t target[20], struct net_stats *stats);
/* count look-ups of random values from random members, gap_ms apart, and awaits their end. */
void net_look_up_many(struct network *n, uint32_t count, uint32_t gap_ms, struct net_stats *stats);
void net_await(struct network *n, const struct net_stats *stats);

/* Members who hold the value, and of the 20 closest to it how many. */
void net_holders(struct network *n, uint32_t value, uint32_t *out_all, uint32_t *out_closest);
/* The same of the members that serve any of these dialects. */
void net_holders_in(struct network *n, uint32_t value, uint8_t dialects, uint32_t *out_all,
                    uint32_t *out_closest);
/* Members who hold the value and serve no dialect that accepts it. */
uint32_t net_count_strays(struct network *n, uint32_t value);
double net_table_mean(struct network *n);

#define net_expect(n, cond, ...)                                                                   \
    do {                                                                                           \
        if (!(cond) && fflush(stdout) == 0)                                                        \
            sim_fail((n)->world, __VA_ARGS__);                                                     \
    } while (0)

#endif
