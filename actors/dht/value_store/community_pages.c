/* SPDX-License-Identifier: MPL-2.0 */
/*
 * The entries of a page are written from offset HEAD_ROOM. The length of the head depends on the
 * number of entries, so the head is written in front of them at the end.
 */
#include "dht/value_store/community_pages.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/budget.h"
#include "base/check.h"
#include "dht/dht_limits.h"
#include "wire_limits.h"

#define HEAD_ROOM WIRE_REPLY_FRAME_MAX
#define ENTRIES_MAX (LIM_PAYLOAD_MAX - WIRE_REPLY_FRAME_MAX) /* bytes */
#define ID_DIGITS 64u
_Static_assert(ID_DIGITS <= WIRE_CURSOR_MAX, "an id is a cursor");

/* -- pages -- */

static size_t room_for(size_t entries_len)
{
    return HEAD_ROOM + entries_len + WIRE_REPLY_FRAME_MAX;
}

bool dht_page_begin(struct dht_page *p, uint32_t entries)
{
    size_t len = room_for(entries * WIRE_REPLY_ENTRY_MAX);

    *p = (struct dht_page){.buf = rt_buf_new(len), .scratch = malloc(LIM_VALUE_MAX)};
    if (!p->buf || !p->scratch) {
        dht_page_drop(p);
        return false;
    }
    wire_writer_init(&p->w, p->buf->bytes + HEAD_ROOM, len - HEAD_ROOM);
    return true;
}

void dht_page_drop(struct dht_page *p)
{
    relay_buf_drop(&p->buf);
    free(p->scratch);
    p->scratch = NULL;
}

enum dht_page_room dht_page_reserve(struct dht_page *p, size_t text_len)
{
    size_t need = p->w.pos + WIRE_REPLY_ENTRY_MAX + text_len, pos = p->w.pos;
    struct relay_buf *grown;

    if (need > ENTRIES_MAX)
        return DHT_PAGE_FULL;
    if (room_for(need) <= p->buf->capacity)
        return DHT_PAGE_ROOM;
    need = need * 2 < ENTRIES_MAX ? need * 2 : ENTRIES_MAX;
    grown = rt_buf_grow(p->buf, room_for(need));
    if (!grown)
        return DHT_PAGE_NO_MEMORY;
    p->buf = grown;
    wire_writer_init(&p->w, grown->bytes + HEAD_ROOM, grown->capacity - HEAD_ROOM);
    p->w.pos = pos;
    return DHT_PAGE_ROOM;
}

static struct relay_slice page_end(struct dht_page *p, dht_page_head_fn *write_head,
                                   const uint8_t community_id[32], const char *cursor)
{
    uint8_t bytes[HEAD_ROOM], *start;
    struct relay_slice reply;
    struct wire_writer head;
    size_t head_len, len;
    bool head_fits, fits;

    if (cursor)
        wire_write_reply_cursor(&p->w, cursor, strlen(cursor));
    wire_writer_init(&head, bytes, sizeof(bytes));
    write_head(&head, community_id, p->count, cursor != NULL);
    head_len = wire_writer_len(&head, &head_fits);
    len = wire_writer_len(&p->w, &fits);
    RT_INSIST(head_fits && fits);
    start = p->buf->bytes + HEAD_ROOM - head_len;
    memcpy(start, bytes, head_len);
    reply = relay_slice_own(p->buf, start, (uint32_t)(head_len + len));
    p->buf = NULL;
    dht_page_drop(p);
    return reply;
}

struct relay_slice dht_page_end_at(struct dht_page *p, dht_page_head_fn *write_head,
                                   const uint8_t community_id[32], const uint8_t *id)
{
    static const char digits[] = "0123456789abcdef";
    char cursor[ID_DIGITS + 1];

    for (uint32_t i = 0; id && i < ID_DIGITS; i++)
        cursor[i] = digits[i % 2 ? id[i / 2] & 15 : id[i / 2] >> 4];
    cursor[ID_DIGITS] = '\0';
    return page_end(p, write_head, community_id, id ? cursor : NULL);
}

/* -- records -- */

/* Copies the record's bytes for a decoder into the page's scratch. */
static uint8_t *copy_of(struct dht_page *p, const struct dht_record *r)
{
    RT_REQUIRE(r->value->len <= LIM_VALUE_MAX);
    memcpy(p->scratch, r->value->ptr, r->value->len);
    return p->scratch;
}

