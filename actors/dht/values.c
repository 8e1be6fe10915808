/* SPDX-License-Identifier: MPL-2.0 */
#include "dht/values.h"

#include <stdlib.h>
#include <string.h>

#include "base/budget.h"
#include "base/check.h"
#include "base/metric.h"
#include "crypto/crypto.h"
#include "dht/values_private.h"
#include "wire_dialect.h"

#define DRAWS 8u               /* candidates looked at for one that makes room */
#define EVICTIONS_MAX 64u      /* for one value, which may be as large as 64 KiB */
#define SAVE_AGAIN_S 3600u     /* a renewed expiry is saved when it has moved by so much */
#define LOADED_PER_S 28u       /* values from disk fall due one after another: 100,000 in an hour */
#define LOADED_DUE_AFTER_S 60u /* there is somebody to give them to by then */

struct dht_values *dht_values_new(const struct dht_values_limits *limits,
                                  const uint8_t hash_key[16], uint64_t (*random)(void *ctx),
                                  void *random_ctx)
{
    struct dht_values *v = calloc(1, sizeof(*v));

    RT_INSIST(v != NULL);
    v->limits = *limits;
    v->random = random;
    v->random_ctx = random_ctx;
    memcpy(v->hash_key, hash_key, sizeof(v->hash_key));
    rt_list_init(&v->by_due);
    rt_list_init(&v->unproven);
    v->walk_bin = VALUES_BINS;
    return v;
}

void dht_values_set_sink(struct dht_values *v, const struct dht_values_sink *sink)
{
    v->sink = *sink;
}

static void prepare_lists(struct dht_values *v)
{
    if (v->lists)
        return;
    v->lists = malloc(sizeof(*v->lists));
    RT_INSIST(v->lists != NULL);
    for (uint32_t i = 0; i < VALUES_HOURS; i++)
        rt_list_init(&v->lists->hours[i]);
    for (uint32_t i = 0; i < VALUES_BINS; i++)
        rt_list_init(&v->lists->bins[i]);
}

uint64_t values_hash(const struct dht_values *v, const uint8_t bytes[32])
{
    return rt_siphash(v->hash_key, bytes, 32);
}

/* -- entries -- */

static const uint8_t *sub_of(const struct entry *e)
{
    return e->kind == WIRE_VALUE_ANNOUNCEMENT ? e->announced->sub : dht_value_sub(e->kind);
}

static bool fits(const struct entry *e, const uint8_t key[32], const uint8_t *sub)
{
    return memcmp(e->key, key, 32) == 0 && (!sub || memcmp(sub_of(e), sub, 32) == 0);
}

struct entry *values_entry(const struct dht_values *v, const uint8_t key[32], const uint8_t *sub)
{
    struct rt_map_node *n = rt_map_find(&v->by_key, values_hash(v, key));

    while (n && !fits((struct entry *)n, key, sub))
        n = rt_map_find_next(n);
    return (struct entry *)n;
}

struct entry *values_next_same(const struct entry *e)
{
    struct rt_map_node *n = rt_map_find_next(&e->node);

    while (n && !fits((struct entry *)n, e->key, NULL))
        n = rt_map_find_next(n);
    return (struct entry *)n;
}

struct entry *values_add(struct dht_values *v, const uint8_t key[32],
                         const struct dht_checked *checked)
{
    struct entry *e = calloc(1, sizeof(*e));

    RT_INSIST(e != NULL);
    prepare_lists(v);
    memcpy(e->key, key, sizeof(e->key));
    e->kind = checked->kind;
    rt_list_init(&e->by_hour);
    rt_list_init(&e->by_bin);
    rt_list_init(&e->by_due);
    rt_list_init(&e->unproven);
    rt_list_push_back(&v->lists->bins[key[0]], &e->by_bin);
    if (e->kind == WIRE_VALUE_ANNOUNCEMENT) {
        e->announced = malloc(sizeof(*e->announced));
        RT_INSIST(e->announced != NULL);
        memcpy(e->announced->sub, checked->sub, sizeof(e->announced->sub));
        memcpy(e->announced->relay, checked->relay, sizeof(e->announced->relay));
        e->announced->has_community_fields = checked->has_community_fields;
        e->announced->reached = 0;
        e->announced->net = checked->net;
        e->announced->draw = (uint32_t)v->random(v->random_ctx);
    }
    rt_map_put(&v->by_key, &e->node, values_hash(v, key));
    return e;
}

