/* SPDX-License-Identifier: MPL-2.0 */
/* Shared by the two halves of value_check.h: kinds that are CBOR maps (value_check.c), and kinds
 * with a tag (value_check_tagged.c). */
#ifndef DHT_VALUE_CHECK_PRIVATE_H
#define DHT_VALUE_CHECK_PRIVATE_H

#include "dht/value_store/value_check.h"
#include <string.h>

/* A value under check. sub not NULL: the value is stored under this sub and is only decoded. */
struct check {
    const uint8_t *key, *sub;
    uint64_t now_s;
    uint8_t *copy;
    uint32_t len;
    uint8_t *room; /* buffer for an encoding of the decoded value */
    size_t room_len;
    struct dht_checked *out;
};

static inline bool check_has_key(const struct check *c, const uint8_t expected[32])
{
    return memcmp(c->key, expected, 32) == 0;
}

/* True: pubkey signed the bytes that w has written into the room, or the value is only decoded. */
bool check_is_signed(const struct check *c, struct wire_writer *w, const uint8_t pubkey[32],
                     const uint8_t signature[64]);

bool check_tagged(struct check *c);

#endif
