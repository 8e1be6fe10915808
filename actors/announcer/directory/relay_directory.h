/* SPDX-License-Identifier: MPL-2.0 */
/*
 * The relays that this relay knows: those that it lists, the candidates that it still has to dial,
 * and the revoked keys. Decides how an announcement or a revocation changes them. Pure: now_ns is
 * monotonic, now_s is unix seconds.
 *
 * Invariants: a relay is listed only after it was reached with the announced key. A revoked key is
 * neither listed nor a candidate that waits.
 */
#ifndef ANNOUNCER_RELAY_DIRECTORY_H
#define ANNOUNCER_RELAY_DIRECTORY_H

#include "announcer/directory/candidates.h"
#include "announcer/directory/relay_list.h"
#include "announcer/directory/revoked.h"

struct relay_directory {
    struct relay_list *list;
    struct candidates *candidates;
    struct revoked_keys *revoked;
};

void directory_init(struct relay_directory *d, const uint8_t hash_key[16],
                    uint64_t (*random)(void *ctx), void *random_ctx);
void directory_fini(struct relay_directory *d);

/* How to treat an announcement, by the form that was sent. RELAY_IGNORE also if the key is revoked
 * or if the candidates do not need the announcement. */
enum relay_verdict directory_judge(const struct relay_directory *d,
                                   const struct wire_announcement *a, uint64_t now_s);

/* Adds an announcement with a valid signature: renews a listed relay or adds a candidate. True: the
 * relay is listed, and its announcement was renewed. */
bool directory_add(struct relay_directory *d, const struct wire_announcement *a, uint64_t now_ns,
                   uint64_t now_s);

/* Lists the candidate that was dialled and reached at `at` and speaks these dialects. Returns the
 * set of the forms that were listed, bit 1 << form each. A revoked candidate is dropped instead. */
uint32_t directory_admit(struct relay_directory *d, const struct wire_peer_hop *at,
                         uint8_t dialects, uint64_t now_ns, uint64_t now_s);

/* The key is revoked: the relay is dropped from the list and from the waiting candidates. True: it
 * was listed. */
bool directory_revoke(struct relay_directory *d, const uint8_t key[32]);

#endif
