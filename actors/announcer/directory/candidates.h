/* SPDX-License-Identifier: MPL-2.0 */
/*
 * Relays with a verified announcement that have not been reached yet. The addresses of an
 * announcement are dialled in turn until one authenticates with the relay's key. Pure.
 *
 * Keys are free, so anyone can announce any address. Limits prevent port scans through us:
 *  - LIM_RELAY_DIALS_PER_S addresses are dialled a second (in each dialect, until one is accepted).
 *  - At most LIM_RELAY_DIALS_MAX dials are under way, one per IPv4 /24 or IPv6 /48.
 *  - An unreachable address is not dialled for a minute, doubling up to an hour, whichever
 *    announcement names it.
 *  - At most LIM_RELAY_CANDIDATES candidates are held; more newcomers are dropped.
 */
#ifndef ANNOUNCER_CANDIDATES_H
#define ANNOUNCER_CANDIDATES_H

#include "announcer/directory/forms.h"

struct candidates;

struct candidates *candidates_new(const uint8_t hash_key[16]);
void candidates_free(struct candidates **c);

/* True: the announcement is not needed. The candidate has the same or a newer one of this form, or
 * is being dialled at other addresses. */
bool candidates_has(const struct candidates *c, const struct wire_announcement *a);

/* Adds an announcement, encoded in bytes (moved). It replaces an older one of its form, and all
 * announcements of the relay that name other addresses. False: candidates_has is true, too many
 * candidates are held, or no address can be dialled now. */
bool candidates_offer(struct candidates *c, const struct wire_announcement *a,
                      struct relay_slice bytes, uint64_t now_ns);

/* The next address to dial, with the expected key. candidates_dial_ended must follow. False: none
 * is due. */
bool candidates_next(struct candidates *c, uint64_t now_ns, struct wire_peer_hop *out);
/* When the next address is due, after candidates_next returned false. UINT64_MAX: not before a dial
 * ends or a candidate is offered. */
uint64_t candidates_next_ns(const struct candidates *c, uint64_t now_ns);

enum candidate_result {
    CANDIDATE_REACHED,       /* the relay authenticated with its key */
    CANDIDATE_UNREACHABLE,   /* no reply, or another key: the address is remembered */
    CANDIDATE_NOT_DIALLABLE, /* no transport for the address, or our own: not remembered */
    CANDIDATE_POSTPONED,     /* the DHT had no room for the dial */
};
/* A dial has ended. True: the relay was reached and is no candidate any more; its announcements are
 * moved to *out_forms. */
bool candidates_dial_ended(struct candidates *c, const struct wire_peer_hop *hop,
                           enum candidate_result result, uint64_t now_ns,
                           struct announcement_forms *out_forms);

/* Drops a candidate, except while it is being dialled. True: the relay was a candidate. */
bool candidates_drop(struct candidates *c, const uint8_t key[32]);

uint32_t candidates_count(const struct candidates *c);

#endif
