/* SPDX-License-Identifier: MPL-2.0 */
/*
 * Plan: lower-casing is the reference's, including final sigma and dotted I. Titles score above
 * descriptions. An empty query finds all shares. Searches in slices over random texts, limits and
 * cursors equal a naive walk. The community may change or disappear between slices. After 256 KiB
 * of text, and when ended early, a search answers with a cursor; following the cursors finds every
 * hit once. Pages of long texts end below 1 MiB. Long queries find nothing. A community without
 * records and a lack of memory are refused.
 */
#include "community_room.h"

#include "dht/value_store/community_search.h"
#include "wire_limits.h"

static uint64_t rng = 20261203;

static uint64_t draw(uint64_t below)
{
    return test_random(&rng) % below;
}

static struct wire_browse_request request(const struct room *m, const char *query,
                                          const char *cursor, uint16_t limit)
{
    struct wire_browse_request q = room_request(m, cursor, limit);

    q.query = (struct wire_bytes){(const uint8_t *)query, (uint32_t)strlen(query)};
    return q;
}

static struct dht_community_search *begin(const struct room *m, const struct wire_browse_request *q)
{
    struct dht_community_search *s = NULL;

    assert_int_equal(dht_community_search_new(m->index, q, NOW_S, &s), WIRE_REFUSAL_NONE);
    return s;
}

static struct relay_slice end(struct dht_community_search *s)
{
    struct relay_slice reply = {0};

    assert_int_equal(dht_community_search_end(&s, &reply), WIRE_REFUSAL_NONE);
    assert_null(s);
    assert_true(reply.len < LIM_PAYLOAD_MAX);
    return reply;
}

/* *out_slices: the number of slices. */
static struct relay_slice search(const struct room *m, const struct wire_browse_request *q,
                                 uint32_t *out_slices)
{
    struct dht_community_search *s = begin(m, q);

    for (*out_slices = 1; dht_community_search_run(s, m->index, NOW_S); ++*out_slices)
        ;
    return end(s);
}

/* -- reading answers -- */

struct found {
    uint32_t count;
    uint64_t scores[64];
    uint8_t ids[64][32];
    char cursor[65];
};

static void read_hit(struct wire_reader *r, struct found *out)
{
    static const char *const names[] = {"share_id", "score"};
    struct wire_map map = wire_map_open(r, names, 2);

    assert_true(out->count < 64);
    for (int key; (key = wire_map_next(r, &map)) >= 0;) {
        if (key == 0)
            wire_read_fixed(r, out->ids[out->count], 32);
        else
            out->scores[out->count] = wire_read_uint(r, UINT32_MAX);
    }
    out->count++;
}

static void read_reply(struct relay_slice reply, struct found *out)
{
    static const char *const names[] = {"community_id", "hits", "next_cursor"};
    uint8_t *bytes = malloc(reply.len);
    struct wire_reader r;
    struct wire_map map;

    assert_non_null(bytes);
    memcpy(bytes, reply.ptr, reply.len);
    *out = (struct found){0};
    wire_reader_init(&r, bytes, reply.len);
    map = wire_map_open(&r, names, 3);
    for (int key; (key = wire_map_next(&r, &map)) >= 0;) {
        if (key == 1) {
            for (struct wire_seq s = wire_read_array(&r); wire_seq_next(&r, &s);)
                read_hit(&r, out);
        } else if (key == 2) {
            struct wire_bytes text = wire_read_text(&r, 64);

            memcpy(out->cursor, text.ptr, text.len);
        } else {
            wire_skip(&r);
        }
    }
    assert_int_equal(r.err, RT_ERR_OK);
    free(bytes);
    relay_slice_drop(&reply);
}

/* -- case -- */

static uint64_t score(const char *title, const char *description, const char *query)
{
    struct wire_browse_request q;
    struct found found;
    uint32_t slices;
    struct room m;

    room_init(&m);
    room_add_share(&m, 1, title, description, NOW_S, NOW_S + 1);
    q = request(&m, query, NULL, 10);
    read_reply(search(&m, &q, &slices), &found);
    room_fini(&m);
    return found.count ? found.scores[0] : 0;
}

