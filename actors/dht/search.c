/* SPDX-License-Identifier: MPL-2.0 */
/* Look-ups over the network: dht_lookup says whom to ask, calls ask. */
#include <stdlib.h>
#include <string.h>

#include "base/budget.h"
#include "base/check.h"
#include "base/log.h"
#include "dht/dht_limits.h"
#include "dht/dht_metrics.h"
#include "dht/dht_private.h"
#include "wire_dht.h"

#define FAILED_NS                                                                                  \
    (600 * RT_S) /* what nobody vouches for and does not answer is not asked again                 \
                  */

static void pump(struct dht_search *s);

/* -- life -- */

static void search_free(struct dht_search *s)
{
    struct dht *d = s->dht;

    rt_timer_disarm(d->context.worker, &s->timer);
    rt_list_unlink(&s->node);
    for (uint32_t i = 0; i < s->value_count; i++)
        relay_slice_drop(&s->values[i]);
    dht_lookup_free(&s->lookup);
    rt_msg_free(&s->owed);
    free(s);
}

static void add_seeds(struct dht_search *s)
{
    struct wire_peer_hop seeds[DHT_K];
    struct dht *d = s->dht;
    uint32_t count = dht_table_closest(d->membership.tables[s->dialect],
                                       dht_lookup_target(s->lookup), DHT_K, seeds);

    for (uint32_t i = 0; i < count; i++)
        dht_lookup_add(s->lookup, &seeds[i], DHT_LOOKUP_SEED);
    for (uint32_t i = 0; count < DHT_K && i < d->boot_hop_count; i++)
        if (d->boot_hops[i].dialects & WIRE_DIALECT_BIT(s->dialect))
            dht_lookup_add(s->lookup, &d->boot_hops[i].hop, DHT_LOOKUP_SEED);
}

static void begin(struct dht_search *s)
{
    struct dht *d = s->dht;

    d->search_active++;
    rt_metric_inc(RT_METRIC_DHT_LOOKUPS);
    dht_table_looked_up(d->membership.tables[s->dialect], dht_lookup_target(s->lookup),
                        dht_now_ns(&d->context));
    add_seeds(s);
    rt_timer_arm(d->context.worker, &s->timer, dht_now_ns(&d->context) + LIM_LOOKUP_NS);
    pump(s);
}

/* Its time is over, or it was queued: what is under way is called off. */
static void end(struct dht_search *s)
{
    struct dht *d = s->dht;
    struct rt_list *next;

    for (uint32_t i = 0; i < DHT_ALPHA; i++)
        if (s->queries[i].is_under_way)
            rpc_pool_cancel(&s->queries[i].call);
    d->search_active--;
    s->done(s);
    search_free(s);
    next = d->search_active < LIM_LOOKUPS_MAX ? rt_list_pop_front(&d->searches) : NULL;
    if (!next)
        return;
    d->search_waiting--;
    rt_list_push_back(&d->searching, next);
    begin(RT_CONTAINER_OF(next, struct dht_search, node));
}

static void on_timer(struct relay_timer *t)
{
    end(RT_CONTAINER_OF(t, struct dht_search, timer));
}

struct dht_search *dht_search(struct dht *d, enum wire_dialect dialect, const uint8_t target[32],
                              uint32_t values_max, void (*done)(struct dht_search *s),
                              struct rt_msg *owed)
{
    struct dht_search *s;

    if (d->context.is_stopped)
        return NULL;
    if (d->search_waiting >= LIM_LOOKUPS_QUEUED) {
        rt_metric_inc(RT_METRIC_DHT_LOOKUPS_DROPPED);
        return NULL;
    }
    s = calloc(1, sizeof(*s));
    RT_INSIST(s != NULL);
    s->dht = d;
    s->dialect = dialect;
    s->lookup = dht_lookup_new(target, values_max > 0);
    memcpy(s->key, target, values_max ? 32 : 20);
    s->values_max = values_max;
    s->done = done;
    s->owed = owed;
    s->timer.fire = on_timer;
    rt_list_init(&s->node);
    for (uint32_t i = 0; i < DHT_ALPHA; i++)
        s->queries[i].search = s;
    if (d->search_active >= LIM_LOOKUPS_MAX) {
        d->search_waiting++;
        rt_list_push_back(&d->searches, &s->node);
        return s;
    }
    rt_list_push_back(&d->searching, &s->node);
    begin(s);
    return s;
}

