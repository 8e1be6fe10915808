/* SPDX-License-Identifier: MPL-2.0 */
/*
 * One publication of our announcements: every key in every form, with its number of stores. A
 * dialect without nodes is not a failure, so the stores of a key are summed over both forms. A node
 * that stores both forms counts twice. Pure.
 */
#ifndef ANNOUNCER_PUBLICATION_H
#define ANNOUNCER_PUBLICATION_H

#include "announcer/directory/forms.h"
#include "announcer/directory/rendezvous.h"

struct publication {
    struct rendezvous_keys keys;
    uint32_t stored[RENDEZVOUS_KEYS_MAX]; /* by key */
    uint32_t pending;                     /* requests, including those of a replaced publication */
};

/* Begins with ANNOUNCEMENT_FORMS requests for each of the keys; replaces a pending publication. */
void publication_begin(struct publication *p, const struct rendezvous_keys *keys);
/* A request has ended. True: it was the last one. */
bool publication_ended(struct publication *p, const uint8_t key[32], uint32_t stored);
/* The stores of the key with the fewest. */
uint32_t publication_fewest(const struct publication *p);

#endif
