/* SPDX-License-Identifier: MPL-2.0 */
/*
 * Plan: pages of members, shares and events for random limits, cursors and times equal those of a
 * naive walk through the same records. Following the cursors returns every record once. Expired
 * records are left out, and a community with only expired records is not found. Unreadable cursors
 * start at the first record. Limit 0 has an empty answer without a cursor, and an exact fit has no
 * cursor. Pages of long texts end below 1 MiB, with a cursor. Cursors of events: readable numbers,
 * no new event, beyond the last event. A changed record is returned once. Without memory a request
 * is refused.
 */
#include "community_room.h"

#include <inttypes.h>

#include "dht/value_store/community_pages.h"
#include "wire_limits.h"

static uint64_t rng = 20261202;

static uint64_t draw(uint64_t below)
{
    return test_random(&rng) % below;
}

/* -- the naive answers -- */

static uint8_t want_bytes[2u << 20];
static struct wire_writer want;

static bool is_wanted(const struct room_record *x, enum dht_record_kind kind,
                      const struct wire_browse_request *q)
{
    return x->r.kind == kind && x->expires_s > NOW_S &&
           (!q->has_since || x->share.updated_at >= q->since_unix);
}

/* after: NULL or 32 bytes. */
static void naive_list(const struct room *m, enum dht_record_kind kind,
                       const struct wire_browse_request *q, uint32_t max, const uint8_t *after)
{
    const struct room_record *page[256];
    uint32_t limit = q->limit < max ? q->limit : max, count = 0, matches = 0;
    char cursor[65];
    bool has_cursor;

    for (uint32_t i = 0; i < m->count; i++) {
        const struct room_record *x = m->records[i];

        if (!is_wanted(x, kind, q) || (after && memcmp(x->id, after, 32) <= 0))
            continue;
        matches++;
        if (count < limit)
            page[count++] = x;
    }
    has_cursor = matches > count && count > 0;
    wire_writer_init(&want, want_bytes, sizeof(want_bytes));
    if (kind == DHT_RECORD_MEMBER)
        wire_write_members_reply_head(&want, m->id, count, has_cursor);
    else
        wire_write_shares_reply_head(&want, m->id, count, has_cursor);
    for (uint32_t i = 0; i < count; i++) {
        if (kind == DHT_RECORD_MEMBER)
            wire_write_members_reply_entry(&want, page[i]->id, page[i]->member.status,
                                           page[i]->member.announce_seq);
        else
            wire_write_shares_reply_entry(&want, &page[i]->share);
    }
    if (has_cursor) {
        room_cursor(page[count - 1]->id, cursor);
        wire_write_reply_cursor(&want, cursor, 64);
    }
}

static void write_event(const struct room_record *x)
{
    if (x->r.kind == DHT_RECORD_MEMBER)
        wire_write_events_reply_member(&want, x->id, x->member.status, x->member.announce_seq);
    else
        wire_write_events_reply_share(&want, &x->share);
}

static const struct room_record *next_event(const struct room *m, uint64_t after)
{
    const struct room_record *best = NULL;

    for (uint32_t i = 0; i < m->count; i++) {
        const struct room_record *x = m->records[i];

        if (x->expires_s > NOW_S && x->r.event > after && (!best || x->r.event < best->r.event))
            best = x;
    }
    return best;
}

static void naive_events(const struct room *m, uint64_t after, uint32_t limit)
{
    const struct room_record *page[256], *x;
    uint32_t count = 0;
    char cursor[32];

    while (count < limit && count < 200 && (x = next_event(m, after))) {
        page[count++] = x;
        after = x->r.event;
    }
    wire_writer_init(&want, want_bytes, sizeof(want_bytes));
    wire_write_events_reply_head(&want, m->id, count, count > 0);
    for (uint32_t i = 0; i < count; i++)
        write_event(page[i]);
    snprintf(cursor, sizeof(cursor), "%" PRIu64, after);
    if (count > 0)
        wire_write_reply_cursor(&want, cursor, strlen(cursor));
}

