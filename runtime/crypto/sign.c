/* SPDX-License-Identifier: MPL-2.0 */
#include "crypto.h"

#include <string.h>

#include <sodium.h>

_Static_assert(sizeof(((struct rt_sign_key *)0)->expanded) == crypto_sign_SECRETKEYBYTES,
               "libsodium's secret key fits");

void rt_sign_key_from_seed(const uint8_t seed[32], struct rt_sign_key *out)
{
    memcpy(out->seed, seed, sizeof out->seed);
    crypto_sign_seed_keypair(out->public_key, out->expanded, out->seed);
}

void rt_sign(const struct rt_sign_key *k, const void *msg, size_t len, uint8_t out_sig[64])
{
    crypto_sign_detached(out_sig, NULL, msg, len, k->expanded);
}

bool rt_sign_verify(const uint8_t public_key[32], const void *msg, size_t len,
                    const uint8_t sig[64])
{
    return crypto_sign_verify_detached(sig, msg, len, public_key) == 0;
}
