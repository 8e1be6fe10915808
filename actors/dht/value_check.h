/* SPDX-License-Identifier: MPL-2.0 */
/*
 * Whether a value may stand under a key (protocol: DHT, the table of values): one of the five
 * kinds, decodable, under the key that its content names, with what can be verified of it alone.
 * Pure.
 */
#ifndef DHT_VALUE_CHECK_H
#define DHT_VALUE_CHECK_H

#include "base/refusal.h"
#include "wire_value.h"

/* What two values under one key are compared by; `first` counts before `second`. */
struct dht_rank {
    enum wire_value_kind kind;
    uint64_t first, second;
};

#define DHT_SCRATCH_BYTES                                                                          \
    (5u * 64u * 1024u) /* what a check needs: a copy, and a manifest's encodings */

/*
 * Checks len <= LIM_VALUE_MAX bytes of value against key. scratch: DHT_SCRATCH_BYTES, overwritten;
 * the value itself is not changed. NONE and *out, or STORE_VALUE.
 */
enum rt_refusal dht_value_check(const uint8_t key[32], const uint8_t *value, uint32_t len,
                                uint8_t *scratch, struct dht_rank *out);

#endif
