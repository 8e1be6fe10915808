/* SPDX-License-Identifier: MPL-2.0 */
/*
 * Checks whether a value may be stored under a key (protocol: DHT, the table of values). The value
 * must be of a known kind, decode, and belong under this key. Manifest ids, signatures and times
 * are verified if the value has all the data for it. A value must not be issued more than
 * LIM_HELLO_SKEW_S ahead of us, or have expired. A share head's signature can be verified only with
 * the share's key: see value_store.h. Pure.
 */
#ifndef DHT_VALUE_CHECK_H
#define DHT_VALUE_CHECK_H

#include "wire_dialect.h"
#include "wire_refusal.h"
#include "wire_value.h"

/* The fields of a checked value that the store needs. */
struct dht_checked {
    enum wire_value_kind kind;
    /* Two values under one key (and sub) are compared by these; `first` counts before `second`. */
    uint64_t first, second;
    /* Distinguishes values that are stored under the same key; zeros if a key has only one value.
     * Announcements: the relay's key for the form of 5 signed fields, a hash of that key for 8. */
    uint8_t sub[32];
    /* Announcements: the form that is signed, and the network of its first public address (0:
     * none). */
    bool has_community_fields;
    uint64_t net;
    /* Announcements and members' records: the expiry, unix seconds; others: UINT64_MAX. */
    uint64_t expires_at;
    /* Announcements: the relay's key. Records of communities: the member's key, the share's id.
     * Rotations and revocations: the old or revoked key. */
    uint8_t subject[32];
    uint8_t community_id[32]; /* records of communities */
    uint64_t content;         /* the same: a hash without sequence, times and signature */
    uint8_t manifest_id[32];  /* share records: the newest manifest */
    uint32_t peers;           /* Providers and CommunityMembers: entries */
    /* Share heads. */
    struct wire_share_head head;
    /* Manifests: is_proven says that share_id is the hash of share_pubkey, and that the latter
     * signed the manifest. */
    bool is_proven;
    uint8_t share_id[32], share_pubkey[32];
};

/*
 * Checks a value as of now_s, unix seconds. Does not change its bytes: decodes a scratch copy, and
 * keeps no pointer. NONE with the fields in *out; STORE_VALUE or MEMORY without.
 */
enum wire_refusal dht_value_check(const uint8_t key[32], const uint8_t *value, uint32_t len,
                                  uint64_t now_s, struct dht_checked *out);

/* The same for a value that was checked when it was stored under this key and sub. Decodes the
 * value, verifies no signature, time or manifest id, and leaves is_proven false. sub determines the
 * form of an announcement. */
enum wire_refusal dht_value_read(const uint8_t key[32], const uint8_t sub[32], const uint8_t *value,
                                 uint32_t len, struct dht_checked *out);

/* The sub of values of this kind, 32 bytes; for announcements see struct dht_checked. */
const uint8_t *dht_value_sub(enum wire_value_kind kind);

/* True: a peer that speaks these dialects may store values of this kind. One of the dialects must
 * accept the kind; announcements of either form are always allowed. */
bool dht_value_may_store(enum wire_value_kind kind, uint8_t peer_dialects);

/* True: the share's key signed the head. */
bool dht_head_verify(const struct wire_share_head *head, const uint8_t share_pubkey[32]);

#endif