static void release(struct dht_values *v, struct entry *e)
{
    if (e->peer)
        dht_owner_give(&v->peers, e->peer, e->value.len);
    if (e->net)
        dht_owner_give(&v->nets, e->net, e->value.len);
    e->peer = e->net = NULL;
    v->bytes -= e->value.len;
    relay_slice_drop(&e->value);
}

static uint8_t dialects_of(const struct entry *e)
{
    return wire_value_dialects(e->kind, e->kind == WIRE_VALUE_ANNOUNCEMENT &&
                                            e->announced->has_community_fields);
}

static struct dht_value value_of(const struct entry *e)
{
    struct dht_value out = {.kind = e->kind,
                            .dialects = dialects_of(e),
                            .value = e->value,
                            .expires_s = e->expires_s,
                            .origin = e->origin};

    memcpy(out.key, e->key, sizeof(out.key));
    memcpy(out.sub, sub_of(e), sizeof(out.sub));
    return out;
}

void values_drop(struct dht_values *v, struct entry *e, bool tell)
{
    struct dht_value gone = value_of(e);

    if (tell && v->sink.drop)
        v->sink.drop(v->sink.ctx, gone.key, gone.sub);
    release(v, e);
    switch (e->kind) {
    case WIRE_VALUE_SHARE_HEAD:
    case WIRE_VALUE_MANIFEST:
        values_unshare(v, e);
        break;
    case WIRE_VALUE_PROVIDERS:
    case WIRE_VALUE_MEMBERS:
        free(e->set);
        break;
    default:
        free(e->announced);
    }
    if (v->walk_next == &e->by_bin)
        v->walk_next = e->by_bin.next;
    rt_map_remove(&v->by_key, &e->node);
    rt_list_unlink(&e->by_hour);
    rt_list_unlink(&e->by_bin);
    rt_list_unlink(&e->by_due);
    rt_list_unlink(&e->unproven);
    free(e);
}

static void drop_node(void *ctx, struct rt_map_node *n)
{
    struct dht_values *v = ctx;
    struct entry *e = (struct entry *)n;

    release(v, e);
    if (e->kind == WIRE_VALUE_SHARE_HEAD || e->kind == WIRE_VALUE_MANIFEST)
        values_unshare(v, e);
    else
        free(e->set);
    free(e);
}

void dht_values_free(struct dht_values **v)
{
    struct dht_values *old = *v;

    *v = NULL;
    if (!old)
        return;
    rt_map_fini(&old->by_key, drop_node, old);
    free((void *)old->shares.buckets);
    free((void *)old->peers.buckets);
    free((void *)old->nets.buckets);
    free(old->lists);
    free(old);
}

/* -- time -- */

static void set_expiry(struct dht_values *v, struct entry *e, uint64_t expires_s, uint64_t now_s)
{
    if (v->hour == 0)
        v->hour = now_s / VALUES_HOUR_S;
    e->expires_s = expires_s;
    rt_list_unlink(&e->by_hour);
    rt_list_push_back(&v->lists->hours[expires_s / VALUES_HOUR_S % VALUES_HOURS], &e->by_hour);
}

static uint64_t expiry(uint64_t ttl_secs, uint64_t now_s)
{
    if (ttl_secs < LIM_VALUE_TTL_MIN_S)
        ttl_secs = LIM_VALUE_TTL_MIN_S;
    if (ttl_secs > LIM_VALUE_TTL_MAX_S)
        ttl_secs = LIM_VALUE_TTL_MAX_S;
    return now_s + ttl_secs;
}

/* To the end of the queue: all wait for the same time, so that it stays in order. */
static void set_due(struct dht_values *v, struct entry *e, uint64_t due_s)
{
    if (e->kind == WIRE_VALUE_ANNOUNCEMENT)
        return;
    e->due_s = due_s;
    rt_list_unlink(&e->by_due);
    rt_list_push_back(&v->by_due, &e->by_due);
}

