/* SPDX-License-Identifier: MPL-2.0 */
#include "expiry.h"

#include <stdlib.h>

#define CAPACITY_MIN 64u

void quic_expiries_fini(struct quic_expiries *h)
{
    free(h->slots);
    *h = (struct quic_expiries){0};
}

static void put(struct quic_expiries *h, uint32_t at, struct quic_expiry_slot s)
{
    h->slots[at] = s;
    s.member->place = at;
}

static void sift_up(struct quic_expiries *h, uint32_t at, struct quic_expiry_slot s)
{
    while (at > 1 && h->slots[at / 2].at_ns > s.at_ns) {
        put(h, at, h->slots[at / 2]);
        at /= 2;
    }
    put(h, at, s);
}

static void sift_down(struct quic_expiries *h, uint32_t at, struct quic_expiry_slot s)
{
    for (;;) {
        uint32_t child = 2 * at;

        if (child > h->count)
            break;
        if (child < h->count && h->slots[child + 1].at_ns < h->slots[child].at_ns)
            child++;
        if (h->slots[child].at_ns >= s.at_ns)
            break;
        put(h, at, h->slots[child]);
        at = child;
    }
    put(h, at, s);
}

static void resize(struct quic_expiries *h, uint32_t capacity)
{
    h->slots = realloc(h->slots, (capacity + 1) * sizeof(*h->slots));
    if (!h->slots)
        abort();
    h->capacity = capacity;
}

static void take_out(struct quic_expiries *h, struct quic_expiry *m)
{
    uint32_t at = m->place;
    struct quic_expiry_slot last = h->slots[h->count--];

    m->place = 0;
    if (last.member == m)
        return;
    if (at > 1 && h->slots[at / 2].at_ns > last.at_ns)
        sift_up(h, at, last);
    else
        sift_down(h, at, last);
    if (h->capacity > CAPACITY_MIN && h->count < h->capacity / 4)
        resize(h, h->capacity / 2);
}

void quic_expiries_set(struct quic_expiries *h, struct quic_expiry *m, uint64_t at_ns)
{
    struct quic_expiry_slot s = {at_ns, m};

    if (at_ns == QUIC_NEVER) {
        if (m->place)
            take_out(h, m);
        return;
    }
    if (!m->place) {
        if (h->count == h->capacity)
            resize(h, h->capacity ? 2 * h->capacity : CAPACITY_MIN);
        sift_up(h, ++h->count, s);
    } else if (h->slots[m->place].at_ns > at_ns) {
        sift_up(h, m->place, s);
    } else {
        sift_down(h, m->place, s);
    }
}

void quic_expiries_hasten(struct quic_expiries *h, struct quic_expiry *m, uint64_t at_ns)
{
    if (!m->place || h->slots[m->place].at_ns > at_ns)
        quic_expiries_set(h, m, at_ns);
}

uint64_t quic_expiries_next(const struct quic_expiries *h)
{
    return h->count ? h->slots[1].at_ns : QUIC_NEVER;
}

struct quic_expiry *quic_expiries_pop(struct quic_expiries *h, uint64_t now_ns)
{
    struct quic_expiry *m;

    if (h->count == 0 || h->slots[1].at_ns > now_ns)
        return NULL;
    m = h->slots[1].member;
    take_out(h, m);
    return m;
}
