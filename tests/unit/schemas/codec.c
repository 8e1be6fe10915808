/* SPDX-License-Identifier: MPL-2.0 */
#include "unit/schemas/codec.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/check.h"
#include "unit/schemas/codec_community.h"
#include "wire_announce.h"
#include "wire_dht.h"
#include "wire_envelope.h"
#include "wire_hello.h"
#include "wire_peer.h"
#include "wire_relay.h"
#include "wire_state.h"
#include "wire_value.h"

struct peers {
    struct wire_peer *at;
    size_t count, room;
};

static void keep_peer(void *ctx, const struct wire_peer *p)
{
    struct peers *list = ctx;
    if (list->count == list->room) {
        list->room = list->room * 2 + 8;
        list->at = realloc(list->at, list->room * sizeof *list->at);
        RT_INSIST(list->at != NULL);
    }
    list->at[list->count++] = *p;
}

/* -- envelope and hello -- */

static rt_err recode_envelope(uint8_t *buf, size_t len, struct wire_writer *w)
{
    struct wire_envelope e;
    uint8_t head[WIRE_LENGTH_BYTES + WIRE_ENVELOPE_HEAD_MAX];
    rt_err err = wire_envelope_decode(buf, len, &e);
    if (err != RT_ERR_OK)
        return err;
    size_t n = wire_envelope_head(head, e.type, e.req_id, e.flags, e.payload.len);
    RT_INSIST(n <= sizeof head);
    RT_INSIST(wire_length_read(head) == n - WIRE_LENGTH_BYTES + e.payload.len);
    wire_write_raw(w, head + WIRE_LENGTH_BYTES, n - WIRE_LENGTH_BYTES);
    wire_write_raw(w, e.payload.ptr, e.payload.len);
    return err;
}

static rt_err recode_hello(uint8_t *buf, size_t len, struct wire_writer *w)
{
    struct wire_hello h;
    uint8_t out[WIRE_HELLO_MAX];
    rt_err err = wire_hello_decode(buf, len, &h);
    if (err != RT_ERR_OK)
        return err;
    size_t n = wire_hello_encode(&h, out, sizeof out);
    RT_INSIST(n <= sizeof out);
    wire_write_raw(w, out, n);
    return err;
}

/* -- peers -- */

static rt_err recode_pex_offer(uint8_t *buf, size_t len, struct wire_writer *w)
{
    struct peers list = {0};
    rt_err err = wire_pex_offer_decode(buf, len, keep_peer, &list);
    if (err == RT_ERR_OK)
        wire_write_pex_offer(w, list.at, list.count);
    free(list.at);
    return err;
}

static rt_err recode_pex_request(uint8_t *buf, size_t len, struct wire_writer *w)
{
    uint8_t max_peers;
    rt_err err = wire_pex_request_decode(buf, len, &max_peers);
    if (err == RT_ERR_OK)
        wire_write_pex_request(w, max_peers);
    return err;
}

/* -- DHT -- */

static rt_err recode_find_node(uint8_t *buf, size_t len, struct wire_writer *w)
{
    uint8_t target[20], out[WIRE_DHT_SMALL_MAX];
    rt_err err = wire_find_node_decode(buf, len, target);
    if (err == RT_ERR_OK)
        wire_write_raw(w, out, wire_find_node_encode(target, out, sizeof out));
    return err;
}

static rt_err recode_find_value(uint8_t *buf, size_t len, struct wire_writer *w)
{
    uint8_t key[32], out[WIRE_DHT_SMALL_MAX];
    rt_err err = wire_find_value_decode(buf, len, key);
    if (err == RT_ERR_OK)
        wire_write_raw(w, out, wire_find_value_encode(key, out, sizeof out));
    return err;
}

static rt_err recode_store(uint8_t *buf, size_t len, struct wire_writer *w)
{
    struct wire_store s;
    rt_err err = wire_store_decode(buf, len, &s);
    if (err == RT_ERR_OK)
        wire_write_store(w, &s);
    return err;
}

