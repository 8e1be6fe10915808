/* SPDX-License-Identifier: MPL-2.0 */
/*
 * Hello nonces seen within the last LIM_NONCE_S seconds: a replayed ClientHello is refused.
 *
 * A set-associative table of LIM_NONCE_ENTRIES keyed fingerprints (57 bits) with the second they
 * came in; a full set forgets its oldest, which is safe because a replayed hello cannot pass the
 * ack. Constant memory. One per relay, any worker: every entry is one relaxed atomic; two workers
 * that insert the same nonce at once race for the same (oldest) entry, and the loser looks again.
 */
#ifndef SESSION_LEDGER_H
#define SESSION_LEDGER_H

#include <stdbool.h>
#include <stdint.h>

struct session_ledger;

struct session_ledger *session_ledger_new(const uint8_t hash_key[16]);
void session_ledger_free(struct session_ledger **l);

/* Remembers nonce at now_s (mono seconds); false: it was seen within LIM_NONCE_S. */
bool session_ledger_insert(struct session_ledger *l, const uint8_t nonce[32], uint64_t now_s);

#endif