static void test_case_is_folded_as_the_reference_does(void **state)
{
    (void)state;
    assert_int_equal(score("Holiday Pictures", NULL, "DAY p"), 200);
    assert_int_equal(score("Holiday", "Pictures", "pict"), 100);
    assert_int_equal(score("Pictures", "Pictures", "pict"), 200);
    assert_int_equal(score("Holiday", "Pictures", "day pict"), 0);
    assert_int_equal(score("Holiday", NULL, " holiday"), 0);
    assert_int_equal(score(NULL, NULL, ""), 200);
    assert_int_equal(score(NULL, "text", ""), 200);
    assert_int_equal(score(NULL, NULL, "a"), 0);
    assert_int_equal(score("", "", "a"), 0);
    assert_int_equal(score("\xc3\x84RZTE", NULL, "\xc3\xa4rzte"), 200); /* with diaeresis */
    /* decomposed: no normalisation */
    assert_int_equal(score("A\xcc\x88rzte", NULL, "\xc3\xa4rzte"), 0);
    /* capital sigma: final in the query, final or not in the title */
    assert_int_equal(score("\xce\x91\xce\xa3", NULL, "\xce\x91\xce\xa3"), 200);
    assert_int_equal(score("\xce\x91\xce\xa3\xce\x91", NULL, "\xce\x91\xce\xa3"), 0);
    assert_int_equal(score("\xce\x91\xce\xa3\xce\x91", NULL, "\xce\xb1\xcf\x83"), 200);
    assert_int_equal(score("\xce\x91\xce\xa3", NULL, "\xce\xb1\xcf\x83"), 0);
    /* capital I with a dot becomes i and a combining dot */
    assert_int_equal(score("\xc4\xb0stanbul", NULL, "i"), 200);
    assert_int_equal(score("\xc4\xb0stanbul", NULL, "istanbul"), 0);
    assert_int_equal(score("\xc4\xb0stanbul", NULL, "i\xcc\x87stanbul"), 200);
    /* the letters that grow, and one that shrinks */
    assert_int_equal(score("\xc8\xba\xc8\xba\xc8\xba", NULL, "\xe2\xb1\xa5\xe2\xb1\xa5"), 200);
    assert_int_equal(score("\xe2\x84\xaa", NULL, "k"), 200);
    assert_int_equal(score("stra\xc3\x9f"
                           "e",
                           NULL, "STRASSE"),
                     0);
}

/* -- the naive search: texts are ASCII; matching parts are in lower case -- */

static uint8_t want_bytes[2u << 20];
static struct wire_writer want;

static bool contains(const struct wire_bytes *text, const char *query)
{
    return *query == '\0' ||
           (text->len > 0 && memmem(text->ptr, text->len, query, strlen(query)) != NULL);
}

static void naive_search(const struct room *m, const char *query, uint32_t limit,
                         const uint8_t *after)
{
    const struct room_record *page[64];
    uint32_t scores[64], count = 0, matches = 0;
    char cursor[65];
    bool has_cursor;

    limit = limit < 50 ? limit : 50;
    for (uint32_t i = 0; i < m->count; i++) {
        const struct room_record *x = m->records[i];
        bool in_title = contains(&x->share.title, query);

        if (x->expires_s <= NOW_S || (after && memcmp(x->id, after, 32) <= 0) ||
            (!in_title && !contains(&x->share.description, query)))
            continue;
        matches++;
        if (count == limit)
            continue;
        scores[count] = in_title ? 200 : 100;
        page[count++] = x;
    }
    has_cursor = matches > count && count > 0;
    wire_writer_init(&want, want_bytes, sizeof(want_bytes));
    wire_write_search_reply_head(&want, m->id, count, has_cursor);
    for (uint32_t i = 0; i < count; i++)
        wire_write_search_reply_hit(&want, &page[i]->share, scores[i]);
    if (has_cursor) {
        room_cursor(page[count - 1]->id, cursor);
        wire_write_reply_cursor(&want, cursor, 64);
    }
}

static void some_text(char out[40])
{
    uint32_t len = (uint32_t)draw(30);

    for (uint32_t i = 0; i < len; i++)
        out[i] = "abc "[draw(4)];
    out[len] = '\0';
}

