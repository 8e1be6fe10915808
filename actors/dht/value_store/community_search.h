/* SPDX-License-Identifier: MPL-2.0 */
/*
 * The search in a community's shares (414; protocol-v2: Communities, messages), in slices. A share
 * is a hit if its lower-cased title (score 200) or else its lower-cased description (100) contains
 * the lower-cased query. Lower-casing is libunistring's, without a language and normalisation.
 * Pure: the caller decides when a slice runs and when the search has taken too long.
 *
 * The answers are those of reference 0.6.0 on the same records, byte for byte, except:
 *  - Expired records and the size of a reply: see community_pages.h.
 *  - A search ends after LIM_SEARCH_TEXT bytes of text, or when the caller ends it. The reply has
 *    the hits so far, possibly none, and the last searched share as cursor.
 *  - A query of more than LIM_VALUE_MAX bytes finds nothing, as no text is that long. The reference
 *    can find a text that lower-casing makes longer.
 *  - Capital sigma next to an apostrophe or a modifier letter may become the other small sigma.
 *    Letters newer than libunistring's tables do not change.
 *
 * Between two slices the index may change in any way: only the id of the last share is kept.
 */
#ifndef DHT_COMMUNITY_SEARCH_H
#define DHT_COMMUNITY_SEARCH_H

#include "dht/value_store/community_pages.h"

struct dht_community_search;

/* NONE, COMMUNITY_NOT_FOUND or MEMORY. Nothing of q is kept. */
enum wire_refusal dht_community_search_new(const struct dht_communities *c,
                                           const struct wire_browse_request *q, uint64_t now_s,
                                           struct dht_community_search **out);
void dht_community_search_free(struct dht_community_search **s);

/* One slice: at least one share, and about LIM_SEARCH_SLICE bytes. True: there is more to do. */
bool dht_community_search_run(struct dht_community_search *s, const struct dht_communities *c,
                              uint64_t now_s);
/* Ends the search after at least one slice. NONE with the hits so far in *out_reply, or MEMORY; s
 * is freed. */
enum wire_refusal dht_community_search_end(struct dht_community_search **s,
                                           struct relay_slice *out_reply);

#endif