void dht_search_fini(struct dht *d)
{
    for (struct rt_list *n; (n = rt_list_pop_front(&d->searching));)
        search_free(RT_CONTAINER_OF(n, struct dht_search, node));
    for (struct rt_list *n; (n = rt_list_pop_front(&d->searches));)
        search_free(RT_CONTAINER_OF(n, struct dht_search, node));
}

/* -- answers -- */

static void add_peer(void *ctx, const struct wire_peer *p)
{
    struct dht_search *s = ctx;
    struct wire_peer_hop hop;

    if (membership_heard(&s->dht->membership, p, &hop))
        dht_lookup_add(s->lookup, &hop, s->adding);
}

static void add_value(struct dht_search *s, const struct wire_store *store)
{
    struct dht_checked checked;
    struct relay_slice copy;

    if (s->value_count == s->values_max || memcmp(store->key, s->key, 32) != 0 ||
        dht_value_check(s->key, store->value.ptr, store->value.len, dht_now_s(&s->dht->context),
                        &checked) != RT_REFUSAL_NONE)
        return;
    for (uint32_t i = 0; i < s->value_count; i++)
        if (s->values[i].len == store->value.len &&
            memcmp(s->values[i].ptr, store->value.ptr, store->value.len) == 0)
            return;
    copy = rt_slice_copy(store->value.ptr, store->value.len);
    if (copy.owner)
        s->values[s->value_count++] = copy;
}

/* False: that is no answer. */
static bool take_answer(struct dht_search *s, const struct wire_envelope *e)
{
    /* The frame is the session's and writable; decoding works in it. */
    uint8_t *payload = (uint8_t *)(uintptr_t)e->payload.ptr;
    struct wire_store store = {0};

    if (e->flags & WIRE_FLAG_ERROR)
        return false;
    if (s->values_max == 0)
        return e->type == WIRE_FIND_NODE &&
               wire_find_node_answer_decode(payload, e->payload.len, add_peer, s) == RT_ERR_OK;
    if (e->type != WIRE_FIND_VALUE ||
        wire_find_value_answer_decode(payload, e->payload.len, &store, add_peer, s) != RT_ERR_OK)
        return false;
    if (store.value.ptr)
        add_value(s, &store);
    return true;
}

static void on_failed(struct dht_query *q, const struct rpc_end *e)
{
    struct dht *d = q->search->dht;
    uint8_t id[20];

    rt_metric_inc(RT_METRIC_DHT_QUERIES_FAILED);
    dht_lookup_failed(q->search->lookup, q->candidate);
    if (e->outcome == DHT_CALL_BUSY || e->outcome == DHT_CALL_NO_TRANSPORT || e->key)
        return; /* says nothing of it, or was told by the pool: it knew the key */
    if (q->hop.has_pubkey_hint)
        rt_node_id(q->hop.pubkey_hint, id);
    if (q->hop.has_pubkey_hint && dht_table_has(d->membership.tables[q->search->dialect], id))
        membership_failed(&d->membership, &q->hop);
    else
        dht_probe_queue_refused(d->membership.probe, &q->hop, dht_now_ns(&d->context) + FAILED_NS,
                                dht_now_ns(&d->context));
}

static void on_done(struct rpc_call *c, const struct rpc_end *e)
{
    struct dht_query *q = RT_CONTAINER_OF(c, struct dht_query, call);
    struct dht_search *s = q->search;

    q->is_under_way = false;
    if (e->outcome != DHT_CALL_ANSWERED) {
        on_failed(q, e);
    } else {
        if (q->hop.has_pubkey_hint && memcmp(q->hop.pubkey_hint, e->key, 32) != 0)
            membership_failed(&s->dht->membership, &q->hop);
        dht_lookup_answered(s->lookup, q->candidate, e->key);
        s->adding = q->candidate;
        (void)take_answer(s, e->answer);
        dht_lookup_answer_ends(s->lookup, q->candidate);
    }
    pump(s);
}

