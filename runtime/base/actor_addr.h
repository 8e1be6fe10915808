/* SPDX-License-Identifier: MPL-2.0 */
/* The address of an actor, a value (actor.h). Pure logic may keep and compare addresses. */
#ifndef RT_ACTOR_ADDR_H
#define RT_ACTOR_ADDR_H

#include <stdbool.h>
#include <stdint.h>

/* An actor's address. All zero: no actor. */
struct rt_addr {
    uint32_t index;      /* into its worker's table */
    uint32_t generation; /* never 0 for a live actor */
    uint16_t worker;
};

static inline bool rt_addr_equal(struct rt_addr a, struct rt_addr b)
{
    return a.index == b.index && a.generation == b.generation && a.worker == b.worker;
}

static inline bool rt_addr_is_none(struct rt_addr a)
{
    return a.generation == 0;
}

#endif