/* -- the tests -- */

typedef enum wire_refusal page_fn(const struct dht_communities *c,
                                  const struct wire_browse_request *q, uint64_t now_s,
                                  struct relay_slice *out_reply);

static struct relay_slice page_of(page_fn *fn, const struct room *m,
                                  const struct wire_browse_request *q)
{
    struct relay_slice reply = {0};

    assert_int_equal(fn(m->index, q, NOW_S, &reply), WIRE_REFUSAL_NONE);
    assert_non_null(reply.owner);
    assert_true(reply.len < LIM_PAYLOAD_MAX);
    return reply;
}

static uint64_t some_expiry(void)
{
    return draw(5) == 0 ? NOW_S - draw(2) : NOW_S + 1 + draw(100);
}

static void fill(struct room *m, uint32_t count)
{
    static const char *const texts[] = {NULL, "", "Title", "\xce\x91\xce\xa3 longer text"};

    for (uint32_t i = 0; i < count; i++) {
        if (draw(2) == 0)
            room_add_member(m, i, draw(3) ? WIRE_MEMBER_JOINED : WIRE_MEMBER_LEFT, some_expiry());
        else
            room_add_share(m, i, texts[draw(4)], texts[draw(4)], NOW_S - draw(50), some_expiry());
    }
    room_sort(m);
}

/* A cursor of a random kind; *out_after: the id in it, or NULL. */
static const char *some_cursor(const struct room *m, char text[65], const uint8_t **out_after)
{
    static const char *const unreadable[] = {"", "zz", "12", "0x12"};
    static uint8_t after[32];

    *out_after = NULL;
    if (draw(4) == 0)
        return NULL;
    if (draw(4) == 0)
        return unreadable[draw(4)];
    if (draw(2) == 0)
        memcpy(after, m->records[draw(m->count)]->id, 32);
    else
        test_key((uint32_t)draw(100000), after);
    room_cursor(after, text);
    for (uint32_t i = 0; i < 64; i++) {
        if (text[i] >= 'a' && draw(2) == 0)
            text[i] = (char)(text[i] - 'a' + 'A');
    }
    if (draw(8) == 0) {
        text[draw(64)] = 'g';
        return text;
    }
    *out_after = after;
    return text;
}

static void test_lists_match_a_naive_walk(void **state)
{
    struct room m;

    (void)state;
    room_init(&m);
    fill(&m, 1000);
    for (uint32_t i = 0; i < 2000; i++) {
        const uint8_t *after;
        char text[65];
        const char *cursor = some_cursor(&m, text, &after);
        uint16_t limit = (uint16_t)(draw(3) ? draw(20) : draw(400));
        struct wire_browse_request q = room_request(&m, cursor, limit);

        naive_list(&m, DHT_RECORD_MEMBER, &q, 200, after);
        room_expect(page_of(dht_page_members, &m, &q), &want);
        q.has_since = draw(2) == 0;
        q.since_unix = q.has_since ? NOW_S - draw(60) : 0;
        naive_list(&m, DHT_RECORD_SHARE, &q, 100, after);
        room_expect(page_of(dht_page_shares, &m, &q), &want);
    }
    room_fini(&m);
}

static void test_events_match_a_naive_walk(void **state)
{
    struct room m;

    (void)state;
    room_init(&m);
    fill(&m, 600);
    for (uint32_t i = 0; i < 1000; i++) {
        struct room_record *x = m.records[draw(m.count)];
        uint64_t after = draw(dht_community_last_event(dht_community_find(m.index, m.id)) + 1);
        uint16_t limit = (uint16_t)(draw(3) ? draw(20) : draw(400));
        char cursor[32];
        struct wire_browse_request q;

        dht_communities_changed(m.index, &x->r, draw(3), NOW_S);
        snprintf(cursor, sizeof(cursor), "%s%" PRIu64, draw(2) ? "+00" : "", after);
        q = room_request(&m, after > 0 || draw(2) ? cursor : NULL, limit);
        naive_events(&m, after, limit);
        room_expect(page_of(dht_page_events, &m, &q), &want);
    }
    room_fini(&m);
}

