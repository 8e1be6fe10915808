/* SPDX-License-Identifier: MPL-2.0 */
/*
 * Invariant: a _decode function writes *out only when the whole value is valid. Pointers in a
 * decoded value lie in the input buffer.
 */
#include <string.h>

#include "crypto/crypto.h"
#include "wire_community.h"
#include "wire_limits.h"
#include "wire_tagged.h"

/* -- hints -- */

enum { HINT_COMMUNITY, HINT_COUNT, HINT_MEMBERS, HINT_INDEX_PEERS, HINT_UPDATED, HINT_KEYS };
static const char *const hint_names[] = {
    "community_id", "member_count_estimate", "sample_members", "index_peers", "updated_at",
};

rt_err wire_community_hint_decode(uint8_t *buf, size_t len, struct wire_community_hint *out)
{
    struct wire_community_hint x = {0};
    struct wire_reader r;
    wire_tagged_open(&r, buf, len, WIRE_VALUE_COMMUNITY_HINT);
    struct wire_map m = wire_map_open(&r, hint_names, HINT_KEYS);
    for (int key; (key = wire_map_next(&r, &m)) >= 0;) {
        switch (key) {
        case HINT_COMMUNITY:
            wire_read_fixed(&r, x.community_id, 32);
            break;
        case HINT_COUNT:
            x.member_count_estimate = wire_read_uint(&r, UINT64_MAX);
            break;
        case HINT_MEMBERS:
            x.sample_members = wire_read_peers(&r);
            break;
        case HINT_INDEX_PEERS:
            x.index_peers = wire_read_peers(&r);
            break;
        case HINT_UPDATED:
            x.updated_at = wire_read_uint(&r, UINT64_MAX);
            break;
        }
    }
    wire_map_require(&r, &m, ((1u << HINT_KEYS) - 1) & ~(1u << HINT_INDEX_PEERS));
    if (r.err == RT_ERR_OK)
        *out = x;
    return r.err;
}

static void write_one_peer(void *ctx, const struct wire_peer *p)
{
    wire_write_peer(ctx, p);
}

static void write_peers(struct wire_writer *w, const char *key, const struct wire_list *peers)
{
    wire_write_key(w, key);
    wire_write_array(w, peers->count);
    wire_peers_each(peers, write_one_peer, w);
}

void wire_write_community_hint(struct wire_writer *w, const struct wire_community_hint *x)
{
    wire_write_tag(w, WIRE_VALUE_COMMUNITY_HINT);
    wire_write_map(w, x->index_peers.count > 0 ? HINT_KEYS : HINT_KEYS - 1);
    wire_write_id_pair(w, hint_names[HINT_COMMUNITY], x->community_id);
    wire_write_uint_pair(w, hint_names[HINT_COUNT], x->member_count_estimate);
    write_peers(w, hint_names[HINT_MEMBERS], &x->sample_members);
    if (x->index_peers.count > 0)
        write_peers(w, hint_names[HINT_INDEX_PEERS], &x->index_peers);
    wire_write_uint_pair(w, hint_names[HINT_UPDATED], x->updated_at);
}

bool wire_community_hint_is_valid(const struct wire_community_hint *x)
{
    return x->sample_members.count <= WIRE_HINT_MEMBERS_MAX &&
           x->index_peers.count <= WIRE_HINT_INDEX_PEERS_MAX;
}

/* -- entries -- */

enum { MEMBER_PUBKEY, MEMBER_STATUS, MEMBER_SEQ, MEMBER_ADDR, MEMBER_KEYS };
static const char *const member_names[] = {
    "member_node_pubkey",
    "status",
    "announce_seq",
    "addr",
};

void wire_read_member_entry(struct wire_reader *r, struct wire_member_entry *out)
{
    *out = (struct wire_member_entry){0};
    struct wire_map m = wire_map_open(r, member_names, MEMBER_KEYS);
    for (int key; (key = wire_map_next(r, &m)) >= 0;) {
        switch (key) {
        case MEMBER_PUBKEY:
            wire_read_fixed(r, out->member_node_pubkey, 32);
            break;
        case MEMBER_STATUS:
            out->status = (enum wire_member_status)wire_read_choice(r, wire_member_status_names, 2);
            break;
        case MEMBER_SEQ:
            out->announce_seq = wire_read_uint(r, UINT64_MAX);
            break;
        case MEMBER_ADDR:
            out->has_addr = !wire_read_null(r);
            if (out->has_addr)
                wire_read_peer(r, &out->addr);
            break;
        }
    }
    wire_map_require(r, &m, (1u << MEMBER_ADDR) - 1);
}

