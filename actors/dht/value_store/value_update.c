/* SPDX-License-Identifier: MPL-2.0 */
/* Gives an entry of the value store a new value, or renews the one it has. */
#include <string.h>

#include "base/budget.h"
#include "dht/value_store/value_store_private.h"

/* More than the time of a look-up and its pushes, so that all pushed copies have expired. */
#define COPIES_GONE_S 120u
#define SAVE_AGAIN_S 3600u /* a renewed expiry is saved when it has moved by so much */

bool value_store_is_same(const struct entry *e, const struct incoming *in)
{
    return e->value.len == in->value.len && memcmp(e->value.ptr, in->value.ptr, in->value.len) == 0;
}

bool value_store_is_newer(const struct entry *e, const struct dht_checked *than)
{
    return e->first > than->first || (e->first == than->first && e->second >= than->second);
}

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
void value_store_place(struct dht_value_store *v, struct entry *e, const struct incoming *in,
                       struct relay_slice value)
{
    bool is_fresh = value_store_is_fresh(e);

    value_store_release(v, e);
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
    value_store_place(v, e, in, value);
    value_store_note_fresh(v, e, &in->origin);
    if (value_store_is_record(e) && index_record(v, e, in))
        value_store_defer_save(v, e, in->now_s);
    else
        value_store_save(v, e);
}

/* The value in a buffer of its own size: a new reference, or a copy. A slice of a larger buffer,
 * such as a frame's, would keep that buffer as long as the value. */
static struct relay_slice value_of_own_size(struct relay_slice value)
{
    if (value.owner && value.owner->capacity == value.len)
        return relay_slice_ref(value);
    return rt_slice_copy(value.ptr, value.len);
}

enum wire_refusal value_store_accept(struct dht_value_store *v, struct entry *e,
                                     const struct incoming *in, struct entry **out_entry)
{
    enum wire_refusal r = value_store_make_room(v, e, in->value.len, &in->origin);
    struct relay_slice value;

    if (r != WIRE_REFUSAL_NONE)
        return r;
    value = value_of_own_size(in->value);
    if (!value.owner)
        return WIRE_REFUSAL_MEMORY;
    if (!e)
        e = value_store_add(v, in->key, in->checked);
    value_store_set(v, e, in, value);
    *out_entry = e;
    return WIRE_REFUSAL_NONE;
}