static void expect_events(const struct room *m, const char *cursor, uint64_t after)
{
    struct wire_browse_request q = room_request(m, cursor, 10);

    naive_events(m, after, 10);
    room_expect(page_of(dht_page_events, m, &q), &want);
}

static void test_event_cursors(void **state)
{
    static const char *const from_the_top[] = {
        "",  "-1", " 1", "1 ", "1x", "+", "++1", "18446744073709551616", "18446744073709551615",
        "0", "4"};
    struct room m;

    (void)state;
    room_init(&m);
    for (uint32_t i = 0; i < 3; i++)
        room_add_member(&m, i, WIRE_MEMBER_JOINED, NOW_S + 1);
    for (size_t i = 0; i < sizeof(from_the_top) / sizeof(from_the_top[0]); i++)
        expect_events(&m, from_the_top[i], 0);
    expect_events(&m, NULL, 0);
    expect_events(&m, "1", 1);
    expect_events(&m, "+0002", 2);
    expect_events(&m, "3", 3);
    assert_true(want.pos < 60); /* nothing new: no entry, no cursor */
    dht_communities_changed(m.index, &m.records[0]->r, 1, NOW_S);
    expect_events(&m, "3", 3);
    expect_events(&m, NULL, 0);
    room_remove(&m, m.records[0]);
    expect_events(&m, "4", 4); /* the last number used: nothing new */
    room_fini(&m);
}

static void test_not_found(void **state)
{
    static page_fn *const pages[] = {dht_page_members, dht_page_shares, dht_page_events};
    struct relay_slice reply = {0};
    struct wire_browse_request q, other;
    struct room_record *x;
    struct room m;

    (void)state;
    room_init(&m);
    q = other = room_request(&m, NULL, 10);
    other.community_id[0]++;
    x = room_add_member(&m, 1, WIRE_MEMBER_LEFT, NOW_S + 1);
    for (int i = 0; i < 3; i++) {
        assert_int_equal(pages[i](m.index, &other, NOW_S, &reply),
                         WIRE_REFUSAL_COMMUNITY_NOT_FOUND);
        assert_int_equal(pages[i](m.index, &q, NOW_S + 1, &reply),
                         WIRE_REFUSAL_COMMUNITY_NOT_FOUND);
    }
    naive_list(&m, DHT_RECORD_SHARE, &q, 100, NULL); /* known, without a share */
    room_expect(page_of(dht_page_shares, &m, &q), &want);
    room_remove(&m, x);
    for (int i = 0; i < 3; i++)
        assert_int_equal(pages[i](m.index, &q, NOW_S, &reply), WIRE_REFUSAL_COMMUNITY_NOT_FOUND);
    assert_null(strstr(wire_refusal_info(WIRE_REFUSAL_COMMUNITY_NOT_FOUND)->text, "rate limit"));
    room_fini(&m);
}

/* The entries of a reply, and its cursor or "". */
static uint32_t read_reply(struct relay_slice reply, const char *list, char cursor[65])
{
    const char *names[] = {"community_id", list, "next_cursor"};
    uint8_t *bytes = malloc(reply.len);
    uint32_t count = 0;
    struct wire_reader r;
    struct wire_map map;

    assert_non_null(bytes);
    memcpy(bytes, reply.ptr, reply.len);
    cursor[0] = '\0';
    wire_reader_init(&r, bytes, reply.len);
    map = wire_map_open(&r, names, 3);
    for (int key; (key = wire_map_next(&r, &map)) >= 0;) {
        if (key == 1) {
            for (struct wire_seq s = wire_read_array(&r); wire_seq_next(&r, &s); count++)
                wire_skip(&r);
        } else if (key == 2) {
            struct wire_bytes text = wire_read_text(&r, 64);

            memcpy(cursor, text.ptr, text.len);
            cursor[text.len] = '\0';
        } else {
            wire_skip(&r);
        }
    }
    assert_int_equal(r.err, RT_ERR_OK);
    free(bytes);
    relay_slice_drop(&reply);
    return count;
}

