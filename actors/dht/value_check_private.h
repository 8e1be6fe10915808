/* SPDX-License-Identifier: MPL-2.0 */
/* What the two halves of value_check.h share: kinds that are CBOR maps (value_check.c), and kinds
 * with a tag (value_check_tagged.c). */
#ifndef DHT_VALUE_CHECK_PRIVATE_H
#define DHT_VALUE_CHECK_PRIVATE_H

#include "dht/value_check.h"

/* A value under check. With sub not NULL it is only read, and sub is what it is kept under. */
struct check {
    const uint8_t *key, *sub;
    uint64_t now_s;
    uint8_t *copy;
    uint32_t len;
    uint8_t *room; /* for any encoding of what is decoded */
    size_t room_len;
    struct dht_checked *out;
};

static inline bool check_has_key(const struct check *c, const uint8_t expected[32])
{
    return memcmp(c->key, expected, 32) == 0;
}

/* Whether the key's owner signed what w, which writes into the room, has written; true when the
 * value is only read. */
bool check_is_signed(const struct check *c, struct wire_writer *w, const uint8_t pubkey[32],
                     const uint8_t signature[64]);

bool check_tagged(struct check *c);

#endif
