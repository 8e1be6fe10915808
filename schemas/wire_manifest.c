/* SPDX-License-Identifier: MPL-2.0 */
/*
 * Invariant: a _decode function writes *out only when the whole manifest is valid. Pointers in a
 * decoded manifest lie in the input buffer.
 */
#include "wire_value.h"

#include <string.h>

#include "crypto/crypto.h"
#include "wire_limits.h"

enum {
    VERSION,
    SHARE_PUBKEY,
    SHARE_ID,
    SEQ,
    CREATED_AT,
    EXPIRES_AT,
    TITLE,
    DESCRIPTION,
    VISIBILITY,
    COMMUNITIES,
    ITEMS,
    RECOMMENDED,
    SIGNATURE,
    KEYS
};
static const char *const names[] = {
    "version",   "share_pubkey", "share_id",   "seq",         "created_at", "expires_at",
    "title",     "description",  "visibility", "communities", "items",      "recommended_shares",
    "signature",
};
#define OPTIONAL                                                                                   \
    (1u << EXPIRES_AT | 1u << TITLE | 1u << DESCRIPTION | 1u << VISIBILITY | 1u << COMMUNITIES |   \
     1u << SIGNATURE)

enum { CONTENT_ID, SIZE, NAME, PATH, MIME, TAGS, CHUNK_COUNT, CHUNK_LIST_HASH, ITEM_KEYS };
static const char *const item_names[] = {
    "content_id", "size", "name", "path", "mime", "tags", "chunk_count", "chunk_list_hash",
};

static const char *const visibility_names[] = {"private", "public"};

/* How a manifest is written out. */
enum form {
    AS_MAP,    /* as it is sent */
    AS_SIGNED, /* as arrays, the items too, without the signature */
    AS_HASHED, /* as an array of everything, items as maps */
};

/* -- reading -- */

/* An array whose elements `read` reads and checks; what was read is not kept. */
static struct wire_list read_list(struct wire_reader *r, uint32_t max,
                                  void (*read)(struct wire_reader *r))
{
    struct wire_list l = {{r->pos, 0}, 0};
    for (struct wire_seq s = wire_read_array(r); wire_seq_next(r, &s);) {
        if (l.count++ == max)
            wire_reader_fail(r, RT_ERR_TOO_LARGE);
        read(r);
    }
    l.raw.len = (uint32_t)(r->pos - l.raw.ptr);
    return l;
}

static void read_id(struct wire_reader *r)
{
    uint8_t id[32];
    wire_read_fixed(r, id, 32);
}

static void read_tag(struct wire_reader *r)
{
    wire_read_text(r, UINT32_MAX);
}

static void read_item(struct wire_reader *r)
{
    struct wire_item item;
    wire_read_item(r, &item);
}

void wire_read_item(struct wire_reader *r, struct wire_item *out)
{
    *out = (struct wire_item){0};
    struct wire_map m = wire_map_open(r, item_names, ITEM_KEYS);
    for (int key; (key = wire_map_next(r, &m)) >= 0;) {
        switch (key) {
        case CONTENT_ID:
            wire_read_fixed(r, out->content_id, 32);
            break;
        case SIZE:
            out->size = wire_read_uint(r, UINT64_MAX);
            break;
        case NAME:
            out->name = wire_read_text(r, UINT32_MAX);
            break;
        case PATH:
            out->path = wire_read_optional_text(r, UINT32_MAX);
            break;
        case MIME:
            out->mime = wire_read_optional_text(r, UINT32_MAX);
            break;
        case TAGS:
            out->tags = read_list(r, UINT32_MAX, read_tag);
            break;
        case CHUNK_COUNT:
            out->chunk_count = (uint32_t)wire_read_uint(r, UINT32_MAX);
            break;
        case CHUNK_LIST_HASH:
            wire_read_fixed(r, out->chunk_list_hash, 32);
            break;
        }
    }
    wire_map_require(r, &m, 1u << CONTENT_ID | 1u << SIZE | 1u << NAME | 1u << TAGS);
}