static bool read_member(struct dht_page *p, const struct dht_record *r,
                        struct wire_member_record *out)
{
    return wire_member_record_decode(copy_of(p, r), r->value->len, out) == RT_ERR_OK;
}

bool dht_page_read_share(struct dht_page *p, const struct dht_record *r,
                         struct wire_share_record *out)
{
    return wire_share_record_decode(copy_of(p, r), r->value->len, out) == RT_ERR_OK;
}

struct dht_community *dht_page_community(const struct dht_communities *c,
                                         const uint8_t community_id[32], uint64_t now_s)
{
    struct dht_community *k = dht_community_find(c, community_id);

    return k && dht_community_is_live(k, now_s) ? k : NULL;
}

struct dht_record *dht_page_next_live(const struct dht_community *k, enum dht_record_kind kind,
                                      uint64_t now_s, uint32_t *place)
{
    for (; *place < dht_community_count(k, kind); ++*place) {
        struct dht_record *r = dht_community_at(k, kind, *place);

        if (dht_record_is_live(r, now_s))
            return r;
    }
    return NULL;
}

/* -- cursors -- */

static int digit_of(uint8_t c)
{
    if (c >= '0' && c <= '9')
        return c - '0';
    if (c >= 'a' && c <= 'f')
        return c - 'a' + 10;
    return c >= 'A' && c <= 'F' ? c - 'A' + 10 : -1;
}

bool dht_page_cursor(const struct wire_bytes *cursor, uint8_t out_id[32])
{
    uint8_t id[32];

    if (!cursor->ptr || cursor->len != ID_DIGITS)
        return false;
    for (uint32_t i = 0; i < sizeof(id); i++) {
        int high = digit_of(cursor->ptr[2 * i]), low = digit_of(cursor->ptr[2 * i + 1]);

        if (high < 0 || low < 0)
            return false;
        id[i] = (uint8_t)(high << 4 | low);
    }
    memcpy(out_id, id, sizeof(id));
    return true;
}

/* A decimal number with an optional plus sign; 0: none, or unreadable. */
static uint64_t number_of(const struct wire_bytes *cursor)
{
    uint32_t i = cursor->len > 1 && cursor->ptr[0] == '+';
    uint64_t number = 0;

    for (; i < cursor->len; i++) {
        uint8_t digit = (uint8_t)(cursor->ptr[i] - '0');

        if (digit > 9 || number > (UINT64_MAX - digit) / 10)
            return 0;
        number = number * 10 + digit;
    }
    return number;
}

static uint32_t limit_of(const struct wire_browse_request *q, uint32_t max)
{
    return q->limit < max ? q->limit : max;
}

static uint32_t start_of(const struct dht_community *k, enum dht_record_kind kind,
                         const struct wire_browse_request *q)
{
    uint8_t id[32];

    return dht_community_place(k, kind, dht_page_cursor(&q->cursor, id) ? id : NULL);
}

/* -- members and shares -- */

static enum dht_page_room add_member(struct dht_page *p, const struct dht_record *r)
{
    struct wire_member_record x;
    enum dht_page_room room = dht_page_reserve(p, 0);

    if (room == DHT_PAGE_ROOM && read_member(p, r, &x)) {
        wire_write_members_reply_entry(&p->w, x.member_node_pubkey, x.status, x.announce_seq);
        p->count++;
    }
    return room;
}

static enum dht_page_room add_share(struct dht_page *p, const struct dht_record *r)
{
    struct wire_share_record x;
    enum dht_page_room room;

    if (!dht_page_read_share(p, r, &x))
        return DHT_PAGE_ROOM;
    room = dht_page_reserve(p, (size_t)x.title.len + x.description.len);
    if (room == DHT_PAGE_ROOM) {
        wire_write_shares_reply_entry(&p->w, &x);
        p->count++;
    }
    return room;
}

struct listing {
    enum dht_record_kind kind;
    uint32_t max; /* entries of one page */
    enum dht_page_room (*add)(struct dht_page *p, const struct dht_record *r);
    dht_page_head_fn *write_head;
};

static enum wire_refusal list(const struct listing *l, const struct dht_communities *c,
                              const struct wire_browse_request *q, uint64_t now_s,
                              struct relay_slice *out_reply)
{
    struct dht_community *k = dht_page_community(c, q->community_id, now_s);
    enum dht_page_room room = DHT_PAGE_ROOM;
    uint32_t limit = limit_of(q, l->max), place;
    struct dht_record *r, *last = NULL;
    struct dht_page p;

