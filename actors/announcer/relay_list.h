/* SPDX-License-Identifier: MPL-2.0 */
/*
 * The relays we tell others of: announcements whose signature is good, of relays that we reached
 * and that authenticated themselves. One per relay, the newest; at most LIM_RELAYS_MAX. Pure: time
 * is an argument, now_ns monotonic and now_s unix seconds.
 *
 * In a full list a newcomer takes the place of another: some are drawn at random; one that has
 * expired goes, else the one asked longest ago of the network (IPv4 /24, IPv6 /40) that most of the
 * drawn and the newcomer belong to. So one network with many keys cannot drive out the others.
 *
 * A listed relay is asked again every LIM_RELAY_CHECK_NS, one that did not answer a minute later;
 * when it is silent then, too, it is dropped.
 *
 * Cost: O(1) per operation, O(sample) per sample. One thread.
 */
#ifndef ANNOUNCER_RELAY_LIST_H
#define ANNOUNCER_RELAY_LIST_H

#include "abi/relay_buf.h"
#include "wire_announce.h"

struct relay_list;

struct relay_list *relay_list_new(const uint8_t hash_key[16], uint64_t (*random)(void *ctx),
                                  void *random_ctx);
void relay_list_free(struct relay_list **l);

enum relay_verdict {
    RELAY_IGNORE, /* not sound, not newer than what is held, or over in two minutes */
    RELAY_RENEW,  /* of a relay in the list, at the same addresses: to be put once it is verified */
    RELAY_DIAL,   /* of one that is not, or elsewhere now: it must be reached first */
};
/* What an announcement deserves whose signature was not looked at yet. */
enum relay_verdict relay_list_judge(const struct relay_list *l, const struct wire_announcement *a,
                                    uint64_t now_s);

/* A relay that was reached at `at`, just now, with its announcement a, encoded in `bytes` (moved).
 */
void relay_list_put(struct relay_list *l, const struct wire_announcement *a,
                    struct relay_slice bytes, const struct wire_peer_hop *at, uint64_t now_ns,
                    uint64_t now_s);
/* A newer announcement of a relay in the list (moved; dropped where there is none). */
void relay_list_renew(struct relay_list *l, const struct wire_announcement *a,
                      struct relay_slice bytes);

/* A relay to be asked now: where it was reached, with its key. False: none, or not yet. */
bool relay_list_next(struct relay_list *l, uint64_t now_ns, struct wire_peer_hop *out);
/* When there will be one, if nothing else happens; UINT64_MAX: the list is empty. */
uint64_t relay_list_next_ns(const struct relay_list *l);
/* How asking it went. */
void relay_list_asked(struct relay_list *l, const uint8_t key[32], bool is_there, uint64_t now_ns);

/* At most max different announcements, drawn at random and none that is over, together at most
 * bytes_max; views, good until the list changes. *out_is_cut: there would have been one more. */
uint32_t relay_list_sample(struct relay_list *l, uint32_t max, size_t bytes_max, uint64_t now_s,
                           struct relay_slice *out, bool *out_is_cut);

/* The relay at a place below the count; in no order, and a change may move them. */
struct relay_list_view {
    uint8_t key[32];
    uint64_t issued_at;
    struct wire_peer_hop reached; /* with its key */
    struct relay_slice bytes;     /* a view */
};
void relay_list_at(const struct relay_list *l, uint32_t place, struct relay_list_view *out);
uint32_t relay_list_count(const struct relay_list *l);
/* Since it was made: that gave way, that did not answer any more. */
uint64_t relay_list_evicted(const struct relay_list *l);
uint64_t relay_list_lost(const struct relay_list *l);

#endif
