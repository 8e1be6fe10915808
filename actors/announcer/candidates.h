/* SPDX-License-Identifier: MPL-2.0 */
/*
 * Relays whose announcement is signed but whom we have not reached: they wait here to be dialled,
 * an announcement's addresses one after the other, until one answers with the relay's key.
 *
 * Keys are free, so an announcement is a stranger's word, and dialling must not make us anybody's
 * port scanner: LIM_RELAY_DIALS_PER_S addresses a second (in each dialect, until one is accepted),
 * LIM_RELAY_DIALS_MAX at once, one at a time per IPv4 /24 or IPv6 /48, and an address that did not
 * answer as it should is left alone for a minute, then for twice that and so on up to an hour,
 * whichever announcements name it. At most LIM_RELAY_CANDIDATES wait; past
 * that newcomers are dropped. Pure.
 */
#ifndef ANNOUNCER_CANDIDATES_H
#define ANNOUNCER_CANDIDATES_H

#include "announcer/forms.h"

struct candidates;

struct candidates *candidates_new(const uint8_t hash_key[16]);
void candidates_free(struct candidates **c);

/* Whether a is of no use beside what waits already: this one or a newer one of its form, or one
 * under way that names other addresses. */
bool candidates_has(const struct candidates *c, const struct wire_announcement *a);

/* a, encoded in bytes (moved). It is kept beside the other form of the same relay, and replaces an
 * older one of its form and those that name other addresses. False: candidates_has, too many wait,
 * or there is no address to try now. */
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
