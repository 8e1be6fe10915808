/* SPDX-License-Identifier: MPL-2.0 */
#include "session/ledger.h"

#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>

#include "base/check.h"
#include "crypto/crypto.h"
#include "session/session_limits.h"

#define WAYS 8u
#define SETS (LIM_NONCE_ENTRIES / WAYS)
#define TIME_BITS 24u
#define TIME_MASK ((UINT64_C(1) << TIME_BITS) - 1)

_Static_assert((SETS & (SETS - 1)) == 0, "a set is chosen by mask");

/* An entry: fingerprint in the upper 40 bits, seconds + 1 in the lower 24; 0: empty. */
struct session_ledger {
    uint8_t hash_key[16];
    _Atomic uint64_t *entries;
};

struct session_ledger *session_ledger_new(const uint8_t hash_key[16])
{
    struct session_ledger *l = calloc(1, sizeof(*l));

    RT_INSIST(l != NULL);
    memcpy(l->hash_key, hash_key, sizeof(l->hash_key));
    l->entries = calloc(LIM_NONCE_ENTRIES, sizeof(*l->entries));
    RT_INSIST(l->entries != NULL);
    return l;
}

void session_ledger_free(struct session_ledger **l)
{
    if (*l) {
        free((void *)(*l)->entries);
        free(*l);
        *l = NULL;
    }
}

/* Seconds since the entry was made; the clock's low bits wrap after half a year. */
static uint64_t age_s(uint64_t entry, uint64_t stamp)
{
    return entry ? (stamp - entry) & TIME_MASK : TIME_MASK;
}

bool session_ledger_insert(struct session_ledger *l, const uint8_t nonce[32], uint64_t now_s)
{
    uint64_t h = rt_siphash(l->hash_key, nonce, 32);
    _Atomic uint64_t *set = &l->entries[(h & (SETS - 1)) * WAYS];
    uint64_t stamp = (now_s + 1) & TIME_MASK;
    uint64_t mine = (h & ~TIME_MASK) | (stamp ? stamp : 1);

    for (;;) {
        uint64_t oldest = 0, oldest_age = 0;
        uint32_t victim = 0;

        for (uint32_t i = 0; i < WAYS; i++) {
            uint64_t e = atomic_load_explicit(&set[i], memory_order_relaxed);
            uint64_t age = age_s(e, stamp);

            if (e && (e & ~TIME_MASK) == (mine & ~TIME_MASK) && age <= LIM_NONCE_S)
                return false;
            if (i == 0 || age > oldest_age) {
                victim = i;
                oldest = e;
                oldest_age = age;
            }
        }
        if (atomic_compare_exchange_strong_explicit(&set[victim], &oldest, mine,
                                                    memory_order_relaxed, memory_order_relaxed))
            return true;
    }
}