static void save(struct dht_values *v, struct entry *e)
{
    struct dht_value now = value_of(e);

    e->saved_s = e->expires_s;
    if (v->sink.put)
        v->sink.put(v->sink.ctx, &now);
}

void values_renew(struct dht_values *v, struct entry *e, const struct incoming *in)
{
    uint64_t expires_s = expiry(in->ttl_secs, in->now_s);

    set_due(v, e, in->now_s + LIM_REPUBLISH_S);
    /* An announcement ends when it says so. */
    if (e->kind == WIRE_VALUE_ANNOUNCEMENT || in->origin.is_push || expires_s <= e->expires_s)
        return;
    set_expiry(v, e, expires_s, in->now_s);
    if (expires_s > e->saved_s + SAVE_AGAIN_S)
        save(v, e);
}

void values_set(struct dht_values *v, struct entry *e, const struct incoming *in,
                struct relay_slice value)
{
    uint64_t expires_s = expiry(in->ttl_secs, in->now_s);

    release(v, e);
    e->value = value;
    e->origin = in->origin;
    e->first = in->checked->first;
    e->second = in->checked->second;
    v->bytes += value.len;
    e->peer = dht_owner_take(&v->peers, in->origin.peer, value.len);
    e->net = dht_owner_take(&v->nets, in->origin.net, value.len);
    if (in->checked->expires_at < expires_s)
        expires_s = in->checked->expires_at;
    set_expiry(v, e, expires_s, in->now_s);
    set_due(v, e, in->now_s + LIM_REPUBLISH_S);
    save(v, e);
}

bool dht_values_expire(struct dht_values *v, uint64_t now_s, uint32_t max)
{
    uint64_t hour = now_s / VALUES_HOUR_S;

    if (!v->lists)
        return false;
    if (v->hour > hour || hour - v->hour > VALUES_HOURS) /* the clock was set */
        v->hour = hour > VALUES_HOURS ? hour - VALUES_HOURS : 0;
    while (v->hour < hour) {
        struct rt_list *list = &v->lists->hours[v->hour % VALUES_HOURS];
        struct entry *e = RT_CONTAINER_OF(list->next, struct entry, by_hour);

        if (rt_list_empty(list) || e->expires_s > now_s) {
            v->hour++;
            continue;
        }
        if (max-- == 0)
            return true;
        values_drop(v, e, false);
    }
    return false;
}

uint64_t dht_values_next_due(const struct dht_values *v)
{
    const struct entry *e = RT_CONTAINER_OF(v->by_due.next, struct entry, by_due);

    return rt_list_empty(&v->by_due) ? UINT64_MAX : e->due_s;
}

bool dht_values_take_due(struct dht_values *v, uint64_t now_s, struct dht_value *out)
{
    struct entry *e = RT_CONTAINER_OF(v->by_due.next, struct entry, by_due);

    if (rt_list_empty(&v->by_due) || e->due_s > now_s)
        return false;
    set_due(v, e, now_s + LIM_REPUBLISH_S);
    if (e->expires_s <= now_s)
        return false;
    *out = value_of(e);
    out->value = relay_slice_ref(e->value);
    return true;
}

bool dht_values_has_fresh(const struct dht_values *v)
{
    (void)v;
    return false;
}

bool dht_values_take_fresh(struct dht_values *v, uint64_t now_s, struct dht_value *out)
{
    (void)v, (void)now_s, (void)out;
    return false;
}

/* -- space -- */

/* What an owner takes of the store, values and bytes in one number. */
static uint64_t weight(const struct dht_values *v, const struct dht_owner *o)
{
    return o ? o->values * (v->limits.bytes_max / v->limits.count_max) + o->bytes : 0;
}

static bool is_full(const struct dht_values *v, uint32_t more_values, uint64_t more_bytes)
{
    return v->by_key.count + more_values > v->limits.count_max ||
           v->bytes + more_bytes > v->limits.bytes_max;
}

/* Of a few entries drawn the one whose network has most, if that is more than `above`. */
static struct entry *draw_victim(struct dht_values *v, const struct entry *spare, uint64_t above)
{
    struct entry *victim = NULL;

