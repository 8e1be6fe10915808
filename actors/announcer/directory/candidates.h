/* SPDX-License-Identifier: MPL-2.0 */
/*
 * Relays with a verified announcement that we have not reached yet. They wait here to be dialled.
 * The addresses of an announcement are dialled in turn until one answers with the relay's key.
 *
 * Keys are free, so anyone can announce any address. Limits prevent port scans through us.
 * LIM_RELAY_DIALS_PER_S addresses are dialled a second (in each dialect, until one is accepted).
 * At most LIM_RELAY_DIALS_MAX dials are under way, one per IPv4 /24 or IPv6 /48. An address without
 * the expected answer is not dialled for a minute, doubling up to an hour. This applies to all
 * announcements of the address. At most LIM_RELAY_CANDIDATES wait; more newcomers are dropped.
 * Pure.
 */
#ifndef ANNOUNCER_CANDIDATES_H
#define ANNOUNCER_CANDIDATES_H

#include "announcer/directory/forms.h"

struct candidates;

struct candidates *candidates_new(const uint8_t hash_key[16]);
void candidates_free(struct candidates **c);

/* True: a is not needed. The relay already has the same or a newer announcement of this form, or is
 * under way with other addresses. */
bool candidates_has(const struct candidates *c, const struct wire_announcement *a);

/* Adds a, encoded in bytes (moved). It replaces an older announcement of its form and all of the
 * same relay that name other addresses. False: candidates_has, too many wait, or no address can be
 * tried now. */
bool candidates_offer(struct candidates *c, const struct wire_announcement *a,
                      struct relay_slice bytes, uint64_t now_ns);

/* An address to be dialled now, with the key that must answer; it must be ended. False: none, or
 * not yet. */
bool candidates_next(struct candidates *c, uint64_t now_ns, struct wire_peer_hop *out);
/* When to ask again, after it said no; UINT64_MAX: not before a dial has ended, or one was offered.
 */
uint64_t candidates_next_ns(const struct candidates *c, uint64_t now_ns);

enum candidate_end {
    CANDIDATE_THERE,    /* the relay itself has answered */
    CANDIDATE_SILENT,   /* nobody, or somebody else: the address is remembered */
    CANDIDATE_NOT_OURS, /* an address that we do not dial: not remembered */
    CANDIDATE_LATER,    /* we had no room for the call */
};
/* The dial has ended. True (and its announcements in *out_forms, moved): the relay was reached. */
bool candidates_ended(struct candidates *c, const struct wire_peer_hop *hop, enum candidate_end how,
                      uint64_t now_ns, struct announcement_forms *out_forms);

/* Drops a relay that waits; one under way stays until its dial ends. True: it was there. */
bool candidates_drop(struct candidates *c, const uint8_t key[32]);

uint32_t candidates_count(const struct candidates *c);

#endif
