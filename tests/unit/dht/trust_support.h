/* SPDX-License-Identifier: MPL-2.0 */
/*
 * Shared by the tests of trust.c: keys by number, signed records, a module with recorded reports,
 * and assertions on the chain of key 0.
 */
#ifndef TRUST_SUPPORT_H
#define TRUST_SUPPORT_H

#include "support.h"

#include "dht/kademlia/trust.h"
#include "wire_community.h"

#define TRUST_KEYS 24u
#define BIT(n) (1u << (n))
#define FIRST(n) (BIT(n) - 1) /* keys 0 to n - 1 */

extern uint64_t trust_rng;

struct trust_record {
    uint8_t key[32]; /* in the DHT */
    uint32_t len;
    uint8_t bytes[512];
};

/* A group's setup: keys. */
int trust_setup(void **state);
const uint8_t *trust_pub(uint32_t n);

/* -- records; without a time issued at NOW_S -- */
struct wire_rotation trust_signed_rotation(uint32_t old, uint32_t new, uint64_t seq,
                                           uint64_t issued_at);
struct wire_revocation trust_signed_revocation(uint32_t key, uint64_t issued_at);
struct trust_record trust_encode_rotation(const struct wire_rotation *r);
struct trust_record trust_encode_revocation(const struct wire_revocation *r);
struct trust_record trust_rotation_at(uint32_t old, uint32_t new, uint64_t seq, uint64_t issued_at);
struct trust_record trust_rotation(uint32_t old, uint32_t new, uint64_t seq);
struct trust_record trust_revocation_at(uint32_t key, uint64_t issued_at);
struct trust_record trust_revocation(uint32_t key);
bool trust_note(struct dht_trust *t, struct trust_record r);

/* -- reports of the module since trust_empty: rows on disk, and the last judgement -- */
struct trust_seen {
    uint32_t rows, judged, drops;
    struct trust_record row[64];
    enum dht_trust_verdict verdict;
    uint8_t root[32], key[32];
};
extern struct trust_seen trust_seen;

struct dht_trust *trust_empty(void);  /* not begun */
struct dht_trust *trust_pinned(void); /* key 0 is pinned; begun */

/* Asserts that the pin's chain is sound and exactly these keys are accepted. */
void trust_expect_accepted(const struct dht_trust *t, uint32_t mask);
/* Asserts that no key is accepted. */
void trust_expect_void(const struct dht_trust *t, enum dht_trust_verdict why);

#endif
