/* SPDX-License-Identifier: MPL-2.0 */
#include "dht/value_store/community_search.h"

#include <stdlib.h>
#include <string.h>
#include <unicase.h>

#include "base/budget.h"
#include "base/check.h"
#include "dht/dht_limits.h"
#include "wire_limits.h"

#define SCORE_TITLE 200u
#define SCORE_DESCRIPTION 100u
#define LOWERED_MAX(len) ((len)*3u / 2u) /* two bytes become three at most: U+0130, U+023A */
#define RECORD_COST 256u                 /* of a slice: added to the bytes of each share */

struct dht_community_search {
    uint8_t community_id[32];
    struct relay_slice text; /* the query as received; dropped by the first slice */
    uint8_t *query;          /* lower-cased; NULL: not yet */
    size_t query_len;
    uint32_t limit;
    uint32_t text_len; /* searched so far */
    bool has_looked;
    uint8_t looked[32]; /* the last searched share, or the request's cursor */
    uint8_t hit[32];    /* the last hit */
    enum { SEARCHING, EXHAUSTED, BEYOND_PAGE, OUT_OF_BUDGET, OUT_OF_MEMORY } state;
    struct dht_page page; /* begun by the first slice, so that waiting searches are small */
    uint8_t *lowered;     /* for a text, LOWERED_MAX(LIM_VALUE_MAX) bytes; by the first slice */
};

/* Lower-cases into room of LOWERED_MAX(len) bytes. False: no memory, or no UTF-8. */
static bool lower(const uint8_t *text, size_t len, uint8_t *out, size_t *out_len)
{
    size_t room = LOWERED_MAX(len);
    uint8_t *result = u8_tolower(text, len, NULL, NULL, out, &room);

    if (result != out) {
        free(result);
        return false;
    }
    *out_len = room;
    return true;
}

enum wire_refusal dht_community_search_new(const struct dht_communities *c,
                                           const struct wire_browse_request *q, uint64_t now_s,
                                           struct dht_community_search **out)
{
    struct dht_community_search *s;

    if (!dht_page_community(c, q->community_id, now_s))
        return WIRE_REFUSAL_COMMUNITY_NOT_FOUND;
    s = calloc(1, sizeof(*s));
    RT_INSIST(s != NULL);
    s->limit = q->limit < LIM_PAGE_HITS ? q->limit : LIM_PAGE_HITS;
    if (q->query.len > LIM_VALUE_MAX)
        s->limit = 0; /* longer than any text */
    else
        s->query_len = q->query.len;
    memcpy(s->community_id, q->community_id, sizeof(s->community_id));
    s->has_looked = dht_page_cursor(&q->cursor, s->looked);
    s->text = rt_slice_copy(q->query.ptr, (uint32_t)s->query_len);
    if (!s->text.owner) {
        free(s);
        return WIRE_REFUSAL_MEMORY;
    }
    *out = s;
    return WIRE_REFUSAL_NONE;
}

void dht_community_search_free(struct dht_community_search **s)
{
    struct dht_community_search *old = *s;

    *s = NULL;
    if (!old)
        return;
    dht_page_drop(&old->page);
    relay_slice_drop(&old->text);
    free(old->query);
    free(old->lowered);
    free(old);
}

static bool is_found(struct dht_community_search *s, const struct wire_bytes *text)
{
    size_t len;

    s->text_len += text->len;
    return text->len > 0 && lower(text->ptr, text->len, s->lowered, &len) &&
           memmem(s->lowered, len, s->query, s->query_len) != NULL;
}

/* 0: no hit. */
static uint32_t score_of(struct dht_community_search *s, const struct wire_share_record *share)
{
    if (s->query_len == 0 || is_found(s, &share->title))
        return SCORE_TITLE;
    return is_found(s, &share->description) ? SCORE_DESCRIPTION : 0;
}

