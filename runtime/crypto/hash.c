/* SPDX-License-Identifier: MPL-2.0 */
#include "crypto.h"

#include <sodium.h>

rt_err rt_crypto_init(void)
{
    return sodium_init() < 0 ? RT_ERR_SYSTEM : RT_ERR_OK;
}

void rt_sha256(const void *in, size_t len, uint8_t out[32])
{
    crypto_hash_sha256(out, in, len);
}

void rt_sha256_2(const void *a, size_t a_len, const void *b, size_t b_len, uint8_t out[32])
{
    crypto_hash_sha256_state state;
    crypto_hash_sha256_init(&state);
    crypto_hash_sha256_update(&state, a, a_len);
    crypto_hash_sha256_update(&state, b, b_len);
    crypto_hash_sha256_final(&state, out);
}

uint64_t rt_siphash(const uint8_t key[16], const void *in, size_t len)
{
    uint8_t out[crypto_shorthash_siphash24_BYTES];
    crypto_shorthash_siphash24(out, in, len, key);
    uint64_t hash = 0;
    for (size_t i = 0; i < sizeof out; i++)
        hash |= (uint64_t)out[i] << (8 * i);
    return hash;
}
