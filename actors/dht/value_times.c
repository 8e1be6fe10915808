/* SPDX-License-Identifier: MPL-2.0 */
/* The timed parts of the value store: expiry, republishing, deferred writes. */
#include "base/check.h"
#include "dht/dht_metrics.h"
#include "dht/values_private.h"

/* -- expiry -- */

void values_set_expiry(struct dht_values *v, struct entry *e, uint64_t expires_s, uint64_t now_s)
{
    if (v->hour == 0)
        v->hour = now_s / VALUES_HOUR_S;
    e->expires_s = expires_s;
    rt_list_unlink(&e->by_hour);
    rt_list_push_back(&v->lists->hours[expires_s / VALUES_HOUR_S % VALUES_HOURS], &e->by_hour);
}

uint64_t values_expiry(const struct incoming *in)
{
    uint64_t ttl_secs = in->ttl_secs, expires_s;

    if (ttl_secs < LIM_VALUE_TTL_MIN_S)
        ttl_secs = LIM_VALUE_TTL_MIN_S;
    if (ttl_secs > LIM_VALUE_TTL_MAX_S)
        ttl_secs = LIM_VALUE_TTL_MAX_S;
    expires_s = in->now_s + ttl_secs;
    return expires_s < in->checked->expires_at ? expires_s : in->checked->expires_at;
}

