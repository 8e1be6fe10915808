/* SPDX-License-Identifier: MPL-2.0 */
/* What the files of the announcer share. All of it on worker 0. */
#ifndef ANNOUNCER_PRIVATE_H
#define ANNOUNCER_PRIVATE_H

#include "announcer/announcer.h"
#include "announcer/directory/relay_directory.h"
#include "announcer/local_publish.h"
#include "announcer/part.h"
#include "announcer/reach_checks.h"
#include "announcer/revocation_checks.h"
#include "announcer/self_announce.h"
#include "announcer/verify_queue.h"
#include "base/list.h"
#include "dht/dht_msg.h"

struct announcer {
    struct rt_actor actor;
    struct rt_worker *worker;
    struct announcer_config config;
    bool is_stopped;

    struct self_announce self;
    struct rt_msg *shutdown; /* the request that waits for the withdrawal, or NULL */

    /* others: discover.c */
    struct relay_directory directory;
    uint64_t round_step_ns;
    uint8_t peopled;       /* dialects in which the DHT has contacts */
    uint32_t next_look_up; /* of the round: a slot of a dialect, dialect by dialect */
    uint32_t lookups;      /* look-ups under way */
    struct relay_timer round_timer;
    struct reach_checks reach_checks;
    struct local_publish local_publish;
    struct verify_queue verify_queue;
    struct revocation_checks revocation_checks;
};

static inline uint64_t announcer_now_ns(const struct announcer *a)
{
    return rt_now_ns(a->worker);
}

static inline uint64_t announcer_now_s(const struct announcer *a)
{
    return part_wall_s(a->worker);
}

uint64_t announcer_random(void *ctx); /* ctx: struct announcer */
/* Sends it to the DHT; the answer comes to us. */
void announcer_ask_dht(struct announcer *a, struct rt_msg *m);

/* -- discover.c -- */
void discover_init(struct announcer *a);
void discover_start(struct announcer *a);
void discover_stop(struct announcer *a);
void discover_peers(struct announcer *a, const struct dht_peers_ask *p);
void discover_looked_up(struct announcer *a, struct dht_lookup_ask *l);

#endif
