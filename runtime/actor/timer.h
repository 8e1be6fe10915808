/* SPDX-License-Identifier: MPL-2.0 */
/*
 * A hierarchical timing wheel: arm and disarm in constant time, no allocation.
 *
 * Time is cut into ticks of 2^20 ns. A timer is in the first tick that begins at or after its time,
 * so it never fires early and at most a tick late. Level l has 64 slots of 64^l ticks; a timer is
 * at the level of the highest digit (base 64) in which its tick differs from the wheel's.
 * Invariant: at every level only slots after the wheel's own digit are occupied, and their higher
 * digits are the wheel's; so the next event is the first occupied slot of the lowest occupied
 * level, and the wheel may jump over any stretch without events. Reaching a slot of level 0 fires
 * it, reaching one of a higher level deals its timers out to lower ones.
 */
#ifndef RT_TIMER_H
#define RT_TIMER_H

#include <stdbool.h>
#include <stdint.h>

#include "actor/actor.h"

#define RT_WHEEL_TICK_BITS 20u
#define RT_WHEEL_SLOT_BITS 6u
#define RT_WHEEL_SLOTS (1u << RT_WHEEL_SLOT_BITS)
#define RT_WHEEL_LEVELS 8u /* 48 bits of ticks: all of a 64-bit nanosecond clock */

struct rt_wheel {
    uint64_t tick; /* every tick up to this one was reached */
    uint64_t occupied[RT_WHEEL_LEVELS];
    struct relay_timer *slots[RT_WHEEL_LEVELS][RT_WHEEL_SLOTS];
    struct relay_timer *expired; /* reached, not yet taken */
    struct relay_timer *late;    /* armed for a time already past; expires in the next round */
};

void rt_wheel_init(struct rt_wheel *wheel, uint64_t now_ns);
void rt_wheel_arm(struct rt_wheel *wheel, struct relay_timer *t, uint64_t at_ns, uint64_t now_ns);
void rt_wheel_disarm(struct rt_wheel *wheel, struct relay_timer *t);

/* Begins a round: a timer that is armed for the past from here on waits for the next round, so a
 * timer that arms itself again cannot prolong a turn. */
void rt_wheel_begin(struct rt_wheel *wheel);
/* The next timer due at now_ns, disarmed; NULL when there is none in this round. */
struct relay_timer *rt_wheel_take(struct rt_wheel *wheel, uint64_t now_ns);

/* True when some timer waits only for being taken. */
bool rt_wheel_is_due(const struct rt_wheel *wheel);
/* When to look again: the time of the next timer, or earlier where timers must be dealt out to a
 * lower level first; UINT64_MAX when none is armed. */
uint64_t rt_wheel_next_ns(const struct rt_wheel *wheel);

#endif
