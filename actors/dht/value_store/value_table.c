/* SPDX-License-Identifier: MPL-2.0 */
/*
 * The table of the value store. Invariants between two public calls:
 *  - An entry is in by_key, in the bin of its key's first byte, in the list of the hour of its
 * expiry and, unless it is an announcement, in by_due.
 *  - An entry has a value, counted in v->bytes and in the quotas of its storer and of the storer's
 *    network. Two entries of one key have different subs.
 *  - by_fresh is in no list, in `fresh` of the storer's network, in `pushed` (pushed_s is set) or
 * in `unreached` (unreached_s is set).
 */
#include <stdlib.h>
#include <string.h>

#include "base/check.h"
#include "crypto/crypto.h"
#include "dht/value_store/value_store_private.h"
#include "wire_dialect.h"

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

const uint8_t *value_store_sub(const struct entry *e)
{
    return e->kind == WIRE_VALUE_ANNOUNCEMENT ? e->announced->sub : dht_value_sub(e->kind);
}

static bool fits(const struct entry *e, const uint8_t key[32], const uint8_t *sub)
{
    return memcmp(e->key, key, 32) == 0 && (!sub || memcmp(value_store_sub(e), sub, 32) == 0);
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

/* -- fresh values: in the list of their network -- */

bool value_store_is_fresh(const struct entry *e)
{
    return !rt_list_empty(&e->by_fresh) && e->pushed_s == 0 && e->unreached_s == 0;
}

void value_store_enter_fresh(struct dht_value_store *v, struct entry *e)
{
    RT_REQUIRE(e->net && rt_list_empty(&e->by_fresh));
    rt_list_push_back(&e->net->fresh, &e->by_fresh);
    if (rt_list_empty(&e->net->in_turn))
        rt_list_push_back(&v->fresh, &e->net->in_turn);
}

void value_store_leave_fresh(struct entry *e)
{
    RT_REQUIRE(value_store_is_fresh(e));
    rt_list_unlink(&e->by_fresh);
    if (rt_list_empty(&e->net->fresh))
        rt_list_unlink(&e->net->in_turn);
}

/* -- the end of an entry -- */

void value_store_release(struct dht_value_store *v, struct entry *e)
{
    RT_REQUIRE(v->bytes >= e->value.len);
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

uint8_t value_store_dialects(const struct entry *e)
{
    return wire_value_dialects(e->kind, e->kind == WIRE_VALUE_ANNOUNCEMENT &&
                                            e->announced->has_community_fields);
}

struct dht_value value_store_value_of(const struct entry *e)
{
    struct dht_value out = {.kind = e->kind,
                            .dialects = value_store_dialects(e),
                            .value = e->value,
                            .expires_s = e->expires_s,
                            .event = value_store_is_record(e) ? e->record->index.event : 0,
                            .origin = e->origin};

    memcpy(out.key, e->key, sizeof(out.key));
    memcpy(out.sub, value_store_sub(e), sizeof(out.sub));
    return out;
}

void value_store_drop(struct dht_value_store *v, struct entry *e, bool tell)
{
    struct dht_value gone = value_store_value_of(e);

    if (tell && v->sink.drop)
        v->sink.drop(v->sink.ctx, gone.key, gone.sub);
    if (value_store_is_record(e))
        dht_communities_leave(v->communities, &e->record->index, v->now_s);
    value_store_release(v, e);
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

void value_store_free_node(void *ctx, struct rt_map_node *n)
{
    struct dht_value_store *v = ctx;
    struct entry *e = (struct entry *)n;

    value_store_release(v, e);
    if (e->kind == WIRE_VALUE_SHARE_HEAD || e->kind == WIRE_VALUE_MANIFEST)
        value_store_unshare(v, e);
    else
        free(e->set); /* or another pointer of the union */
    free(e);
}
