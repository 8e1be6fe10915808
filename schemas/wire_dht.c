/* SPDX-License-Identifier: MPL-2.0 */
/*
 * Invariant: a _decode function writes its out-parameters only when the whole message is valid.
 * Pointers in a decoded message lie in the input buffer.
 */
#include "wire_dht.h"

#include <string.h>

#include "wire_limits.h"

/* -- messages of one fixed-length field -- */

static rt_err decode_one_fixed(uint8_t *buf, size_t len, const char *const *names, uint8_t *out,
                               uint32_t out_len)
{
    uint8_t field[32];
    struct wire_reader r;
    wire_reader_init(&r, buf, len);
    struct wire_map m = wire_map_open(&r, names, 1);
    while (wire_map_next(&r, &m) >= 0)
        wire_read_fixed(&r, field, out_len);
    wire_map_require(&r, &m, 1);
    if (r.err == RT_ERR_OK)
        memcpy(out, field, out_len);
    return r.err;
}

static rt_err decode_one_u16(uint8_t *buf, size_t len, const char *const *names, uint16_t *out)
{
    uint16_t field = 0;
    struct wire_reader r;
    wire_reader_init(&r, buf, len);
    struct wire_map m = wire_map_open(&r, names, 1);
    while (wire_map_next(&r, &m) >= 0)
        field = (uint16_t)wire_read_uint(&r, UINT16_MAX);
    wire_map_require(&r, &m, 1);
    if (r.err == RT_ERR_OK)
        *out = field;
    return r.err;
}

static const char *const manifest_names[] = {"manifest_id", "bytes"};
static const char *const max_entries_names[] = {"max_entries"};
static const char *const max_count_names[] = {"max_count"};
static const char *const content_id_names[] = {"content_id"};

rt_err wire_find_node_decode(uint8_t *buf, size_t len, uint8_t out_target[20])
{
    return decode_one_fixed(buf, len, NULL, out_target, 20);
}

rt_err wire_find_value_decode(uint8_t *buf, size_t len, uint8_t out_key[32])
{
    return decode_one_fixed(buf, len, NULL, out_key, 32);
}

rt_err wire_get_manifest_decode(uint8_t *buf, size_t len, uint8_t out_id[32])
{
    return decode_one_fixed(buf, len, manifest_names, out_id, 32);
}

rt_err wire_have_content_decode(uint8_t *buf, size_t len, uint8_t out_id[32])
{
    return decode_one_fixed(buf, len, content_id_names, out_id, 32);
}

rt_err wire_get_chunk_hashes_decode(uint8_t *buf, size_t len, uint8_t out_id[32])
{
    return decode_one_fixed(buf, len, NULL, out_id, 32);
}

rt_err wire_list_public_shares_decode(uint8_t *buf, size_t len, uint16_t *out_max)
{
    return decode_one_u16(buf, len, max_entries_names, out_max);
}

rt_err wire_relay_list_request_decode(uint8_t *buf, size_t len, uint16_t *out_max)
{
    return decode_one_u16(buf, len, max_count_names, out_max);
}

rt_err wire_get_chunk_decode(uint8_t *buf, size_t len, uint8_t out_id[32], uint32_t *out_index)
{
    uint8_t id[32];
    uint32_t index = 0;
    struct wire_reader r;
    wire_reader_init(&r, buf, len);
    struct wire_map m = wire_map_open(&r, NULL, 2);
    for (int key; (key = wire_map_next(&r, &m)) >= 0;) {
        if (key == 0)
            wire_read_fixed(&r, id, 32);
        else
            index = (uint32_t)wire_read_uint(&r, UINT32_MAX);
    }
    wire_map_require(&r, &m, 3);
    if (r.err != RT_ERR_OK)
        return r.err;
    memcpy(out_id, id, 32);
    *out_index = index;
    return RT_ERR_OK;
}

/* -- communities -- */

enum { SHARE_ID, SHARE_PUBKEY, MAX_ENTRIES, REQUESTER_PUBKEY, REQUESTER_PROOF, COMMUNITY_KEYS };
static const char *const community_names[] = {
    "community_share_id",    "community_share_pubkey",     "max_entries",
    "requester_node_pubkey", "requester_membership_proof",
};

static rt_err decode_community(uint8_t *buf, size_t len, uint32_t keys, uint32_t required,
                               struct wire_community_query *out)
{
    struct wire_community_query q = {0};
    uint8_t unused[32];
    struct wire_reader r;
    wire_reader_init(&r, buf, len);
    struct wire_map m = wire_map_open(&r, community_names, keys);
    for (int key; (key = wire_map_next(&r, &m)) >= 0;) {
        switch (key) {
        case SHARE_ID:
            wire_read_fixed(&r, q.community_share_id, 32);
            break;
        case SHARE_PUBKEY:
            wire_read_fixed(&r, q.community_share_pubkey, 32);
            break;
        case MAX_ENTRIES:
            q.max_entries = (uint16_t)wire_read_uint(&r, UINT16_MAX);
            break;
        case REQUESTER_PUBKEY:
            if (!wire_read_null(&r))
                wire_read_fixed(&r, unused, 32);
            break;
        case REQUESTER_PROOF:
            if (!wire_read_null(&r))
                wire_read_bytes(&r, LIM_PAYLOAD_MAX);
            break;
        }
    }
    wire_map_require(&r, &m, required);
    if (r.err == RT_ERR_OK)
        *out = q;
    return r.err;
}

rt_err wire_community_status_decode(uint8_t *buf, size_t len, struct wire_community_query *out)
{
    return decode_community(buf, len, MAX_ENTRIES, 1u << SHARE_ID | 1u << SHARE_PUBKEY, out);
}