static void fill(struct room *m, uint32_t count)
{
    for (uint32_t i = 0; i < count; i++) {
        char title[40], description[40];

        some_text(title);
        some_text(description);
        room_add_share(m, i, draw(5) ? title : NULL, draw(5) ? description : NULL, NOW_S,
                       draw(6) ? NOW_S + 1 : NOW_S);
    }
    room_sort(m);
}

static void test_searches_match_a_naive_walk(void **state)
{
    uint32_t sliced = 0;
    struct room m;

    (void)state;
    room_init(&m);
    fill(&m, 800);
    for (uint32_t i = 0; i < 500; i++) {
        const struct room_record *from = draw(2) ? m.records[draw(m.count)] : NULL;
        uint32_t limit = (uint32_t)(draw(4) ? draw(60) : 65535), slices, len = (uint32_t)draw(5);
        struct wire_browse_request q;
        char cursor[65], query[40];

        some_text(query);
        if (strlen(query) > len)
            query[len] = '\0';
        if (from)
            room_cursor(from->id, cursor);
        q = request(&m, query, from ? cursor : NULL, (uint16_t)limit);
        naive_search(&m, query, limit, from ? from->id : NULL);
        room_expect(search(&m, &q, &slices), &want);
        sliced += slices > 3;
    }
    assert_true(sliced > 100);
    room_fini(&m);
}

/* -- slices -- */

static void test_index_may_change_between_slices(void **state)
{
    struct wire_browse_request q;
    struct dht_community_search *s;
    struct found found;
    struct room m;

    (void)state;
    for (uint32_t round = 0; round < 20; round++) {
        uint32_t number = 10000;

        room_init(&m);
        fill(&m, 500);
        q = request(&m, "abc", NULL, 50);
        s = begin(&m, &q);
        while (dht_community_search_run(s, m.index, NOW_S)) {
            for (uint32_t i = 0; i < 20; i++) {
                room_remove(&m, m.records[draw(m.count)]);
                room_add_share(&m, number++, "xabcx", NULL, NOW_S, NOW_S + 1);
            }
        }
        read_reply(end(s), &found);
        assert_true(found.count > 0);
        for (uint32_t i = 1; i < found.count; i++)
            assert_true(memcmp(found.ids[i - 1], found.ids[i], 32) < 0);
        room_fini(&m);
    }
}

static void test_community_may_vanish_between_slices(void **state)
{
    struct wire_browse_request q;
    struct dht_community_search *s;
    struct found found;
    struct room m;

    (void)state;
    room_init(&m);
    fill(&m, 500);
    q = request(&m, "no such text", NULL, 50);
    s = begin(&m, &q);
    assert_true(dht_community_search_run(s, m.index, NOW_S));
    while (m.count > 0)
        room_remove(&m, m.records[m.count - 1]);
    assert_false(dht_community_search_run(s, m.index, NOW_S));
    read_reply(end(s), &found);
    assert_int_equal(found.count, 0);
    assert_string_equal(found.cursor, "");
    room_fini(&m);
}

static void fill_long(struct room *m, uint32_t count, uint32_t len)
{
    char *text = malloc(len + 1);

    assert_non_null(text);
    memset(text, 'T', len);
    text[len] = '\0';
    for (uint32_t i = 0; i < count; i++)
        room_add_share(m, i, i % 2 ? text : "other", i % 2 ? "needle" : text, NOW_S, NOW_S + 1);
    room_sort(m);
    free(text);
}

/* Follows the cursors and returns the number of hits. max_slices: each search ends after these. */
static uint32_t follow(const struct room *m, const char *query, uint32_t max_slices,
                       uint32_t *out_pages)
{
    struct found found = {0};
    uint8_t last[32] = {0};
    uint32_t hits = 0;

    *out_pages = 0;
    do {
        char cursor[65];
        struct wire_browse_request q;
        struct dht_community_search *s;

        memcpy(cursor, found.cursor, sizeof(cursor));
        q = request(m, query, cursor[0] ? cursor : NULL, 50);
        s = begin(m, &q);
        for (uint32_t i = 1; dht_community_search_run(s, m->index, NOW_S) && i < max_slices; i++)
            ;
        read_reply(end(s), &found);
        for (uint32_t i = 0; i < found.count; i++) {
            assert_true(memcmp(last, found.ids[i], 32) < 0);
            memcpy(last, found.ids[i], 32);
        }
        hits += found.count;
        ++*out_pages;
    } while (found.cursor[0]);
    return hits;
}