static void read_field(struct wire_reader *r, int key, struct wire_manifest *m)
{
    switch (key) {
    case VERSION:
        m->version = (uint8_t)wire_read_uint(r, UINT8_MAX);
        break;
    case SHARE_PUBKEY:
        wire_read_fixed(r, m->share_pubkey, 32);
        break;
    case SHARE_ID:
        wire_read_fixed(r, m->share_id, 32);
        break;
    case SEQ:
        m->seq = wire_read_uint(r, UINT64_MAX);
        break;
    case CREATED_AT:
        m->created_at = wire_read_uint(r, UINT64_MAX);
        break;
    case EXPIRES_AT:
        m->has_expires_at = !wire_read_null(r);
        if (m->has_expires_at)
            m->expires_at = wire_read_uint(r, UINT64_MAX);
        break;
    case TITLE:
        m->title = wire_read_optional_text(r, UINT32_MAX);
        break;
    case DESCRIPTION:
        m->description = wire_read_optional_text(r, UINT32_MAX);
        break;
    case VISIBILITY:
        m->visibility = (enum wire_visibility)wire_read_choice(r, visibility_names, 2);
        break;
    case COMMUNITIES:
        m->communities = read_list(r, UINT32_MAX, read_id);
        break;
    case ITEMS:
        m->items = read_list(r, LIM_MANIFEST_ITEMS_MAX, read_item);
        break;
    case RECOMMENDED:
        m->recommended_shares = read_list(r, UINT32_MAX, read_id);
        break;
    case SIGNATURE:
        m->has_signature = !wire_read_null(r);
        if (m->has_signature)
            wire_read_signature(r, m->signature);
        break;
    }
}

rt_err wire_manifest_decode(uint8_t *buf, size_t len, struct wire_manifest *out)
{
    struct wire_manifest m = {0};
    struct wire_reader r;
    wire_reader_init(&r, buf, len);
    struct wire_map map = wire_map_open(&r, names, KEYS);
    for (int key; (key = wire_map_next(&r, &map)) >= 0;)
        read_field(&r, key, &m);
    wire_map_require(&r, &map, ((1u << KEYS) - 1) & ~OPTIONAL);
    if (r.err == RT_ERR_OK)
        *out = m;
    return r.err;
}

/* -- writing -- */

static void write_text(struct wire_writer *w, struct wire_bytes text)
{
    if (text.ptr != NULL)
        wire_write_text(w, (const char *)text.ptr, text.len);
    else
        wire_write_null(w);
}

static void write_ids(struct wire_writer *w, const struct wire_list *ids)
{
    struct wire_reader r;
    uint8_t id[32];
    wire_write_array(w, ids->count);
    for (struct wire_seq s = wire_list_open(ids, &r); wire_seq_next(&r, &s);) {
        wire_read_fixed(&r, id, 32);
        wire_write_int_array(w, id, 32);
    }
}

static void write_tags(struct wire_writer *w, const struct wire_list *tags)
{
    struct wire_reader r;
    wire_write_array(w, tags->count);
    for (struct wire_seq s = wire_list_open(tags, &r); wire_seq_next(&r, &s);)
        write_text(w, wire_read_text(&r, UINT32_MAX));
}

/* As a map, without `path` when there is none; or as an array of all values. */
static void write_item(struct wire_writer *w, const struct wire_item *item, bool as_map)
{
    bool omits_path = as_map && item->path.ptr == NULL;
    if (as_map)
        wire_write_map(w, omits_path ? ITEM_KEYS - 1 : ITEM_KEYS);
    else
        wire_write_array(w, ITEM_KEYS);
    for (int key = 0; key < ITEM_KEYS; key++) {
        if (key == PATH && omits_path)
            continue;
        if (as_map)
            wire_write_key(w, item_names[key]);
        switch (key) {
        case CONTENT_ID:
            wire_write_int_array(w, item->content_id, 32);
            break;
        case SIZE:
            wire_write_uint(w, item->size);
            break;
        case NAME:
            write_text(w, item->name);
            break;
        case PATH:
            write_text(w, item->path);
            break;
        case MIME:
            write_text(w, item->mime);
            break;
        case TAGS:
            write_tags(w, &item->tags);
            break;
        case CHUNK_COUNT:
            wire_write_uint(w, item->chunk_count);
            break;
        case CHUNK_LIST_HASH:
            wire_write_int_array(w, item->chunk_list_hash, 32);
            break;
        }
    }
}