static rt_err recode_find_node_reply(uint8_t *buf, size_t len, struct wire_writer *w)
{
    struct peers list = {0};
    rt_err err = wire_find_node_reply_decode(buf, len, keep_peer, &list);
    if (err == RT_ERR_OK)
        wire_write_find_node_reply(w, list.at, list.count);
    free(list.at);
    return err;
}

static rt_err recode_find_value_reply(uint8_t *buf, size_t len, struct wire_writer *w)
{
    struct peers list = {0};
    struct wire_store value;
    rt_err err = wire_find_value_reply_decode(buf, len, &value, keep_peer, &list);
    if (err == RT_ERR_OK)
        wire_write_find_value_reply(w, value.value.ptr != NULL ? &value : NULL, list.at,
                                    list.count);
    free(list.at);
    return err;
}

/* -- content and communities: requests the relay only reads -- */

static rt_err recode_get_manifest(uint8_t *buf, size_t len, struct wire_writer *w)
{
    uint8_t id[32];
    rt_err err = wire_get_manifest_decode(buf, len, id);
    if (err != RT_ERR_OK)
        return err;
    wire_write_map(w, 1);
    wire_write_key(w, "manifest_id");
    wire_write_int_array(w, id, 32);
    return err;
}

static rt_err recode_have_content(uint8_t *buf, size_t len, struct wire_writer *w)
{
    uint8_t id[32];
    rt_err err = wire_have_content_decode(buf, len, id);
    if (err != RT_ERR_OK)
        return err;
    wire_write_map(w, 1);
    wire_write_key(w, "content_id");
    wire_write_int_array(w, id, 32);
    return err;
}

static rt_err recode_list_public_shares(uint8_t *buf, size_t len, struct wire_writer *w)
{
    uint16_t max;
    rt_err err = wire_list_public_shares_decode(buf, len, &max);
    if (err != RT_ERR_OK)
        return err;
    wire_write_map(w, 1);
    wire_write_key(w, "max_entries");
    wire_write_uint(w, max);
    return err;
}

static rt_err recode_relay_list_request(uint8_t *buf, size_t len, struct wire_writer *w)
{
    uint16_t max;
    rt_err err = wire_relay_list_request_decode(buf, len, &max);
    if (err == RT_ERR_OK)
        wire_write_relay_list_request(w, max);
    return err;
}

static rt_err recode_community_status(uint8_t *buf, size_t len, struct wire_writer *w)
{
    struct wire_community_query q;
    rt_err err = wire_community_status_decode(buf, len, &q);
    if (err != RT_ERR_OK)
        return err;
    wire_write_map(w, 2);
    wire_write_key(w, "community_share_id");
    wire_write_int_array(w, q.community_share_id, 32);
    wire_write_key(w, "community_share_pubkey");
    wire_write_int_array(w, q.community_share_pubkey, 32);
    return err;
}

/* Without what the decoder does not keep: who asks, and the proof. */
static rt_err recode_community_shares(uint8_t *buf, size_t len, struct wire_writer *w)
{
    struct wire_community_query q;
    rt_err err = wire_community_shares_decode(buf, len, &q);
    if (err != RT_ERR_OK)
        return err;
    wire_write_map(w, 3);
    wire_write_key(w, "community_share_id");
    wire_write_int_array(w, q.community_share_id, 32);
    wire_write_key(w, "community_share_pubkey");
    wire_write_int_array(w, q.community_share_pubkey, 32);
    wire_write_key(w, "max_entries");
    wire_write_uint(w, q.max_entries);
    return err;
}

static rt_err recode_get_chunk(uint8_t *buf, size_t len, struct wire_writer *w)
{
    uint8_t id[32];
    uint32_t index;
    rt_err err = wire_get_chunk_decode(buf, len, id, &index);
    if (err != RT_ERR_OK)
        return err;
    wire_write_map(w, 2);
    wire_write_uint(w, 0);
    wire_write_bytes(w, id, 32);
    wire_write_uint(w, 1);
    wire_write_uint(w, index);
    return err;
}