/* Follows the cursors to the end and counts the entries and pages. */
static uint32_t follow(page_fn *fn, const struct room *m, const char *list, uint32_t *out_pages)
{
    char cursor[65] = "";
    uint32_t entries = 0;

    *out_pages = 0;
    do {
        struct wire_browse_request q = room_request(m, cursor[0] ? cursor : NULL, 65535);
        char last[65];

        memcpy(last, cursor, sizeof(last));
        entries += read_reply(page_of(fn, m, &q), list, cursor);
        assert_true(strcmp(last, cursor) != 0 || cursor[0] == '\0');
        ++*out_pages;
    } while (cursor[0]);
    return entries;
}

static void test_pages_of_long_texts_end_below_1_mib(void **state)
{
    static char title[60001];
    uint32_t pages;
    struct room m;

    (void)state;
    room_init(&m);
    memset(title, 't', sizeof(title) - 1);
    for (uint32_t i = 0; i < 40; i++)
        room_add_share(&m, i, title, i % 2 ? "short" : NULL, NOW_S, NOW_S + 1);
    room_sort(&m);
    assert_int_equal(follow(dht_page_shares, &m, "entries", &pages), 40);
    assert_int_equal(pages, 3);
    assert_int_equal(follow(dht_page_events, &m, "events", &pages), 40);
    assert_int_equal(pages, 4); /* the last page is empty, because the page before has a cursor */
    room_fini(&m);
}

static void test_without_memory_a_page_is_refused(void **state)
{
    struct relay_slice reply = {0};
    struct wire_browse_request q;
    struct room m;

    (void)state;
    room_init(&m);
    room_add_member(&m, 1, WIRE_MEMBER_JOINED, NOW_S + 1);
    q = room_request(&m, NULL, 10);
    rt_budget_configure(rt_budget_used());
    assert_int_equal(dht_page_members(m.index, &q, NOW_S, &reply), WIRE_REFUSAL_MEMORY);
    assert_int_equal(dht_page_shares(m.index, &q, NOW_S, &reply), WIRE_REFUSAL_MEMORY);
    assert_int_equal(dht_page_events(m.index, &q, NOW_S, &reply), WIRE_REFUSAL_MEMORY);
    rt_budget_configure(512u << 20);
    room_fini(&m);
}

static void test_without_memory_for_texts_a_page_is_refused(void **state)
{
    static char title[60001];
    struct relay_slice reply = {0};
    struct wire_browse_request q;
    struct room m;

    (void)state;
    room_init(&m);
    memset(title, 't', sizeof(title) - 1);
    for (uint32_t i = 0; i < 10; i++)
        room_add_share(&m, i, title, NULL, NOW_S, NOW_S + 1);
    q = room_request(&m, NULL, 10);
    rt_budget_configure(rt_budget_used() + 100000);
    assert_int_equal(dht_page_shares(m.index, &q, NOW_S, &reply), WIRE_REFUSAL_MEMORY);
    assert_int_equal(dht_page_events(m.index, &q, NOW_S, &reply), WIRE_REFUSAL_MEMORY);
    rt_budget_configure(512u << 20);
    room_fini(&m);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_lists_match_a_naive_walk),
        cmocka_unit_test(test_events_match_a_naive_walk),
        cmocka_unit_test(test_event_cursors),
        cmocka_unit_test(test_not_found),
        cmocka_unit_test(test_pages_of_long_texts_end_below_1_mib),
        cmocka_unit_test(test_without_memory_a_page_is_refused),
        cmocka_unit_test(test_without_memory_for_texts_a_page_is_refused),
    };

    return cmocka_run_group_tests(tests, test_setup, NULL);
}