void wire_write_item(struct wire_writer *w, const struct wire_item *item)
{
    write_item(w, item, true);
}

static void write_items(struct wire_writer *w, const struct wire_list *items, enum form form)
{
    struct wire_reader r;
    struct wire_item item;
    wire_write_array(w, items->count);
    for (struct wire_seq s = wire_list_open(items, &r); wire_seq_next(&r, &s);) {
        wire_read_item(&r, &item);
        write_item(w, &item, form != AS_SIGNED);
    }
}

static void write_signature(struct wire_writer *w, const struct wire_manifest *m, enum form form)
{
    if (!m->has_signature)
        wire_write_null(w);
    else if (form == AS_MAP)
        wire_write_bytes(w, m->signature, 64);
    else
        wire_write_int_array(w, m->signature, 64);
}

static void write_field(struct wire_writer *w, int key, const struct wire_manifest *m,
                        enum form form)
{
    switch (key) {
    case VERSION:
        wire_write_uint(w, m->version);
        break;
    case SHARE_PUBKEY:
        wire_write_int_array(w, m->share_pubkey, 32);
        break;
    case SHARE_ID:
        wire_write_int_array(w, m->share_id, 32);
        break;
    case SEQ:
        wire_write_uint(w, m->seq);
        break;
    case CREATED_AT:
        wire_write_uint(w, m->created_at);
        break;
    case EXPIRES_AT:
        if (m->has_expires_at)
            wire_write_uint(w, m->expires_at);
        else
            wire_write_null(w);
        break;
    case TITLE:
        write_text(w, m->title);
        break;
    case DESCRIPTION:
        write_text(w, m->description);
        break;
    case VISIBILITY:
        wire_write_key(w, visibility_names[m->visibility]);
        break;
    case COMMUNITIES:
        write_ids(w, &m->communities);
        break;
    case ITEMS:
        write_items(w, &m->items, form);
        break;
    case RECOMMENDED:
        write_ids(w, &m->recommended_shares);
        break;
    case SIGNATURE:
        write_signature(w, m, form);
        break;
    }
}

static void write_manifest(struct wire_writer *w, const struct wire_manifest *m, enum form form)
{
    int keys = form == AS_SIGNED ? SIGNATURE : KEYS;
    if (form == AS_MAP)
        wire_write_map(w, KEYS);
    else
        wire_write_array(w, (uint64_t)keys);
    for (int key = 0; key < keys; key++) {
        if (form == AS_MAP)
            wire_write_key(w, names[key]);
        write_field(w, key, m, form);
    }
}

void wire_write_manifest(struct wire_writer *w, const struct wire_manifest *m)
{
    write_manifest(w, m, AS_MAP);
}

void wire_write_manifest_signed(struct wire_writer *w, const struct wire_manifest *m)
{
    write_manifest(w, m, AS_SIGNED);
}

void wire_write_manifest_hashed(struct wire_writer *w, const struct wire_manifest *m)
{
    write_manifest(w, m, AS_HASHED);
}

rt_err wire_manifest_id(const struct wire_manifest *m, uint8_t *scratch, size_t cap,
                        uint8_t out[32])
{
    bool fits;
    struct wire_writer w;
    wire_writer_init(&w, scratch, cap);
    wire_write_manifest_hashed(&w, m);
    size_t len = wire_writer_len(&w, &fits);
    if (!fits)
        return RT_ERR_TOO_LARGE;
    rt_blake3(scratch, len, out);
    return RT_ERR_OK;
}

bool wire_manifest_is_consistent(const struct wire_manifest *m)
{
    uint8_t share_id[32];
    wire_share_id(m->share_pubkey, share_id);
    return memcmp(share_id, m->share_id, 32) == 0 && m->has_signature &&
           (!m->has_expires_at || m->expires_at > m->created_at);
}
