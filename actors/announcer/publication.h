/* SPDX-License-Identifier: MPL-2.0 */
/*
 * One publication of our announcements: every key in every form, and how often it was stored. A
 * dialect without nodes is no failure, so the stores of a key count over both forms; a node that
 * takes both counts twice. Pure.
 */
#ifndef ANNOUNCER_PUBLICATION_H
#define ANNOUNCER_PUBLICATION_H

#include "announcer/forms.h"
#include "announcer/rendezvous.h"

struct publication {
    struct rendezvous_keys keys;
    uint32_t stored[RENDEZVOUS_KEYS_MAX]; /* by key */
    uint32_t pending;                     /* requests, those of a replaced publication included */
};

/* Begins with ANNOUNCEMENT_FORMS requests for each of the keys; replaces one that is pending. */
void publication_begin(struct publication *p, const struct rendezvous_keys *keys);
/* A request was answered. True: it was the last one. */
bool publication_ended(struct publication *p, const uint8_t key[32], uint32_t stored);
/* The stores of the key that has the fewest. */
uint32_t publication_fewest(const struct publication *p);

#endif
