/* SPDX-License-Identifier: MPL-2.0 */
/* Rules for replacing the value of a key, for the kinds with a tag: see value_store.h. */
#include <stdlib.h>
#include <string.h>

#include "base/check.h"
#include "dht/value_store/value_store_private.h"
#include "dht/dht_metrics.h"
#include "wire_community.h"

/* -- texts of a share's record -- */

static bool same_text(struct wire_bytes a, struct wire_bytes b)
{
    return (a.ptr == NULL) == (b.ptr == NULL) && a.len == b.len &&
           (a.len == 0 || memcmp(a.ptr, b.ptr, a.len) == 0);
}

/* True: a share's record has the texts of the manifest. Both are decoded in place. */
static bool has_texts_of(uint8_t *record, uint32_t len, uint8_t *manifest, uint32_t manifest_len)
{
    struct wire_share_record s;
    struct wire_manifest m;

    return wire_share_record_decode(record, len, &s) == RT_ERR_OK &&
           wire_manifest_decode(manifest, manifest_len, &m) == RT_ERR_OK &&
           same_text(s.title, m.title) && same_text(s.description, m.description);
}

static bool has_texts(const uint8_t *record, uint32_t len, const struct relay_slice *manifest)
{
    uint8_t *copy = malloc((size_t)len + manifest->len);
    bool has = false;

    if (copy) {
        memcpy(copy, record, len);
        memcpy(copy + len, manifest->ptr, manifest->len);
        has = has_texts_of(copy, len, copy + len, manifest->len);
    }
    free(copy);
    return has;
}

static bool is_signed_alike(const struct entry *e, const struct incoming *in)
{
    static const uint8_t sub[32];
    struct dht_checked held;

    return dht_value_read(e->key, sub, e->value.ptr, e->value.len, &held) == WIRE_REFUSAL_NONE &&
           memcmp(held.manifest_id, in->checked->manifest_id, 32) == 0;
}

/* True: of two records of a share with the same sequence and time, the new one replaces the held
 * one. Texts are not signed, so a record with the texts of a held manifest stays. Otherwise the
 * last write wins, except for pushes: nodes with different texts would replace each other's texts
 * endlessly. */
static bool has_better_texts(const struct dht_value_store *v, const struct entry *e,
                             const struct incoming *in)
{
    const struct entry *manifest;
    uint8_t key[32];

    if (!is_signed_alike(e, in))
        return false;
    wire_manifest_key(in->checked->manifest_id, key);
    manifest = value_store_entry(v, key, NULL);
    if (!manifest || manifest->expires_s <= in->now_s)
        return !in->origin.is_push;
    if (has_texts(e->value.ptr, e->value.len, &manifest->value))
        return false;
    return !in->origin.is_push || has_texts(in->value.ptr, in->value.len, &manifest->value);
}

/* -- records of communities -- */

static bool replaces(const struct dht_value_store *v, const struct entry *e,
                     const struct incoming *in)
{
    if (!value_store_is_newer(e, in->checked))
        return true;
    return e->kind == WIRE_VALUE_SHARE_RECORD && e->first == in->checked->first &&
           e->second == in->checked->second && has_better_texts(v, e, in);
}

/* Evicts until one more record of its kind fits, in the store and in its community. */
static enum wire_refusal make_room(struct dht_value_store *v, const struct incoming *in)
{
    enum dht_record_kind kind =
        in->checked->kind == WIRE_VALUE_MEMBER_RECORD ? DHT_RECORD_MEMBER : DHT_RECORD_SHARE;
    enum wire_refusal r = value_store_make_room(v, NULL, in->value.len, &in->origin);
    struct dht_record *victim = NULL;

    if (r != WIRE_REFUSAL_NONE)
        return r;
    if (!dht_communities_has_room(v->communities, in->checked->community_id, kind, in->origin.net,
                                  in->now_s, &victim))
        return WIRE_REFUSAL_STORE_FULL;
    if (victim) {
        if (dht_record_is_live(victim, in->now_s))
            rt_metric_inc(RT_METRIC_COMMUNITY_RECORDS_EVICTED);
        value_store_drop(v, RT_CONTAINER_OF(victim, struct record, index)->entry, true);
    }
    return WIRE_REFUSAL_NONE;
}

enum wire_refusal value_store_put_record(struct dht_value_store *v, const struct incoming *in)
{
    struct entry *e = value_store_entry(v, in->key, in->checked->sub);
    enum wire_refusal r = WIRE_REFUSAL_NONE;

    if (e && value_store_is_same(e, in)) {
        value_store_renew(v, e, in);
        return WIRE_REFUSAL_NONE;
    }
    if (e && !replaces(v, e, in))
        return WIRE_REFUSAL_NONE;
    if (!e)
        r = make_room(v, in);
    return r == WIRE_REFUSAL_NONE ? value_store_accept(v, e, in, &e) : r;
}

/* -- hints and pages -- */

enum wire_refusal value_store_put_dated(struct dht_value_store *v, const struct incoming *in)
{
    struct entry *e = value_store_entry(v, in->key, in->checked->sub);

    if (e && value_store_is_same(e, in)) {
        value_store_renew(v, e, in);
        return WIRE_REFUSAL_NONE;
    }
    if (e &&
        (value_store_is_newer(e, in->checked) || (e->origin.peer == 0 && in->origin.peer != 0)))
        return WIRE_REFUSAL_NONE;
    return value_store_accept(v, e, in, &e);
}

/* -- rotation and revocation of keys -- */

enum wire_refusal value_store_put_rotation(struct dht_value_store *v, const struct incoming *in)
{
    struct entry *e = value_store_entry(v, in->key, in->checked->sub);

    if (e && value_store_is_same(e, in)) {
        value_store_renew(v, e, in);
        return WIRE_REFUSAL_NONE;
    }
    if (e && value_store_is_newer(e, in->checked))
        return WIRE_REFUSAL_NONE;
    return value_store_accept(v, e, in, &e);
}

enum wire_refusal value_store_put_revocation(struct dht_value_store *v, const struct incoming *in)
{
    struct entry *e = value_store_entry(v, in->key, in->checked->sub);
    struct incoming for_a_week = *in;
    enum wire_refusal r;

    if (!in->origin.is_push) /* a push has the rest of the week as TTL */
        for_a_week.ttl_secs = LIM_VALUE_TTL_MAX_S;
    if (e && e->first <= in->checked->first) { /* a later revocation adds nothing */
        value_store_renew(v, e, &for_a_week);
        return WIRE_REFUSAL_NONE;
    }
    r = value_store_accept(v, e, &for_a_week, &e);
    if (r == WIRE_REFUSAL_NONE && v->sink.revoked)
        v->sink.revoked(v->sink.revoked_ctx, in->checked->subject);
    return r;
}