    for (uint32_t i = 0; i < DRAWS; i++) {
        struct entry *e = (struct entry *)rt_map_draw(&v->by_key, v->random(v->random_ctx));

        if (!e || e == spare || e->origin.peer == 0 || weight(v, e->net) <= above)
            continue;
        above = weight(v, e->net);
        victim = e;
    }
    return victim;
}

static bool is_over_share(const struct dht_values *v, const struct entry *e, uint32_t len,
                          uint64_t peer)
{
    const struct dht_owner *o = dht_owner_find(&v->peers, peer);
    bool owns = e && e->origin.peer == peer;
    uint32_t more = owns ? 0 : 1;
    uint64_t bytes = (o ? o->bytes : 0) + len - (owns ? e->value.len : 0);

    return peer != 0 && ((o ? o->values : 0) + more > v->limits.count_per_peer ||
                         bytes > v->limits.bytes_per_peer);
}

enum rt_refusal values_make_room(struct dht_values *v, const struct entry *e, uint32_t len,
                                 const struct dht_origin *origin)
{
    uint32_t more_values = e ? 0 : 1;
    uint64_t more_bytes = e ? (len > e->value.len ? len - e->value.len : 0) : len;

    if (is_over_share(v, e, len, origin->peer))
        return RT_REFUSAL_STORE_FULL;
    for (uint32_t i = 0; is_full(v, more_values, more_bytes); i++) {
        uint64_t own = weight(v, dht_owner_find(&v->nets, origin->net));
        struct entry *victim = NULL;

        if (i < EVICTIONS_MAX && len <= v->limits.bytes_max)
            victim = draw_victim(v, e, own + len + v->limits.bytes_max / v->limits.count_max);
        if (!victim)
            return RT_REFUSAL_STORE_FULL;
        values_drop(v, victim, true);
        rt_metric_inc(RT_METRIC_DHT_VALUES_EVICTED);
    }
    return RT_REFUSAL_NONE;
}

/* -- in and out -- */

enum rt_refusal dht_values_store(struct dht_values *v, const uint8_t key[32],
                                 const struct dht_checked *checked, const uint8_t *value,
                                 uint32_t len, uint64_t ttl_secs, const struct dht_origin *origin,
                                 uint64_t now_s)
{
    struct incoming in = {key, checked, value, len, ttl_secs, now_s, *origin};
    struct entry *e = values_entry(v, key, NULL), *next;

    for (; e; e = next) {
        bool is_other = e->kind != checked->kind && memcmp(sub_of(e), checked->sub, 32) == 0;

        next = values_next_same(e);
        if (e->expires_s <= now_s || is_other)
            values_drop(v, e, true);
    }
    return values_store(v, &in);
}

bool dht_values_load(struct dht_values *v, const uint8_t key[32], const uint8_t sub[32],
                     const uint8_t *value, uint32_t len, uint64_t expires_s,
                     const struct dht_origin *origin, uint64_t now_s)
{
    struct dht_values_sink sink = v->sink;
    struct dht_checked checked;
    struct incoming in = {key, &checked, value, len, 0, now_s, *origin};
    struct relay_slice copy;
    struct entry *e;

    if (expires_s <= now_s || is_full(v, 1, len) ||
        dht_value_read(value, len, sub, &checked) != RT_REFUSAL_NONE || values_entry(v, key, sub))
        return false;
    copy = rt_slice_copy(value, len);
    if (!copy.owner)
        return false;
    e = values_add(v, key, &checked);
    if (checked.kind == WIRE_VALUE_PROVIDERS || checked.kind == WIRE_VALUE_MEMBERS) {
        e->set = dht_peer_set_loaded(checked.peers);
        RT_INSIST(e->set != NULL);
    } else if (checked.kind == WIRE_VALUE_MANIFEST) {
        rt_list_push_back(&v->unproven, &e->unproven);
    }
    v->sink = (struct dht_values_sink){0}; /* it came from there */
    values_set(v, e, &in, copy);
    v->sink = sink;
    if (expires_s < now_s + LIM_VALUE_TTL_MAX_S)
        set_expiry(v, e, expires_s, now_s);
    set_due(v, e, now_s + LOADED_DUE_AFTER_S + v->by_key.count / LOADED_PER_S);
    return true;
}

