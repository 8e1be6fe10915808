/* SPDX-License-Identifier: MPL-2.0 */
/*
 * The DHT values that begin with a tag byte (protocol-v2: Values with a tag), and their DHT keys.
 * Records of communities: 0x31, 0x32. Derived values about communities: 0x33 to 0x35. Records about
 * keys: 0x36, 0x37. Dialects B and C; 0x36 and 0x37 in C only.
 *
 * Decoders take the whole value, including the tag byte, and check its shape. Another tag is
 * MALFORMED, a signature of another length than 64 is BAD_SIGNATURE. The wire_X_is_valid functions
 * check the rules that need neither a signature nor the time. The caller verifies signatures over
 * the bytes that wire_write_X_signed writes. Decoded values point into the decoded buffer.
 *
 * Encoders write the reference's bytes, including the tag, if the lists are made by a decoder or an
 * encoder of this room. A value decoded from another form is encoded in canonical form.
 */
#ifndef WIRE_COMMUNITY_H
#define WIRE_COMMUNITY_H

#include "wire_cbor.h"
#include "wire_peer.h"

/* -- 0x31: a member's own record of its membership -- */
enum wire_member_status { WIRE_MEMBER_JOINED, WIRE_MEMBER_LEFT };

struct wire_member_record {
    uint8_t community_id[32];
    uint8_t member_node_pubkey[32];
    uint64_t announce_seq;
    enum wire_member_status status;
    uint64_t issued_at;           /* unix seconds */
    uint64_t expires_at;          /* unix seconds */
    uint8_t signature[64];        /* by member_node_pubkey */
    struct wire_bytes auth_token; /* an encoded membership token, not signed; ptr NULL: none */
};

RT_MUST_CHECK rt_err wire_member_record_decode(uint8_t *buf, size_t len,
                                               struct wire_member_record *out);
void wire_write_member_record(struct wire_writer *w, const struct wire_member_record *x);
void wire_write_member_record_signed(struct wire_writer *w, const struct wire_member_record *x);
/* True: the token, if any, decodes and names the record's community and member. Like the reference,
 * this function checks neither the token's signature nor its time. Unlike the reference, it rejects
 * a token with a signature of another length than 64. */
bool wire_member_record_is_valid(const struct wire_member_record *x);
void wire_member_record_key(const uint8_t community_id[32], const uint8_t member_node_pubkey[32],
                            uint8_t out[32]);

/* -- the token: part of a member record, without a tag -- */
struct wire_membership_token {
    uint8_t community_share_id[32];
    uint8_t member_node_pubkey[32];
    uint64_t issued_at;    /* unix seconds */
    uint64_t expires_at;   /* unix seconds */
    uint8_t signature[64]; /* by the community's key */
};

/* Changes nothing in the buffer. */
RT_MUST_CHECK rt_err wire_membership_token_decode(const uint8_t *buf, size_t len,
                                                  struct wire_membership_token *out);
void wire_write_membership_token(struct wire_writer *w, const struct wire_membership_token *x);
void wire_write_membership_token_signed(struct wire_writer *w,
                                        const struct wire_membership_token *x);

/* -- 0x32: a share published into a community; its visibility is always "public" -- */
struct wire_share_record {
    uint8_t community_id[32];
    uint8_t share_id[32];
    uint8_t share_pubkey[32];
    uint8_t latest_manifest_id[32];
    uint64_t latest_seq;
    uint64_t updated_at;           /* unix seconds */
    struct wire_bytes title;       /* not signed; ptr NULL: none */
    struct wire_bytes description; /* not signed; ptr NULL: none */
    uint8_t signature[64];         /* by share_pubkey */
};

RT_MUST_CHECK rt_err wire_share_record_decode(uint8_t *buf, size_t len,
                                              struct wire_share_record *out);
void wire_write_share_record(struct wire_writer *w, const struct wire_share_record *x);
void wire_write_share_record_signed(struct wire_writer *w, const struct wire_share_record *x);
/* The share id is the hash of the share's key. */
bool wire_share_record_is_valid(const struct wire_share_record *x);
void wire_share_record_key(const uint8_t community_id[32], const uint8_t share_id[32],
                           uint8_t out[32]);

/* -- 0x33: peers to query about a community; unsigned, stored under wire_members_key -- */
#define WIRE_HINT_MEMBERS_MAX 16u
#define WIRE_HINT_INDEX_PEERS_MAX 8u

struct wire_community_hint {
    uint8_t community_id[32];
    uint64_t member_count_estimate;
    struct wire_list sample_members; /* of PeerAddr */
    struct wire_list index_peers;    /* of PeerAddr; omitted when empty */
    uint64_t updated_at;             /* unix seconds */
};

