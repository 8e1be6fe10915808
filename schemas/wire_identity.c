/* SPDX-License-Identifier: MPL-2.0 */
#include <string.h>

#include "crypto/crypto.h"
#include "wire_community.h"
#include "wire_tagged.h"

static const char *const subject_names[] = {"node", "sharepublisher"};
static const char *const reason_names[] = {"unspecified", "compromised", "superseded", "retired"};

static void prefixed_key(const char *prefix, const uint8_t pubkey[32], uint8_t out[32])
{
    rt_sha256_2(prefix, strlen(prefix), pubkey, 32, out);
}

/* -- rotations -- */

enum {
    ROTATION_SUBJECT,
    ROTATION_OLD,
    ROTATION_NEW,
    ROTATION_SEQ,
    ROTATION_ISSUED,
    ROTATION_OLD_SIGNATURE,
    ROTATION_NEW_SIGNATURE,
    ROTATION_KEYS
};
static const char *const rotation_names[] = {
    "subject_kind", "old_pubkey",        "new_pubkey",        "rotation_seq",
    "issued_at",    "old_key_signature", "new_key_signature",
};

rt_err wire_rotation_decode(uint8_t *buf, size_t len, struct wire_rotation *out)
{
    struct wire_rotation x = {0};
    struct wire_reader r;
    wire_tagged_open(&r, buf, len, WIRE_VALUE_ROTATION);
    struct wire_map m = wire_map_open(&r, rotation_names, ROTATION_KEYS);
    for (int key; (key = wire_map_next(&r, &m)) >= 0;) {
        switch (key) {
        case ROTATION_SUBJECT:
            x.subject_kind = (enum wire_subject_kind)wire_read_choice(&r, subject_names, 2);
            break;
        case ROTATION_OLD:
            wire_read_fixed(&r, x.old_pubkey, 32);
            break;
        case ROTATION_NEW:
            wire_read_fixed(&r, x.new_pubkey, 32);
            break;
        case ROTATION_SEQ:
            x.rotation_seq = wire_read_uint(&r, UINT64_MAX);
            break;
        case ROTATION_ISSUED:
            x.issued_at = wire_read_uint(&r, UINT64_MAX);
            break;
        case ROTATION_OLD_SIGNATURE:
            wire_read_signature(&r, x.old_key_signature);
            break;
        case ROTATION_NEW_SIGNATURE:
            wire_read_signature(&r, x.new_key_signature);
            break;
        }
    }
    wire_map_require(&r, &m, (1u << ROTATION_KEYS) - 1);
    if (r.err == RT_ERR_OK)
        *out = x;
    return r.err;
}

void wire_write_rotation(struct wire_writer *w, const struct wire_rotation *x)
{
    wire_write_tag(w, WIRE_VALUE_ROTATION);
    wire_write_map(w, ROTATION_KEYS);
    wire_write_key(w, rotation_names[ROTATION_SUBJECT]);
    wire_write_key(w, subject_names[x->subject_kind]);
    wire_write_id_pair(w, rotation_names[ROTATION_OLD], x->old_pubkey);
    wire_write_id_pair(w, rotation_names[ROTATION_NEW], x->new_pubkey);
    wire_write_uint_pair(w, rotation_names[ROTATION_SEQ], x->rotation_seq);
    wire_write_uint_pair(w, rotation_names[ROTATION_ISSUED], x->issued_at);
    wire_write_key(w, rotation_names[ROTATION_OLD_SIGNATURE]);
    wire_write_bytes(w, x->old_key_signature, 64);
    wire_write_key(w, rotation_names[ROTATION_NEW_SIGNATURE]);
    wire_write_bytes(w, x->new_key_signature, 64);
}

void wire_write_rotation_signed(struct wire_writer *w, const struct wire_rotation *x)
{
    wire_write_array(w, 5);
    wire_write_key(w, subject_names[x->subject_kind]);
    wire_write_int_array(w, x->old_pubkey, 32);
    wire_write_int_array(w, x->new_pubkey, 32);
    wire_write_uint(w, x->rotation_seq);
    wire_write_uint(w, x->issued_at);
}

bool wire_rotation_is_valid(const struct wire_rotation *x)
{
    return memcmp(x->old_pubkey, x->new_pubkey, 32) != 0;
}

void wire_rotation_key(const uint8_t old_pubkey[32], uint8_t out[32])
{
    prefixed_key("identity:rotation:", old_pubkey, out);
}

/* -- revocations -- */

enum {
    REVOCATION_SUBJECT,
    REVOCATION_PUBKEY,
    REVOCATION_REASON,
    REVOCATION_ISSUED,
    REVOCATION_SIGNATURE,
    REVOCATION_KEYS
};
static const char *const revocation_names[] = {
    "subject_kind", "pubkey", "reason", "issued_at", "signature",
};

rt_err wire_revocation_decode(uint8_t *buf, size_t len, struct wire_revocation *out)
{
    struct wire_revocation x = {0};
    struct wire_reader r;
    wire_tagged_open(&r, buf, len, WIRE_VALUE_REVOCATION);
    struct wire_map m = wire_map_open(&r, revocation_names, REVOCATION_KEYS);
    for (int key; (key = wire_map_next(&r, &m)) >= 0;) {
        switch (key) {
        case REVOCATION_SUBJECT:
            x.subject_kind = (enum wire_subject_kind)wire_read_choice(&r, subject_names, 2);
            break;
        case REVOCATION_PUBKEY:
            wire_read_fixed(&r, x.pubkey, 32);
            break;
        case REVOCATION_REASON:
            x.reason = (enum wire_revocation_reason)wire_read_choice(&r, reason_names, 4);
            break;
        case REVOCATION_ISSUED:
            x.issued_at = wire_read_uint(&r, UINT64_MAX);
            break;
        case REVOCATION_SIGNATURE:
            wire_read_signature(&r, x.signature);
            break;
        }
    }
    wire_map_require(&r, &m, (1u << REVOCATION_KEYS) - 1);
    if (r.err == RT_ERR_OK)
        *out = x;
    return r.err;
}

void wire_write_revocation(struct wire_writer *w, const struct wire_revocation *x)
{
    wire_write_tag(w, WIRE_VALUE_REVOCATION);
    wire_write_map(w, REVOCATION_KEYS);
    wire_write_key(w, revocation_names[REVOCATION_SUBJECT]);
    wire_write_key(w, subject_names[x->subject_kind]);
    wire_write_id_pair(w, revocation_names[REVOCATION_PUBKEY], x->pubkey);
    wire_write_key(w, revocation_names[REVOCATION_REASON]);
    wire_write_key(w, reason_names[x->reason]);
    wire_write_uint_pair(w, revocation_names[REVOCATION_ISSUED], x->issued_at);
    wire_write_key(w, revocation_names[REVOCATION_SIGNATURE]);
    wire_write_bytes(w, x->signature, 64);
}

void wire_write_revocation_signed(struct wire_writer *w, const struct wire_revocation *x)
{
    wire_write_array(w, 4);
    wire_write_key(w, subject_names[x->subject_kind]);
    wire_write_int_array(w, x->pubkey, 32);
    wire_write_key(w, reason_names[x->reason]);
    wire_write_uint(w, x->issued_at);
}

void wire_revocation_key(const uint8_t pubkey[32], uint8_t out[32])
{
    prefixed_key("identity:revocation:", pubkey, out);
}