void wire_write_member_entry(struct wire_writer *w, const struct wire_member_entry *e)
{
    wire_write_map(w, MEMBER_KEYS);
    wire_write_id_pair(w, member_names[MEMBER_PUBKEY], e->member_node_pubkey);
    wire_write_key(w, member_names[MEMBER_STATUS]);
    wire_write_key(w, wire_member_status_names[e->status]);
    wire_write_uint_pair(w, member_names[MEMBER_SEQ], e->announce_seq);
    wire_write_key(w, member_names[MEMBER_ADDR]);
    if (e->has_addr)
        wire_write_peer(w, &e->addr);
    else
        wire_write_null(w);
}

enum {
    SHARE_ID,
    SHARE_PUBKEY,
    SHARE_SEQ,
    SHARE_TITLE,
    SHARE_DESCRIPTION,
    SHARE_UPDATED,
    SHARE_KEYS
};
static const char *const share_names[] = {
    "share_id", "share_pubkey", "latest_seq", "title", "description", "updated_at",
};

void wire_read_share_entry(struct wire_reader *r, struct wire_share_entry *out)
{
    *out = (struct wire_share_entry){0};
    struct wire_map m = wire_map_open(r, share_names, SHARE_KEYS);
    for (int key; (key = wire_map_next(r, &m)) >= 0;) {
        switch (key) {
        case SHARE_ID:
            wire_read_fixed(r, out->share_id, 32);
            break;
        case SHARE_PUBKEY:
            wire_read_fixed(r, out->share_pubkey, 32);
            break;
        case SHARE_SEQ:
            out->latest_seq = wire_read_uint(r, UINT64_MAX);
            break;
        case SHARE_TITLE:
            out->title = wire_read_optional_text(r, LIM_PAYLOAD_MAX);
            break;
        case SHARE_DESCRIPTION:
            out->description = wire_read_optional_text(r, LIM_PAYLOAD_MAX);
            break;
        case SHARE_UPDATED:
            out->updated_at = wire_read_uint(r, UINT64_MAX);
            break;
        }
    }
    wire_map_require(r, &m,
                     ((1u << SHARE_KEYS) - 1) & ~(1u << SHARE_TITLE | 1u << SHARE_DESCRIPTION));
}

void wire_write_share_entry(struct wire_writer *w, const struct wire_share_entry *e)
{
    uint32_t texts = wire_count_texts(e->title, e->description);
    wire_write_map(w, SHARE_KEYS - 2 + texts);
    wire_write_id_pair(w, share_names[SHARE_ID], e->share_id);
    wire_write_id_pair(w, share_names[SHARE_PUBKEY], e->share_pubkey);
    wire_write_uint_pair(w, share_names[SHARE_SEQ], e->latest_seq);
    wire_write_optional_text_pair(w, share_names[SHARE_TITLE], e->title);
    wire_write_optional_text_pair(w, share_names[SHARE_DESCRIPTION], e->description);
    wire_write_uint_pair(w, share_names[SHARE_UPDATED], e->updated_at);
}

/* -- pages -- */

enum { PAGE_COMMUNITY, PAGE_BUCKET, PAGE_NO, PAGE_TOTAL, PAGE_ENTRIES, PAGE_BUILT, PAGE_KEYS };
static const char *const page_names[] = {
    "community_id", "bucket", "page_no", "total_pages", "entries", "built_at",
};

/* Reads an entry; writes it out again unless w is NULL. */
typedef void entry_fn(struct wire_reader *r, struct wire_writer *w);

static void copy_member(struct wire_reader *r, struct wire_writer *w)
{
    struct wire_member_entry e;
    wire_read_member_entry(r, &e);
    if (w != NULL)
        wire_write_member_entry(w, &e);
}

static void copy_share(struct wire_reader *r, struct wire_writer *w)
{
    struct wire_share_entry e;
    wire_read_share_entry(r, &e);
    if (w != NULL)
        wire_write_share_entry(w, &e);
}

static struct wire_list read_entries(struct wire_reader *r, entry_fn *copy)
{
    struct wire_list l = {{r->pos, 0}, 0};
    for (struct wire_seq s = wire_read_array(r); wire_seq_next(r, &s); l.count++)
        copy(r, NULL);
    l.raw.len = (uint32_t)(r->pos - l.raw.ptr);
    return l;
}

