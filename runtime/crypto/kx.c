/* SPDX-License-Identifier: MPL-2.0 */
#include "crypto.h"

#include <sodium.h>

void rt_kx_public(const uint8_t secret[32], uint8_t out_public[32])
{
    crypto_scalarmult_base(out_public, secret);
}

bool rt_kx_shared(const uint8_t secret[32], const uint8_t peer_public[32], uint8_t out[32])
{
    return crypto_scalarmult(out, secret, peer_public) == 0;
}
