/* SPDX-License-Identifier: MPL-2.0 */
/* Kademlia's XOR distance between node ids and keys of 20 bytes. Pure. */
#ifndef DHT_DISTANCE_H
#define DHT_DISTANCE_H

#include <stdint.h>

/* The number of leading bits that a and b have in common, 0 to 160. */
uint32_t dht_common_bits(const uint8_t a[20], const uint8_t b[20]);
/* Compares like memcmp: below 0 if a is closer to target than b. */
int dht_closer(const uint8_t target[20], const uint8_t a[20], const uint8_t b[20]);

#endif