static struct relay_slice question(const struct dht_search *s)
{
    uint8_t bytes[WIRE_DHT_SMALL_MAX];
    size_t len = s->values_max ? wire_find_value_encode(s->key, bytes, sizeof(bytes))
                               : wire_find_node_encode(s->key, bytes, sizeof(bytes));

    return rt_slice_copy(bytes, (uint32_t)len);
}

static void ask(struct dht_search *s, uint32_t candidate, const struct wire_peer_hop *hop)
{
    struct dht_query *q = s->queries;

    while (q->is_under_way)
        q++;
    memset(&q->call, 0, sizeof(q->call));
    q->candidate = candidate;
    q->hop = *hop;
    q->is_under_way = true;
    q->call.to = *hop;
    q->call.to.has_pubkey_hint = false; /* whoever is there may answer, as itself */
    q->call.dialect = s->dialect;
    q->call.is_exact = !dht_peers_is_alive(s->dht->membership.peers, hop);
    q->call.type = s->values_max ? WIRE_FIND_VALUE : WIRE_FIND_NODE;
    q->call.payload = question(s);
    q->call.timeout_ns = LIM_QUERY_NS;
    q->call.done = on_done;
    rt_metric_inc(RT_METRIC_DHT_QUERIES);
    rpc_pool_start(s->dht->rpc, &q->call);
}

static void pump(struct dht_search *s)
{
    struct wire_peer_hop hop;
    struct dht *d = s->dht;
    uint32_t candidate;

    while (!d->context.is_stopped && dht_lookup_next(s->lookup, &candidate, &hop)) {
        if (dht_probe_queue_is_refused(d->membership.probe, &hop, dht_now_ns(&d->context)))
            dht_lookup_failed(s->lookup, candidate);
        else
            ask(s, candidate, &hop);
    }
    if ((s->values_max > 0 && s->value_count == s->values_max) || dht_lookup_is_done(s->lookup) ||
        d->context.is_stopped)
        rt_timer_arm(d->context.worker, &s->timer,
                     dht_now_ns(&d->context)); /* ends on a later turn */
}

/* -- who searches -- */

static void nothing_more(struct dht_search *s)
{
    if (rt_log_enabled(RELAY_LOG_TRACE))
        rt_log(RELAY_LOG_TRACE, "look-up done", "asked=%u answers=%u hops=%u",
               dht_lookup_asked(s->lookup), dht_lookup_answers(s->lookup),
               dht_lookup_hops(s->lookup));
}

void dht_search_around(struct dht *d, enum wire_dialect dialect, const uint8_t target[20])
{
    uint8_t key[32] = {0};

    memcpy(key, target, 20);
    (void)dht_search(d, dialect, key, 0, nothing_more, NULL);
}

void dht_search_self(struct dht *d, enum wire_dialect dialect)
{
    d->self_search[dialect].began_ns = dht_now_ns(&d->context);
    d->self_search[dialect].nodes = dht_table_count(d->membership.tables[dialect]);
    dht_search_around(d, dialect, d->context.self_id);
}

static void looked_up(struct dht_search *s)
{
    struct dht_lookup_ask *a = (struct dht_lookup_ask *)s->owed;

    s->owed = NULL;
    for (uint32_t i = 0; i < s->value_count && a->count < a->values_max; i++) {
        bool is_new = true;

        for (uint32_t k = 0; k < a->count; k++)
            is_new = is_new && (a->values[k].len != s->values[i].len ||
                                memcmp(a->values[k].ptr, s->values[i].ptr, a->values[k].len) != 0);
        if (is_new)
            a->values[a->count++] = relay_slice_take(&s->values[i]);
    }
    rt_msg_reply(s->dht->context.worker, &a->msg);
}

void dht_search_lookup(struct dht *d, struct dht_lookup_ask *a)
{
    if (a->values_max > DHT_LOOKUP_VALUES_MAX)
        a->values_max = DHT_LOOKUP_VALUES_MAX;
    a->count = dht_value_store_find_all(d->values, a->key, a->dialect, a->values_max,
                                        dht_now_s(&d->context), a->values);
    if (a->count == a->values_max ||
        !dht_search(d, a->dialect, a->key, a->values_max, looked_up, &a->msg))
        rt_msg_reply(d->context.worker, &a->msg);
}
