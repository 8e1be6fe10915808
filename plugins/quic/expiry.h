/* SPDX-License-Identifier: MPL-2.0 */
/*
 * The expiry times of connections: a binary heap whose members store their index. One per worker,
 * with one timer.
 */
#ifndef QUIC_EXPIRY_H
#define QUIC_EXPIRY_H

#include <stddef.h>
#include <stdint.h>

#define QUIC_NEVER UINT64_MAX

struct quic_expiry {
    uint32_t place; /* 1-based; 0: not in the heap */
};

struct quic_expiry_slot {
    uint64_t at_ns;
    struct quic_expiry *member;
};

struct quic_expiries {
    struct quic_expiry_slot *slots; /* slots[1 .. count] */
    uint32_t count, capacity;
};

void quic_expiries_fini(struct quic_expiries *h);
/* Inserts, moves or (QUIC_NEVER) removes m. */
void quic_expiries_set(struct quic_expiries *h, struct quic_expiry *m, uint64_t at_ns);
/* Inserts m, or moves it if at_ns is sooner. */
void quic_expiries_hasten(struct quic_expiries *h, struct quic_expiry *m, uint64_t at_ns);
/* QUIC_NEVER: it is empty. */
uint64_t quic_expiries_next(const struct quic_expiries *h);
/* Removes one that is due; NULL: none is. */
struct quic_expiry *quic_expiries_pop(struct quic_expiries *h, uint64_t now_ns);

#endif
