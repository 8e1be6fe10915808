/* SPDX-License-Identifier: MPL-2.0 */
/*
 * Invariants of a community:
 *  - records[kind] is in strictly ascending order of id.
 *  - last <= mark, and mark was passed to the sink. Both are far below UINT64_MAX: DHT_EVENT_MAX.
 *  - witness is some record, or NULL; is_latest: witness is the record that expires last.
 *  - The community is in the list of empty ones while it has no record. After
 *    dht_communities_loaded the list is in order of mark_expires_s.
 */
#include "dht/value_store/communities.h"

#include <stdlib.h>
#include <string.h>

#include "base/check.h"
#include "base/map.h"
#include "crypto/crypto.h"
#include "dht/value_store/crowds.h"
#include "dht/value_store/event_log.h"
#include "dht/dht_limits.h"
#include "dht/dht_metrics.h"

#define EXPIRED_LOOK_AT 64u /* records checked for expiry when a community is full */
#define MARK_SPARE_S 86400u /* the interval at which a mark's expiry is saved */

struct dht_community {
    struct rt_map_node node;
    uint8_t id[32];
    struct dht_array records[DHT_RECORD_KINDS]; /* of struct dht_record * */
    struct dht_ranking networks[DHT_RECORD_KINDS];
    uint32_t looked_at[DHT_RECORD_KINDS]; /* the place last checked for expiry */
    struct dht_event_log log;
    uint64_t last, mark, mark_expires_s;
    struct dht_record *witness;
    bool is_latest;
    struct rt_list by_emptiness;
};

struct dht_communities {
    uint8_t hash_key[16];
    struct dht_communities_sink sink;
    struct rt_map by_id;
    struct dht_crowds crowds;
    struct rt_list empty; /* earliest expiry first */
    uint32_t empty_count;
};

static struct dht_record **records_of(const struct dht_community *k, enum dht_record_kind kind)
{
    return k->records[kind].at;
}

/* -- records in order of id -- */

/* The first place with an id not below this one; is_above: with an id above it. */
static uint32_t place_of(const struct dht_community *k, enum dht_record_kind kind,
                         const uint8_t id[32], bool is_above)
{
    struct dht_record **at = records_of(k, kind);
    uint32_t low = 0, high = k->records[kind].count;

    while (low < high) {
        uint32_t middle = low + (high - low) / 2;
        int order = memcmp(at[middle]->id, id, 32);

        if (order < 0 || (order == 0 && is_above))
            low = middle + 1;
        else
            high = middle;
    }
    return low;
}

static bool has_record(const struct dht_community *k, enum dht_record_kind kind,
                       const uint8_t id[32])
{
    uint32_t place = place_of(k, kind, id, false);

    return place < k->records[kind].count && memcmp(records_of(k, kind)[place]->id, id, 32) == 0;
}

static void records_insert(struct dht_community *k, struct dht_record *r)
{
    struct dht_array *a = &k->records[r->kind];
    uint32_t place = place_of(k, r->kind, r->id, false);
    struct dht_record **at;

    dht_array_reserve(a, sizeof(*at));
    at = (struct dht_record **)a->at + place;
    memmove(at + 1, at, (a->count - place) * sizeof(struct dht_record *));
    *at = r;
    a->count++;
}

static void records_remove(struct dht_community *k, const struct dht_record *r)
{
    struct dht_array *a = &k->records[r->kind];
    uint32_t place = place_of(k, r->kind, r->id, false);
    struct dht_record **at = (struct dht_record **)a->at + place;

    RT_INSIST(place < a->count && *at == r);
    a->count--;
    memmove(at, at + 1, (a->count - place) * sizeof(struct dht_record *));
    dht_array_shrink(a, sizeof(*at));
}

/* -- marks -- */

static void put_mark(struct dht_communities *c, struct dht_community *k, uint64_t expires_s)
{
    k->mark_expires_s = expires_s;
    if (c->sink.put_mark)
        c->sink.put_mark(c->sink.ctx, k->id, k->mark, expires_s);
}

/* Extends the mark beyond the expiry of a stored record. */
static void extend_mark(struct dht_communities *c, struct dht_community *k, uint64_t now_s)
{
    if (k->mark_expires_s < now_s + LIM_VALUE_TTL_MAX_S)
        put_mark(c, k, now_s + LIM_VALUE_TTL_MAX_S + MARK_SPARE_S);
}

