/* SPDX-License-Identifier: MPL-2.0 */
/*
 * One worker in virtual time for the test of a single part, without the actor. The test gets the
 * requests that the part sends.
 */
#ifndef TEST_ANNOUNCER_PART_WORLD_H
#define TEST_ANNOUNCER_PART_WORLD_H

#include "support.h"

#include "actor/actor.h"
#include "dht/dht_msg.h"

#define WORLD_REQUESTS_MAX 64u

struct part_world {
    struct rt_system *system;
    struct rt_worker *worker;
    uint64_t now_ns;
    struct rt_msg *requests[WORLD_REQUESTS_MAX]; /* sent and not taken, in order */
    uint32_t request_count;
};

extern struct part_world world;

void world_begin(void);
/* Frees the requests that were not taken. */
void world_end(void);
/* Advances virtual time; timers and jobs run. */
void world_run(uint64_t for_ns);
/* A part's callback `request`. */
void world_request(void *ctx, struct rt_msg *m);
/* Takes the first request, which is of this kind. */
struct rt_msg *world_take(uint16_t kind);

#endif