static rt_err decode_page(uint8_t *buf, size_t len, enum wire_value_kind kind, entry_fn *copy,
                          struct wire_community_page *out)
{
    struct wire_community_page x = {0};
    struct wire_reader r;
    wire_tagged_open(&r, buf, len, kind);
    struct wire_map m = wire_map_open(&r, page_names, PAGE_KEYS);
    for (int key; (key = wire_map_next(&r, &m)) >= 0;) {
        switch (key) {
        case PAGE_COMMUNITY:
            wire_read_fixed(&r, x.community_id, 32);
            break;
        case PAGE_BUCKET:
            x.bucket = wire_read_uint(&r, UINT64_MAX);
            break;
        case PAGE_NO:
            x.page_no = (uint16_t)wire_read_uint(&r, UINT16_MAX);
            break;
        case PAGE_TOTAL:
            x.total_pages = (uint16_t)wire_read_uint(&r, UINT16_MAX);
            break;
        case PAGE_ENTRIES:
            x.entries = read_entries(&r, copy);
            break;
        case PAGE_BUILT:
            x.built_at = wire_read_uint(&r, UINT64_MAX);
            break;
        }
    }
    wire_map_require(&r, &m, (1u << PAGE_KEYS) - 1);
    if (r.err == RT_ERR_OK)
        *out = x;
    return r.err;
}

rt_err wire_members_page_decode(uint8_t *buf, size_t len, struct wire_community_page *out)
{
    return decode_page(buf, len, WIRE_VALUE_MEMBERS_PAGE, copy_member, out);
}

rt_err wire_shares_page_decode(uint8_t *buf, size_t len, struct wire_community_page *out)
{
    return decode_page(buf, len, WIRE_VALUE_SHARES_PAGE, copy_share, out);
}

static void write_page(struct wire_writer *w, enum wire_value_kind kind, entry_fn *copy,
                       const struct wire_community_page *x)
{
    struct wire_reader r;
    wire_write_tag(w, kind);
    wire_write_map(w, PAGE_KEYS);
    wire_write_id_pair(w, page_names[PAGE_COMMUNITY], x->community_id);
    wire_write_uint_pair(w, page_names[PAGE_BUCKET], x->bucket);
    wire_write_uint_pair(w, page_names[PAGE_NO], x->page_no);
    wire_write_uint_pair(w, page_names[PAGE_TOTAL], x->total_pages);
    wire_write_key(w, page_names[PAGE_ENTRIES]);
    wire_write_array(w, x->entries.count);
    for (struct wire_seq s = wire_list_open(&x->entries, &r); wire_seq_next(&r, &s);)
        copy(&r, w);
    wire_write_uint_pair(w, page_names[PAGE_BUILT], x->built_at);
}

void wire_write_members_page(struct wire_writer *w, const struct wire_community_page *x)
{
    write_page(w, WIRE_VALUE_MEMBERS_PAGE, copy_member, x);
}

void wire_write_shares_page(struct wire_writer *w, const struct wire_community_page *x)
{
    write_page(w, WIRE_VALUE_SHARES_PAGE, copy_share, x);
}

bool wire_community_page_is_valid(const struct wire_community_page *x)
{
    return x->page_no < x->total_pages;
}

static void page_key(const char *prefix, const uint8_t community_id[32], uint64_t bucket,
                     uint16_t page_no, uint8_t out[32])
{
    uint8_t suffix[32 + 8 + 2];
    memcpy(suffix, community_id, 32);
    for (int i = 0; i < 8; i++)
        suffix[32 + i] = (uint8_t)(bucket >> (56 - 8 * i));
    suffix[40] = (uint8_t)(page_no >> 8);
    suffix[41] = (uint8_t)page_no;
    rt_sha256_2(prefix, strlen(prefix), suffix, sizeof suffix, out);
}

void wire_members_page_key(const uint8_t community_id[32], uint64_t bucket, uint16_t page_no,
                           uint8_t out[32])
{
    page_key("community:members:page:", community_id, bucket, page_no, out);
}

void wire_shares_page_key(const uint8_t community_id[32], uint64_t bucket, uint16_t page_no,
                          uint8_t out[32])
{
    page_key("community:shares:page:", community_id, bucket, page_no, out);
}
