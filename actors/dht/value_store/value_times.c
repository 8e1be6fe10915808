/* SPDX-License-Identifier: MPL-2.0 */
/*
 * Expiry, republishing and deferred writes of the value store. Invariants while the clock is not
 * set:
 *  - Each list of `hours` has the entries that expire in one hour. Those before v->hour are empty.
 *  - `pushed` is in order of pushed_s, `unreached` of unreached_s, and `unsaved` of save_due_s. So
 * is by_due of due_s, except for loaded values. All entries of a list wait equally long.
 *  - A record is in `unsaved` exactly while its row on disk has an older sequence or time.
 */
#include "base/check.h"
#include "dht/value_store/value_store_private.h"
#include "dht/dht_metrics.h"

/* -- expiry -- */

void value_store_set_expiry(struct dht_value_store *v, struct entry *e, uint64_t expires_s,
                            uint64_t now_s)
{
    RT_REQUIRE(v->lists != NULL);
    if (v->hour == 0)
        v->hour = now_s / VALUE_STORE_HOUR_S;
    e->expires_s = expires_s;
    rt_list_unlink(&e->by_hour);
    rt_list_push_back(&v->lists->hours[expires_s / VALUE_STORE_HOUR_S % VALUE_STORE_HOURS],
                      &e->by_hour);
}

uint64_t value_store_expiry(const struct incoming *in)
{
    uint64_t ttl_secs = in->ttl_secs, expires_s;

    if (ttl_secs < LIM_VALUE_TTL_MIN_S)
        ttl_secs = LIM_VALUE_TTL_MIN_S;
    if (ttl_secs > LIM_VALUE_TTL_MAX_S)
        ttl_secs = LIM_VALUE_TTL_MAX_S;
    expires_s = in->now_s + ttl_secs;
    return expires_s < in->checked->expires_at ? expires_s : in->checked->expires_at;
}

bool dht_value_store_expire(struct dht_value_store *v, uint64_t now_s, uint32_t max)
{
    uint64_t hour = now_s / VALUE_STORE_HOUR_S;

    v->now_s = now_s;
    if (!v->lists)
        return false;
    if (v->hour > hour || hour - v->hour > VALUE_STORE_HOURS) /* the clock was set */
        v->hour = hour > VALUE_STORE_HOURS ? hour - VALUE_STORE_HOURS : 0;
    while (v->hour < hour) {
        struct rt_list *list = &v->lists->hours[v->hour % VALUE_STORE_HOURS];
        struct entry *e = RT_CONTAINER_OF(list->next, struct entry, by_hour);

        if (rt_list_empty(list) || e->expires_s > now_s) {
            v->hour++;
            continue;
        }
        if (max-- == 0)
            return true;
        value_store_drop(v, e, false);
    }
    return false;
}

/* -- republishing -- */

bool value_store_is_pushed(const struct entry *e, const struct dht_origin *origin)
{
    return origin->is_push && !(origin->unreached & value_store_value_of(e).dialects);
}

/* Moves e to the end of the queue, which stays in order because all entries wait equally long. */
void value_store_set_due(struct dht_value_store *v, struct entry *e, uint64_t due_s)
{
    if (e->kind == WIRE_VALUE_ANNOUNCEMENT)
        return;
    e->due_s = due_s;
    rt_list_unlink(&e->by_due);
    rt_list_push_back(&v->by_due, &e->by_due);
}

uint64_t dht_value_store_next_due(const struct dht_value_store *v)
{
    const struct entry *e = RT_CONTAINER_OF(v->by_due.next, struct entry, by_due);

    return rt_list_empty(&v->by_due) ? UINT64_MAX : e->due_s;
}

/* False: the entry has expired. */
static bool give(const struct entry *e, uint64_t now_s, struct dht_value *out)
{
    if (e->expires_s <= now_s)
        return false;
    *out = value_store_value_of(e);
    out->value = relay_slice_ref(e->value);
    return true;
}

bool dht_value_store_take_due(struct dht_value_store *v, uint64_t now_s, struct dht_value *out)
{
    struct entry *e = RT_CONTAINER_OF(v->by_due.next, struct entry, by_due);

    v->now_s = now_s;
    if (rt_list_empty(&v->by_due) || e->due_s > now_s)
        return false;
    value_store_set_due(v, e, now_s + LIM_REPUBLISH_S);
    return give(e, now_s, out);
}

/* -- fresh values: the storing networks take turns -- */

void value_store_note_fresh(struct dht_value_store *v, struct entry *e,
                            const struct dht_origin *origin)
{
    if (origin->peer == 0 || value_store_is_pushed(e, origin) || e->kind == WIRE_VALUE_ANNOUNCEMENT)
        return;
    e->is_changed = true;
    e->is_retried = false;
    if (rt_list_empty(&e->by_fresh))
        value_store_enter_fresh(v, e);
}

