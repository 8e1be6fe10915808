/* SPDX-License-Identifier: MPL-2.0 */
/*
 * The schedule of a relay's announcements, and their keys (protocol: Relay announcement and
 * discovery). Pure: now_ns is monotonic, wall_s is unix seconds.
 *
 *  - At start, then in every interval, less up to a tenth of it at random: under both keys of the
 *    current hour. After a start the intervals double from a short one, because the network, or our
 *    view of it, still grows.
 *  - Six to ten minutes before the hour: under both keys of the next hour. Clients look there from
 *    the hour on, and clients with a fast clock (up to 300 s) before.
 *  - When the hour has changed and its keys were not used in advance: at once.
 *  - When no node stored the announcement: again within a minute.
 */
#ifndef ANNOUNCER_RENDEZVOUS_H
#define ANNOUNCER_RENDEZVOUS_H

#include <stdbool.h>
#include <stdint.h>

#include "base/seams.h"

#define RENDEZVOUS_POLL_NS (30 * RT_S) /* how often to check whether the wall clock has jumped */
#define RENDEZVOUS_KEYS_MAX 4u

struct rendezvous {
    uint64_t interval_ns;
    uint64_t ahead_s;  /* time before the hour at which the next hour is due */
    uint64_t next_ns;  /* next regular announcement */
    uint64_t hold_ns;  /* no announcement before this */
    uint64_t step_ns;  /* the last interval, while it doubles */
    uint64_t bucket;   /* hour of the last announcement ... */
    uint64_t ahead;    /* ... and the hour announced in advance; 0: none yet */
    bool is_ahead_due; /* the current publication includes the next hour */
};

struct rendezvous_keys {
    uint32_t count;
    uint8_t at[RENDEZVOUS_KEYS_MAX][32]; /* distinct */
};

void rendezvous_init(struct rendezvous *r, uint32_t interval_s, uint64_t random);

/* True: announce now, under these keys; rendezvous_done must follow. */
bool rendezvous_due(struct rendezvous *r, const uint8_t relay_pubkey[32], uint64_t now_ns,
                    uint64_t wall_s, struct rendezvous_keys *out);
/* The publication has ended; stored: the stores of the key with the fewest. */
void rendezvous_done(struct rendezvous *r, uint32_t stored, uint64_t now_ns, uint64_t random);
/* When to call rendezvous_due again. */
uint64_t rendezvous_next_ns(const struct rendezvous *r, uint64_t now_ns);

/* Adds the keys of one hour. */
void rendezvous_add(struct rendezvous_keys *k, const uint8_t relay_pubkey[32], uint64_t bucket);
/* All keys under which clients may look now: those of the final announcement. */
void rendezvous_current(const struct rendezvous *r, const uint8_t relay_pubkey[32], uint64_t wall_s,
                        struct rendezvous_keys *out);

#endif