/* Raises the mark half a step early, so that it is on disk before its numbers are used. */
static uint64_t next_number(struct dht_communities *c, struct dht_community *k, uint64_t now_s)
{
    RT_REQUIRE(k->last <= k->mark);
    if (k->mark - k->last <= LIM_EVENT_MARK_STEP / 2) {
        k->mark += LIM_EVENT_MARK_STEP;
        put_mark(c, k, now_s + LIM_VALUE_TTL_MAX_S + MARK_SPARE_S);
    }
    return ++k->last;
}

/* -- communities -- */

static struct dht_community *find(const struct dht_communities *c, const uint8_t id[32])
{
    struct rt_map_node *n = rt_map_find(&c->by_id, rt_siphash(c->hash_key, id, 32));

    while (n && memcmp(((struct dht_community *)n)->id, id, 32) != 0)
        n = rt_map_find_next(n);
    return (struct dht_community *)n;
}

static bool is_empty(const struct dht_community *k)
{
    return k->records[DHT_RECORD_MEMBER].count == 0 && k->records[DHT_RECORD_SHARE].count == 0;
}

static struct dht_community *find_or_add(struct dht_communities *c, const uint8_t id[32])
{
    struct dht_community *k = find(c, id);

    if (k)
        return k;
    k = calloc(1, sizeof(*k));
    RT_INSIST(k != NULL);
    memcpy(k->id, id, sizeof(k->id));
    rt_list_init(&k->by_emptiness);
    rt_list_push_back(&c->empty, &k->by_emptiness);
    c->empty_count++;
    rt_map_put(&c->by_id, &k->node, rt_siphash(c->hash_key, id, 32));
    return k;
}

static void forget(struct dht_communities *c, struct dht_community *k)
{
    rt_list_unlink(&k->by_emptiness);
    c->empty_count--;
    rt_map_remove(&c->by_id, &k->node);
    free(k);
}

static struct dht_community *longest_empty(const struct dht_communities *c)
{
    return RT_CONTAINER_OF(c->empty.next, struct dht_community, by_emptiness);
}

static void limit_empty(struct dht_communities *c, uint64_t now_s)
{
    while (c->empty_count > LIM_COMMUNITIES_EMPTY) {
        struct dht_community *k = longest_empty(c);

        put_mark(c, k, now_s);
        forget(c, k);
        rt_metric_inc(RT_METRIC_COMMUNITIES_FORGOTTEN);
    }
}

static void became_empty(struct dht_communities *c, struct dht_community *k, uint64_t now_s)
{
    rt_list_push_back(&c->empty, &k->by_emptiness);
    c->empty_count++;
    put_mark(c, k, now_s + LIM_VALUE_TTL_MAX_S);
    limit_empty(c, now_s);
}

/* Call when a record was added or its expiry may have changed. */
static void note_expiry(struct dht_community *k, struct dht_record *r)
{
    bool is_only = k->records[DHT_RECORD_MEMBER].count + k->records[DHT_RECORD_SHARE].count == 1;

    if (k->witness == r) {
        k->is_latest = is_only; /* r may now expire before others */
    } else if (!k->witness || *r->expires_s >= *k->witness->expires_s) {
        k->is_latest = is_only || (k->witness && k->is_latest);
        k->witness = r;
    }
}

static void join_crowd(struct dht_communities *c, struct dht_community *k, struct dht_record *r)
{
    r->crowd = dht_crowds_join(&c->crowds, &k->networks[r->kind], r->net, &r->by_renewal);
}

static void insert(struct dht_communities *c, struct dht_community *k, struct dht_record *r)
{
    if (is_empty(k)) {
        rt_list_unlink(&k->by_emptiness);
        c->empty_count--;
    }
    r->community = k;
    records_insert(k, r);
    join_crowd(c, k, r);
    dht_event_log_add(&k->log, r->event, r);
    note_expiry(k, r);
}

struct dht_communities *dht_communities_new(const uint8_t hash_key[16])
{
    struct dht_communities *c = calloc(1, sizeof(*c));

    RT_INSIST(c != NULL);
    memcpy(c->hash_key, hash_key, sizeof(c->hash_key));
    c->crowds.hash_key = c->hash_key;
    rt_list_init(&c->empty);
    return c;
}

static void free_community(void *ctx, struct rt_map_node *n)
{
    struct dht_community *k = (struct dht_community *)n;

    (void)ctx;
    for (int kind = 0; kind < DHT_RECORD_KINDS; kind++) {
        free(k->records[kind].at);
        free(k->networks[kind].crowds.at);
    }
    dht_event_log_free(&k->log);
    free(k);
}

