/* SPDX-License-Identifier: MPL-2.0 */
/* The parts of value_check.h, which is one module split by size. value_check.c has the kinds that
 * are CBOR maps and calls value_check_tagged.c, which has the kinds with a tag. */
#ifndef DHT_VALUE_CHECK_PRIVATE_H
#define DHT_VALUE_CHECK_PRIVATE_H

#include <string.h>

#include "crypto/crypto.h"
#include "dht/value_store/value_check.h"

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
static inline bool check_is_signed(const struct check *c, struct wire_writer *w,
                                   const uint8_t pubkey[32], const uint8_t signature[64])
{
    bool fits;
    size_t len = wire_writer_len(w, &fits);

    return c->sub || (fits && rt_sign_verify(pubkey, c->room, len, signature));
}

bool check_tagged(struct check *c);

#endif
