/* SPDX-License-Identifier: MPL-2.0 */
/*
 * Replaces the signatures and key exchange of runtime/crypto in networks of thousands of relays:
 * the same calls at a thousandth of the cost. Linked in before the room, whose files are then left
 * out. A signature is a keyed hash under the *public* key: it tells right from wrong and keeps
 * nothing secret, so no peer in these worlds forges.
 */
#include <string.h>

#include "crypto/crypto.h"

void rt_sign_key_from_seed(const uint8_t seed[32], struct rt_sign_key *out)
{
    memset(out, 0, sizeof(*out));
    memcpy(out->seed, seed, sizeof(out->seed));
    rt_sha256(seed, 32, out->public_key);
}

static void make(const uint8_t public_key[32], const void *msg, size_t len, uint8_t out[64])
{
    for (int half = 0; half < 2; half++) {
        uint64_t h = rt_siphash(public_key + 16 * half, msg, len);

        for (int i = 0; i < 4; i++)
            memcpy(out + 32 * half + 8 * i, &h, sizeof(h));
    }
}

void rt_sign(const struct rt_sign_key *k, const void *msg, size_t len, uint8_t out_sig[64])
{
    make(k->public_key, msg, len, out_sig);
}

bool rt_sign_verify(const uint8_t public_key[32], const void *msg, size_t len,
                    const uint8_t sig[64])
{
    uint8_t right[64];

    make(public_key, msg, len, right);
    return memcmp(right, sig, sizeof(right)) == 0;
}

void rt_kx_public(const uint8_t secret[32], uint8_t out_public[32])
{
    memcpy(out_public, secret, 32);
}

bool rt_kx_shared(const uint8_t secret[32], const uint8_t peer_public[32], uint8_t out[32])
{
    for (int i = 0; i < 32; i++)
        out[i] = secret[i] ^ peer_public[i];
    return true;
}
