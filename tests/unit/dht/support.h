/* SPDX-License-Identifier: MPL-2.0 */
/*
 * Shared by the tests of this room: numbers from a printed seed, addresses, keys of shares and
 * relays, and values of every kind as clients write them.
 */
#ifndef TEST_DHT_SUPPORT_H
#define TEST_DHT_SUPPORT_H

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/budget.h"
#include "crypto/crypto.h"
#include "dht/address/addr.h"
#include "dht/value_store/value_check.h"
#include "wire_announce.h"
#include "wire_value.h"

#define NOW_S UINT64_C(1770000000)

/* A splitmix64 sequence; dht_random-shaped, with the state as ctx. */
uint64_t test_random(void *ctx);
/* A group's setup: crypto, the byte budget. */
int test_setup(void **state);

/* TCP at 11.x.y.z:7001 for ip 0x0bxxyyzz; no key. */
struct wire_peer_hop test_hop(uint32_t ip, uint16_t port);
/* With a key that only this number has. */
struct wire_peer_hop test_node(uint32_t ip, uint32_t number);
void test_key(uint32_t number, uint8_t out[32]);
/* A key whose node id has exactly `bits` bits in common with self. */
void test_key_at(const uint8_t self_id[20], uint32_t bits, uint64_t *rng, uint8_t out[32]);

/* A value with the key it belongs under. */
struct test_value {
    uint8_t key[32];
    uint32_t len;
    uint8_t bytes[4096];
};

void test_sign_key(uint32_t number, struct rt_sign_key *out);
/* A share's head, signed by the share's key. */
void test_head(const struct rt_sign_key *share, uint64_t seq, uint64_t updated_at,
               struct test_value *out);
/* The share's signed manifest of this seq; title_len fills it up. */
void test_manifest(const struct rt_sign_key *share, uint64_t seq, uint32_t title_len,
                   struct test_value *out);
/* ... with a signature by another key, under the id that all of it has. */
void test_manifest_by(const struct rt_sign_key *share, const struct rt_sign_key *signer,
                      uint64_t seq, uint32_t title_len, struct test_value *out);
/* ... and that id. */
void test_manifest_with_id(const struct rt_sign_key *share, uint64_t seq, uint32_t title_len,
                           struct test_value *out, uint8_t out_id[32]);
/* kind: PROVIDERS or MEMBERS. */
void test_set(enum wire_value_kind kind, uint8_t id, const struct wire_peer *peers, uint32_t count,
              uint64_t updated_at, struct test_value *out);
/* An announcement at `which` of its two keys in the bucket of issued_at + later_s. */
void test_announcement(const struct rt_sign_key *relay, const struct wire_peer *addrs,
                       uint32_t count, uint64_t issued_at, uint8_t which, int64_t later_s,
                       struct test_value *out);
/* ... signed over 8 fields or 5, and sent with 8 or 5. */
void test_announcement_of(const struct rt_sign_key *relay, const struct wire_peer *addr,
                          uint64_t issued_at, bool is_signed_over_8, bool is_sent_with_8,
                          struct test_value *out);

/* Checked as of now_s; asserts that it passes. */
struct dht_checked test_checked(const struct test_value *v, uint64_t now_s);

#endif
