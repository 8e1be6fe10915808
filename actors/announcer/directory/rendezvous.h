/* SPDX-License-Identifier: MPL-2.0 */
/*
 * When a relay announces itself, and under which keys (protocol: Relay announcement and
 * discovery). Pure: time is an argument, monotonic in ns and wall clock in unix seconds.
 *
 *  - At start, then every interval, less up to a tenth of it at random: under both keys of the
 *    current hour. After a start the first ones follow at doubling distances until the interval is
 *    reached: the network, or our view of it, still grows.
 *  - Six to ten minutes before the hour: under both keys of the next one. Clients look there from
 *    the hour on, those whose clock is fast (up to 300 s) before.
 *  - When the hour has changed and its keys were not announced under ahead: at once.
 *  - When nobody took it: again within a minute.
 */
#ifndef ANNOUNCER_RENDEZVOUS_H
#define ANNOUNCER_RENDEZVOUS_H

#include <stdbool.h>
#include <stdint.h>

#include "base/seams.h"

#define RENDEZVOUS_POLL_NS (30 * RT_S) /* the wall clock may have jumped: look at it so often */
#define RENDEZVOUS_KEYS_MAX 4u

struct rendezvous {
    uint64_t interval_ns;
    uint64_t ahead_s;  /* so long before the hour */
    uint64_t next_ns;  /* the next regular one */
    uint64_t hold_ns;  /* nothing before this */
    uint64_t step_ns;  /* the last distance, while it doubles */
    uint64_t bucket;   /* announced under last, as the current one ... */
    uint64_t ahead;    /* ... and as the next one; 0: none yet */
    bool is_ahead_due; /* what is under way is for the next one, too */
};

struct rendezvous_keys {
    uint32_t count;
    uint8_t at[RENDEZVOUS_KEYS_MAX][32]; /* distinct */
};

void rendezvous_init(struct rendezvous *r, uint32_t interval_s, uint64_t random);

/* Whether to announce now, and under which keys; rendezvous_done follows. */
bool rendezvous_due(struct rendezvous *r, const uint8_t relay_pubkey[32], uint64_t now_ns,
                    uint64_t wall_s, struct rendezvous_keys *out);
/* So many nodes took it, at the key that fewest did. */
void rendezvous_done(struct rendezvous *r, uint32_t stored, uint64_t now_ns, uint64_t random);
/* When to ask again. */
uint64_t rendezvous_next_ns(const struct rendezvous *r, uint64_t now_ns);

/* Adds the keys of one hour. */
void rendezvous_add(struct rendezvous_keys *k, const uint8_t relay_pubkey[32], uint64_t bucket);
/* Everywhere somebody may look for us now or soon: where a last word belongs. */
void rendezvous_everywhere(const struct rendezvous *r, const uint8_t relay_pubkey[32],
                           uint64_t wall_s, struct rendezvous_keys *out);

#endif