    if (!k)
        return WIRE_REFUSAL_COMMUNITY_NOT_FOUND;
    if (!dht_page_begin(&p, limit))
        return WIRE_REFUSAL_MEMORY;
    place = start_of(k, l->kind, q);
    for (; (r = dht_page_next_live(k, l->kind, now_s, &place)); place++) {
        if (q->has_since && r->updated_at < q->since_unix)
            continue;
        if (p.count == limit || (room = l->add(&p, r)) != DHT_PAGE_ROOM)
            break;
        last = r;
    }
    if (room == DHT_PAGE_NO_MEMORY) {
        dht_page_drop(&p);
        return WIRE_REFUSAL_MEMORY;
    }
    *out_reply = dht_page_end_at(&p, l->write_head, q->community_id, r && last ? last->id : NULL);
    return WIRE_REFUSAL_NONE;
}

enum wire_refusal dht_page_members(const struct dht_communities *c,
                                   const struct wire_browse_request *q, uint64_t now_s,
                                   struct relay_slice *out_reply)
{
    static const struct listing members = {DHT_RECORD_MEMBER, LIM_PAGE_MEMBERS, add_member,
                                           wire_write_members_reply_head};

    return list(&members, c, q, now_s, out_reply);
}

enum wire_refusal dht_page_shares(const struct dht_communities *c,
                                  const struct wire_browse_request *q, uint64_t now_s,
                                  struct relay_slice *out_reply)
{
    static const struct listing shares = {DHT_RECORD_SHARE, LIM_PAGE_SHARES, add_share,
                                          wire_write_shares_reply_head};

    return list(&shares, c, q, now_s, out_reply);
}

/* -- events -- */

static enum dht_page_room add_share_event(struct dht_page *p, const struct dht_record *r)
{
    struct wire_share_record x;
    enum dht_page_room room;

    if (!dht_page_read_share(p, r, &x))
        return DHT_PAGE_ROOM;
    room = dht_page_reserve(p, x.title.len);
    if (room == DHT_PAGE_ROOM) {
        wire_write_events_reply_share(&p->w, &x);
        p->count++;
    }
    return room;
}

static enum dht_page_room add_event(struct dht_page *p, const struct dht_record *r)
{
    struct wire_member_record x;
    enum dht_page_room room;

    if (r->kind == DHT_RECORD_SHARE)
        return add_share_event(p, r);
    room = dht_page_reserve(p, 0);
    if (room == DHT_PAGE_ROOM && read_member(p, r, &x)) {
        wire_write_events_reply_member(&p->w, x.member_node_pubkey, x.status, x.announce_seq);
        p->count++;
    }
    return room;
}

enum wire_refusal dht_page_events(const struct dht_communities *c,
                                  const struct wire_browse_request *q, uint64_t now_s,
                                  struct relay_slice *out_reply)
{
    struct dht_community *k = dht_page_community(c, q->community_id, now_s);
    enum dht_page_room room = DHT_PAGE_ROOM;
    uint64_t after = number_of(&q->cursor), given = 0;
    uint32_t limit = limit_of(q, LIM_PAGE_EVENTS);
    char cursor[WIRE_CURSOR_MAX];
    struct dht_record *r;
    struct dht_page p;

    if (!k)
        return WIRE_REFUSAL_COMMUNITY_NOT_FOUND;
    if (!dht_page_begin(&p, limit))
        return WIRE_REFUSAL_MEMORY;
    if (after > dht_community_last_event(k))
        after = 0;
    while (p.count < limit && (r = dht_community_next_event(k, after))) {
        after = r->event;
        if (!dht_record_is_live(r, now_s))
            continue;
        room = add_event(&p, r);
        if (room != DHT_PAGE_ROOM)
            break;
        given = r->event;
    }
    if (room == DHT_PAGE_NO_MEMORY) {
        dht_page_drop(&p);
        return WIRE_REFUSAL_MEMORY;
    }
    snprintf(cursor, sizeof(cursor), "%" PRIu64, given);
    *out_reply =
        page_end(&p, wire_write_events_reply_head, q->community_id, given > 0 ? cursor : NULL);
    return WIRE_REFUSAL_NONE;
}
