/* SPDX-License-Identifier: MPL-2.0 */
/*
 * The two forms of an announcement (protocol: Announcements). The signature covers 5 capability
 * fields, which nodes of dialect A verify, or 8, which nodes of B and C verify. This relay makes
 * both. The form of a verified announcement is capabilities.has_community_fields.
 *
 * struct announcement_forms holds the newest announcement of one relay in each form. All held
 * announcements name the same addresses. Pure; a zeroed struct is empty.
 */
#ifndef ANNOUNCER_FORMS_H
#define ANNOUNCER_FORMS_H

#include "abi/relay_buf.h"
#include "wire_announce.h"
#include "wire_dialect.h"

enum announcement_form {
    ANNOUNCEMENT_FORM_5,
    ANNOUNCEMENT_FORM_8,
    ANNOUNCEMENT_FORMS, /* their number */
};

enum announcement_form announcement_form(const struct wire_announcement *a);
/* The form that nodes of this dialect verify. */
enum announcement_form announcement_form_in(enum wire_dialect d);
/* The dialects whose nodes verify this form. */
uint8_t announcement_form_dialects(enum announcement_form form);

/* A hash of the addresses that does not depend on their order. */
uint64_t announcement_addrs_hash(const uint8_t hash_key[16], const struct wire_announcement *a);

struct announcement_held {
    uint64_t issued_at, expires_at; /* unix seconds */
    struct relay_slice bytes;       /* encoded; owner NULL: no announcement of this form */
};

struct announcement_forms {
    uint64_t addrs_hash; /* of all held announcements */
    struct announcement_held at[ANNOUNCEMENT_FORMS];
};

enum forms_verdict {
    FORMS_OLD,   /* not newer than the held one of its form; or other addresses and not newest */
    FORMS_NEWER, /* newer in its form, with the same addresses */
    FORMS_MOVED, /* newer than all held ones, with other addresses */
};
enum forms_verdict forms_judge(const struct announcement_forms *f,
                               const struct wire_announcement *a, uint64_t addrs_hash);

/* Stores a, encoded in bytes (moved). Replaces the held one of its form and all that name other
 * addresses. */
void forms_put(struct announcement_forms *f, const struct wire_announcement *a, uint64_t addrs_hash,
               struct relay_slice bytes);
bool forms_has(const struct announcement_forms *f, enum announcement_form form);
bool forms_is_empty(const struct announcement_forms *f);
void forms_drop_one(struct announcement_forms *f, enum announcement_form form);
void forms_drop(struct announcement_forms *f);

#endif