static rt_err recode_get_chunk_hashes(uint8_t *buf, size_t len, struct wire_writer *w)
{
    uint8_t id[32];
    rt_err err = wire_get_chunk_hashes_decode(buf, len, id);
    if (err != RT_ERR_OK)
        return err;
    wire_write_map(w, 1);
    wire_write_uint(w, 0);
    wire_write_bytes(w, id, 32);
    return err;
}

/* -- tunnels -- */

static rt_err recode_relay_register(uint8_t *buf, size_t len, struct wire_writer *w)
{
    struct wire_relay_register m;
    uint8_t out[WIRE_RELAY_SMALL_MAX];
    rt_err err = wire_relay_register_decode(buf, len, &m);
    if (err == RT_ERR_OK)
        wire_write_raw(w, out, wire_relay_register_encode(&m, out, sizeof out));
    return err;
}

static rt_err recode_relay_registered(uint8_t *buf, size_t len, struct wire_writer *w)
{
    struct wire_relay_registered m;
    uint8_t out[WIRE_RELAY_SMALL_MAX];
    rt_err err = wire_relay_registered_decode(buf, len, &m);
    if (err == RT_ERR_OK)
        wire_write_raw(w, out, wire_relay_registered_encode(&m, out, sizeof out));
    return err;
}

static rt_err recode_relay_connect(uint8_t *buf, size_t len, struct wire_writer *w)
{
    uint64_t slot_id;
    uint8_t out[WIRE_RELAY_SMALL_MAX];
    rt_err err = wire_relay_connect_decode(buf, len, &slot_id);
    if (err == RT_ERR_OK)
        wire_write_raw(w, out, wire_relay_connect_encode(slot_id, out, sizeof out));
    return err;
}

static rt_err recode_relay_stream(uint8_t *buf, size_t len, struct wire_writer *w)
{
    struct wire_relay_stream m;
    uint8_t head[WIRE_RELAY_STREAM_HEAD_MAX];
    rt_err err = wire_relay_stream_decode(buf, len, &m);
    if (err != RT_ERR_OK)
        return err;
    wire_write_raw(w, head, wire_relay_stream_head(head, &m, m.payload.len));
    wire_write_raw(w, m.payload.ptr, m.payload.len);
    return err;
}

/* -- values -- */

static rt_err recode_share_head(uint8_t *buf, size_t len, struct wire_writer *w)
{
    struct wire_share_head h;
    rt_err err = wire_share_head_decode(buf, len, &h);
    if (err == RT_ERR_OK)
        wire_write_share_head(w, &h);
    return err;
}

static rt_err recode_providers(uint8_t *buf, size_t len, struct wire_writer *w)
{
    struct peers list = {0};
    struct wire_peer_set s;
    rt_err err = wire_providers_decode(buf, len, &s);
    if (err != RT_ERR_OK)
        return err;
    wire_peers_each(&s.peers, keep_peer, &list);
    RT_INSIST(list.count == s.peers.count);
    wire_write_providers(w, s.id, list.at, list.count, s.updated_at);
    free(list.at);
    return err;
}

static rt_err recode_members(uint8_t *buf, size_t len, struct wire_writer *w)
{
    struct peers list = {0};
    struct wire_peer_set s;
    rt_err err = wire_members_decode(buf, len, &s);
    if (err != RT_ERR_OK)
        return err;
    wire_peers_each(&s.peers, keep_peer, &list);
    RT_INSIST(list.count == s.peers.count);
    wire_write_members(w, s.id, list.at, list.count, s.updated_at);
    free(list.at);
    return err;
}

static rt_err recode_manifest(uint8_t *buf, size_t len, struct wire_writer *w)
{
    struct wire_manifest m;
    rt_err err = wire_manifest_decode(buf, len, &m);
    if (err != RT_ERR_OK)
        return err;
    size_t start = w->pos;
    wire_write_manifest(w, &m);
    RT_INSIST(w->pos - start <= WIRE_MANIFEST_ENCODED_MAX(len));
    return err;
}

