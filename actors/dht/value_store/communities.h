/* SPDX-License-Identifier: MPL-2.0 */
/*
 * The index of community records in the value store (protocol-v2: Communities). Each community has
 * members in order of key, shares in order of share id, and events in order of number. The index
 * points into the store's entries and holds no copies. Pure.
 *
 * Events are numbered from 1 per community. A record keeps the number of its last event; the log of
 * a community is its records in order of that number. Before a number is used, the sink gets a
 * high-water mark of the community at or above the number. Marks rise in steps of
 * LIM_EVENT_MARK_STEP, so a restart may skip numbers. Numbers do not repeat while the community is
 * remembered and its mark reaches the disk. A community without records is remembered with its mark
 * for LIM_VALUE_TTL_MAX_S. At most LIM_COMMUNITIES_EMPTY are remembered: then the one that became
 * empty first is dropped, and its numbers begin at 1 again.
 *
 * Time: O(log n) comparisons and one memmove of pointers per added or removed record, O(log n)
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

/* An indexed record. The owner allocates and zeroes it. */
struct dht_record {
    /* Set by the owner before enter or load, and constant until leave. Only updated_at and the
     * pointees may change, before a call of changed or renewed. */
    enum dht_record_kind kind;
    const uint8_t *id;               /* 32 bytes: the member's key, or the share id */
    const struct relay_slice *value; /* the whole value, tag included */
    const uint64_t *expires_s;       /* when the store drops it, unix seconds */
    uint64_t updated_at;             /* of a share, unix seconds */
    uint64_t net;                    /* the network of the storer; later set by changed */

    /* the index's */
    struct dht_community *community; /* NULL: in no index */
    uint64_t event;                  /* number of its last event */
    struct rt_list by_renewal;
    void *crowd; /* the records of the same network in this community */
};

/* put_mark saves a mark to disk; may be NULL. expires_s: unix seconds; the row may be removed then.
 */
struct dht_communities_sink {
    void (*put_mark)(void *ctx, const uint8_t community_id[32], uint64_t mark, uint64_t expires_s);
    void *ctx;
};

struct dht_communities *dht_communities_new(const uint8_t hash_key[16]);
/* Does not touch records that are still in the index; the owner may have freed them. */
void dht_communities_free(struct dht_communities **c);
/* Call before loading, because a loaded record without a number gets a new one. */
void dht_communities_set_sink(struct dht_communities *c, const struct dht_communities_sink *sink);

/* -- from disk: marks first, then records with the number of their event, then _loaded -- */

/* The highest valid number, more than twice what any community reaches. A row with a higher number
 * is treated as a row without one. */
#define DHT_EVENT_MAX (UINT64_MAX >> 2)

/* Past LIM_VALUES_MAX + LIM_COMMUNITIES_EMPTY communities a mark is ignored and counted. */
void dht_communities_load_mark(struct dht_communities *c, const uint8_t community_id[32],
                               uint64_t mark, uint64_t expires_s);
/* event 0 or above DHT_EVENT_MAX: the record has no number, and r->event is a new one. False: the
 * community is full of that kind, or has a record with this id. */
bool dht_communities_load(struct dht_communities *c, const uint8_t community_id[32],
                          struct dht_record *r, uint64_t event, uint64_t now_s);
/* Call after all rows were loaded. Of the communities without records, keeps the
 * LIM_COMMUNITIES_EMPTY with the latest expiry. */
void dht_communities_loaded(struct dht_communities *c, uint64_t now_s);

/*
 * True: there is room for one more record of this kind from this network. *out_victim is NULL while
 * the community has fewer than LIM_COMMUNITY_RECORDS of the kind. Otherwise it is the record to
 * remove first. This is an expired one, if one of the next 64 in order of id is expired. Else it is
 * the least recently renewed record of the most crowded network. The newcomer counts for its
 * network, which also wins ties. False (and counted), with *out_victim untouched: every network,
 * including the newcomer's, would have only one record.
 */
bool dht_communities_has_room(struct dht_communities *c, const uint8_t community_id[32],
                              enum dht_record_kind kind, uint64_t net, uint64_t now_s,
                              struct dht_record **out_victim);

/* Adds a new record and numbers its event. There must be room, and no record with this id. */
void dht_communities_enter(struct dht_communities *c, const uint8_t community_id[32],
                           struct dht_record *r, uint64_t now_s);
/* Call when a newer value, from this network, has replaced the record's value. Numbers an event. */
void dht_communities_changed(struct dht_communities *c, struct dht_record *r, uint64_t net,
                             uint64_t now_s);
/* Call when the same value was stored again. */
void dht_communities_renewed(struct dht_communities *c, struct dht_record *r, uint64_t now_s);
/* Removes a record. Its value and expiry must still be readable. No effect on a record that is in
 * no index. */
void dht_communities_leave(struct dht_communities *c, struct dht_record *r, uint64_t now_s);

/* Forgets communities that have been empty for too long, at most max of them. */
void dht_communities_expire(struct dht_communities *c, uint64_t now_s, uint32_t max);
uint32_t dht_communities_count(const struct dht_communities *c); /* with records */

/* -- reading: expired records stay in the index until the store drops them -- */

/* NULL: the community has no record. */
struct dht_community *dht_community_find(const struct dht_communities *c,
                                         const uint8_t community_id[32]);
/* True: at least one record is live. */
bool dht_community_is_live(struct dht_community *k, uint64_t now_s);
bool dht_record_is_live(const struct dht_record *r, uint64_t now_s);
uint32_t dht_community_count(const struct dht_community *k, enum dht_record_kind kind);
/* The place of the first record with an id above `after` (32 bytes; NULL: the first of all). */
uint32_t dht_community_place(const struct dht_community *k, enum dht_record_kind kind,
                             const uint8_t *after);
/* The record at a place below the count, in order of id. */
struct dht_record *dht_community_at(const struct dht_community *k, enum dht_record_kind kind,
                                    uint32_t place);
/* The first record with an event number above `after`; NULL: there is none. */
struct dht_record *dht_community_next_event(struct dht_community *k, uint64_t after);
/* The highest number of any event, including events of removed records. */
uint64_t dht_community_last_event(const struct dht_community *k);

#endif
