/* SPDX-License-Identifier: MPL-2.0 */
/*
 * Invariant: a _decode function writes *out only when the whole record is valid. Pointers in a
 * decoded record lie in the input buffer.
 */
#include "wire_community.h"

#include <string.h>

#include "crypto/crypto.h"
#include "wire_limits.h"
#include "wire_tagged.h"
#include "wire_value.h"

/* -- keys -- */

static void pair_key(const char *prefix, const uint8_t a[32], const uint8_t b[32], uint8_t out[32])
{
    uint8_t suffix[64];
    memcpy(suffix, a, 32);
    memcpy(suffix + 32, b, 32);
    rt_sha256_2(prefix, strlen(prefix), suffix, sizeof suffix, out);
}

void wire_member_record_key(const uint8_t community_id[32], const uint8_t member_node_pubkey[32],
                            uint8_t out[32])
{
    pair_key("community:member:", community_id, member_node_pubkey, out);
}

void wire_share_record_key(const uint8_t community_id[32], const uint8_t share_id[32],
                           uint8_t out[32])
{
    pair_key("community:share:", community_id, share_id, out);
}

/* -- member records -- */

enum {
    MEMBER_COMMUNITY,
    MEMBER_PUBKEY,
    MEMBER_SEQ,
    MEMBER_STATUS,
    MEMBER_ISSUED,
    MEMBER_EXPIRES,
    MEMBER_SIGNATURE,
    MEMBER_TOKEN,
    MEMBER_KEYS
};
static const char *const member_names[] = {
    "community_id", "member_node_pubkey", "announce_seq", "status",
    "issued_at",    "expires_at",         "signature",    "auth_token_bytes",
};

const char *const wire_member_status_names[2] = {"joined", "left"};

static void read_member_field(struct wire_reader *r, int key, struct wire_member_record *x)
{
    switch (key) {
    case MEMBER_COMMUNITY:
        wire_read_fixed(r, x->community_id, 32);
        break;
    case MEMBER_PUBKEY:
        wire_read_fixed(r, x->member_node_pubkey, 32);
        break;
    case MEMBER_SEQ:
        x->announce_seq = wire_read_uint(r, UINT64_MAX);
        break;
    case MEMBER_STATUS:
        x->status = (enum wire_member_status)wire_read_choice(r, wire_member_status_names, 2);
        break;
    case MEMBER_ISSUED:
        x->issued_at = wire_read_uint(r, UINT64_MAX);
        break;
    case MEMBER_EXPIRES:
        x->expires_at = wire_read_uint(r, UINT64_MAX);
        break;
    case MEMBER_SIGNATURE:
        wire_read_signature(r, x->signature);
        break;
    case MEMBER_TOKEN:
        if (!wire_read_null(r))
            x->auth_token = wire_read_bytes(r, LIM_PAYLOAD_MAX);
        break;
    }
}

rt_err wire_member_record_decode(uint8_t *buf, size_t len, struct wire_member_record *out)
{
    struct wire_member_record x = {0};
    struct wire_reader r;
    wire_tagged_open(&r, buf, len, WIRE_VALUE_MEMBER_RECORD);
    struct wire_map m = wire_map_open(&r, member_names, MEMBER_KEYS);
    for (int key; (key = wire_map_next(&r, &m)) >= 0;)
        read_member_field(&r, key, &x);
    wire_map_require(&r, &m, (1u << MEMBER_TOKEN) - 1);
    if (r.err == RT_ERR_OK)
        *out = x;
    return r.err;
}

void wire_write_member_record(struct wire_writer *w, const struct wire_member_record *x)
{
    wire_write_tag(w, WIRE_VALUE_MEMBER_RECORD);
    wire_write_map(w, x->auth_token.ptr != NULL ? MEMBER_KEYS : MEMBER_KEYS - 1);
    wire_write_id_pair(w, member_names[MEMBER_COMMUNITY], x->community_id);
    wire_write_id_pair(w, member_names[MEMBER_PUBKEY], x->member_node_pubkey);
    wire_write_uint_pair(w, member_names[MEMBER_SEQ], x->announce_seq);
    wire_write_key(w, member_names[MEMBER_STATUS]);
    wire_write_key(w, wire_member_status_names[x->status]);
    wire_write_uint_pair(w, member_names[MEMBER_ISSUED], x->issued_at);
    wire_write_uint_pair(w, member_names[MEMBER_EXPIRES], x->expires_at);
    wire_write_key(w, member_names[MEMBER_SIGNATURE]);
    wire_write_bytes(w, x->signature, 64);
    if (x->auth_token.ptr != NULL) {
        wire_write_key(w, member_names[MEMBER_TOKEN]);
        wire_write_bytes(w, x->auth_token.ptr, x->auth_token.len);
    }
}

