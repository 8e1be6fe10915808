/* SPDX-License-Identifier: MPL-2.0 */
#include "unit/schemas/codec_community.h"

#include "wire_browse.h"
#include "wire_community.h"

/* -- tagged values -- */

rt_err recode_member_record(uint8_t *buf, size_t len, struct wire_writer *w)
{
    struct wire_member_record x;
    rt_err err = wire_member_record_decode(buf, len, &x);
    if (err == RT_ERR_OK)
        wire_write_member_record(w, &x);
    return err;
}

rt_err recode_membership_token(uint8_t *buf, size_t len, struct wire_writer *w)
{
    struct wire_membership_token x;
    rt_err err = wire_membership_token_decode(buf, len, &x);
    if (err == RT_ERR_OK)
        wire_write_membership_token(w, &x);
    return err;
}

rt_err recode_share_record(uint8_t *buf, size_t len, struct wire_writer *w)
{
    struct wire_share_record x;
    rt_err err = wire_share_record_decode(buf, len, &x);
    if (err == RT_ERR_OK)
        wire_write_share_record(w, &x);
    return err;
}

rt_err recode_community_hint(uint8_t *buf, size_t len, struct wire_writer *w)
{
    struct wire_community_hint x;
    rt_err err = wire_community_hint_decode(buf, len, &x);
    if (err == RT_ERR_OK)
        wire_write_community_hint(w, &x);
    return err;
}

rt_err recode_members_page(uint8_t *buf, size_t len, struct wire_writer *w)
{
    struct wire_community_page x;
    rt_err err = wire_members_page_decode(buf, len, &x);
    if (err == RT_ERR_OK)
        wire_write_members_page(w, &x);
    return err;
}

rt_err recode_shares_page(uint8_t *buf, size_t len, struct wire_writer *w)
{
    struct wire_community_page x;
    rt_err err = wire_shares_page_decode(buf, len, &x);
    if (err == RT_ERR_OK)
        wire_write_shares_page(w, &x);
    return err;
}

rt_err recode_rotation(uint8_t *buf, size_t len, struct wire_writer *w)
{
    struct wire_rotation x;
    rt_err err = wire_rotation_decode(buf, len, &x);
    if (err == RT_ERR_OK)
        wire_write_rotation(w, &x);
    return err;
}

rt_err recode_revocation(uint8_t *buf, size_t len, struct wire_writer *w)
{
    struct wire_revocation x;
    rt_err err = wire_revocation_decode(buf, len, &x);
    if (err == RT_ERR_OK)
        wire_write_revocation(w, &x);
    return err;
}

/* -- requests, which the relay only reads -- */

static void write_text_field(struct wire_writer *w, const char *key, struct wire_bytes text)
{
    wire_write_key(w, key);
    wire_write_text(w, (const char *)text.ptr, text.len);
}

static void write_request(struct wire_writer *w, const struct wire_browse_request *x,
                          bool has_query, const char *cursor_key)
{
    bool has_cursor = x->cursor.ptr != NULL;
    wire_write_map(w, 2u + has_cursor + x->has_since + has_query);
    wire_write_key(w, "community_id");
    wire_write_int_array(w, x->community_id, 32);
    if (has_query)
        write_text_field(w, "query", x->query);
    if (has_cursor)
        write_text_field(w, cursor_key, x->cursor);
    wire_write_key(w, "limit");
    wire_write_uint(w, x->limit);
    if (x->has_since) {
        wire_write_key(w, "since_unix");
        wire_write_uint(w, x->since_unix);
    }
}

rt_err recode_members_request(uint8_t *buf, size_t len, struct wire_writer *w)
{
    struct wire_browse_request x;
    rt_err err = wire_community_members_request_decode(buf, len, &x);
    if (err == RT_ERR_OK)
        write_request(w, &x, false, "cursor");
    return err;
}

rt_err recode_shares_request(uint8_t *buf, size_t len, struct wire_writer *w)
{
    struct wire_browse_request x;
    rt_err err = wire_community_shares_request_decode(buf, len, &x);
    if (err == RT_ERR_OK)
        write_request(w, &x, false, "cursor");
    return err;
}

rt_err recode_search_request(uint8_t *buf, size_t len, struct wire_writer *w)
{
    struct wire_browse_request x;
    rt_err err = wire_community_search_request_decode(buf, len, &x);
    if (err == RT_ERR_OK)
        write_request(w, &x, true, "cursor");
    return err;
}

rt_err recode_events_request(uint8_t *buf, size_t len, struct wire_writer *w)
{
    struct wire_browse_request x;
    rt_err err = wire_community_events_request_decode(buf, len, &x);
    if (err == RT_ERR_OK)
        write_request(w, &x, false, "since_cursor");
    return err;
}
