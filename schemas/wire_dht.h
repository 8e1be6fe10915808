/* SPDX-License-Identifier: MPL-2.0 */
/*
 * DHT and content request messages (protocol: messages 200 to 202, 400 to 407, 460, 461, 499, 500,
 * 502): what a relay decodes, and the replies it encodes. Integer-keyed maps where the table of the
 * protocol says so.
 */
#ifndef WIRE_DHT_H
#define WIRE_DHT_H

#include "wire_cbor.h"
#include "wire_peer.h"

struct wire_store {
    uint8_t key[32];
    struct wire_bytes value; /* <= 64 KiB is checked by the store, not here */
    uint64_t ttl_secs;
};

struct wire_community_query {
    uint8_t community_share_id[32];
    uint8_t community_share_pubkey[32];
    uint16_t max_entries; /* 406 only */
};

RT_MUST_CHECK rt_err wire_find_node_decode(uint8_t *buf, size_t len, uint8_t out_target[20]);
RT_MUST_CHECK rt_err wire_find_value_decode(uint8_t *buf, size_t len, uint8_t out_key[32]);
RT_MUST_CHECK rt_err wire_store_decode(uint8_t *buf, size_t len, struct wire_store *out);
RT_MUST_CHECK rt_err wire_get_manifest_decode(uint8_t *buf, size_t len, uint8_t out_id[32]);
RT_MUST_CHECK rt_err wire_list_public_shares_decode(uint8_t *buf, size_t len, uint16_t *out_max);
RT_MUST_CHECK rt_err wire_community_status_decode(uint8_t *buf, size_t len,
                                                  struct wire_community_query *out); /* 404 */
RT_MUST_CHECK rt_err wire_community_shares_decode(uint8_t *buf, size_t len,
                                                  struct wire_community_query *out); /* 406 */
RT_MUST_CHECK rt_err wire_relay_list_request_decode(uint8_t *buf, size_t len, uint16_t *out_max);
RT_MUST_CHECK rt_err wire_have_content_decode(uint8_t *buf, size_t len, uint8_t out_id[32]);
RT_MUST_CHECK rt_err wire_get_chunk_decode(uint8_t *buf, size_t len, uint8_t out_id[32],
                                           uint32_t *out_index);
RT_MUST_CHECK rt_err wire_get_chunk_hashes_decode(uint8_t *buf, size_t len, uint8_t out_id[32]);

/* Requests, for our own look-ups. Each returns the bytes written (cap >= WIRE_DHT_SMALL_MAX). */
#define WIRE_DHT_SMALL_MAX 128u
size_t wire_find_node_encode(const uint8_t target[20], uint8_t *out, size_t cap);
size_t wire_find_value_encode(const uint8_t key[32], uint8_t *out, size_t cap);
void wire_write_store(struct wire_writer *w, const struct wire_store *s);

/* Answers. */
void wire_write_find_node_reply(struct wire_writer *w, const struct wire_peer *peers, size_t count);
/* value NULL: null */
void wire_write_find_value_reply(struct wire_writer *w, const struct wire_store *value,
                                 const struct wire_peer *peers, size_t count);
void wire_write_manifest_data(struct wire_writer *w, const uint8_t id[32], struct wire_bytes bytes);
void wire_write_public_share_list_empty(struct wire_writer *w);
/* 405, without a proof and a name */
void wire_write_community_status_joined(struct wire_writer *w, const uint8_t id[32]);
void wire_write_community_status_not_joined(struct wire_writer *w, const uint8_t id[32]);
void wire_write_community_share_list_empty(struct wire_writer *w, const uint8_t id[32]);

/* Answers we read in look-ups of our own. value_out->value.ptr == NULL: none was sent. */
RT_MUST_CHECK rt_err wire_find_node_reply_decode(uint8_t *buf, size_t len, wire_peer_fn *fn,
                                                 void *ctx);
RT_MUST_CHECK rt_err wire_find_value_reply_decode(uint8_t *buf, size_t len,
                                                  struct wire_store *value_out, wire_peer_fn *fn,
                                                  void *ctx);

#endif