void dht_communities_free(struct dht_communities **c)
{
    struct dht_communities *old = *c;

    *c = NULL;
    if (!old)
        return;
    rt_map_fini(&old->by_id, free_community, NULL);
    dht_crowds_free(&old->crowds);
    free(old);
}

void dht_communities_set_sink(struct dht_communities *c, const struct dht_communities_sink *sink)
{
    c->sink = *sink;
}

void dht_communities_load_mark(struct dht_communities *c, const uint8_t community_id[32],
                               uint64_t mark, uint64_t expires_s)
{
    struct dht_community *k;

    if (mark == 0 || mark > DHT_EVENT_MAX)
        return;
    if (c->by_id.count >= LIM_VALUES_MAX + LIM_COMMUNITIES_EMPTY) {
        rt_metric_inc(RT_METRIC_COMMUNITIES_FORGOTTEN);
        return;
    }
    k = find_or_add(c, community_id);
    if (mark > k->mark)
        k->last = k->mark = mark;
    k->mark_expires_s = expires_s;
}

bool dht_communities_load(struct dht_communities *c, const uint8_t community_id[32],
                          struct dht_record *r, uint64_t event, uint64_t now_s)
{
    struct dht_community *k = find_or_add(c, community_id);

    if (k->records[r->kind].count >= LIM_COMMUNITY_RECORDS || has_record(k, r->kind, r->id))
        return false;
    r->event = event > 0 && event <= DHT_EVENT_MAX ? event : next_number(c, k, now_s);
    if (r->event > k->last)
        k->last = r->event;
    if (k->last > k->mark) /* the mark was not on disk */
        k->mark = k->last;
    insert(c, k, r);
    return true;
}

static int compare_expiry(const void *a, const void *b)
{
    uint64_t x = (*(struct dht_community *const *)a)->mark_expires_s,
             y = (*(struct dht_community *const *)b)->mark_expires_s;

    return (x > y) - (x < y);
}

/* Caps the expiry of loaded marks, because communities that become empty later expire last. */
void dht_communities_loaded(struct dht_communities *c, uint64_t now_s)
{
    struct dht_community **all = calloc(c->empty_count + 1, sizeof(struct dht_community *));
    uint32_t count = 0;

    RT_INSIST(all != NULL);
    for (struct rt_list *n; (n = rt_list_pop_front(&c->empty));) {
        struct dht_community *k = RT_CONTAINER_OF(n, struct dht_community, by_emptiness);

        if (k->mark_expires_s > now_s + LIM_VALUE_TTL_MAX_S)
            k->mark_expires_s = now_s + LIM_VALUE_TTL_MAX_S;
        all[count++] = k;
    }
    qsort((void *)all, count, sizeof(struct dht_community *), compare_expiry);
    for (uint32_t i = 0; i < count; i++)
        rt_list_push_back(&c->empty, &all[i]->by_emptiness);
    free((void *)all);
    limit_empty(c, now_s);
}

/* Finds an expired record that the hourly expiry has not dropped yet. NULL: none found. */
static struct dht_record *find_expired(struct dht_community *k, enum dht_record_kind kind,
                                       uint64_t now_s)
{
    struct dht_record **at = records_of(k, kind);
    uint32_t count = k->records[kind].count, *place = &k->looked_at[kind];

    for (uint32_t i = 0; i < EXPIRED_LOOK_AT && i < count; i++) {
        *place = *place + 1 < count ? *place + 1 : 0;
        if (!dht_record_is_live(at[*place], now_s))
            return at[*place];
    }
    return NULL;
}

bool dht_communities_has_room(struct dht_communities *c, const uint8_t community_id[32],
                              enum dht_record_kind kind, uint64_t net, uint64_t now_s,
                              struct dht_record **out_victim)
{
    struct dht_record *expired;
    struct dht_community *k = find(c, community_id);
    struct dht_crowd *crowd, *own;

    if (!k || k->records[kind].count < LIM_COMMUNITY_RECORDS) {
        *out_victim = NULL;
        return true;
    }
    expired = find_expired(k, kind, now_s);
    if (expired) {
        *out_victim = expired;
        return true;
    }
    crowd = dht_crowds_largest(&k->networks[kind]);
    own = dht_crowds_find(&c->crowds, &k->networks[kind], net);
    if ((own ? own->count : 0) + 1 >= crowd->count)
        crowd = own;
    if (!crowd) {
        rt_metric_inc(RT_METRIC_COMMUNITY_RECORDS_REFUSED);
        return false;
    }
    *out_victim = RT_CONTAINER_OF(crowd->by_renewal.next, struct dht_record, by_renewal);
    return true;
}

