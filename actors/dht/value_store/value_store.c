/* SPDX-License-Identifier: MPL-2.0 */
#include "dht/value_store/value_store.h"

#include <stdlib.h>
#include <string.h>

#include "base/budget.h"
#include "base/check.h"
#include "crypto/crypto.h"
#include "dht/value_store/value_store_private.h"
#include "wire_dialect.h"

/* More than the time of a look-up and its pushes, so that all pushed copies have expired. */
#define COPIES_GONE_S 120u
#define SAVE_AGAIN_S 3600u     /* a renewed expiry is saved when it has moved by so much */
#define LOADED_PER_S 28u       /* values from disk fall due one after another: 100,000 in an hour */
#define LOADED_DUE_AFTER_S 60u /* there is somebody to give them to by then */

struct dht_value_store *dht_value_store_new(const struct dht_value_store_limits *limits,
                                            const uint8_t hash_key[16],
                                            uint64_t (*random)(void *ctx), void *random_ctx)
{
    struct dht_value_store *v = calloc(1, sizeof(*v));

    RT_INSIST(v != NULL);
    v->limits = *limits;
    v->random = random;
    v->random_ctx = random_ctx;
    memcpy(v->hash_key, hash_key, sizeof(v->hash_key));
    rt_list_init(&v->by_due);
    rt_list_init(&v->unproven);
    rt_list_init(&v->unsaved);
    rt_list_init(&v->fresh);
    rt_list_init(&v->pushed);
    rt_list_init(&v->unreached);
    v->communities = dht_communities_new(hash_key);
    v->walk_bin = VALUE_STORE_BINS;
    return v;
}

void dht_value_store_set_sink(struct dht_value_store *v, const struct dht_value_store_sink *sink)
{
    struct dht_communities_sink marks = {sink->put_mark, sink->ctx};

    v->sink = *sink;
    dht_communities_set_sink(v->communities, &marks);
}

struct dht_communities *dht_value_store_communities(struct dht_value_store *v)
{
    return v->communities;
}

static void prepare_lists(struct dht_value_store *v)
{
    if (v->lists)
        return;
    v->lists = malloc(sizeof(*v->lists));
    RT_INSIST(v->lists != NULL);
    for (uint32_t i = 0; i < VALUE_STORE_HOURS; i++)
        rt_list_init(&v->lists->hours[i]);
    for (uint32_t i = 0; i < VALUE_STORE_BINS; i++)
        rt_list_init(&v->lists->bins[i]);
}

uint64_t value_store_hash(const struct dht_value_store *v, const uint8_t bytes[32])
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

struct entry *value_store_entry(const struct dht_value_store *v, const uint8_t key[32],
                                const uint8_t *sub)
{
    struct rt_map_node *n = rt_map_find(&v->by_key, value_store_hash(v, key));

    while (n && !fits((struct entry *)n, key, sub))
        n = rt_map_find_next(n);
    return (struct entry *)n;
}

struct entry *value_store_next_same(const struct entry *e)
{
    struct rt_map_node *n = rt_map_find_next(&e->node);

    while (n && !fits((struct entry *)n, e->key, NULL))
        n = rt_map_find_next(n);
    return (struct entry *)n;
}

bool value_store_is_record(const struct entry *e)
{
    return e->kind == WIRE_VALUE_MEMBER_RECORD || e->kind == WIRE_VALUE_SHARE_RECORD;
}

static struct announced *announced_new(const struct dht_checked *checked, uint64_t draw)
{
    struct announced *a = calloc(1, sizeof(*a));

    RT_INSIST(a != NULL);
    memcpy(a->sub, checked->sub, sizeof(a->sub));
    memcpy(a->relay, checked->subject, sizeof(a->relay));
    a->has_community_fields = checked->has_community_fields;
    a->net = checked->net;
    a->draw = (uint32_t)draw;
    return a;
}

static struct record *record_new(struct entry *e, const struct dht_checked *checked)
{
    struct record *r = calloc(1, sizeof(*r));

    RT_INSIST(r != NULL);
    r->entry = e;
    memcpy(r->id, checked->subject, sizeof(r->id));
    r->index.kind = e->kind == WIRE_VALUE_MEMBER_RECORD ? DHT_RECORD_MEMBER : DHT_RECORD_SHARE;
    r->index.id = r->id;
    r->index.value = &e->value;
    r->index.expires_s = &e->expires_s;
    rt_list_init(&r->index.by_renewal);
    return r;
}

static struct revoked *revoked_new(struct dht_value_store *v, const struct entry *e,
                                   const struct dht_checked *checked)
{
    struct revoked *r = calloc(1, sizeof(*r));

    RT_INSIST(r != NULL);
    r->entry = e;
    memcpy(r->key, checked->subject, sizeof(r->key));
    rt_map_put(&v->revoked, &r->node, value_store_hash(v, r->key));
    return r;
}

