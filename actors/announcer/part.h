/* SPDX-License-Identifier: MPL-2.0 */
/*
 * Shared by the parts of the announcer: the cookies of requests to the DHT, the wall clock in
 * seconds, random numbers.
 */
#ifndef ANNOUNCER_PART_H
#define ANNOUNCER_PART_H

#include "actor/actor.h"

/* Says which part gets the reply. */
enum request_cookie {
    COOKIE_ROUND_LOOK_UP,    /* discovery: a look-up of a round */
    COOKIE_DIAL,             /* a connection to a candidate, without a request */
    COOKIE_LIST_REQUEST,     /* a RelayListRequest to a node or to a listed relay */
    COOKIE_FINAL_STORE,      /* our final announcement, sent to a listed relay */
    COOKIE_REVOCATION_CHECK, /* the look-up of a revocation, plus the index of the check */
};

/* Unix seconds. */
static inline uint64_t part_wall_s(const struct rt_worker *w)
{
    return rt_wall_ns(w) / RT_S;
}

static inline uint64_t part_random(struct rt_worker *w)
{
    uint64_t n;

    rt_random(w, &n, sizeof(n));
    return n;
}

#endif