static rt_err recode_announcement(uint8_t *buf, size_t len, struct wire_writer *w)
{
    struct wire_announcement a;
    rt_err err = wire_announcement_decode(buf, len, &a);
    if (err == RT_ERR_OK)
        wire_write_announcement(w, &a);
    return err;
}

struct announcements {
    struct wire_announcement *at;
    size_t count;
};

static void keep_announcement(void *ctx, const struct wire_announcement *a)
{
    struct announcements *list = ctx;
    list->at = realloc(list->at, (list->count + 1) * sizeof *list->at);
    RT_INSIST(list->at != NULL);
    list->at[list->count++] = *a;
}

static rt_err recode_relay_list(uint8_t *buf, size_t len, struct wire_writer *w)
{
    struct announcements list = {0};
    rt_err err = wire_relay_list_decode(buf, len, keep_announcement, &list);
    if (err == RT_ERR_OK)
        wire_write_relay_list_head(w, list.count);
    for (size_t i = 0; err == RT_ERR_OK && i < list.count; i++)
        wire_write_announcement(w, &list.at[i]);
    free(list.at);
    return err;
}

/* -- state -- */

static rt_err recode_node_key(uint8_t *buf, size_t len, struct wire_writer *w)
{
    uint8_t seed[32], out[WIRE_NODE_KEY_MAX];
    rt_err err = wire_node_key_decode(buf, len, seed);
    if (err == RT_ERR_OK)
        wire_write_raw(w, out, wire_node_key_encode(seed, out, sizeof out));
    return err;
}

static void count_pin(void *ctx, struct wire_bytes entry, const uint8_t public_key[32])
{
    (void)entry;
    (void)public_key;
    ++*(uint64_t *)ctx;
}

static void write_pin(void *ctx, struct wire_bytes entry, const uint8_t public_key[32])
{
    wire_write_pin(ctx, entry, public_key);
}

static rt_err recode_pins(uint8_t *buf, size_t len, struct wire_writer *w)
{
    uint64_t count = 0;
    rt_err err = wire_pins_decode(buf, len, count_pin, &count);
    if (err != RT_ERR_OK)
        return err;
    wire_write_pins(w, count);
    return wire_pins_decode(buf, len, write_pin, w);
}

static rt_err recode_peer_row(uint8_t *buf, size_t len, struct wire_writer *w)
{
    struct wire_peer_row row;
    rt_err err = wire_peer_row_decode(buf, len, &row);
    if (err == RT_ERR_OK)
        wire_write_peer_row(w, &row);
    return err;
}

/* -- the table -- */

#define REQUESTER " requester_node_pubkey requester_membership_proof "
#define MANIFEST " expires_at title description visibility communities signature "

const struct codec codecs[] = {
    {"envelope", -1, "", recode_envelope, 0},
    {"hello", -1, " echoed_nonce ", recode_hello, 0},
    {"pex_offer", 100, "", recode_pex_offer, 0},
    {"pex_request", 101, "", recode_pex_request, 0},
    {"find_node", 200, "", recode_find_node, 0},
    {"find_value", 201, "", recode_find_value, 0},
    {"store", 202, "", recode_store, 0},
    {"get_manifest", 400, "", recode_get_manifest, 0},
    {"list_public_shares", 402, "", recode_list_public_shares, 0},
    {"get_community_status", 404, "", recode_community_status, 0},
    {"list_community_public_shares", 406, REQUESTER, recode_community_shares, 0},
    {"members_request", 410, " cursor ", recode_members_request, 0},
    {"shares_request", 412, " cursor since_unix ", recode_shares_request, 0},
    {"search_request", 414, " cursor ", recode_search_request, 0},
    {"events_request", 416, " since_cursor ", recode_events_request, 0},
    {"relay_register", 450, " relay_slot_id tunnel ", recode_relay_register, 0},
    {"relay_registered", 451, "", recode_relay_registered, 0},
    {"relay_connect", 452, "", recode_relay_connect, 0},
    {"relay_stream", 453, " kind ", recode_relay_stream, 0},
    {"relay_list_request", 460, "", recode_relay_list_request, 0},
    {"relay_list", 461, "", recode_relay_list, 0},
    {"have_content", 499, "", recode_have_content, 0},
    {"get_chunk", 500, "", recode_get_chunk, 0},
    {"get_chunk_hashes", 502, "", recode_get_chunk_hashes, 0},
    {"find_node_answer", -1, "", recode_find_node_reply, 0},
    {"find_value_answer", -1, " 0 ", recode_find_value_reply, 0},
    {"share_head", -1, "", recode_share_head, 0},
    {"providers", 498, "", recode_providers, 0},
    {"community_members", -1, "", recode_members, 0},
    {"manifest", -1, MANIFEST, recode_manifest, 0},
    {"relay_announcement", -1, "", recode_announcement, 0},
    {"membership_token", -1, "", recode_membership_token, 0},
    {"member_record", -1, " auth_token_bytes ", recode_member_record, 1},
    {"share_record", -1, " title description ", recode_share_record, 1},
    {"community_hint", -1, " index_peers ", recode_community_hint, 1},
    {"members_page", -1, "", recode_members_page, 1},
    {"shares_page", -1, "", recode_shares_page, 1},
    {"rotation", -1, "", recode_rotation, 1},
    {"revocation", -1, "", recode_revocation, 1},
    {"node_key", -1, "", recode_node_key, 0},
    {"pinned_bootstrap_keys", -1, "", recode_pins, 0},
    {"peer_record", -1, " capabilities capabilities_seen_at reputation_score ", recode_peer_row, 0},
};
const size_t codec_count = sizeof codecs / sizeof *codecs;

