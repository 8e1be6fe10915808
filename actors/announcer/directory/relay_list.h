/* SPDX-License-Identifier: MPL-2.0 */
/*
 * The relays that we list for others. Each was reached and authenticated with the announced key,
 * and its announcements have a valid signature. One entry per relay, with its newest announcement
 * in each form; at most LIM_RELAYS_MAX entries hold a form. Pure: time is an argument, now_ns
 * monotonic and now_s unix seconds.
 *
 * When a form is full, a newcomer evicts another entry of the form. Some entries are drawn at
 * random. An expired one among them is evicted. Otherwise the victim's network (IPv4 /24, IPv6 /40)
 * is the one with the most entries among the drawn ones and the newcomer. The victim is the entry
 * of this network checked longest ago. So one network with many keys cannot evict all others.
 *
 * A listed relay is checked every LIM_RELAY_CHECK_NS: it gets one request in each dialect that it
 * claims to speak, one after the other. A dialect without a reply, or that another reply of the
 * same check does not name, does not count. A relay that does not reply to the first request, or
 * that contradicts itself, is checked again a minute later. The second such failure in a row drops
 * it.
 *
 * Cost: O(1) per operation; O(entries of the form) per sample, when few speak the dialect. One
 * thread.
 */
#ifndef ANNOUNCER_RELAY_LIST_H
#define ANNOUNCER_RELAY_LIST_H

#include "announcer/directory/forms.h"

struct relay_list;

struct relay_list *relay_list_new(const uint8_t hash_key[16], uint64_t (*random)(void *ctx),
                                  void *random_ctx);
void relay_list_free(struct relay_list **l);

enum relay_verdict {
    RELAY_IGNORE, /* invalid, not newer than the held one of its form, or expires in two minutes */
    RELAY_RENEW,  /* of a listed relay with the same addresses: renew it after verification */
    RELAY_DIAL,   /* of a relay that is not listed or has other addresses: dial it first */
};
/* How to treat an announcement. Before its signature is verified, the form that was sent counts. */
enum relay_verdict relay_list_judge(const struct relay_list *l, const struct wire_announcement *a,
                                    uint64_t now_s);

/* Lists a relay that was just reached at `at` and speaks these dialects (not 0), with its
 * announcement a, encoded in `bytes` (moved). An announcement with other addresses replaces both
 * forms. */
void relay_list_put(struct relay_list *l, const struct wire_announcement *a,
                    struct relay_slice bytes, const struct wire_peer_hop *at, uint8_t dialects,
                    uint64_t now_ns, uint64_t now_s);
/* Replaces the announcement of a listed relay by a newer one (moved). Dropped if it is not newer or
 * the relay is not listed. */
void relay_list_renew(struct relay_list *l, const struct wire_announcement *a,
                      struct relay_slice bytes, uint64_t now_s);
/* True: the relay was in the list. */
bool relay_list_drop(struct relay_list *l, const uint8_t key[32]);

/* The newest of these dialects: relays of this implementation use C with each other. */
enum wire_dialect relay_list_dialect(uint8_t dialects);

/* The next request of a check: the address and key of the relay, and the dialect. False: none is
 * due. */
bool relay_list_next_check(struct relay_list *l, uint64_t now_ns, struct wire_peer_hop *out,
                           enum wire_dialect *out_dialect);
/* When the next request is due, unless the list changes; UINT64_MAX: the list is empty. */
uint64_t relay_list_next_check_ns(const struct relay_list *l);
/* A request in `dialect` has ended. The relay claims to speak `dialects`; 0: no reply. True: the
 * set of dialects that count as spoken changed. */
bool relay_list_check_ended(struct relay_list *l, const uint8_t key[32], enum wire_dialect dialect,
                            uint8_t dialects, uint64_t now_ns);

/* The next relay whose revocation is to be looked up: every LIM_REVOCATION_CHECK_NS after it was
 * listed. False: none is due. */
bool relay_list_next_lookup(struct relay_list *l, uint64_t now_ns, uint8_t out_key[32]);
/* When the next one is due; UINT64_MAX: the list is empty. */
uint64_t relay_list_next_lookup_ns(const struct relay_list *l);

/* Draws at random at most max different announcements in the dialect's form, of relays that speak
 * the dialect. None is expired, and all together take at most bytes_max. The results are views,
 * valid until the list changes. *out_is_cut: more announcements matched. */
uint32_t relay_list_sample(struct relay_list *l, enum wire_dialect dialect, uint32_t max,
                           size_t bytes_max, uint64_t now_s, struct relay_slice *out,
                           bool *out_is_cut);

/* A relay of the list. */
struct relay_list_view {
    uint8_t key[32];
    uint8_t dialects;             /* spoken by the relay */
    struct wire_peer_hop reached; /* with its key */
    uint64_t issued_at[ANNOUNCEMENT_FORMS];
    struct relay_slice bytes[ANNOUNCEMENT_FORMS]; /* views; len 0: not in this form */
};
/* The relay at this place; place < relay_list_count. Places have no order and change with the list.
 */
void relay_list_at(const struct relay_list *l, uint32_t place, struct relay_list_view *out);
/* False: not in the list. */
bool relay_list_find(const struct relay_list *l, const uint8_t key[32],
                     struct relay_list_view *out);
/* The number of relays, each counted once. */
uint32_t relay_list_count(const struct relay_list *l);
/* Totals: announcements evicted, relays dropped because they stopped replying. */
uint64_t relay_list_evicted(const struct relay_list *l);
uint64_t relay_list_lost(const struct relay_list *l);

#endif