bool dht_values_prove(struct dht_values *v, uint32_t max, uint64_t now_s)
{
    for (; max > 0 && !rt_list_empty(&v->unproven); max--) {
        struct rt_list *n = rt_list_pop_front(&v->unproven);
        struct entry *e = RT_CONTAINER_OF(n, struct entry, unproven);
        struct dht_checked checked;

        if (dht_value_check(e->key, e->value.ptr, e->value.len, now_s, &checked) == RT_REFUSAL_NONE)
            values_proven(v, e, &checked);
        else
            values_drop(v, e, true); /* the disk has lied */
    }
    return !rt_list_empty(&v->unproven);
}

/* Announcements take turns. Nodes that hold the same ones begin in different places, so that who
 * asks several hears of several. */
static bool is_before(const struct entry *a, const struct entry *b)
{
    if (a->served != b->served)
        return a->served < b->served;
    return a->kind == WIRE_VALUE_ANNOUNCEMENT && a->announced->draw < b->announced->draw;
}

/* The groups that what is held under a key falls into for one asker. */
enum rank { RANK_FIRST, RANK_SECOND, RANK_NONE };

static enum rank rank_of(const struct entry *e, enum wire_dialect dialect, uint64_t now_s)
{
    const uint8_t bit = WIRE_DIALECT_BIT(dialect);

    if (e->expires_s <= now_s || !(dialects_of(e) & bit))
        return RANK_NONE;
    if (e->kind != WIRE_VALUE_ANNOUNCEMENT || !e->announced->has_community_fields ||
        (e->announced->reached & bit))
        return RANK_FIRST;
    return e->announced->reached ? RANK_NONE : RANK_SECOND;
}

bool dht_values_find(struct dht_values *v, const uint8_t key[32], enum wire_dialect dialect,
                     uint64_t now_s, struct relay_slice *out_value, uint64_t *out_ttl_secs)
{
    enum rank best_rank = RANK_NONE;
    struct entry *best = NULL;

    for (struct entry *e = values_entry(v, key, NULL); e; e = values_next_same(e)) {
        enum rank rank = rank_of(e, dialect, now_s);

        if (rank < best_rank || (rank == best_rank && best && is_before(e, best))) {
            best_rank = rank;
            best = e;
        }
    }
    if (!best)
        return false;
    best->served = ++v->turn;
    *out_value = relay_slice_ref(best->value);
    *out_ttl_secs = best->expires_s - now_s;
    return true;
}

uint32_t dht_values_find_all(const struct dht_values *v, const uint8_t key[32],
                             enum wire_dialect dialect, uint32_t max, uint64_t now_s,
                             struct relay_slice *out)
{
    uint32_t count = 0;

    for (enum rank rank = RANK_FIRST; rank < RANK_NONE; rank++)
        for (struct entry *e = values_entry(v, key, NULL); e && count < max;
             e = values_next_same(e))
            if (rank_of(e, dialect, now_s) == rank)
                out[count++] = relay_slice_ref(e->value);
    return count;
}

void dht_values_walk(struct dht_values *v, uint8_t first, uint8_t last)
{
    v->walk_bin = first;
    v->walk_last = last;
    v->walk_next = NULL;
}

bool dht_values_walk_next(struct dht_values *v, struct dht_value *out)
{
    for (; v->lists && v->walk_bin <= v->walk_last; v->walk_bin++, v->walk_next = NULL) {
        struct rt_list *bin = &v->lists->bins[v->walk_bin];

        if (!v->walk_next)
            v->walk_next = bin->next;
        if (v->walk_next == bin)
            continue;
        *out = value_of(RT_CONTAINER_OF(v->walk_next, struct entry, by_bin));
        v->walk_next = v->walk_next->next;
        return true;
    }
    return false;
}

uint32_t dht_values_count(const struct dht_values *v)
{
    return v->by_key.count;
}

uint64_t dht_values_bytes(const struct dht_values *v)
{
    return v->bytes;
}
