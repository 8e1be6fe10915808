/* SPDX-License-Identifier: MPL-2.0 */
/* Rules for replacing the value of a key, for the kinds that are maps: see value_store.h. */
#include <stdlib.h>
#include <string.h>

#include "base/budget.h"
#include "base/check.h"
#include "dht/value_store/value_store_private.h"

void value_store_proven(struct dht_value_store *v, struct entry *manifest,
                        const struct dht_checked *checked)
{
    static const uint8_t sub[32];
    struct dht_checked held;
    struct entry *head;
    uint8_t key[32];

    if (!checked->is_proven || manifest->share)
        return;
    manifest->share = value_store_share_ref(v, checked->share_id, checked->share_pubkey);
    wire_share_head_key(checked->share_id, key);
    head = value_store_entry(v, key, NULL);
    if (!head || head->share)
        return;
    if (dht_value_read(key, sub, head->value.ptr, head->value.len, &held) == WIRE_REFUSAL_NONE &&
        dht_head_verify(&held.head, manifest->share->pubkey))
        head->share = value_store_share_ref(v, checked->share_id, checked->share_pubkey);
    else
        value_store_drop(v, head, true);
}

/* -- one value under one key -- */

enum wire_refusal value_store_put_head(struct dht_value_store *v, const struct incoming *in)
{
    const struct wire_share_head *head = &in->checked->head;
    struct share *share = value_store_find_share(v, head->share_id);
    struct entry *e = value_store_entry(v, in->key, NULL);
    enum wire_refusal r;

    if (e && value_store_is_same(e, in)) {
        value_store_renew(v, e, in);
        return WIRE_REFUSAL_NONE;
    }
    if (share && !dht_head_verify(head, share->pubkey))
        return WIRE_REFUSAL_STORE_VALUE;
    if (e && share && value_store_is_newer(e, in->checked))
        return WIRE_REFUSAL_NONE;
    if (share) /* the store may evict the manifest that proves it */
        share->refs++;
    r = value_store_accept(v, e, in, &e);
    if (r == WIRE_REFUSAL_NONE && share && !e->share)
        e->share = share;
    else
        value_store_share_drop(v, share);
    return r;
}

enum wire_refusal value_store_put_manifest(struct dht_value_store *v, const struct incoming *in)
{
    struct entry *e = value_store_entry(v, in->key, NULL);
    enum wire_refusal r;

    if (e) {
        value_store_renew(v, e, in);
        return WIRE_REFUSAL_NONE;
    }
    r = value_store_accept(v, NULL, in, &e);
    if (r == WIRE_REFUSAL_NONE)
        value_store_proven(v, e, in->checked);
    return r;
}

/* -- sets -- */

enum wire_refusal value_store_put_set(struct dht_value_store *v, const struct incoming *in)
{
    struct entry *e = value_store_entry(v, in->key, in->checked->sub);
    struct relay_slice merged;
    struct dht_set_meta *meta;
    enum wire_refusal r = dht_peer_set_merge(in->checked->kind, e ? &e->value : NULL,
                                             e ? e->set : NULL, in->value.ptr, in->value.len,
                                             in->origin.peer, in->now_s, &merged, &meta);

    if (r != WIRE_REFUSAL_NONE)
        return r;
    if (e && e->value.len == merged.len && memcmp(e->value.ptr, merged.ptr, merged.len) == 0) {
        value_store_renew(v, e, in);
        relay_slice_drop(&merged);
        free(meta);
        return WIRE_REFUSAL_NONE;
    }
    r = value_store_make_room(v, e, merged.len, &in->origin);
    if (r != WIRE_REFUSAL_NONE) {
        relay_slice_drop(&merged);
        free(meta);
        return r;
    }
    if (!e)
        e = value_store_add(v, in->key, in->checked);
    free(e->set);
    e->set = meta;
    value_store_set(v, e, in, merged);
    return WIRE_REFUSAL_NONE;
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

enum wire_refusal value_store_put_announcement(struct dht_value_store *v, const struct incoming *in)
{
    struct entry *e = value_store_entry(v, in->key, in->checked->sub);
    uint8_t reached = in->origin.reached;
    enum wire_refusal r;

    if (e && reached == 0)
        reached = e->announced->reached;
    if (e && value_store_is_newer(e, in->checked)) {
        e->announced->reached = reached;
        return WIRE_REFUSAL_NONE;
    }
    if (e) /* drop the older one first, to free its bytes */
        value_store_drop(v, e, true);
    while (!key_has_room(v, in)) {
        e = most_crowded(v, in);
        if (!e)
            return WIRE_REFUSAL_STORE_FULL;
        value_store_drop(v, e, true);
    }
    r = value_store_accept(v, NULL, in, &e);
    if (r == WIRE_REFUSAL_NONE)
        e->announced->reached = reached;
    return r;
}
