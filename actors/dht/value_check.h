/* SPDX-License-Identifier: MPL-2.0 */
/*
 * Whether a value may stand under a key (protocol: DHT, the table of values): one of the five
 * kinds, decodable, under the key that its content names, with what can be verified of it alone:
 * a manifest's id, an announcement's signature and time. A share head's signature can be verified
 * only by who knows the share's key: see values.h. Pure.
 */
#ifndef DHT_VALUE_CHECK_H
#define DHT_VALUE_CHECK_H

#include "base/refusal.h"
#include "wire_value.h"

/* What a value says of itself, as far as the store must know. */
struct dht_checked {
    enum wire_value_kind kind;
    /* Two values under one key (and sub) are compared by these; `first` counts before `second`. */
    uint64_t first, second;
    /* Announcements: the relay's key, the network of its first public address (0: none), and when
     * it ends, unix seconds. */
    uint8_t sub[32];
    uint64_t net;
    uint64_t expires_at; /* other kinds: UINT64_MAX */
    uint32_t peers;      /* Providers and CommunityMembers: entries */
    /* Share heads. */
    struct wire_share_head head;
    /* Manifests: is_proven says that share_id is the hash of share_pubkey, and that the latter
     * signed the manifest. */
    bool is_proven;
    uint8_t share_id[32], share_pubkey[32];
};

/*
 * Checks a value (changed by nobody; a copy is decoded) as of now_s, unix seconds. NONE and *out;
 * or STORE_VALUE, or MEMORY.
 */
enum rt_refusal dht_value_check(const uint8_t key[32], const uint8_t *value, uint32_t len,
                                uint64_t now_s, struct dht_checked *out);

/* The same for a value that was checked when it was stored: decodes it, verifies nothing, and
 * leaves is_proven false. */
enum rt_refusal dht_value_read(const uint8_t *value, uint32_t len, struct dht_checked *out);

/* Whether the share's key signed the head. */
bool dht_head_verify(const struct wire_share_head *head, const uint8_t share_pubkey[32]);

#endif