bool dht_values_expire(struct dht_values *v, uint64_t now_s, uint32_t max)
{
    uint64_t hour = now_s / VALUES_HOUR_S;

    v->now_s = now_s;
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

/* -- republishing -- */

bool values_is_pushed(const struct entry *e, const struct dht_origin *origin)
{
    return origin->is_push && !(origin->unreached & values_value_of(e).dialects);
}

/* Moves e to the end of the queue, which stays in order because all entries wait equally long. */
void values_set_due(struct dht_values *v, struct entry *e, uint64_t due_s)
{
    if (e->kind == WIRE_VALUE_ANNOUNCEMENT)
        return;
    e->due_s = due_s;
    rt_list_unlink(&e->by_due);
    rt_list_push_back(&v->by_due, &e->by_due);
}

uint64_t dht_values_next_due(const struct dht_values *v)
{
    const struct entry *e = RT_CONTAINER_OF(v->by_due.next, struct entry, by_due);

    return rt_list_empty(&v->by_due) ? UINT64_MAX : e->due_s;
}

/* False: the entry has expired. */
static bool give(const struct entry *e, uint64_t now_s, struct dht_value *out)
{
    if (e->expires_s <= now_s)
        return false;
    *out = values_value_of(e);
    out->value = relay_slice_ref(e->value);
    return true;
}

bool dht_values_take_due(struct dht_values *v, uint64_t now_s, struct dht_value *out)
{
    struct entry *e = RT_CONTAINER_OF(v->by_due.next, struct entry, by_due);

    v->now_s = now_s;
    if (rt_list_empty(&v->by_due) || e->due_s > now_s)
        return false;
    values_set_due(v, e, now_s + LIM_REPUBLISH_S);
    return give(e, now_s, out);
}

/* -- fresh values: the storing networks take turns -- */

bool values_is_fresh(const struct entry *e)
{
    return !rt_list_empty(&e->by_fresh) && e->pushed_s == 0 && e->unreached_s == 0;
}

void values_enter_fresh(struct dht_values *v, struct entry *e)
{
    rt_list_push_back(&e->net->fresh, &e->by_fresh);
    if (rt_list_empty(&e->net->in_turn))
        rt_list_push_back(&v->fresh, &e->net->in_turn);
}

void values_leave_fresh(struct entry *e)
{
    rt_list_unlink(&e->by_fresh);
    if (rt_list_empty(&e->net->fresh))
        rt_list_unlink(&e->net->in_turn);
}

void values_note_fresh(struct dht_values *v, struct entry *e, const struct dht_origin *origin)
{
    if (origin->peer == 0 || values_is_pushed(e, origin) || e->kind == WIRE_VALUE_ANNOUNCEMENT)
        return;
    e->is_changed = true;
    e->is_retried = false;
    if (rt_list_empty(&e->by_fresh))
        values_enter_fresh(v, e);
}

/* Removes e from its list of fresh, pushed or unreached values. */
static void unlist(struct entry *e)
{
    if (values_is_fresh(e))
        values_leave_fresh(e);
    else
        rt_list_unlink(&e->by_fresh);
    e->pushed_s = e->unreached_s = 0;
}

/* Marks e as pushed: the next change becomes fresh an hour later at the earliest. */
static void begin_pause(struct dht_values *v, struct entry *e, uint64_t now_s)
{
    unlist(e);
    e->is_changed = false;
    e->pushed_s = now_s;
    rt_list_push_back(&v->pushed, &e->by_fresh);
}

/* Allows another push of entries pushed an hour ago. */
static void end_pauses(struct dht_values *v, uint64_t now_s, uint32_t max)
{
    for (; max > 0 && !rt_list_empty(&v->pushed); max--) {
        struct entry *e = RT_CONTAINER_OF(v->pushed.next, struct entry, by_fresh);

        if (e->pushed_s <= now_s && now_s - e->pushed_s < LIM_REPUBLISH_S)
            return;
        unlist(e);
        if (e->is_changed)
            values_enter_fresh(v, e);
    }
}

/* The next fresh value; NULL: none. */
static struct entry *next_fresh(const struct dht_values *v, uint64_t now_s)
{
    struct entry *again = RT_CONTAINER_OF(v->unreached.next, struct entry, by_fresh);

    if (!rt_list_empty(&v->fresh))
        return RT_CONTAINER_OF(
            RT_CONTAINER_OF(v->fresh.next, struct dht_owner, in_turn)->fresh.next, struct entry,
            by_fresh);
    if (rt_list_empty(&v->unreached) ||
        (again->unreached_s <= now_s && now_s - again->unreached_s < LIM_PUSH_AGAIN_S))
        return NULL;
    return again;
}

bool dht_values_next_fresh(const struct dht_values *v, uint64_t now_s)
{
    return next_fresh(v, now_s) != NULL;
}

static void end_turn(struct dht_values *v, struct dht_owner *net)
{
    if (rt_list_empty(&net->in_turn))
        return;
    rt_list_unlink(&net->in_turn);
    rt_list_push_back(&v->fresh, &net->in_turn);
}

bool dht_values_take_fresh(struct dht_values *v, uint64_t now_s, struct dht_value *out)
{
    struct entry *e;

    v->now_s = now_s;
    end_pauses(v, now_s, 2);
    e = next_fresh(v, now_s);
    if (!e)
        return false;
    /* A retry does not delay the hourly round. */
    if (values_is_fresh(e) && !e->is_retried)
        values_set_due(v, e, now_s + LIM_REPUBLISH_S);
    begin_pause(v, e, now_s);
    end_turn(v, e->net);
    e->copies_s = e->expires_s;
    return give(e, now_s, out);
}

bool dht_values_pushing(struct dht_values *v, const struct dht_value *pushed, uint64_t now_s)
{
    struct entry *e = values_entry(v, pushed->key, pushed->sub);
    bool was_fresh = e && e->is_changed;

    if (e && e->kind != WIRE_VALUE_ANNOUNCEMENT)
        begin_pause(v, e, now_s);
    return was_fresh;
}

void dht_values_unreached(struct dht_values *v, const uint8_t key[32], const uint8_t sub[32],
                          bool is_tried, uint64_t now_s)
{
    struct entry *e = values_entry(v, key, sub);

    if (is_tried)
        rt_metric_inc(RT_METRIC_DHT_UNREACHED);
    if (!e || e->kind == WIRE_VALUE_ANNOUNCEMENT)
        return;
    begin_pause(v, e, now_s);
    e->is_changed = true;
    if (e->is_retried)
        return;
    unlist(e);
    e->is_retried = is_tried;
    e->unreached_s = now_s;
    rt_list_push_back(&v->unreached, &e->by_fresh);
}

/* -- disk -- */

void values_save(struct dht_values *v, struct entry *e)
{
    struct dht_value now = values_value_of(e);

    if (values_is_record(e))
        rt_list_unlink(&e->by_wait);
    e->saved_s = e->expires_s;
    if (v->sink.put)
        v->sink.put(v->sink.ctx, &now);
}

/* Many records are written together, so that each page of the database is written once. The time is
 * the first multiple of LIM_VALUE_SAVE_S that is at least LIM_VALUE_SAVE_S ahead. */
void values_defer_save(struct dht_values *v, struct entry *e, uint64_t now_s)
{
    uint64_t earliest_s = now_s + LIM_VALUE_SAVE_S;

    rt_metric_inc(RT_METRIC_DHT_SAVES_DEFERRED);
    if (!rt_list_empty(&e->by_wait))
        return;
    e->record->save_due_s =
        (earliest_s + LIM_VALUE_SAVE_S - 1) / LIM_VALUE_SAVE_S * LIM_VALUE_SAVE_S;
    rt_list_push_back(&v->unsaved, &e->by_wait);
}

/* The entry with the earliest save time; NULL: none is due. */
static struct entry *next_unsaved(const struct dht_values *v, uint64_t now_s)
{
    struct entry *e = RT_CONTAINER_OF(v->unsaved.next, struct entry, by_wait);
    uint64_t due_s;

    if (rt_list_empty(&v->unsaved))
        return NULL;
    due_s = e->record->save_due_s;
    return due_s > now_s && due_s - now_s <= 2 * LIM_VALUE_SAVE_S ? NULL : e;
}

bool dht_values_save_due(struct dht_values *v, uint64_t now_s, uint32_t max)
{
    struct entry *e;

    end_pauses(v, now_s, max);
    while ((e = next_unsaved(v, now_s)) != NULL) {
        if (max-- == 0)
            return true;
        values_save(v, e);
    }
    return false;
}

void dht_values_flush(struct dht_values *v)
{
    while (!rt_list_empty(&v->unsaved))
        values_save(v, RT_CONTAINER_OF(v->unsaved.next, struct entry, by_wait));
}
