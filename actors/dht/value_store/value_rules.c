/* SPDX-License-Identifier: MPL-2.0 */
/* What a value does to the one held under its key: see values.h. */
#include <stdlib.h>
#include <string.h>

#include "base/budget.h"
#include "base/check.h"
#include "dht/value_store/value_store_private.h"

bool value_store_is_same(const struct entry *e, const struct incoming *in)
{
    return e->value.len == in->value.len && memcmp(e->value.ptr, in->value.ptr, in->value.len) == 0;
}

bool value_store_is_newer(const struct entry *e, const struct dht_checked *than)
{
    return e->first > than->first || (e->first == than->first && e->second >= than->second);
}

/* -- shares: keys that are known -- */

static struct share *find_share(const struct dht_value_store *v, const uint8_t share_id[32])
{
    struct rt_map_node *n = rt_map_find(&v->shares, value_store_hash(v, share_id));

    while (n && memcmp(((struct share *)n)->share_id, share_id, 32) != 0)
        n = rt_map_find_next(n);
    return (struct share *)n;
}

static struct share *share_ref(struct dht_value_store *v, const uint8_t share_id[32],
                               const uint8_t pubkey[32])
{
    struct share *s = find_share(v, share_id);

    if (!s) {
        s = calloc(1, sizeof(*s));
        RT_INSIST(s != NULL);
        memcpy(s->share_id, share_id, 32);
        memcpy(s->pubkey, pubkey, 32);
        rt_map_put(&v->shares, &s->node, value_store_hash(v, share_id));
    }
    s->refs++;
    return s;
}

static void share_drop(struct dht_value_store *v, struct share *s)
{
    if (!s || --s->refs > 0)
        return;
    rt_map_remove(&v->shares, &s->node);
    free(s);
}

void value_store_unshare(struct dht_value_store *v, struct entry *e)
{
    share_drop(v, e->share);
    e->share = NULL;
}

void value_store_proven(struct dht_value_store *v, struct entry *manifest,
                        const struct dht_checked *checked)
{
    static const uint8_t sub[32];
    struct dht_checked held;
    struct entry *head;
    uint8_t key[32];

    if (!checked->is_proven || manifest->share)
        return;
    manifest->share = share_ref(v, checked->share_id, checked->share_pubkey);
    wire_share_head_key(checked->share_id, key);
    head = value_store_entry(v, key, NULL);
    if (!head || head->share)
        return;
    if (dht_value_read(key, sub, head->value.ptr, head->value.len, &held) == RT_REFUSAL_NONE &&
        dht_head_verify(&held.head, manifest->share->pubkey))
        head->share = share_ref(v, checked->share_id, checked->share_pubkey);
    else
        value_store_drop(v, head, true);
}

/* -- one value under one key -- */

/* The value in a buffer of its own size: a new reference, or a copy. A slice of a larger buffer,
 * such as a frame's, would keep that buffer as long as the value. */
static struct relay_slice value_of_own_size(struct relay_slice value)
{
    if (value.owner && value.owner->capacity == value.len)
        return relay_slice_ref(value);
    return rt_slice_copy(value.ptr, value.len);
}

enum rt_refusal value_store_put(struct dht_value_store *v, struct entry *e,
                                const struct incoming *in, struct entry **out_entry)
{
    enum rt_refusal r = value_store_make_room(v, e, in->value.len, &in->origin);
    struct relay_slice value;

    if (r != RT_REFUSAL_NONE)
        return r;
    value = value_of_own_size(in->value);
    if (!value.owner)
        return RT_REFUSAL_MEMORY;
    if (!e)
        e = value_store_add(v, in->key, in->checked);
    value_store_set(v, e, in, value);
    *out_entry = e;
    return RT_REFUSAL_NONE;
}

static enum rt_refusal store_head(struct dht_value_store *v, const struct incoming *in)
{
    const struct wire_share_head *head = &in->checked->head;
    struct share *share = find_share(v, head->share_id);
    struct entry *e = value_store_entry(v, in->key, NULL);
    enum rt_refusal r;

    if (e && value_store_is_same(e, in)) {
        value_store_renew(v, e, in);
        return RT_REFUSAL_NONE;
    }
    if (share && !dht_head_verify(head, share->pubkey))
        return RT_REFUSAL_STORE_VALUE;
    if (e && share && value_store_is_newer(e, in->checked))
        return RT_REFUSAL_NONE;
    if (share) /* the manifest that proves it may be what makes room */
        share->refs++;
    r = value_store_put(v, e, in, &e);
    if (r == RT_REFUSAL_NONE && share && !e->share)
        e->share = share;
    else
        share_drop(v, share);
    return r;
}

static enum rt_refusal store_manifest(struct dht_value_store *v, const struct incoming *in)
{
    struct entry *e = value_store_entry(v, in->key, NULL);
    enum rt_refusal r;

    if (e) {
        value_store_renew(v, e, in);
        return RT_REFUSAL_NONE;
    }
    r = value_store_put(v, NULL, in, &e);
    if (r == RT_REFUSAL_NONE)
        value_store_proven(v, e, in->checked);
    return r;
}

/* -- sets -- */