void wire_write_member_record_signed(struct wire_writer *w, const struct wire_member_record *x)
{
    wire_write_array(w, 6);
    wire_write_int_array(w, x->community_id, 32);
    wire_write_int_array(w, x->member_node_pubkey, 32);
    wire_write_uint(w, x->announce_seq);
    wire_write_bool(w, x->status == WIRE_MEMBER_JOINED);
    wire_write_uint(w, x->issued_at);
    wire_write_uint(w, x->expires_at);
}

bool wire_member_record_is_valid(const struct wire_member_record *x)
{
    struct wire_membership_token token;
    if (x->auth_token.ptr == NULL)
        return true;
    return wire_membership_token_decode(x->auth_token.ptr, x->auth_token.len, &token) ==
               RT_ERR_OK &&
           memcmp(token.community_share_id, x->community_id, 32) == 0 &&
           memcmp(token.member_node_pubkey, x->member_node_pubkey, 32) == 0;
}

/* -- membership tokens -- */

enum { TOKEN_COMMUNITY, TOKEN_MEMBER, TOKEN_ISSUED, TOKEN_EXPIRES, TOKEN_SIGNATURE, TOKEN_KEYS };
static const char *const token_names[] = {
    "community_share_id", "member_node_pubkey", "issued_at", "expires_at", "signature",
};

/* Every field has a fixed length and is copied out: reading compacts nothing in place. */
rt_err wire_membership_token_decode(const uint8_t *buf, size_t len,
                                    struct wire_membership_token *out)
{
    struct wire_membership_token x = {0};
    struct wire_reader r;
    wire_reader_init_const(&r, buf, len);
    struct wire_map m = wire_map_open(&r, token_names, TOKEN_KEYS);
    for (int key; (key = wire_map_next(&r, &m)) >= 0;) {
        switch (key) {
        case TOKEN_COMMUNITY:
            wire_read_fixed(&r, x.community_share_id, 32);
            break;
        case TOKEN_MEMBER:
            wire_read_fixed(&r, x.member_node_pubkey, 32);
            break;
        case TOKEN_ISSUED:
            x.issued_at = wire_read_uint(&r, UINT64_MAX);
            break;
        case TOKEN_EXPIRES:
            x.expires_at = wire_read_uint(&r, UINT64_MAX);
            break;
        case TOKEN_SIGNATURE:
            wire_read_signature(&r, x.signature);
            break;
        }
    }
    wire_map_require(&r, &m, (1u << TOKEN_KEYS) - 1);
    if (r.err == RT_ERR_OK)
        *out = x;
    return r.err;
}

void wire_write_membership_token(struct wire_writer *w, const struct wire_membership_token *x)
{
    wire_write_map(w, TOKEN_KEYS);
    wire_write_id_pair(w, token_names[TOKEN_COMMUNITY], x->community_share_id);
    wire_write_id_pair(w, token_names[TOKEN_MEMBER], x->member_node_pubkey);
    wire_write_uint_pair(w, token_names[TOKEN_ISSUED], x->issued_at);
    wire_write_uint_pair(w, token_names[TOKEN_EXPIRES], x->expires_at);
    wire_write_key(w, token_names[TOKEN_SIGNATURE]);
    wire_write_bytes(w, x->signature, 64);
}

void wire_write_membership_token_signed(struct wire_writer *w,
                                        const struct wire_membership_token *x)
{
    wire_write_array(w, 4);
    wire_write_int_array(w, x->community_share_id, 32);
    wire_write_int_array(w, x->member_node_pubkey, 32);
    wire_write_uint(w, x->issued_at);
    wire_write_uint(w, x->expires_at);
}

/* -- share records -- */

