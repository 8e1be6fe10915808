/* SPDX-License-Identifier: MPL-2.0 */
/* Stepped worlds: which lanes have something to do, and which timer is next, without asking each.
 */
#include <stdlib.h>

#include "base/check.h"
#include "world_private.h"

static void grow(struct sim_lane ***list, uint32_t *room, uint32_t count)
{
    if (count < *room)
        return;
    *room = *room ? 2 * *room : 64;
    *list = realloc((void *)*list, *room * sizeof(struct sim_lane *));
    RT_INSIST(*list != NULL);
}

void sim_ready_wake(struct sim_lane *l)
{
    struct sim_world *w = l->world;

    if (w->is_threaded || l->ready_at)
        return;
    grow(&w->ready, &w->ready_room, w->ready_count);
    w->ready[w->ready_count] = l;
    l->ready_at = ++w->ready_count;
}

void sim_ready_sleep(struct sim_lane *l)
{
    struct sim_world *w = l->world;
    struct sim_lane *last;

    if (!l->ready_at)
        return;
    last = w->ready[--w->ready_count];
    w->ready[l->ready_at - 1] = last;
    last->ready_at = l->ready_at;
    l->ready_at = 0;
}

/* -- timers: a binary heap, ties by the lane's number -- */

static bool is_before(const struct sim_lane *a, const struct sim_lane *b)
{
    return a->next_ns != b->next_ns ? a->next_ns < b->next_ns : a->index < b->index;
}

static void place(struct sim_world *w, uint32_t i, struct sim_lane *l)
{
    w->timers[i] = l;
    l->timer_at = i + 1;
}

static void settle(struct sim_world *w, uint32_t i, struct sim_lane *l)
{
    uint32_t child;

    for (; i > 0 && is_before(l, w->timers[(i - 1) / 2]); i = (i - 1) / 2)
        place(w, i, w->timers[(i - 1) / 2]);
    while ((child = 2 * i + 1) < w->timer_count) {
        if (child + 1 < w->timer_count && is_before(w->timers[child + 1], w->timers[child]))
            child++;
        if (!is_before(w->timers[child], l))
            break;
        place(w, i, w->timers[child]);
        i = child;
    }
    place(w, i, l);
}

static void leave_heap(struct sim_lane *l)
{
    struct sim_world *w = l->world;
    uint32_t i = l->timer_at - 1;
    struct sim_lane *last;

    if (!l->timer_at)
        return;
    l->timer_at = 0;
    last = w->timers[--w->timer_count];
    if (last != l)
        settle(w, i, last);
}

void sim_ready_timer(struct sim_lane *l)
{
    struct sim_world *w = l->world;

    if (w->is_threaded)
        return;
    leave_heap(l);
    if (l->next_ns == SIM_NEVER)
        return;
    grow(&w->timers, &w->timer_room, w->timer_count);
    settle(w, w->timer_count++, l);
}

void sim_ready_due(struct sim_world *w, uint64_t now_ns)
{
    while (w->timer_count > 0 && w->timers[0]->next_ns <= now_ns) {
        struct sim_lane *l = w->timers[0];

        leave_heap(l);
        sim_ready_wake(l);
    }
}

uint64_t sim_ready_next(const struct sim_world *w)
{
    return w->timer_count > 0 ? w->timers[0]->next_ns : SIM_NEVER;
}

void sim_ready_forget(struct sim_lane *l)
{
    leave_heap(l);
    sim_ready_sleep(l);
}