static enum rt_refusal store_set(struct dht_value_store *v, const struct incoming *in)
{
    struct entry *e = value_store_entry(v, in->key, in->checked->sub);
    struct relay_slice merged;
    struct dht_set_meta *meta;
    enum rt_refusal r = dht_peer_set_merge(in->checked->kind, e ? &e->value : NULL,
                                           e ? e->set : NULL, in->value.ptr, in->value.len,
                                           in->origin.peer, in->now_s, &merged, &meta);

    if (r != RT_REFUSAL_NONE)
        return r;
    if (e && e->value.len == merged.len && memcmp(e->value.ptr, merged.ptr, merged.len) == 0) {
        value_store_renew(v, e, in);
        relay_slice_drop(&merged);
        free(meta);
        return RT_REFUSAL_NONE;
    }
    r = value_store_make_room(v, e, merged.len, &in->origin);
    if (r != RT_REFUSAL_NONE) {
        relay_slice_drop(&merged);
        free(meta);
        return r;
    }
    if (!e)
        e = value_store_add(v, in->key, in->checked);
    free(e->set);
    e->set = meta;
    value_store_set(v, e, in, merged);
    return RT_REFUSAL_NONE;
}

/* -- announcements: the two forms under a key do not compete -- */

/* The first announcement of the newcomer's form, from e on. */
static struct entry *of_form(const struct incoming *in, struct entry *e)
{
    while (e && (e->kind != WIRE_VALUE_ANNOUNCEMENT ||
                 e->announced->has_community_fields != in->checked->has_community_fields))
        e = value_store_next_same(e);
    return e;
}

static struct entry *first_announcement(const struct dht_value_store *v, const struct incoming *in)
{
    return of_form(in, value_store_entry(v, in->key, NULL));
}

static struct entry *next_announcement(const struct incoming *in, const struct entry *e)
{
    return of_form(in, value_store_next_same(e));
}

/* The number of announcements of one network, including the newcomer. */
static uint32_t crowd(const struct dht_value_store *v, const struct incoming *in, uint64_t net)
{
    uint32_t count = net != 0 && in->checked->net == net;

    if (net == 0)
        return 0;
    for (struct entry *e = first_announcement(v, in); e; e = next_announcement(in, e))
        count += e->announced->net == net;
    return count;
}

/* The oldest of the network that has most; NULL: that is the newcomer. */
static struct entry *most_crowded(const struct dht_value_store *v, const struct incoming *in)
{
    uint32_t most = crowd(v, in, in->checked->net);
    uint64_t oldest = in->checked->first;
    struct entry *victim = NULL;

    for (struct entry *e = first_announcement(v, in); e; e = next_announcement(in, e)) {
        uint32_t size = crowd(v, in, e->announced->net);

        if (size < most || (size == most && e->first > oldest))
            continue;
        most = size;
        oldest = e->first;
        victim = e;
    }
    return victim;
}

static bool key_has_room(const struct dht_value_store *v, const struct incoming *in)
{
    uint32_t count = 1, bytes = in->value.len;

    for (struct entry *e = first_announcement(v, in); e; e = next_announcement(in, e)) {
        count++;
        bytes += e->value.len;
    }
    return count <= LIM_ANNOUNCEMENTS_PER_KEY && bytes <= LIM_ANNOUNCEMENT_BYTES_PER_KEY;
}

static enum rt_refusal store_announcement(struct dht_value_store *v, const struct incoming *in)
{
    struct entry *e = value_store_entry(v, in->key, in->checked->sub);
    uint8_t reached = in->origin.reached;
    enum rt_refusal r;

    if (e && reached == 0)
        reached = e->announced->reached;
    if (e && value_store_is_newer(e, in->checked)) {
        e->announced->reached = reached;
        return RT_REFUSAL_NONE;
    }
    if (e) /* drop the older one first, to free its bytes */
        value_store_drop(v, e, true);
    while (!key_has_room(v, in)) {
        e = most_crowded(v, in);
        if (!e)
            return RT_REFUSAL_STORE_FULL;
        value_store_drop(v, e, true);
    }
    r = value_store_put(v, NULL, in, &e);
    if (r == RT_REFUSAL_NONE)
        e->announced->reached = reached;
    return r;
}

enum rt_refusal value_store_by_kind(struct dht_value_store *v, const struct incoming *in)
{
    switch (in->checked->kind) {
    case WIRE_VALUE_SHARE_HEAD:
        return store_head(v, in);
    case WIRE_VALUE_MANIFEST:
        return store_manifest(v, in);
    case WIRE_VALUE_PROVIDERS:
    case WIRE_VALUE_MEMBERS:
        return store_set(v, in);
    case WIRE_VALUE_ANNOUNCEMENT:
        return store_announcement(v, in);
    case WIRE_VALUE_MEMBER_RECORD:
    case WIRE_VALUE_SHARE_RECORD:
        return value_store_store_record(v, in);
    case WIRE_VALUE_COMMUNITY_HINT:
    case WIRE_VALUE_MEMBERS_PAGE:
    case WIRE_VALUE_SHARES_PAGE:
        return value_store_store_dated(v, in);
    case WIRE_VALUE_ROTATION:
        return value_store_store_rotation(v, in);
    case WIRE_VALUE_REVOCATION:
        return value_store_store_revocation(v, in);
    case WIRE_VALUE_NONE:
        break;
    }
    return RT_REFUSAL_STORE_VALUE;
}