struct entry *value_store_add(struct dht_value_store *v, const uint8_t key[32],
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
    rt_list_init(&e->by_wait);
    rt_list_init(&e->by_fresh);
    rt_list_push_back(&v->lists->bins[key[0]], &e->by_bin);
    if (e->kind == WIRE_VALUE_ANNOUNCEMENT)
        e->announced = announced_new(checked, v->random(v->random_ctx));
    else if (e->kind == WIRE_VALUE_REVOCATION)
        e->revoked = revoked_new(v, e, checked);
    else if (value_store_is_record(e))
        e->record = record_new(e, checked);
    rt_map_put(&v->by_key, &e->node, value_store_hash(v, key));
    return e;
}

static void release(struct dht_value_store *v, struct entry *e)
{
    if (value_store_is_fresh(e))
        value_store_leave_fresh(e);
    if (e->peer)
        dht_quota_remove(&v->peers, e->peer, e->value.len);
    if (e->net)
        dht_quota_remove(&v->nets, e->net, e->value.len);
    e->peer = e->net = NULL;
    v->bytes -= e->value.len;
    relay_slice_drop(&e->value);
}

static uint8_t dialects_of(const struct entry *e)
{
    return wire_value_dialects(e->kind, e->kind == WIRE_VALUE_ANNOUNCEMENT &&
                                            e->announced->has_community_fields);
}

struct dht_value value_store_value_of(const struct entry *e)
{
    struct dht_value out = {.kind = e->kind,
                            .dialects = dialects_of(e),
                            .value = e->value,
                            .expires_s = e->expires_s,
                            .event = value_store_is_record(e) ? e->record->index.event : 0,
                            .origin = e->origin};

    memcpy(out.key, e->key, sizeof(out.key));
    memcpy(out.sub, sub_of(e), sizeof(out.sub));
    return out;
}

void value_store_drop(struct dht_value_store *v, struct entry *e, bool tell)
{
    struct dht_value gone = value_store_value_of(e);

    if (tell && v->sink.drop)
        v->sink.drop(v->sink.ctx, gone.key, gone.sub);
    if (value_store_is_record(e))
        dht_communities_leave(v->communities, &e->record->index, v->now_s);
    release(v, e);
    switch (e->kind) {
    case WIRE_VALUE_SHARE_HEAD:
    case WIRE_VALUE_MANIFEST:
        value_store_unshare(v, e);
        break;
    case WIRE_VALUE_PROVIDERS:
    case WIRE_VALUE_MEMBERS:
        free(e->set);
        break;
    case WIRE_VALUE_ANNOUNCEMENT:
        free(e->announced);
        break;
    case WIRE_VALUE_REVOCATION:
        rt_map_remove(&v->revoked, &e->revoked->node);
        free(e->revoked);
        break;
    default:
        if (value_store_is_record(e))
            free(e->record);
    }
    if (v->walk_next == &e->by_bin)
        v->walk_next = e->by_bin.next;
    rt_map_remove(&v->by_key, &e->node);
    rt_list_unlink(&e->by_hour);
    rt_list_unlink(&e->by_bin);
    rt_list_unlink(&e->by_due);
    rt_list_unlink(&e->by_wait);
    rt_list_unlink(&e->by_fresh);
    free(e);
}

static void drop_node(void *ctx, struct rt_map_node *n)
{
    struct dht_value_store *v = ctx;
    struct entry *e = (struct entry *)n;

    release(v, e);
    if (e->kind == WIRE_VALUE_SHARE_HEAD || e->kind == WIRE_VALUE_MANIFEST)
        value_store_unshare(v, e);
    else
        free(e->set); /* or another pointer of the union */
    free(e);
}

void dht_value_store_free(struct dht_value_store **v)
{
    struct dht_value_store *old = *v;

    *v = NULL;
    if (!old)
        return;
    rt_map_fini(&old->by_key, drop_node, old);
    free((void *)old->shares.buckets);
    free((void *)old->peers.buckets);
    free((void *)old->nets.buckets);
    free((void *)old->revoked.buckets);
    dht_communities_free(&old->communities);
    free(old->lists);
    free(old);
}

/* -- in and out -- */

void value_store_renew(struct dht_value_store *v, struct entry *e, const struct incoming *in)
{
    uint64_t expires_s = value_store_expiry(in);

    if (!in->origin.is_push || value_store_is_pushed(e, &in->origin))
        value_store_set_due(v, e, in->now_s + LIM_REPUBLISH_S);
    if (!in->origin.is_push && expires_s > e->expires_s)
        value_store_set_expiry(v, e, expires_s, in->now_s);
    if (in->now_s >= e->copies_s + COPIES_GONE_S)
        value_store_note_fresh(v, e, &in->origin);
    if (value_store_is_record(e))
        dht_communities_renewed(v->communities, &e->record->index, in->now_s);
    if (e->expires_s > e->saved_s + SAVE_AGAIN_S)
        value_store_save(v, e);
}

