/* SPDX-License-Identifier: MPL-2.0 */
/*
 * The cryptographic primitives the protocol names, over libsodium, and BLAKE3. No protocol
 * knowledge, no state but libsodium's own; any thread after rt_crypto_init.
 */
#ifndef RT_CRYPTO_H
#define RT_CRYPTO_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/err.h"

/* Once, before threads start. */
RT_MUST_CHECK rt_err rt_crypto_init(void);

/* -- hash -- */
void rt_sha256(const void *in, size_t len, uint8_t out[32]);
/* Two parts, hashed as one. */
void rt_sha256_2(const void *a, size_t a_len, const void *b, size_t b_len, uint8_t out[32]);
void rt_blake3(const void *in, size_t len, uint8_t out[32]);
/* BLAKE3 derive_key mode; context is an ASCII string. */
void rt_blake3_derive_key(const char *context, const void *in, size_t len, uint8_t out[32]);
/* SipHash-2-4, for keyed tables. */
uint64_t rt_siphash(const uint8_t key[16], const void *in, size_t len);

/* -- Ed25519 (RFC 8032) -- */
struct rt_sign_key {
    uint8_t seed[32];
    uint8_t public_key[32];
    uint8_t expanded[64]; /* libsodium's secret key form */
};
void rt_sign_key_from_seed(const uint8_t seed[32], struct rt_sign_key *out);
void rt_sign(const struct rt_sign_key *k, const void *msg, size_t len, uint8_t out_sig[64]);
bool rt_sign_verify(const uint8_t public_key[32], const void *msg, size_t len,
                    const uint8_t sig[64]);

/* -- X25519 (RFC 7748) -- */
void rt_kx_public(const uint8_t secret[32], uint8_t out_public[32]);
/* False when the result is all zero (a point of small order). */
bool rt_kx_shared(const uint8_t secret[32], const uint8_t peer_public[32], uint8_t out[32]);

/* First 20 bytes of SHA-256(public key). */
void rt_node_id(const uint8_t public_key[32], uint8_t out[20]);

bool rt_equal_ct(const void *a, const void *b, size_t len); /* in constant time */
void rt_wipe(void *p, size_t len);
/* Lower-case hex; out has room for 2 * len + 1. */
void rt_hex(const void *in, size_t len, char *out);

#endif
