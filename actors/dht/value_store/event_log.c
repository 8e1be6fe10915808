/* SPDX-License-Identifier: MPL-2.0 */
/* Invariant: the last slot is not a hole, and at most half of the slots are holes. */
#include "dht/value_store/event_log.h"

struct slot {
    uint64_t number;
    struct dht_record *record; /* NULL: a hole */
};

static struct slot *slots_of(const struct dht_event_log *log)
{
    return log->slots.at;
}

void dht_event_log_free(struct dht_event_log *log)
{
    free(log->slots.at);
    *log = (struct dht_event_log){0};
}

void dht_event_log_add(struct dht_event_log *log, uint64_t number, struct dht_record *r)
{
    struct slot *at;

    dht_array_reserve(&log->slots, sizeof(*at));
    at = slots_of(log);
    if (log->slots.count > 0 && at[log->slots.count - 1].number > number)
        log->is_unsorted = true;
    at[log->slots.count++] = (struct slot){number, r};
}

static int compare(const void *a, const void *b)
{
    uint64_t x = ((const struct slot *)a)->number, y = ((const struct slot *)b)->number;

    return (x > y) - (x < y);
}

/* The first slot with a number above `after`. */
static uint32_t place_after(struct dht_event_log *log, uint64_t after)
{
    uint32_t low = 0, high = log->slots.count;

    if (log->is_unsorted)
        qsort(log->slots.at, log->slots.count, sizeof(struct slot), compare);
    log->is_unsorted = false;
    while (low < high) {
        uint32_t middle = low + (high - low) / 2;

        if (slots_of(log)[middle].number <= after)
            low = middle + 1;
        else
            high = middle;
    }
    return low;
}

static void compact(struct dht_event_log *log)
{
    struct slot *at = slots_of(log);
    uint32_t kept = 0;

    for (uint32_t i = 0; i < log->slots.count; i++) {
        if (at[i].record)
            at[kept++] = at[i];
    }
    log->slots.count = kept;
    log->holes = 0;
    dht_array_shrink(&log->slots, sizeof(*at));
}

void dht_event_log_remove(struct dht_event_log *log, uint64_t number, const struct dht_record *r)
{
    uint32_t place = place_after(log, number - 1);
    struct slot *at = slots_of(log);

    for (; place < log->slots.count && at[place].record != r; place++)
        ; /* numbers from a damaged disk may be equal */
    RT_INSIST(place < log->slots.count);
    at[place].record = NULL;
    log->holes++;
    for (; log->slots.count > 0 && !at[log->slots.count - 1].record; log->slots.count--)
        log->holes--;
    if (log->holes > log->slots.count / 2 || log->slots.count == 0)
        compact(log);
}

struct dht_record *dht_event_log_next(struct dht_event_log *log, uint64_t after)
{
    uint32_t place = place_after(log, after);

    while (place < log->slots.count && !slots_of(log)[place].record)
        place++;
    return place < log->slots.count ? slots_of(log)[place].record : NULL;
}
