/* SPDX-License-Identifier: MPL-2.0 */
/*
 * The relays that we pass on: announcements whose signature is good, of relays that we reached and
 * that authenticated with the announced key. One entry per relay, with its newest announcement in
 * each form; at most LIM_RELAYS_MAX entries hold a form. Pure: time is an argument, now_ns
 * monotonic and now_s unix seconds.
 *
 * A newcomer to a form that is full takes the place of another there: some are drawn at random; an
 * expired one is dropped, else the one asked longest ago of the network (IPv4 /24, IPv6 /40) that
 * most of the drawn and the newcomer belong to. So one network with many keys cannot drive out the
 * others.
 *
 * A listed relay is checked every LIM_RELAY_CHECK_NS: asked once in each dialect that it claims to
 * speak, one after the other. A dialect in which it is silent, or which an answer of the same check
 * denies, does not count. A relay that is silent at first, or contradicts itself, is asked again a
 * minute later, and dropped when that happens twice in a row.
 *
 * Cost: O(1) per operation; O(entries of the form) per sample, when few speak the dialect. One
 * thread.
 */
#ifndef ANNOUNCER_RELAY_LIST_H
#define ANNOUNCER_RELAY_LIST_H

#include "announcer/forms.h"

struct relay_list;

struct relay_list *relay_list_new(const uint8_t hash_key[16], uint64_t (*random)(void *ctx),
                                  void *random_ctx);
void relay_list_free(struct relay_list **l);

enum relay_verdict {
    RELAY_IGNORE, /* not sound, not newer than what is held in its form, or over in two minutes */
    RELAY_RENEW,  /* of a relay in the list, at the same addresses: to be put once it is verified */
    RELAY_DIAL,   /* of one that is not, or elsewhere now: it must be reached first */
};
/* How to treat an announcement; before its signature is verified, by the form that was sent. */
enum relay_verdict relay_list_judge(const struct relay_list *l, const struct wire_announcement *a,
                                    uint64_t now_s);

/* A relay that was reached at `at`, just now, and speaks these dialects (not 0), with its
 * announcement a, encoded in `bytes` (moved). An announcement at other addresses replaces both
 * forms. */
void relay_list_put(struct relay_list *l, const struct wire_announcement *a,
                    struct relay_slice bytes, const struct wire_peer_hop *at, uint8_t dialects,
                    uint64_t now_ns, uint64_t now_s);
/* A newer announcement of a relay in the list (moved; dropped where there is none). */
void relay_list_renew(struct relay_list *l, const struct wire_announcement *a,
                      struct relay_slice bytes, uint64_t now_s);
/* True: it was in the list. */
bool relay_list_drop(struct relay_list *l, const uint8_t key[32]);

/* The newest of these dialects: ours reach each other in C. */
enum wire_dialect relay_list_dialect(uint8_t dialects);

/* A relay to be asked now: where it was reached, with its key, and in which dialect. False: none,
 * or not yet. */
bool relay_list_next(struct relay_list *l, uint64_t now_ns, struct wire_peer_hop *out,
                     enum wire_dialect *out_dialect);
/* When there will be one, if nothing else happens; UINT64_MAX: the list is empty. */
uint64_t relay_list_next_ns(const struct relay_list *l);
/* It was asked, answered in `dialect` and claims to speak `dialects`. Or dialects is 0: it did not
 * answer when it was asked in `dialect`. True: other dialects than before count as spoken. */
bool relay_list_asked(struct relay_list *l, const uint8_t key[32], enum wire_dialect dialect,
                      uint8_t dialects, uint64_t now_ns);

/* A relay whose revocation is to be looked up now: LIM_REVOCATION_CHECK_NS after it was listed, and
 * as long after each time. False: none, or not yet. */
bool relay_list_lookup_next(struct relay_list *l, uint64_t now_ns, uint8_t out_key[32]);
/* When there will be one; UINT64_MAX: the list is empty. */
uint64_t relay_list_lookup_next_ns(const struct relay_list *l);

/* At most max different announcements in the dialect's form, of relays that speak it, drawn at
 * random and none that is over, together at most bytes_max; views, good until the list changes.
 * *out_is_cut: there would have been one more. */
uint32_t relay_list_sample(struct relay_list *l, enum wire_dialect dialect, uint32_t max,
                           size_t bytes_max, uint64_t now_s, struct relay_slice *out,
                           bool *out_is_cut);

/* A relay of the list. */
struct relay_list_view {
    uint8_t key[32];
    uint8_t dialects;             /* that it speaks */
    struct wire_peer_hop reached; /* with its key */
    uint64_t issued_at[ANNOUNCEMENT_FORMS];
    struct relay_slice bytes[ANNOUNCEMENT_FORMS]; /* views; len 0: not in this form */
};
/* The one at a place below the count; in no order, and a change may move them. */
void relay_list_at(const struct relay_list *l, uint32_t place, struct relay_list_view *out);
/* False: not in the list. */
bool relay_list_find(const struct relay_list *l, const uint8_t key[32],
                     struct relay_list_view *out);
/* Relays, in whatever form. */
uint32_t relay_list_count(const struct relay_list *l);
/* Since it was made: announcements that gave way, relays that stopped answering. */
uint64_t relay_list_evicted(const struct relay_list *l);
uint64_t relay_list_lost(const struct relay_list *l);

#endif
