/* SPDX-License-Identifier: MPL-2.0 */
/*
 * Answers to the requests 410, 412 and 416 for a page of a community's members, shares or events
 * (protocol-v2: Communities, messages). The search (community_search.h) fills such a page, too.
 * Pure: from the index and a decoded request to the encoded reply.
 *
 * The answers are those of reference 0.6.0 on the same records, byte for byte, except:
 *  - Expired records are left out. A community without live records is refused
 *    (COMMUNITY_NOT_FOUND); a known one without a match has an empty answer.
 *  - A page ends below LIM_PAYLOAD_MAX, with a cursor if more entries follow.
 *  - 416 with limit 0 has an empty answer.
 *  - 416 with a cursor beyond the last event ever numbered starts at the oldest.
 */
#ifndef DHT_COMMUNITY_PAGES_H
#define DHT_COMMUNITY_PAGES_H

#include "dht/value_store/communities.h"
#include "wire_browse.h"
#include "wire_refusal.h"

/* NONE with the reply in *out_reply, COMMUNITY_NOT_FOUND, or MEMORY. */
enum wire_refusal dht_page_members(const struct dht_communities *c,
                                   const struct wire_browse_request *q, uint64_t now_s,
                                   struct relay_slice *out_reply);
enum wire_refusal dht_page_shares(const struct dht_communities *c,
                                  const struct wire_browse_request *q, uint64_t now_s,
                                  struct relay_slice *out_reply);
enum wire_refusal dht_page_events(const struct dht_communities *c,
                                  const struct wire_browse_request *q, uint64_t now_s,
                                  struct relay_slice *out_reply);

/* -- for these and for the search -- */

/* NULL: the community has no live record. */
struct dht_community *dht_page_community(const struct dht_communities *c,
                                         const uint8_t community_id[32], uint64_t now_s);
/* A cursor of 64 hexadecimal digits; false, *out_id untouched: none, or unreadable. */
bool dht_page_cursor(const struct wire_bytes *cursor, uint8_t out_id[32]);

/* A page under construction. */
struct dht_page {
    struct relay_buf *buf;
    uint8_t *scratch; /* a copy of the current record, LIM_VALUE_MAX bytes */
    struct wire_writer w;
    uint32_t count;
};

typedef void dht_page_head_fn(struct wire_writer *w, const uint8_t community_id[32], uint32_t count,
                              bool has_cursor);

/* Allocates room for `entries` entries without texts. False: no memory, and p owns nothing. */
bool dht_page_begin(struct dht_page *p, uint32_t entries);
/* Extends the page for one more entry with texts of this length. The caller writes it to p->w and
 * counts it. */
enum dht_page_room { DHT_PAGE_ROOM, DHT_PAGE_FULL, DHT_PAGE_NO_MEMORY };
enum dht_page_room dht_page_reserve(struct dht_page *p, size_t text_len);
/* Returns the whole answer and empties the page. id: of the cursor; NULL: no cursor. */
struct relay_slice dht_page_end_at(struct dht_page *p, dht_page_head_fn *write_head,
                                   const uint8_t community_id[32], const uint8_t *id);
void dht_page_drop(struct dht_page *p);

/* Decodes a share's record. The texts point into the page's scratch until the next call. False: the
 * record does not decode. */
bool dht_page_read_share(struct dht_page *p, const struct dht_record *r,
                         struct wire_share_record *out);
/* The first live record at *place or after; its place is stored in *place. NULL: none. */
struct dht_record *dht_page_next_live(const struct dht_community *k, enum dht_record_kind kind,
                                      uint64_t now_s, uint32_t *place);

#endif