RT_MUST_CHECK rt_err wire_community_hint_decode(uint8_t *buf, size_t len,
                                                struct wire_community_hint *out);
void wire_write_community_hint(struct wire_writer *w, const struct wire_community_hint *x);
/* Neither list is longer than its maximum. */
bool wire_community_hint_is_valid(const struct wire_community_hint *x);

/* -- 0x34, 0x35: a page of a community's members or shares; unsigned -- */
#define WIRE_PAGE_BUCKET_S 3600u /* bucket = unix seconds / this */

struct wire_community_page {
    uint8_t community_id[32];
    uint64_t bucket;
    uint16_t page_no;
    uint16_t total_pages;
    struct wire_list entries; /* of wire_member_entry (0x34), wire_share_entry (0x35) */
    uint64_t built_at;        /* unix seconds */
};

RT_MUST_CHECK rt_err wire_members_page_decode(uint8_t *buf, size_t len,
                                              struct wire_community_page *out);
RT_MUST_CHECK rt_err wire_shares_page_decode(uint8_t *buf, size_t len,
                                             struct wire_community_page *out);
void wire_write_members_page(struct wire_writer *w, const struct wire_community_page *x);
void wire_write_shares_page(struct wire_writer *w, const struct wire_community_page *x);
/* page_no is below total_pages. */
bool wire_community_page_is_valid(const struct wire_community_page *x);
void wire_members_page_key(const uint8_t community_id[32], uint64_t bucket, uint16_t page_no,
                           uint8_t out[32]);
void wire_shares_page_key(const uint8_t community_id[32], uint64_t bucket, uint16_t page_no,
                          uint8_t out[32]);

/* Entries of the pages, and of the replies 411 and 413. */
struct wire_member_entry {
    uint8_t member_node_pubkey[32];
    enum wire_member_status status;
    uint64_t announce_seq;
    bool has_addr; /* false: null, as in every entry that the reference writes */
    struct wire_peer addr;
};
struct wire_share_entry {
    uint8_t share_id[32];
    uint8_t share_pubkey[32];
    uint64_t latest_seq;
    struct wire_bytes title;       /* ptr NULL: none */
    struct wire_bytes description; /* ptr NULL: none */
    uint64_t updated_at;           /* unix seconds */
};
void wire_read_member_entry(struct wire_reader *r, struct wire_member_entry *out);
void wire_read_share_entry(struct wire_reader *r, struct wire_share_entry *out);
void wire_write_member_entry(struct wire_writer *w, const struct wire_member_entry *e);
void wire_write_share_entry(struct wire_writer *w, const struct wire_share_entry *e);

/* -- 0x36, 0x37: rotation and revocation of keys -- */
enum wire_subject_kind { WIRE_SUBJECT_NODE, WIRE_SUBJECT_SHARE_PUBLISHER };
enum wire_revocation_reason {
    WIRE_REVOCATION_UNSPECIFIED,
    WIRE_REVOCATION_COMPROMISED,
    WIRE_REVOCATION_SUPERSEDED,
    WIRE_REVOCATION_RETIRED,
};

struct wire_rotation {
    enum wire_subject_kind subject_kind;
    uint8_t old_pubkey[32];
    uint8_t new_pubkey[32];
    uint64_t rotation_seq;
    uint64_t issued_at;            /* unix seconds */
    uint8_t old_key_signature[64]; /* both keys sign the same bytes */
    uint8_t new_key_signature[64];
};

struct wire_revocation {
    enum wire_subject_kind subject_kind;
    uint8_t pubkey[32];
    enum wire_revocation_reason reason;
    uint64_t issued_at;    /* unix seconds */
    uint8_t signature[64]; /* by pubkey */
};

RT_MUST_CHECK rt_err wire_rotation_decode(uint8_t *buf, size_t len, struct wire_rotation *out);
void wire_write_rotation(struct wire_writer *w, const struct wire_rotation *x);
void wire_write_rotation_signed(struct wire_writer *w, const struct wire_rotation *x);
/* The two keys differ. */
bool wire_rotation_is_valid(const struct wire_rotation *x);
void wire_rotation_key(const uint8_t old_pubkey[32], uint8_t out[32]);

RT_MUST_CHECK rt_err wire_revocation_decode(uint8_t *buf, size_t len, struct wire_revocation *out);
void wire_write_revocation(struct wire_writer *w, const struct wire_revocation *x);
void wire_write_revocation_signed(struct wire_writer *w, const struct wire_revocation *x);
void wire_revocation_key(const uint8_t pubkey[32], uint8_t out[32]);

#endif
