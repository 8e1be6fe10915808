/* SPDX-License-Identifier: MPL-2.0 */
#include "ip.h"

#include <string.h>

static const uint8_t local_nat64[6] = {0x00, 0x64, 0xff, 0x9b, 0x00, 0x01};

bool rt_ip6_inner_v4(const uint8_t ip[16], uint8_t out_v4[4])
{
    static const uint8_t mapped[12] = {[10] = 0xff, [11] = 0xff};
    static const uint8_t nat64[12] = {0x00, 0x64, 0xff, 0x9b};

    if (memcmp(ip, mapped, sizeof(mapped)) == 0 || memcmp(ip, nat64, sizeof(nat64)) == 0 ||
        memcmp(ip, local_nat64, sizeof(local_nat64)) == 0) {
        memcpy(out_v4, ip + 12, 4);
        return true;
    }
    if (ip[0] == 0x20 && ip[1] == 0x02) {
        memcpy(out_v4, ip + 2, 4);
        return true;
    }
    return false;
}

bool rt_ip6_is_local_translated(const uint8_t ip[16])
{
    static const uint8_t zeros[6];

    return memcmp(ip, local_nat64, sizeof(local_nat64)) == 0 &&
           memcmp(ip + 6, zeros, sizeof(zeros)) != 0;
}
