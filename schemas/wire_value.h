/* SPDX-License-Identifier: MPL-2.0 */
/*
 * The values peers store in the DHT (protocol: DHT), but for the relay announcement, which has a
 * header of its own, and the keys they are stored under. Decoding checks the shape; what a
 * signature covers is written out here, whether it verifies is the caller's to ask.
 *
 * Pointers and lists in decoded values lie in the decoded buffer.
 */
#ifndef WIRE_VALUE_H
#define WIRE_VALUE_H

#include "wire_cbor.h"
#include "wire_peer.h"

enum wire_value_kind {
    /* CBOR maps */
    WIRE_VALUE_SHARE_HEAD,
    WIRE_VALUE_PROVIDERS,
    WIRE_VALUE_MANIFEST,
    WIRE_VALUE_ANNOUNCEMENT,
    WIRE_VALUE_MEMBERS,
    /* a tag byte, then a CBOR map (wire_community.h) */
    WIRE_VALUE_MEMBER_RECORD,  /* 0x31 */
    WIRE_VALUE_SHARE_RECORD,   /* 0x32 */
    WIRE_VALUE_COMMUNITY_HINT, /* 0x33 */
    WIRE_VALUE_MEMBERS_PAGE,   /* 0x34 */
    WIRE_VALUE_SHARES_PAGE,    /* 0x35 */
    WIRE_VALUE_ROTATION,       /* 0x36 */
    WIRE_VALUE_REVOCATION,     /* 0x37 */
    WIRE_VALUE_NONE,           /* not a value of this protocol */
};

#define WIRE_VALUE_TAG_FIRST 0x31u /* of WIRE_VALUE_MEMBER_RECORD; the others follow in order */

/* Finds the kind by the tag byte, or by the first key that only one of the untagged kinds has. The
 * rest of the value is not checked. Changes nothing. */
enum wire_value_kind wire_value_kind(const uint8_t *buf, size_t len);

/* -- keys in the DHT -- */
void wire_share_id(const uint8_t share_pubkey[32], uint8_t out[32]);
void wire_share_head_key(const uint8_t share_id[32], uint8_t out[32]);
void wire_providers_key(const uint8_t content_id[32], uint8_t out[32]);
void wire_manifest_key(const uint8_t manifest_id[32], uint8_t out[32]);
void wire_members_key(const uint8_t community_share_id[32], uint8_t out[32]);

/* -- ShareHead -- */
struct wire_share_head {
    uint8_t share_id[32];
    uint64_t latest_seq;
    uint8_t latest_manifest_id[32];
    uint64_t updated_at; /* unix seconds */
    uint8_t sig[64];     /* by the share's key, over wire_write_share_head_signed */
};

/* A signature of another length than 64 is RT_ERR_BAD_SIGNATURE. */
RT_MUST_CHECK rt_err wire_share_head_decode(uint8_t *buf, size_t len, struct wire_share_head *out);
void wire_write_share_head(struct wire_writer *w, const struct wire_share_head *h);
void wire_write_share_head_signed(struct wire_writer *w, const struct wire_share_head *h);

/* -- Providers and CommunityMembers: one shape under two sets of names -- */
struct wire_peer_set {
    uint8_t id[32];         /* content id, community share id */
    struct wire_list peers; /* of PeerAddr */
    uint64_t updated_at;    /* unix seconds */
};

RT_MUST_CHECK rt_err wire_providers_decode(uint8_t *buf, size_t len, struct wire_peer_set *out);
RT_MUST_CHECK rt_err wire_members_decode(uint8_t *buf, size_t len, struct wire_peer_set *out);
void wire_write_providers(struct wire_writer *w, const uint8_t content_id[32],
                          const struct wire_peer *peers, size_t count, uint64_t updated_at);
void wire_write_members(struct wire_writer *w, const uint8_t community_share_id[32],
                        const struct wire_peer *peers, size_t count, uint64_t updated_at);

/* -- ManifestV1 -- */
enum wire_visibility { WIRE_PRIVATE, WIRE_PUBLIC };

/* Texts that may be null have ptr == NULL then. */
struct wire_manifest {
    uint8_t version;
    uint8_t share_pubkey[32];
    uint8_t share_id[32];
    uint64_t seq;
    uint64_t created_at; /* unix seconds */
    bool has_expires_at;
    uint64_t expires_at;
    struct wire_bytes title;
    struct wire_bytes description;
    enum wire_visibility visibility;
    struct wire_list communities;        /* of 32-byte ids */
    struct wire_list items;              /* of items */
    struct wire_list recommended_shares; /* of 32-byte ids */
    bool has_signature;
    uint8_t signature[64]; /* by share_pubkey, over wire_write_manifest_signed */
};

struct wire_item {
    uint8_t content_id[32];
    uint64_t size;
    struct wire_bytes name;
    struct wire_bytes path; /* may be null */
    struct wire_bytes mime; /* may be null */
    struct wire_list tags;  /* of texts */
    uint32_t chunk_count;
    uint8_t chunk_list_hash[32];
};

/* TOO_LARGE: more than LIM_MANIFEST_ITEMS_MAX items. */
RT_MUST_CHECK rt_err wire_manifest_decode(uint8_t *buf, size_t len, struct wire_manifest *out);
void wire_read_item(struct wire_reader *r, struct wire_item *out);
void wire_write_item(struct wire_writer *w, const struct wire_item *item);
void wire_write_manifest(struct wire_writer *w, const struct wire_manifest *m);

/* The most bytes of any encoding of a manifest that was decoded from len bytes. */
#define WIRE_MANIFEST_ENCODED_MAX(len) (3u * (size_t)(len) + 512u)
/* The bytes that the share's key signs. */
void wire_write_manifest_signed(struct wire_writer *w, const struct wire_manifest *m);
/* The bytes whose BLAKE3 hash is the manifest's id. */
void wire_write_manifest_hashed(struct wire_writer *w, const struct wire_manifest *m);
/* The id; scratch is used for the hashed bytes. TOO_LARGE: they do not fit. */
RT_MUST_CHECK rt_err wire_manifest_id(const struct wire_manifest *m, uint8_t *scratch, size_t cap,
                                      uint8_t out[32]);
/* The share's id is its key's, the manifest is signed, and it does not expire before it begins. */
bool wire_manifest_is_consistent(const struct wire_manifest *m);

#endif
