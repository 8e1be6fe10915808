/* SPDX-License-Identifier: MPL-2.0 */
#include "crypto.h"

#include <string.h>

#include <sodium.h>

void rt_node_id(const uint8_t public_key[32], uint8_t out[20])
{
    uint8_t hash[32];
    rt_sha256(public_key, 32, hash);
    memcpy(out, hash, 20);
}

bool rt_equal_ct(const void *a, const void *b, size_t len)
{
    return sodium_memcmp(a, b, len) == 0;
}

void rt_wipe(void *p, size_t len)
{
    sodium_memzero(p, len);
}

void rt_hex(const void *in, size_t len, char *out)
{
    sodium_bin2hex(out, 2 * len + 1, in, len);
}
