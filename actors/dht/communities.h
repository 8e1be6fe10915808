/* SPDX-License-Identifier: MPL-2.0 */
/*
 * The index of community records that the value store holds (protocol-v2: Communities): for each
 * community its members in order of key, its shares in order of share id, and its events in order
 * of number. The index points into the store's entries and holds no copy of what they say. Pure.
 *
 * Events are numbered from 1 per community. A record keeps the number of its last event; the log of
 * a community is its records in order of that number. The sink is given a high-water mark per
 * community in steps of LIM_EVENT_MARK_STEP before a number up to it is given out, so numbers may
 * skip after a restart. Numbers do not repeat while the community is remembered and its mark
 * reaches the disk. A community without records is remembered with its mark for
 * LIM_VALUE_TTL_MAX_S, at most LIM_COMMUNITIES_EMPTY of them: past that the one that became empty
 * first is forgotten, and its numbers begin at 1 again.
 *
 * Cost: O(log n) comparisons and one memmove of pointers per record that comes or goes, O(log n)
 * amortised per event, O(log n) to find a place. The most crowded network of a community is found
 * in O(1).
 */
#ifndef DHT_COMMUNITIES_H
#define DHT_COMMUNITIES_H

#include <stdbool.h>
#include <stdint.h>

#include "abi/relay_buf.h"
#include "base/list.h"

struct dht_communities;
struct dht_community;

enum dht_record_kind { DHT_RECORD_MEMBER, DHT_RECORD_SHARE, DHT_RECORD_KINDS };

/* A record as the index sees it, in its owner's memory; zeroed but for what the owner sets. */
struct dht_record {
    /* The owner's, set before enter or load and unchanged until leave, but for updated_at. That,
     * and what the pointers point to, changes before changed or renewed is called. */
    enum dht_record_kind kind;
    const uint8_t *id;               /* 32 bytes: the member's key, or the share id */
    const struct relay_slice *value; /* the whole value, tag included */
    const uint64_t *expires_s;       /* when the store drops it, unix seconds */
    uint64_t updated_at;             /* of a share: its record's, unix seconds */
    uint64_t net;                    /* the network of who stored it; then set by changed */

    /* the index's */
    struct dht_community *community; /* NULL: in no index */
    uint64_t event;                  /* number of its last event */
    struct rt_list by_renewal;
    void *crowd; /* its network's records in this community */
};

/* Told when a mark must be on disk; may be NULL. expires_s: unix seconds, the row may go then. */
struct dht_communities_sink {
    void (*put_mark)(void *ctx, const uint8_t community_id[32], uint64_t mark, uint64_t expires_s);
    void *ctx;
};

struct dht_communities *dht_communities_new(const uint8_t hash_key[16]);
/* Records that it still holds are not touched; they may be freed already. */
void dht_communities_free(struct dht_communities **c);
/* Set before anything is loaded: a record without a number is given one. */
void dht_communities_set_sink(struct dht_communities *c, const struct dht_communities_sink *sink);

/* -- from disk: marks first, then records with the number of their event, then _loaded -- */

/* The highest number that is believed: no community has half as many events. A row of the disk
 * with a higher one counts as a row without a number. */
#define DHT_EVENT_MAX (UINT64_MAX >> 2)

/* Past LIM_VALUES_MAX + LIM_COMMUNITIES_EMPTY communities a mark is ignored and counted. */
void dht_communities_load_mark(struct dht_communities *c, const uint8_t community_id[32],
                               uint64_t mark, uint64_t expires_s);
/* event 0, or above DHT_EVENT_MAX: it has none yet, and r->event is a new one. False: the community
 * is full of that kind, or has a record with this id. */
bool dht_communities_load(struct dht_communities *c, const uint8_t community_id[32],
                          struct dht_record *r, uint64_t event, uint64_t now_s);
/* All rows were given: keeps LIM_COMMUNITIES_EMPTY of the communities without records, those whose
 * marks expire last. */
void dht_communities_loaded(struct dht_communities *c, uint64_t now_s);

/*
 * Whether there is room for one more record of this kind from this network. *out_victim is NULL
 * while the community has fewer than LIM_COMMUNITY_RECORDS of it. In a full one it is the record
 * that has to leave first: one that has expired, if there is one among the next 64 in order of id;
 * else of the most crowded network, the newcomer counted in its own, the record that has not been
 * renewed for longest; of equally crowded networks the newcomer's own. False (and counted), with
 * *out_victim untouched: all networks, the newcomer's too, would have one record.
 */
bool dht_communities_has_room(struct dht_communities *c, const uint8_t community_id[32],
                              enum dht_record_kind kind, uint64_t net, uint64_t now_s,
                              struct dht_record **out_victim);

/* A new record: it has an event. There is room, and no record with this id. */
void dht_communities_enter(struct dht_communities *c, const uint8_t community_id[32],
                           struct dht_record *r, uint64_t now_s);
/* Its value has been replaced by a newer one, from this network: it has a new event. */
void dht_communities_changed(struct dht_communities *c, struct dht_record *r, uint64_t net,
                             uint64_t now_s);
/* It has been stored again, unchanged. */
void dht_communities_renewed(struct dht_communities *c, struct dht_record *r, uint64_t now_s);
/* It is dropped, and its value and expiry can still be read; without effect on one that is in no
 * index. */
void dht_communities_leave(struct dht_communities *c, struct dht_record *r, uint64_t now_s);

/* Forgets communities that have been empty for too long, at most max of them. */
void dht_communities_expire(struct dht_communities *c, uint64_t now_s, uint32_t max);
uint32_t dht_communities_count(const struct dht_communities *c); /* with records */

/* -- reading: records that have expired are there until the store drops them -- */

/* NULL: no record of it is held. */
struct dht_community *dht_community_find(const struct dht_communities *c,
                                         const uint8_t community_id[32]);
/* Whether one of its records at least has not expired. */
bool dht_community_is_live(struct dht_community *k, uint64_t now_s);
bool dht_record_is_live(const struct dht_record *r, uint64_t now_s);
uint32_t dht_community_count(const struct dht_community *k, enum dht_record_kind kind);
/* The place of the first record whose id is above `after` (32 bytes; NULL: the first of all). */
uint32_t dht_community_place(const struct dht_community *k, enum dht_record_kind kind,
                             const uint8_t *after);
/* The record at a place below the count, in order of id. */
struct dht_record *dht_community_at(const struct dht_community *k, enum dht_record_kind kind,
                                    uint32_t place);
/* The first record whose event's number is above `after`; NULL: there is none. */
struct dht_record *dht_community_next_event(struct dht_community *k, uint64_t after);
/* The highest number that any event had, also one whose record has left. */
uint64_t dht_community_last_event(const struct dht_community *k);

#endif
