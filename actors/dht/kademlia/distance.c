/* SPDX-License-Identifier: MPL-2.0 */
#include "dht/kademlia/distance.h"

uint32_t dht_common_bits(const uint8_t a[20], const uint8_t b[20])
{
    for (uint32_t i = 0; i < 20; i++) {
        uint8_t differ = a[i] ^ b[i];

        if (differ != 0)
            return 8 * i + (uint32_t)__builtin_clz(differ) - 24;
    }
    return 160;
}

int dht_closer(const uint8_t target[20], const uint8_t a[20], const uint8_t b[20])
{
    for (uint32_t i = 0; i < 20; i++) {
        int x = a[i] ^ target[i], y = b[i] ^ target[i];

        if (x != y)
            return x - y;
    }
    return 0;
}