/* Sets the value of e without notifying the sink. */
static void place(struct dht_value_store *v, struct entry *e, const struct incoming *in,
                  struct relay_slice value)
{
    bool is_fresh = value_store_is_fresh(e);

    release(v, e);
    e->value = value;
    e->origin = in->origin;
    e->first = in->checked->first;
    e->second = in->checked->second;
    v->bytes += value.len;
    e->peer = dht_quota_add(&v->peers, in->origin.peer, value.len);
    e->net = dht_quota_add(&v->nets, in->origin.net, value.len);
    if (is_fresh)
        value_store_enter_fresh(v, e);
    value_store_set_expiry(v, e, value_store_expiry(in), in->now_s);
    value_store_set_due(v, e, in->now_s + LIM_REPUBLISH_S);
    e->copies_s = e->expires_s;
}

/* True: the record on disk differs only in sequence, times and signature. */
static bool index_record(struct dht_value_store *v, struct entry *e, const struct incoming *in)
{
    struct record *r = e->record;
    bool is_held = r->index.community != NULL;
    bool says_the_same = is_held && r->content == in->checked->content;

    r->content = in->checked->content;
    r->index.updated_at = in->checked->second;
    if (is_held) {
        dht_communities_changed(v->communities, &r->index, in->origin.net, in->now_s);
    } else {
        r->index.net = in->origin.net;
        dht_communities_enter(v->communities, in->checked->community_id, &r->index, in->now_s);
    }
    return says_the_same;
}

void value_store_set(struct dht_value_store *v, struct entry *e, const struct incoming *in,
                     struct relay_slice value)
{
    place(v, e, in, value);
    value_store_note_fresh(v, e, &in->origin);
    if (value_store_is_record(e) && index_record(v, e, in))
        value_store_defer_save(v, e, in->now_s);
    else
        value_store_save(v, e);
}

enum rt_refusal dht_value_store_put(struct dht_value_store *v, const uint8_t key[32],
                                    const struct dht_checked *checked, struct relay_slice value,
                                    uint64_t ttl_secs, const struct dht_origin *origin,
                                    uint64_t now_s)
{
    struct incoming in = {key, checked, value, ttl_secs, now_s, *origin};
    struct entry *e = value_store_entry(v, key, NULL), *next;

    v->now_s = now_s;
    for (; e; e = next) {
        bool is_other = e->kind != checked->kind && memcmp(sub_of(e), checked->sub, 32) == 0;

        next = value_store_next_same(e);
        if (e->expires_s <= now_s || is_other)
            value_store_drop(v, e, true);
    }
    return value_store_by_kind(v, &in);
}

/* Sets the data of this kind, for a value from disk. False: there is no room. */
static bool load_detail(struct dht_value_store *v, struct entry *e,
                        const struct dht_checked *checked, uint64_t event)
{
    if (checked->kind == WIRE_VALUE_PROVIDERS || checked->kind == WIRE_VALUE_MEMBERS) {
        e->set = dht_peer_set_loaded(checked->peers);
        RT_INSIST(e->set != NULL);
    } else if (checked->kind == WIRE_VALUE_MANIFEST) {
        rt_list_push_back(&v->unproven, &e->by_wait);
    } else if (value_store_is_record(e)) {
        e->record->content = checked->content;
        e->record->index.updated_at = checked->second;
        e->record->index.net = e->origin.net;
        return dht_communities_load(v->communities, checked->community_id, &e->record->index, event,
                                    v->now_s);
    }
    return true;
}

bool dht_value_store_load(struct dht_value_store *v, const uint8_t key[32], const uint8_t sub[32],
                          const uint8_t *value, uint32_t len, uint64_t expires_s, uint64_t event,
                          const struct dht_origin *origin, uint64_t now_s)
{
    struct dht_checked checked;
    struct incoming in = {key, &checked, relay_slice_view(value, len), 0, now_s, *origin};
    struct relay_slice copy;
    struct entry *e;

    v->now_s = now_s;
    if (expires_s <= now_s || value_store_is_full(v, 1, len) ||
        dht_value_read(key, sub, value, len, &checked) != RT_REFUSAL_NONE ||
        value_store_entry(v, key, sub))
        return false;
    copy = rt_slice_copy(value, len);
    if (!copy.owner)
        return false;
    e = value_store_add(v, key, &checked);
    place(v, e, &in, copy);
    if (expires_s < now_s + LIM_VALUE_TTL_MAX_S)
        value_store_set_expiry(v, e, expires_s, now_s);
    e->saved_s = e->expires_s;
    value_store_set_due(v, e, now_s + LOADED_DUE_AFTER_S + v->by_key.count / LOADED_PER_S);
    if (!load_detail(v, e, &checked, event)) {
        value_store_drop(v, e, false);
        return false;
    }
    return true;
}