/* Adds a hit to the page. Without room the search ends, and the next page begins at this share. */
static void add_hit(struct dht_community_search *s, const struct wire_share_record *share,
                    uint32_t score)
{
    if (s->page.count == s->limit) {
        s->state = BEYOND_PAGE;
        return;
    }
    switch (dht_page_reserve(&s->page, (size_t)share->title.len + share->description.len)) {
    case DHT_PAGE_ROOM:
        wire_write_search_reply_hit(&s->page.w, share, score);
        s->page.count++;
        memcpy(s->hit, share->share_id, sizeof(s->hit));
        break;
    case DHT_PAGE_FULL:
        s->state = BEYOND_PAGE;
        break;
    case DHT_PAGE_NO_MEMORY:
        s->state = OUT_OF_MEMORY;
        break;
    }
}

static void look_at(struct dht_community_search *s, const struct dht_record *r)
{
    struct wire_share_record share;
    uint32_t score;

    if (dht_page_read_share(&s->page, r, &share) && (score = score_of(s, &share)) > 0)
        add_hit(s, &share, score);
    if (s->state != SEARCHING)
        return;
    memcpy(s->looked, r->id, sizeof(s->looked));
    s->has_looked = true;
}

static bool lower_query(struct dht_community_search *s)
{
    uint8_t *lowered = malloc(LOWERED_MAX(s->query_len) + 1);
    bool is_done =
        lowered && (s->query_len == 0 || lower(s->text.ptr, s->query_len, lowered, &s->query_len));

    if (!is_done) {
        free(lowered);
        return false;
    }
    relay_slice_drop(&s->text);
    s->query = lowered;
    return true;
}

/* Prepares the search in the first slice. False: no memory. */
static bool has_begun(struct dht_community_search *s)
{
    if (s->lowered)
        return true;
    s->lowered = malloc(LOWERED_MAX(LIM_VALUE_MAX));
    return s->lowered && lower_query(s) && dht_page_begin(&s->page, s->limit);
}

bool dht_community_search_run(struct dht_community_search *s, const struct dht_communities *c,
                              uint64_t now_s)
{
    struct dht_community *k = dht_page_community(c, s->community_id, now_s);
    uint32_t place, cost = 0;

    RT_REQUIRE(s->state == SEARCHING);
    if (!has_begun(s)) {
        s->state = OUT_OF_MEMORY;
        return false;
    }
    if (!k || s->limit == 0) {
        s->state = EXHAUSTED;
        return false;
    }
    place = dht_community_place(k, DHT_RECORD_SHARE, s->has_looked ? s->looked : NULL);
    while (s->state == SEARCHING) {
        struct dht_record *r = dht_page_next_live(k, DHT_RECORD_SHARE, now_s, &place);

        if (!r)
            s->state = EXHAUSTED;
        else if (s->text_len >= LIM_SEARCH_TEXT)
            s->state = OUT_OF_BUDGET;
        else if (cost >= LIM_SEARCH_SLICE)
            return true;
        else
            look_at(s, r);
        if (r)
            cost += r->value->len + RECORD_COST;
        place++;
    }
    return false;
}

enum wire_refusal dht_community_search_end(struct dht_community_search **s,
                                           struct relay_slice *out_reply)
{
    struct dht_community_search *old = *s;
    enum wire_refusal refusal = WIRE_REFUSAL_NONE;
    const uint8_t *cursor = NULL;

    RT_REQUIRE(old->page.buf || old->state == OUT_OF_MEMORY);
    if (old->state == BEYOND_PAGE && old->page.count > 0)
        cursor = old->hit;
    else if (old->state == SEARCHING || old->state == OUT_OF_BUDGET)
        cursor = old->looked;
    if (old->state == OUT_OF_MEMORY)
        refusal = WIRE_REFUSAL_MEMORY;
    else
        *out_reply =
            dht_page_end_at(&old->page, wire_write_search_reply_head, old->community_id, cursor);
    dht_community_search_free(s);
    return refusal;
}
