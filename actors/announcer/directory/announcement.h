/* SPDX-License-Identifier: MPL-2.0 */
/*
 * Single announcements: makes and signs ours, checks and copies those of other relays in canonical
 * form. Pure.
 */
#ifndef ANNOUNCER_ANNOUNCEMENT_H
#define ANNOUNCER_ANNOUNCEMENT_H

#include "abi/relay_buf.h"
#include "announcer/directory/addresses.h"
#include "announcer/directory/forms.h"
#include "crypto/crypto.h"
#include "wire_announce.h"

/* The fields of our announcement apart from the addresses. */
struct announcement_fields {
    enum announcement_form form;
    uint16_t max_tunnels;
    enum wire_bandwidth bandwidth;
    uint64_t issued_at, expires_at; /* unix seconds */
};

/* Our announcement, signed and encoded; owner NULL: no memory. addrs has at least one. */
struct relay_slice announcement_make(const struct rt_sign_key *identity,
                                     const struct announcer_addrs *addrs,
                                     const struct announcement_fields *of);

/* The fields are valid and current, and the number of addresses is within the limit. Does not check
 * the signature. */
bool announcement_is_sound(const struct wire_announcement *a, uint64_t now_s);
/* Verifies the signature in both forms, however many fields were sent. True: one is valid, and *a
 * is set to that form. */
bool announcement_verify(struct wire_announcement *a);

/* The canonical encoding with the fields of a's form; owner NULL: too large, or no memory. */
struct relay_slice announcement_encode(const struct wire_announcement *a);

/* Decodes an encoded announcement. *out points into room. */
#define ANNOUNCEMENT_ROOM LIM_RELAY_BYTES_MAX
bool announcement_read(const struct relay_slice *encoded, uint8_t room[ANNOUNCEMENT_ROOM],
                       struct wire_announcement *out);

#endif