const struct codec *codec_by_name(const char *name)
{
    for (size_t i = 0; i < codec_count; i++)
        if (strcmp(codecs[i].name, name) == 0)
            return &codecs[i];
    fprintf(stderr, "no codec '%s'\n", name);
    abort();
}

const struct codec *codec_by_type(int type)
{
    for (size_t i = 0; i < codec_count; i++)
        if (codecs[i].type == type)
            return &codecs[i];
    return NULL;
}

/* -- recoding with checks -- */

static uint8_t *copy_exactly(const uint8_t *in, size_t len)
{
    uint8_t *copy = malloc(len > 0 ? len : 1);
    RT_INSIST(copy != NULL);
    if (len > 0)
        memcpy(copy, in, len);
    return copy;
}

/* Decodes buf (and may change it); *out is malloc'ed. */
static rt_err recode_once(const struct codec *c, uint8_t *buf, size_t len, uint8_t **out,
                          size_t *out_len)
{
    size_t cap = 4 * len + 1024;
    uint8_t *encoded = malloc(cap);
    bool fits;
    struct wire_writer w;
    RT_INSIST(encoded != NULL);
    wire_writer_init(&w, encoded, cap);
    rt_err err = c->recode(buf, len, &w);
    if (err != RT_ERR_OK) {
        free(encoded);
        return err;
    }
    *out_len = wire_writer_len(&w, &fits);
    RT_INSIST(fits);
    *out = encoded;
    return RT_ERR_OK;
}

static void must_recode_to(const struct codec *c, uint8_t *buf, size_t len, const uint8_t *want,
                           size_t want_len)
{
    uint8_t *again;
    size_t again_len;
    RT_INSIST(recode_once(c, buf, len, &again, &again_len) == RT_ERR_OK);
    RT_INSIST(again_len == want_len);
    RT_INSIST(memcmp(again, want, want_len) == 0);
    free(again);
}

rt_err codec_recode(const struct codec *c, const uint8_t *in, size_t len, uint8_t **out,
                    size_t *out_len)
{
    uint8_t *copy = copy_exactly(in, len);
    uint8_t *first;
    size_t first_len;
    rt_err err = recode_once(c, copy, len, &first, &first_len);
    if (err == RT_ERR_OK) {
        if (len < 65536)
            must_recode_to(c, copy, len, first, first_len);
        uint8_t *canonical = copy_exactly(first, first_len);
        must_recode_to(c, canonical, first_len, first, first_len);
        free(canonical);
        *out = first;
        *out_len = first_len;
    }
    free(copy);
    return err;
}