/* Removes e from its list of fresh, pushed or unreached values. */
static void unlist(struct entry *e)
{
    if (value_store_is_fresh(e))
        value_store_leave_fresh(e);
    else
        rt_list_unlink(&e->by_fresh);
    e->pushed_s = e->unreached_s = 0;
}

/* Marks e as pushed: the next change becomes fresh an hour later at the earliest. */
static void begin_pause(struct dht_value_store *v, struct entry *e, uint64_t now_s)
{
    unlist(e);
    e->is_changed = false;
    e->pushed_s = now_s;
    rt_list_push_back(&v->pushed, &e->by_fresh);
}

/* Allows another push of entries pushed an hour ago. */
static void end_pauses(struct dht_value_store *v, uint64_t now_s, uint32_t max)
{
    for (; max > 0 && !rt_list_empty(&v->pushed); max--) {
        struct entry *e = RT_CONTAINER_OF(v->pushed.next, struct entry, by_fresh);

        if (e->pushed_s <= now_s && now_s - e->pushed_s < LIM_REPUBLISH_S)
            return;
        unlist(e);
        if (e->is_changed)
            value_store_enter_fresh(v, e);
    }
}

/* The next fresh value; NULL: none. */
static struct entry *next_fresh(const struct dht_value_store *v, uint64_t now_s)
{
    struct entry *again = RT_CONTAINER_OF(v->unreached.next, struct entry, by_fresh);

    if (!rt_list_empty(&v->fresh))
        return RT_CONTAINER_OF(
            RT_CONTAINER_OF(v->fresh.next, struct dht_quota, in_turn)->fresh.next, struct entry,
            by_fresh);
    if (rt_list_empty(&v->unreached) ||
        (again->unreached_s <= now_s && now_s - again->unreached_s < LIM_PUSH_AGAIN_S))
        return NULL;
    return again;
}

bool dht_value_store_next_fresh(const struct dht_value_store *v, uint64_t now_s)
{
    return next_fresh(v, now_s) != NULL;
}

static void end_turn(struct dht_value_store *v, struct dht_quota *net)
{
    if (rt_list_empty(&net->in_turn))
        return;
    rt_list_unlink(&net->in_turn);
    rt_list_push_back(&v->fresh, &net->in_turn);
}

bool dht_value_store_take_fresh(struct dht_value_store *v, uint64_t now_s, struct dht_value *out)
{
    struct entry *e;

    v->now_s = now_s;
    end_pauses(v, now_s, 2);
    e = next_fresh(v, now_s);
    if (!e)
        return false;
    /* A retry does not delay the hourly round. */
    if (value_store_is_fresh(e) && !e->is_retried)
        value_store_set_due(v, e, now_s + LIM_REPUBLISH_S);
    begin_pause(v, e, now_s);
    end_turn(v, e->net);
    e->copies_s = e->expires_s;
    return give(e, now_s, out);
}

bool dht_value_store_pushing(struct dht_value_store *v, const struct dht_value *pushed,
                             uint64_t now_s)
{
    struct entry *e = value_store_entry(v, pushed->key, pushed->sub);
    bool was_fresh = e && e->is_changed;

    if (e && e->kind != WIRE_VALUE_ANNOUNCEMENT)
        begin_pause(v, e, now_s);
    return was_fresh;
}

void dht_value_store_unreached(struct dht_value_store *v, const uint8_t key[32],
                               const uint8_t sub[32], bool is_tried, uint64_t now_s)
{
    struct entry *e = value_store_entry(v, key, sub);

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

void value_store_save(struct dht_value_store *v, struct entry *e)
{
    struct dht_value now = value_store_value_of(e);

    if (value_store_is_record(e))
        rt_list_unlink(&e->by_wait);
    e->saved_s = e->expires_s;
    if (v->sink.put)
        v->sink.put(v->sink.ctx, &now);
}

/* Many records are written together, so that each page of the database is written once. The time is
 * the first multiple of LIM_VALUE_SAVE_S that is at least LIM_VALUE_SAVE_S ahead. */
void value_store_defer_save(struct dht_value_store *v, struct entry *e, uint64_t now_s)
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
static struct entry *next_unsaved(const struct dht_value_store *v, uint64_t now_s)
{
    struct entry *e = RT_CONTAINER_OF(v->unsaved.next, struct entry, by_wait);
    uint64_t due_s;

    if (rt_list_empty(&v->unsaved))
        return NULL;
    due_s = e->record->save_due_s;
    return due_s > now_s && due_s - now_s <= 2 * LIM_VALUE_SAVE_S ? NULL : e;
}

bool dht_value_store_save_due(struct dht_value_store *v, uint64_t now_s, uint32_t max)
{
    struct entry *e;

    end_pauses(v, now_s, max);
    while ((e = next_unsaved(v, now_s)) != NULL) {
        if (max-- == 0)
            return true;
        value_store_save(v, e);
    }
    return false;
}

void dht_value_store_flush(struct dht_value_store *v)
{
    while (!rt_list_empty(&v->unsaved))
        value_store_save(v, RT_CONTAINER_OF(v->unsaved.next, struct entry, by_wait));
}
