/* SPDX-License-Identifier: MPL-2.0 */
#include "dht/value_store/value_store.h"

#include <stdlib.h>
#include <string.h>

#include "base/budget.h"
#include "base/check.h"
#include "crypto/crypto.h"
#include "dht/value_store/value_store_private.h"
#include "wire_dialect.h"

#define LOADED_PER_S 28u       /* values from disk fall due one after another: 100,000 in an hour */
#define LOADED_DUE_AFTER_S 60u /* by then there are contacts to push them to */

struct dht_value_store *dht_value_store_new(const struct dht_value_store_limits *limits,
                                            const uint8_t hash_key[16],
                                            uint64_t (*random)(void *ctx), void *random_ctx)
{
    struct dht_value_store *v = calloc(1, sizeof(*v));

    RT_INSIST(v != NULL);
    RT_REQUIRE(limits->count_max > 0);
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

void dht_value_store_free(struct dht_value_store **v)
{
    struct dht_value_store *old = *v;

    *v = NULL;
    if (!old)
        return;
    rt_map_fini(&old->by_key, value_store_free_node, old);
    free((void *)old->shares.buckets);
    free((void *)old->peers.buckets);
    free((void *)old->nets.buckets);
    free((void *)old->revoked.buckets);
    dht_communities_free(&old->communities);
    free(old->lists);
    free(old);
}

/* -- in and out -- */

static enum wire_refusal put_by_kind(struct dht_value_store *v, const struct incoming *in)
{
    switch (in->checked->kind) {
    case WIRE_VALUE_SHARE_HEAD:
        return value_store_put_head(v, in);
    case WIRE_VALUE_MANIFEST:
        return value_store_put_manifest(v, in);
    case WIRE_VALUE_PROVIDERS:
    case WIRE_VALUE_MEMBERS:
        return value_store_put_set(v, in);
    case WIRE_VALUE_ANNOUNCEMENT:
        return value_store_put_announcement(v, in);
    case WIRE_VALUE_MEMBER_RECORD:
    case WIRE_VALUE_SHARE_RECORD:
        return value_store_put_record(v, in);
    case WIRE_VALUE_COMMUNITY_HINT:
    case WIRE_VALUE_MEMBERS_PAGE:
    case WIRE_VALUE_SHARES_PAGE:
        return value_store_put_dated(v, in);
    case WIRE_VALUE_ROTATION:
        return value_store_put_rotation(v, in);
    case WIRE_VALUE_REVOCATION:
        return value_store_put_revocation(v, in);
    case WIRE_VALUE_NONE:
        break;
    }
    return WIRE_REFUSAL_STORE_VALUE;
}

enum wire_refusal dht_value_store_put(struct dht_value_store *v, const uint8_t key[32],
                                      const struct dht_checked *checked, struct relay_slice value,
                                      uint64_t ttl_secs, const struct dht_origin *origin,
                                      uint64_t now_s)
{
    struct incoming in = {key, checked, value, ttl_secs, now_s, *origin};
    struct entry *e = value_store_entry(v, key, NULL), *next;

    v->now_s = now_s;
    for (; e; e = next) {
        bool is_other =
            e->kind != checked->kind && memcmp(value_store_sub(e), checked->sub, 32) == 0;

        next = value_store_next_same(e);
        if (e->expires_s <= now_s || is_other)
            value_store_drop(v, e, true);
    }
    return put_by_kind(v, &in);
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
        dht_value_read(key, sub, value, len, &checked) != WIRE_REFUSAL_NONE ||
        value_store_entry(v, key, sub))
        return false;
    copy = rt_slice_copy(value, len);
    if (!copy.owner)
        return false;
    e = value_store_add(v, key, &checked);
    value_store_place(v, e, &in, copy);
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

        if (dht_value_check(e->key, e->value.ptr, e->value.len, now_s, &checked) ==
            WIRE_REFUSAL_NONE)
            value_store_proven(v, e, &checked);
        else
            value_store_drop(v, e, true); /* the row on disk is wrong */
    }
    return !rt_list_empty(&v->unproven);
}

/* Announcements take turns. Nodes with the same announcements begin at different ones, so that a
 * client that asks several nodes gets several. */
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

    if (e->expires_s <= now_s || !(value_store_dialects(e) & bit))
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
