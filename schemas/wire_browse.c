/* SPDX-License-Identifier: MPL-2.0 */
#include "wire_browse.h"

#include <string.h>

#include "wire_limits.h"
#include "wire_tagged.h"

/* -- requests -- */

enum { COMMUNITY, CURSOR, LIMIT, EXTRA };

/* names: the map keys of the community, the cursor, the limit, and the request's own field, if any.
 */
static rt_err decode(uint8_t *buf, size_t len, const char *const *names, uint32_t keys,
                     uint32_t required,
                     void (*read_extra)(struct wire_reader *r, struct wire_browse_request *x),
                     struct wire_browse_request *out)
{
    struct wire_browse_request x = {0};
    struct wire_reader r;
    wire_reader_init(&r, buf, len);
    struct wire_map m = wire_map_open(&r, names, keys);
    for (int key; (key = wire_map_next(&r, &m)) >= 0;) {
        switch (key) {
        case COMMUNITY:
            wire_read_fixed(&r, x.community_id, 32);
            break;
        case CURSOR:
            x.cursor = wire_read_optional_text(&r, LIM_PAYLOAD_MAX);
            break;
        case LIMIT:
            x.limit = (uint16_t)wire_read_uint(&r, UINT16_MAX);
            break;
        case EXTRA:
            read_extra(&r, &x);
            break;
        }
    }
    wire_map_require(&r, &m, required);
    if (r.err == RT_ERR_OK)
        *out = x;
    return r.err;
}

static void read_since(struct wire_reader *r, struct wire_browse_request *x)
{
    x->has_since = !wire_read_null(r);
    if (x->has_since)
        x->since_unix = wire_read_uint(r, UINT64_MAX);
}

static void read_query(struct wire_reader *r, struct wire_browse_request *x)
{
    x->query = wire_read_text(r, LIM_PAYLOAD_MAX);
}

#define REQUIRED (1u << COMMUNITY | 1u << LIMIT)

rt_err wire_community_members_request_decode(uint8_t *buf, size_t len,
                                             struct wire_browse_request *out)
{
    static const char *const names[] = {"community_id", "cursor", "limit"};
    return decode(buf, len, names, EXTRA, REQUIRED, NULL, out);
}

rt_err wire_community_shares_request_decode(uint8_t *buf, size_t len,
                                            struct wire_browse_request *out)
{
    static const char *const names[] = {"community_id", "cursor", "limit", "since_unix"};
    return decode(buf, len, names, EXTRA + 1, REQUIRED, read_since, out);
}

rt_err wire_community_search_request_decode(uint8_t *buf, size_t len,
                                            struct wire_browse_request *out)
{
    static const char *const names[] = {"community_id", "cursor", "limit", "query"};
    return decode(buf, len, names, EXTRA + 1, REQUIRED | 1u << EXTRA, read_query, out);
}

rt_err wire_community_events_request_decode(uint8_t *buf, size_t len,
                                            struct wire_browse_request *out)
{
    static const char *const names[] = {"community_id", "since_cursor", "limit"};
    return decode(buf, len, names, EXTRA, REQUIRED, NULL, out);
}

/* -- replies -- */

static void write_head(struct wire_writer *w, const uint8_t community_id[32], const char *list,
                       uint32_t count, bool has_cursor)
{
    wire_write_map(w, has_cursor ? 3 : 2);
    wire_write_id_pair(w, "community_id", community_id);
    wire_write_key(w, list);
    wire_write_array(w, count);
}

void wire_write_members_reply_head(struct wire_writer *w, const uint8_t community_id[32],
                                   uint32_t count, bool has_cursor)
{
    write_head(w, community_id, "entries", count, has_cursor);
}

void wire_write_shares_reply_head(struct wire_writer *w, const uint8_t community_id[32],
                                  uint32_t count, bool has_cursor)
{
    write_head(w, community_id, "entries", count, has_cursor);
}

void wire_write_search_reply_head(struct wire_writer *w, const uint8_t community_id[32],
                                  uint32_t count, bool has_cursor)
{
    write_head(w, community_id, "hits", count, has_cursor);
}

void wire_write_events_reply_head(struct wire_writer *w, const uint8_t community_id[32],
                                  uint32_t count, bool has_cursor)
{
    write_head(w, community_id, "events", count, has_cursor);
}

void wire_write_reply_cursor(struct wire_writer *w, const char *text, size_t len)
{
    wire_write_key(w, "next_cursor");
    wire_write_text(w, text, len);
}

/* -- entries, hits, events -- */

void wire_write_members_reply_entry(struct wire_writer *w, const uint8_t member_node_pubkey[32],
                                    enum wire_member_status status, uint64_t announce_seq)
{
    struct wire_member_entry e = {.status = status, .announce_seq = announce_seq};
    memcpy(e.member_node_pubkey, member_node_pubkey, 32);
    wire_write_member_entry(w, &e);
}

void wire_write_shares_reply_entry(struct wire_writer *w, const struct wire_share_record *share)
{
    struct wire_share_entry e = {
        .latest_seq = share->latest_seq,
        .title = share->title,
        .description = share->description,
        .updated_at = share->updated_at,
    };
    memcpy(e.share_id, share->share_id, 32);
    memcpy(e.share_pubkey, share->share_pubkey, 32);
    wire_write_share_entry(w, &e);
}

void wire_write_search_reply_hit(struct wire_writer *w, const struct wire_share_record *share,
                                 uint32_t score)
{
    uint32_t texts = wire_count_texts(share->title, share->description);
    wire_write_map(w, 4 + texts);
    wire_write_id_pair(w, "share_id", share->share_id);
    wire_write_id_pair(w, "share_pubkey", share->share_pubkey);
    wire_write_uint_pair(w, "latest_seq", share->latest_seq);
    wire_write_optional_text_pair(w, "title", share->title);
    wire_write_optional_text_pair(w, "description", share->description);
    wire_write_uint_pair(w, "score", score);
}

void wire_write_events_reply_member(struct wire_writer *w, const uint8_t member_node_pubkey[32],
                                    enum wire_member_status status, uint64_t announce_seq)
{
    wire_write_map(w, 3);
    wire_write_key(w, "type");
    wire_write_key(w, status == WIRE_MEMBER_JOINED ? "member_joined" : "member_left");
    wire_write_id_pair(w, "member_node_pubkey", member_node_pubkey);
    wire_write_uint_pair(w, "announce_seq", announce_seq);
}

void wire_write_events_reply_share(struct wire_writer *w, const struct wire_share_record *share)
{
    wire_write_map(w, share->title.ptr != NULL ? 4 : 3);
    wire_write_key(w, "type");
    wire_write_key(w, "share_upserted");
    wire_write_id_pair(w, "share_id", share->share_id);
    wire_write_uint_pair(w, "latest_seq", share->latest_seq);
    wire_write_optional_text_pair(w, "title", share->title);
}
