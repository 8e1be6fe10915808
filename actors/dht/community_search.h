/* SPDX-License-Identifier: MPL-2.0 */
/*
 * The search in a community's shares (414; protocol-v2: Communities, messages), in slices. A share
 * is a hit where the lower-cased query is part of its lower-cased title (score 200) or else of its
 * description (100). Lower-casing is libunistring's, without a language and without normalisation.
 * Pure: the caller decides when a slice runs and when the search has taken too long.
 *
 * The answers are those of reference 0.6.0 on the same records, byte for byte, but for:
 *  - What community_pages.h says about expired records and the size of an answer.
 *  - After LIM_SEARCH_TEXT bytes of text, or when its caller ends it, a search answers what it has,
 *    with the last share that it looked at as cursor. Such an answer may have no hit at all.
 *  - A query of more than LIM_VALUE_MAX bytes finds nothing, as no text is that long; letters that
 *    become longer could make the reference find one.
 *  - Capital sigma beside an apostrophe or a modifier letter may become the other small sigma, and
 *    letters that are newer than libunistring's tables stay as they are.
 *
 * Between two slices the index may change in any way: only the id of the last share is kept.
 */
#ifndef DHT_COMMUNITY_SEARCH_H
#define DHT_COMMUNITY_SEARCH_H

#include "dht/community_pages.h"

struct dht_community_search;

/* NONE, COMMUNITY_NOT_FOUND or MEMORY. Nothing of q is kept. */
enum rt_refusal dht_community_search_new(const struct dht_communities *c,
                                         const struct wire_browse_request *q, uint64_t now_s,
                                         struct dht_community_search **out);
void dht_community_search_free(struct dht_community_search **s);

/* One slice: at least one share, and about LIM_SEARCH_SLICE bytes. True: there is more to do. */
bool dht_community_search_run(struct dht_community_search *s, const struct dht_communities *c,
                              uint64_t now_s);
/* What it has found so far, after one slice at least. NONE with the answer in *out_answer, or
 * MEMORY; s is freed. */
enum rt_refusal dht_community_search_end(struct dht_community_search **s,
                                         struct relay_slice *out_answer);

#endif