rt_err wire_community_shares_decode(uint8_t *buf, size_t len, struct wire_community_query *out)
{
    return decode_community(buf, len, COMMUNITY_KEYS,
                            1u << SHARE_ID | 1u << SHARE_PUBKEY | 1u << MAX_ENTRIES, out);
}

static void write_community_status(struct wire_writer *w, const uint8_t id[32], bool is_joined)
{
    wire_write_map(w, 3);
    wire_write_key(w, community_names[SHARE_ID]);
    wire_write_int_array(w, id, 32);
    wire_write_key(w, "joined");
    wire_write_bool(w, is_joined);
    wire_write_key(w, "membership_proof");
    wire_write_null(w);
}

void wire_write_community_status_joined(struct wire_writer *w, const uint8_t id[32])
{
    write_community_status(w, id, true);
}

void wire_write_community_status_not_joined(struct wire_writer *w, const uint8_t id[32])
{
    write_community_status(w, id, false);
}

void wire_write_community_share_list_empty(struct wire_writer *w, const uint8_t id[32])
{
    wire_write_map(w, 2);
    wire_write_key(w, community_names[SHARE_ID]);
    wire_write_int_array(w, id, 32);
    wire_write_key(w, "shares");
    wire_write_array(w, 0);
}

void wire_write_public_share_list_empty(struct wire_writer *w)
{
    wire_write_map(w, 1);
    wire_write_key(w, "shares");
    wire_write_array(w, 0);
}

void wire_write_manifest_data(struct wire_writer *w, const uint8_t id[32], struct wire_bytes bytes)
{
    wire_write_map(w, 2);
    wire_write_key(w, manifest_names[0]);
    wire_write_int_array(w, id, 32);
    wire_write_key(w, manifest_names[1]);
    wire_write_bytes(w, bytes.ptr, bytes.len);
}

/* -- store and look-up -- */

static void read_store(struct wire_reader *r, struct wire_store *out)
{
    struct wire_map m = wire_map_open(r, NULL, 3);
    for (int key; (key = wire_map_next(r, &m)) >= 0;) {
        if (key == 0)
            wire_read_fixed(r, out->key, 32);
        else if (key == 1)
            out->value = wire_read_bytes(r, LIM_PAYLOAD_MAX);
        else
            out->ttl_secs = wire_read_uint(r, UINT64_MAX);
    }
    wire_map_require(r, &m, 7);
}

rt_err wire_store_decode(uint8_t *buf, size_t len, struct wire_store *out)
{
    struct wire_store s = {0};
    struct wire_reader r;
    wire_reader_init(&r, buf, len);
    read_store(&r, &s);
    if (r.err == RT_ERR_OK)
        *out = s;
    return r.err;
}

void wire_write_store(struct wire_writer *w, const struct wire_store *s)
{
    wire_write_map(w, 3);
    wire_write_uint(w, 0);
    wire_write_bytes(w, s->key, 32);
    wire_write_uint(w, 1);
    wire_write_bytes(w, s->value.ptr, s->value.len);
    wire_write_uint(w, 2);
    wire_write_uint(w, s->ttl_secs);
}

static size_t encode_one_fixed(const uint8_t *field, size_t len, uint8_t *out, size_t cap)
{
    struct wire_writer w;
    wire_writer_init(&w, out, cap);
    wire_write_map(&w, 1);
    wire_write_uint(&w, 0);
    wire_write_bytes(&w, field, len);
    return w.pos;
}

size_t wire_find_node_encode(const uint8_t target[20], uint8_t *out, size_t cap)
{
    return encode_one_fixed(target, 20, out, cap);
}

size_t wire_find_value_encode(const uint8_t key[32], uint8_t *out, size_t cap)
{
    return encode_one_fixed(key, 32, out, cap);
}

void wire_write_find_node_reply(struct wire_writer *w, const struct wire_peer *peers, size_t count)
{
    wire_write_map(w, 1);
    wire_write_uint(w, 0);
    wire_write_peer_list(w, peers, count);
}

void wire_write_find_value_reply(struct wire_writer *w, const struct wire_store *value,
                                 const struct wire_peer *peers, size_t count)
{
    wire_write_map(w, 2);
    wire_write_uint(w, 0);
    if (value != NULL)
        wire_write_store(w, value);
    else
        wire_write_null(w);
    wire_write_uint(w, 1);
    wire_write_peer_list(w, peers, count);
}

rt_err wire_find_node_reply_decode(uint8_t *buf, size_t len, wire_peer_fn *fn, void *ctx)
{
    struct wire_reader r;
    wire_reader_init(&r, buf, len);
    struct wire_map m = wire_map_open(&r, NULL, 1);
    while (wire_map_next(&r, &m) >= 0)
        wire_read_peer_list(&r, fn, ctx);
    wire_map_require(&r, &m, 1);
    return r.err;
}

rt_err wire_find_value_reply_decode(uint8_t *buf, size_t len, struct wire_store *value_out,
                                    wire_peer_fn *fn, void *ctx)
{
    struct wire_store value = {0};
    struct wire_reader r;
    wire_reader_init(&r, buf, len);
    struct wire_map m = wire_map_open(&r, NULL, 2);
    for (int key; (key = wire_map_next(&r, &m)) >= 0;) {
        if (key == 1)
            wire_read_peer_list(&r, fn, ctx);
        else if (!wire_read_null(&r))
            read_store(&r, &value);
    }
    wire_map_require(&r, &m, 1u << 1);
    if (r.err == RT_ERR_OK)
        *value_out = value;
    return r.err;
}
