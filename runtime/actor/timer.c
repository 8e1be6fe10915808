/* SPDX-License-Identifier: MPL-2.0 */
#include "actor/timer.h"

#include <string.h>

#include "base/check.h"

_Static_assert(RT_WHEEL_TICK_BITS + RT_WHEEL_SLOT_BITS * RT_WHEEL_LEVELS >= 64,
               "the wheel covers the clock");

static void push(struct relay_timer **list, struct relay_timer *t)
{
    t->next = *list;
    t->link = list;
    if (t->next)
        t->next->link = &t->next;
    *list = t;
}

static void unlink_timer(struct relay_timer *t)
{
    *t->link = t->next;
    if (t->next)
        t->next->link = t->link;
    t->next = NULL;
    t->link = NULL;
}

/* The first tick that begins at or after at_ns. */
static uint64_t tick_of(uint64_t at_ns)
{
    uint64_t mask = (UINT64_C(1) << RT_WHEEL_TICK_BITS) - 1;

    return (at_ns >> RT_WHEEL_TICK_BITS) + ((at_ns & mask) != 0);
}

/* Level and slot for a tick after the wheel's own. */
static void place(struct rt_wheel *wheel, struct relay_timer *t, uint64_t tick)
{
    unsigned high_bit = 63u - (unsigned)__builtin_clzll(tick ^ wheel->tick);
    unsigned level = high_bit / RT_WHEEL_SLOT_BITS;
    unsigned slot = (tick >> (level * RT_WHEEL_SLOT_BITS)) & (RT_WHEEL_SLOTS - 1);

    push(&wheel->slots[level][slot], t);
    wheel->occupied[level] |= UINT64_C(1) << slot;
}

void rt_wheel_init(struct rt_wheel *wheel, uint64_t now_ns)
{
    memset(wheel, 0, sizeof *wheel);
    wheel->tick = now_ns >> RT_WHEEL_TICK_BITS;
}

void rt_wheel_arm(struct rt_wheel *wheel, struct relay_timer *t, uint64_t at_ns, uint64_t now_ns)
{
    uint64_t tick = tick_of(at_ns);

    RT_REQUIRE(t->fire != NULL);
    rt_wheel_disarm(wheel, t);
    t->at_ns = at_ns;
    if (at_ns <= now_ns || tick <= wheel->tick)
        push(&wheel->late, t);
    else
        place(wheel, t, tick);
}

void rt_wheel_disarm(struct rt_wheel *wheel, struct relay_timer *t)
{
    uintptr_t base = (uintptr_t)wheel->slots;
    uintptr_t at = (uintptr_t)t->link - base;
    size_t index = at / sizeof wheel->slots[0][0];

    if (!t->link)
        return;
    unlink_timer(t);
    /* If it was the slot's first it linked back into the table, and may have been its last. */
    if (at < sizeof wheel->slots) {
        size_t level = index / RT_WHEEL_SLOTS, slot = index % RT_WHEEL_SLOTS;

        if (!wheel->slots[level][slot])
            wheel->occupied[level] &= ~(UINT64_C(1) << slot);
    }
}

/* Moves a list in front of `expired`, reversed: a slot stands newest first, so the oldest fires
 * first. */
static void expire(struct rt_wheel *wheel, struct relay_timer **list)
{
    struct relay_timer *t;

    while ((t = *list)) {
        unlink_timer(t);
        push(&wheel->expired, t);
    }
}

/* The next event: its level, or RT_WHEEL_LEVELS when the wheel is empty. */
static unsigned next_event(const struct rt_wheel *wheel, unsigned *out_slot, uint64_t *out_tick)
{
    for (unsigned level = 0; level < RT_WHEEL_LEVELS; level++) {
        unsigned shift = level * RT_WHEEL_SLOT_BITS;
        unsigned slot;

        if (!wheel->occupied[level])
            continue;
        slot = (unsigned)__builtin_ctzll(wheel->occupied[level]);
        *out_slot = slot;
        *out_tick = ((wheel->tick >> shift >> RT_WHEEL_SLOT_BITS << RT_WHEEL_SLOT_BITS) | slot)
                    << shift;
        return level;
    }
    return RT_WHEEL_LEVELS;
}

/* Deals a slot of a higher level out, the wheel standing at its first tick. */
static void deal_out(struct rt_wheel *wheel, unsigned level, unsigned slot)
{
    struct relay_timer *t, *oldest_first = NULL;

    while ((t = wheel->slots[level][slot])) {
        unlink_timer(t);
        push(&oldest_first, t);
    }
    while ((t = oldest_first)) {
        uint64_t tick = tick_of(t->at_ns);

        unlink_timer(t);
        if (tick <= wheel->tick)
            push(&wheel->expired, t);
        else
            place(wheel, t, tick);
    }
}

/* Goes on to the next tick with expired timers, or to now_tick. */
static void advance(struct rt_wheel *wheel, uint64_t now_tick)
{
    while (!wheel->expired) {
        uint64_t tick;
        unsigned slot, level = next_event(wheel, &slot, &tick);

        if (level == RT_WHEEL_LEVELS || tick > now_tick) {
            if (now_tick > wheel->tick)
                wheel->tick = now_tick;
            return;
        }
        wheel->tick = tick;
        wheel->occupied[level] &= ~(UINT64_C(1) << slot);
        if (level == 0)
            expire(wheel, &wheel->slots[0][slot]);
        else
            deal_out(wheel, level, slot);
    }
}

void rt_wheel_begin(struct rt_wheel *wheel)
{
    expire(wheel, &wheel->late);
}

struct relay_timer *rt_wheel_take(struct rt_wheel *wheel, uint64_t now_ns)
{
    struct relay_timer *t;

    if (!wheel->expired)
        advance(wheel, now_ns >> RT_WHEEL_TICK_BITS);
    t = wheel->expired;
    if (t)
        unlink_timer(t);
    return t;
}

bool rt_wheel_is_due(const struct rt_wheel *wheel)
{
    return wheel->expired || wheel->late;
}

uint64_t rt_wheel_next_ns(const struct rt_wheel *wheel)
{
    uint64_t tick;
    unsigned slot;

    if (wheel->expired)
        return wheel->expired->at_ns;
    if (wheel->late)
        return wheel->late->at_ns;
    if (next_event(wheel, &slot, &tick) == RT_WHEEL_LEVELS)
        return UINT64_MAX;
    return tick >= UINT64_MAX >> RT_WHEEL_TICK_BITS ? UINT64_MAX : tick << RT_WHEEL_TICK_BITS;
}