void dht_communities_enter(struct dht_communities *c, const uint8_t community_id[32],
                           struct dht_record *r, uint64_t now_s)
{
    struct dht_community *k = find_or_add(c, community_id);

    RT_REQUIRE(!r->community && !has_record(k, r->kind, r->id));
    RT_REQUIRE(k->records[r->kind].count < LIM_COMMUNITY_RECORDS);
    r->event = next_number(c, k, now_s);
    insert(c, k, r);
    extend_mark(c, k, now_s);
}

void dht_communities_changed(struct dht_communities *c, struct dht_record *r, uint64_t net,
                             uint64_t now_s)
{
    struct dht_community *k = r->community;

    RT_REQUIRE(k != NULL);
    dht_event_log_remove(&k->log, r->event, r);
    r->event = next_number(c, k, now_s);
    dht_event_log_add(&k->log, r->event, r);
    dht_crowds_quit(&c->crowds, r->crowd, &r->by_renewal);
    r->net = net;
    join_crowd(c, k, r);
    note_expiry(k, r);
    extend_mark(c, k, now_s);
}

void dht_communities_renewed(struct dht_communities *c, struct dht_record *r, uint64_t now_s)
{
    struct dht_crowd *crowd = r->crowd;

    RT_REQUIRE(r->community != NULL);
    rt_list_unlink(&r->by_renewal);
    rt_list_push_back(&crowd->by_renewal, &r->by_renewal);
    note_expiry(r->community, r);
    extend_mark(c, r->community, now_s);
}

void dht_communities_leave(struct dht_communities *c, struct dht_record *r, uint64_t now_s)
{
    struct dht_community *k = r->community;

    if (!k)
        return;
    records_remove(k, r);
    dht_crowds_quit(&c->crowds, r->crowd, &r->by_renewal);
    dht_event_log_remove(&k->log, r->event, r);
    if (k->witness == r)
        k->witness = NULL;
    r->community = NULL;
    r->crowd = NULL;
    if (is_empty(k))
        became_empty(c, k, now_s);
}

void dht_communities_expire(struct dht_communities *c, uint64_t now_s, uint32_t max)
{
    while (max-- > 0 && !rt_list_empty(&c->empty) && longest_empty(c)->mark_expires_s <= now_s)
        forget(c, longest_empty(c));
}

uint32_t dht_communities_count(const struct dht_communities *c)
{
    return c->by_id.count - c->empty_count;
}

/* -- reading -- */

struct dht_community *dht_community_find(const struct dht_communities *c,
                                         const uint8_t community_id[32])
{
    struct dht_community *k = find(c, community_id);

    return k && !is_empty(k) ? k : NULL;
}

bool dht_record_is_live(const struct dht_record *r, uint64_t now_s)
{
    return *r->expires_s > now_s;
}

static void find_latest(struct dht_community *k)
{
    for (int kind = 0; kind < DHT_RECORD_KINDS; kind++) {
        struct dht_record **at = records_of(k, (enum dht_record_kind)kind);

        for (uint32_t i = 0; i < k->records[kind].count; i++) {
            if (!k->witness || *at[i]->expires_s > *k->witness->expires_s)
                k->witness = at[i];
        }
    }
    k->is_latest = true;
}

bool dht_community_is_live(struct dht_community *k, uint64_t now_s)
{
    if (k->witness && dht_record_is_live(k->witness, now_s))
        return true;
    if (!k->witness || !k->is_latest)
        find_latest(k);
    return k->witness && dht_record_is_live(k->witness, now_s);
}

uint32_t dht_community_count(const struct dht_community *k, enum dht_record_kind kind)
{
    return k->records[kind].count;
}

uint32_t dht_community_place(const struct dht_community *k, enum dht_record_kind kind,
                             const uint8_t *after)
{
    return after ? place_of(k, kind, after, true) : 0;
}

struct dht_record *dht_community_at(const struct dht_community *k, enum dht_record_kind kind,
                                    uint32_t place)
{
    RT_REQUIRE(place < k->records[kind].count);
    return records_of(k, kind)[place];
}

struct dht_record *dht_community_next_event(struct dht_community *k, uint64_t after)
{
    return dht_event_log_next(&k->log, after);
}

uint64_t dht_community_last_event(const struct dht_community *k)
{
    return k->last;
}