bool dht_value_store_prove(struct dht_value_store *v, uint32_t max, uint64_t now_s)
{
    v->now_s = now_s;
    for (; max > 0 && !rt_list_empty(&v->unproven); max--) {
        struct rt_list *n = rt_list_pop_front(&v->unproven);
        struct entry *e = RT_CONTAINER_OF(n, struct entry, by_wait);
        struct dht_checked checked;

        if (dht_value_check(e->key, e->value.ptr, e->value.len, now_s, &checked) == RT_REFUSAL_NONE)
            value_store_proven(v, e, &checked);
        else
            value_store_drop(v, e, true); /* the disk has lied */
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

bool dht_value_store_is_revoked(const struct dht_value_store *v, const uint8_t key[32],
                                uint64_t now_s)
{
    struct rt_map_node *n = rt_map_find(&v->revoked, value_store_hash(v, key));

    while (n && memcmp(((struct revoked *)n)->key, key, 32) != 0)
        n = rt_map_find_next(n);
    return n && ((struct revoked *)n)->entry->expires_s > now_s;
}

static bool is_of_revoked_relay(const struct dht_value_store *v, const struct entry *e,
                                uint64_t now_s)
{
    return e->kind == WIRE_VALUE_ANNOUNCEMENT &&
           dht_value_store_is_revoked(v, e->announced->relay, now_s);
}

/* Ranks of the values of a key for one requester. */
enum rank { RANK_FIRST, RANK_SECOND, RANK_NONE };

static enum rank rank_of(const struct dht_value_store *v, const struct entry *e,
                         enum wire_dialect dialect, uint64_t now_s)
{
    const uint8_t bit = WIRE_DIALECT_BIT(dialect);

    if (e->expires_s <= now_s || !(dialects_of(e) & bit))
        return RANK_NONE;
    if (is_of_revoked_relay(v, e, now_s))
        return RANK_NONE;
    if (e->kind != WIRE_VALUE_ANNOUNCEMENT || !e->announced->has_community_fields ||
        (e->announced->reached & bit))
        return RANK_FIRST;
    return e->announced->reached ? RANK_NONE : RANK_SECOND;
}

bool dht_value_store_find(struct dht_value_store *v, const uint8_t key[32],
                          enum wire_dialect dialect, uint64_t now_s, struct relay_slice *out_value,
                          uint64_t *out_ttl_secs)
{
    enum rank best_rank = RANK_NONE;
    struct entry *best = NULL;

    for (struct entry *e = value_store_entry(v, key, NULL); e; e = value_store_next_same(e)) {
        enum rank rank = rank_of(v, e, dialect, now_s);

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

uint32_t dht_value_store_find_all(const struct dht_value_store *v, const uint8_t key[32],
                                  enum wire_dialect dialect, uint32_t max, uint64_t now_s,
                                  struct relay_slice *out)
{
    uint32_t count = 0;

    for (enum rank rank = RANK_FIRST; rank < RANK_NONE; rank++)
        for (struct entry *e = value_store_entry(v, key, NULL); e && count < max;
             e = value_store_next_same(e))
            if (rank_of(v, e, dialect, now_s) == rank)
                out[count++] = relay_slice_ref(e->value);
    return count;
}

void dht_value_store_walk(struct dht_value_store *v, uint8_t first, uint8_t last)
{
    v->walk_bin = first;
    v->walk_last = last;
    v->walk_next = NULL;
}

bool dht_value_store_walk_next(struct dht_value_store *v, struct dht_value *out)
{
    const struct entry *e;

    for (; v->lists && v->walk_bin <= v->walk_last; v->walk_bin++, v->walk_next = NULL) {
        struct rt_list *bin = &v->lists->bins[v->walk_bin];

        if (!v->walk_next)
            v->walk_next = bin->next;
        if (v->walk_next == bin)
            continue;
        e = RT_CONTAINER_OF(v->walk_next, struct entry, by_bin);
        v->walk_next = v->walk_next->next;
        *out = value_store_value_of(e);
        out->is_revoked = is_of_revoked_relay(v, e, v->now_s);
        return true;
    }
    return false;
}

uint32_t dht_value_store_count(const struct dht_value_store *v)
{
    return v->by_key.count;
}

uint64_t dht_value_store_bytes(const struct dht_value_store *v)
{
    return v->bytes;
}