static void test_search_ends_after_its_text(void **state)
{
    struct wire_browse_request q;
    struct found found;
    uint32_t pages, slices;
    struct room m;

    (void)state;
    room_init(&m);
    fill_long(&m, 200, 16000);
    /* 17 shares are 256 KiB; 200 shares take 12 requests */
    assert_int_equal(follow(&m, "needle", UINT32_MAX, &pages), 100);
    assert_int_equal(pages, 12);
    assert_int_equal(follow(&m, "needle", 1, &pages), 100);
    assert_true(pages > 50);
    q = request(&m, "no such text", NULL, 50);
    read_reply(search(&m, &q, &slices), &found);
    assert_int_equal(found.count, 0);
    assert_int_equal(strlen(found.cursor), 64);
    assert_true(slices > 5);
    room_fini(&m);
}

static void test_pages_of_long_texts_end_below_1_mib(void **state)
{
    uint32_t pages;
    struct room m;

    (void)state;
    room_init(&m);
    fill_long(&m, 40, 60000);
    assert_int_equal(follow(&m, "", UINT32_MAX, &pages), 40);
    assert_int_equal(pages, 3);
    room_fini(&m);
}

/* A query of 60,000 letters finds the equal title. A query longer than any text finds nothing. */
static void test_long_queries(void **state)
{
    static char query[LIM_VALUE_MAX + 2];
    struct wire_browse_request q;
    struct found found;
    uint32_t slices;
    struct room m;

    (void)state;
    room_init(&m);
    memset(query, 'Q', 60000);
    room_add_share(&m, 1, query, NULL, NOW_S, NOW_S + 1);
    q = request(&m, query, NULL, 10);
    read_reply(search(&m, &q, &slices), &found);
    assert_int_equal(found.count, 1);
    for (size_t len = 60001; len <= LIM_VALUE_MAX + 1; len += LIM_VALUE_MAX - 60000) {
        memset(query, 'Q', len);
        q = request(&m, query, NULL, 10);
        read_reply(search(&m, &q, &slices), &found);
        assert_int_equal(found.count, 0);
        assert_string_equal(found.cursor, "");
    }
    room_fini(&m);
}

static void test_refusals(void **state)
{
    struct dht_community_search *s = NULL;
    struct relay_slice reply = {0};
    struct wire_browse_request q;
    struct room m;

    (void)state;
    room_init(&m);
    q = request(&m, "x", NULL, 10);
    assert_int_equal(dht_community_search_new(m.index, &q, NOW_S, &s),
                     WIRE_REFUSAL_COMMUNITY_NOT_FOUND);
    room_add_share(&m, 1, "x", NULL, NOW_S, NOW_S + 1);
    s = begin(&m, &q);
    dht_community_search_free(&s);
    assert_null(s);
    rt_budget_configure(rt_budget_used());
    assert_int_equal(dht_community_search_new(m.index, &q, NOW_S, &s), WIRE_REFUSAL_MEMORY);
    rt_budget_configure(512u << 20);
    s = begin(&m, &q);
    rt_budget_configure(rt_budget_used());
    assert_false(dht_community_search_run(s, m.index, NOW_S));
    assert_int_equal(dht_community_search_end(&s, &reply), WIRE_REFUSAL_MEMORY);
    rt_budget_configure(512u << 20);
    room_fini(&m);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_case_is_folded_as_the_reference_does),
        cmocka_unit_test(test_searches_match_a_naive_walk),
        cmocka_unit_test(test_index_may_change_between_slices),
        cmocka_unit_test(test_community_may_vanish_between_slices),
        cmocka_unit_test(test_search_ends_after_its_text),
        cmocka_unit_test(test_pages_of_long_texts_end_below_1_mib),
        cmocka_unit_test(test_long_queries),
        cmocka_unit_test(test_refusals),
    };

    return cmocka_run_group_tests(tests, test_setup, NULL);
}