enum {
    SHARE_COMMUNITY,
    SHARE_ID,
    SHARE_PUBKEY,
    SHARE_MANIFEST,
    SHARE_SEQ,
    SHARE_VISIBILITY,
    SHARE_UPDATED,
    SHARE_TITLE,
    SHARE_DESCRIPTION,
    SHARE_SIGNATURE,
    SHARE_KEYS
};
static const char *const share_names[] = {
    "community_id", "share_id",   "share_pubkey", "latest_manifest_id", "latest_seq",
    "visibility",   "updated_at", "title",        "description",        "signature",
};
static const char *const visibility_names[] = {"public"};

static void read_share_field(struct wire_reader *r, int key, struct wire_share_record *x)
{
    switch (key) {
    case SHARE_COMMUNITY:
        wire_read_fixed(r, x->community_id, 32);
        break;
    case SHARE_ID:
        wire_read_fixed(r, x->share_id, 32);
        break;
    case SHARE_PUBKEY:
        wire_read_fixed(r, x->share_pubkey, 32);
        break;
    case SHARE_MANIFEST:
        wire_read_fixed(r, x->latest_manifest_id, 32);
        break;
    case SHARE_SEQ:
        x->latest_seq = wire_read_uint(r, UINT64_MAX);
        break;
    case SHARE_VISIBILITY:
        wire_read_choice(r, visibility_names, 1);
        break;
    case SHARE_UPDATED:
        x->updated_at = wire_read_uint(r, UINT64_MAX);
        break;
    case SHARE_TITLE:
        x->title = wire_read_optional_text(r, LIM_PAYLOAD_MAX);
        break;
    case SHARE_DESCRIPTION:
        x->description = wire_read_optional_text(r, LIM_PAYLOAD_MAX);
        break;
    case SHARE_SIGNATURE:
        wire_read_signature(r, x->signature);
        break;
    }
}

rt_err wire_share_record_decode(uint8_t *buf, size_t len, struct wire_share_record *out)
{
    struct wire_share_record x = {0};
    struct wire_reader r;
    wire_tagged_open(&r, buf, len, WIRE_VALUE_SHARE_RECORD);
    struct wire_map m = wire_map_open(&r, share_names, SHARE_KEYS);
    for (int key; (key = wire_map_next(&r, &m)) >= 0;)
        read_share_field(&r, key, &x);
    wire_map_require(&r, &m,
                     ((1u << SHARE_KEYS) - 1) & ~(1u << SHARE_TITLE | 1u << SHARE_DESCRIPTION));
    if (r.err == RT_ERR_OK)
        *out = x;
    return r.err;
}

void wire_write_share_record(struct wire_writer *w, const struct wire_share_record *x)
{
    uint32_t texts = wire_count_texts(x->title, x->description);
    wire_write_tag(w, WIRE_VALUE_SHARE_RECORD);
    wire_write_map(w, SHARE_KEYS - 2 + texts);
    wire_write_id_pair(w, share_names[SHARE_COMMUNITY], x->community_id);
    wire_write_id_pair(w, share_names[SHARE_ID], x->share_id);
    wire_write_id_pair(w, share_names[SHARE_PUBKEY], x->share_pubkey);
    wire_write_id_pair(w, share_names[SHARE_MANIFEST], x->latest_manifest_id);
    wire_write_uint_pair(w, share_names[SHARE_SEQ], x->latest_seq);
    wire_write_key(w, share_names[SHARE_VISIBILITY]);
    wire_write_key(w, visibility_names[0]);
    wire_write_uint_pair(w, share_names[SHARE_UPDATED], x->updated_at);
    wire_write_optional_text_pair(w, share_names[SHARE_TITLE], x->title);
    wire_write_optional_text_pair(w, share_names[SHARE_DESCRIPTION], x->description);
    wire_write_key(w, share_names[SHARE_SIGNATURE]);
    wire_write_bytes(w, x->signature, 64);
}

void wire_write_share_record_signed(struct wire_writer *w, const struct wire_share_record *x)
{
    wire_write_array(w, 6);
    wire_write_int_array(w, x->community_id, 32);
    wire_write_int_array(w, x->share_id, 32);
    wire_write_int_array(w, x->share_pubkey, 32);
    wire_write_int_array(w, x->latest_manifest_id, 32);
    wire_write_uint(w, x->latest_seq);
    wire_write_uint(w, x->updated_at);
}

bool wire_share_record_is_valid(const struct wire_share_record *x)
{
    uint8_t id[32];
    wire_share_id(x->share_pubkey, id);
    return memcmp(id, x->share_id, 32) == 0;
}
