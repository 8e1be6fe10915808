/* SPDX-License-Identifier: MPL-2.0 */
/*
 * Invariant: a run is in exactly one of the lists `waiting` and `active`, whose lengths are
 * waiting_count and active_count. A run ends only in end(), from its timer: never inside
 * lookup_run_start or a call's end, so that a caller never sees its run end early.
 */
#include "dht/lookup_run.h"

#include <stdlib.h>
#include <string.h>

#include "base/budget.h"
#include "base/check.h"
#include "base/log.h"
#include "dht/dht_limits.h"
#include "dht/dht_metrics.h"
#include "dht/value_store/value_check.h"
#include "wire_dht.h"

#define FAILED_NS (600 * RT_S) /* an unknown node that did not answer is not asked again */

static void pump(struct lookup_run *r);

/* -- life -- */

static void free_run(struct lookup_run *r)
{
    rt_timer_disarm(r->all->context->worker, &r->timer);
    rt_list_unlink(&r->node);
    for (uint32_t i = 0; i < r->value_count; i++)
        relay_slice_drop(&r->values[i]);
    dht_lookup_free(&r->lookup);
    rt_msg_free(&r->request.cookie);
    free(r);
}

static void add_seeds(struct lookup_run *r)
{
    struct wire_peer_hop seeds[DHT_K > LOOKUP_RUN_SEEDS_MAX ? DHT_K : LOOKUP_RUN_SEEDS_MAX];
    struct lookup_runs *l = r->all;
    uint32_t count = dht_table_closest(l->membership->tables[r->request.dialect],
                                       dht_lookup_target(r->lookup), DHT_K, seeds);

    for (uint32_t i = 0; i < count; i++)
        dht_lookup_add(r->lookup, &seeds[i], DHT_LOOKUP_SEED);
    if (count == DHT_K)
        return;
    count = l->callbacks.seeds(l->callbacks.ctx, r->request.dialect, seeds);
    for (uint32_t i = 0; i < count; i++)
        dht_lookup_add(r->lookup, &seeds[i], DHT_LOOKUP_SEED);
}

static void begin(struct lookup_run *r)
{
    struct lookup_runs *l = r->all;
    uint64_t now_ns = dht_now_ns(l->context);

    l->active_count++;
    rt_list_push_back(&l->active, &r->node);
    rt_metric_inc(RT_METRIC_DHT_LOOKUPS);
    dht_table_looked_up(l->membership->tables[r->request.dialect], dht_lookup_target(r->lookup),
                        now_ns);
    add_seeds(r);
    rt_timer_arm(l->context->worker, &r->timer, now_ns + LIM_LOOKUP_NS);
    pump(r);
}

static void begin_next(struct lookup_runs *l)
{
    struct rt_list *next =
        l->active_count < LIM_LOOKUPS_MAX ? rt_list_pop_front(&l->waiting) : NULL;

    if (!next)
        return;
    RT_INSIST(l->waiting_count > 0);
    l->waiting_count--;
    begin(RT_CONTAINER_OF(next, struct lookup_run, node));
}

/* Cancels the queries under way. */
static void end(struct lookup_run *r)
{
    struct lookup_runs *l = r->all;

    for (uint32_t i = 0; i < DHT_ALPHA; i++)
        if (r->queries[i].is_under_way)
            rpc_pool_cancel(&r->queries[i].call);
    RT_INSIST(l->active_count > 0);
    l->active_count--;
    r->request.done(r->request.owner, r);
    free_run(r);
    begin_next(l);
}

static void on_timer(struct relay_timer *t)
{
    end(RT_CONTAINER_OF(t, struct lookup_run, timer));
}

static struct lookup_run *make(struct lookup_runs *l, const struct lookup_run_request *request)
{
    struct lookup_run *r = calloc(1, sizeof(*r));

    RT_INSIST(r != NULL);
    r->all = l;
    r->request = *request;
    r->request.key = NULL;
    memcpy(r->key, request->key, request->values_max ? 32 : 20);
    r->lookup = dht_lookup_new(r->key, request->values_max > 0);
    r->timer.fire = on_timer;
    rt_list_init(&r->node);
    for (uint32_t i = 0; i < DHT_ALPHA; i++)
        r->queries[i].run = r;
    return r;
}

bool lookup_run_start(struct lookup_runs *l, const struct lookup_run_request *request)
{
    struct lookup_run *r;

    if (l->context->is_stopped)
        return false;
    if (l->waiting_count >= LIM_LOOKUPS_QUEUED) {
        rt_metric_inc(RT_METRIC_DHT_LOOKUPS_DROPPED);
        return false;
    }
    r = make(l, request);
    if (l->active_count < LIM_LOOKUPS_MAX) {
        begin(r);
        return true;
    }
    l->waiting_count++;
    rt_list_push_back(&l->waiting, &r->node);
    return true;
}

/* -- answers -- */

static void add_peer(void *ctx, const struct wire_peer *p)
{
    struct lookup_run *r = ctx;
    struct wire_peer_hop hop;

    if (membership_heard(r->all->membership, p, &hop))
        dht_lookup_add(r->lookup, &hop, r->adding);
}

static void add_value(struct lookup_run *r, const struct wire_store *store)
{
    struct dht_checked checked;
    struct relay_slice copy;

    if (r->value_count == r->request.values_max || memcmp(store->key, r->key, 32) != 0 ||
        dht_value_check(r->key, store->value.ptr, store->value.len, dht_now_s(r->all->context),
                        &checked) != WIRE_REFUSAL_NONE)
        return;
    for (uint32_t i = 0; i < r->value_count; i++)
        if (r->values[i].len == store->value.len &&
            memcmp(r->values[i].ptr, store->value.ptr, store->value.len) == 0)
            return;
    copy = rt_slice_copy(store->value.ptr, store->value.len);
    if (copy.owner)
        r->values[r->value_count++] = copy;
}

/* False: not a reply to the query. */
static bool take_reply(struct lookup_run *r, const struct wire_envelope *e)
{
    /* The frame is the session's and writable; decoding works in it. */
    uint8_t *payload = e->payload.ptr;
    struct wire_store store = {0};

    if (e->flags & WIRE_FLAG_ERROR)
        return false;
    if (r->request.values_max == 0)
        return e->type == WIRE_FIND_NODE &&
               wire_find_node_reply_decode(payload, e->payload.len, add_peer, r) == RT_ERR_OK;
    if (e->type != WIRE_FIND_VALUE ||
        wire_find_value_reply_decode(payload, e->payload.len, &store, add_peer, r) != RT_ERR_OK)
        return false;
    if (store.value.ptr)
        add_value(r, &store);
    return true;
}

static void on_failed(struct lookup_run_query *q, const struct rpc_end *e)
{
    struct lookup_runs *l = q->run->all;
    uint8_t id[20];

    rt_metric_inc(RT_METRIC_DHT_QUERIES_FAILED);
    dht_lookup_failed(q->run->lookup, q->candidate);
    if (e->outcome == DHT_CALL_BUSY || e->outcome == DHT_CALL_NO_TRANSPORT || e->key)
        return; /* not the node's fault, or already reported by rpc_pool, which knew the key */
    if (q->hop.has_pubkey_hint)
        rt_node_id(q->hop.pubkey_hint, id);
    if (q->hop.has_pubkey_hint && dht_table_has(l->membership->tables[q->run->request.dialect], id))
        membership_failed(l->membership, &q->hop);
    else
        dht_probe_queue_refused(l->membership->probe, &q->hop, dht_now_ns(l->context) + FAILED_NS,
                                dht_now_ns(l->context));
}

static void on_done(struct rpc_call *c, const struct rpc_end *e)
{
    struct lookup_run_query *q = RT_CONTAINER_OF(c, struct lookup_run_query, call);
    struct lookup_run *r = q->run;

    q->is_under_way = false;
    if (e->outcome != DHT_CALL_REPLIED) {
        on_failed(q, e);
    } else {
        if (q->hop.has_pubkey_hint && memcmp(q->hop.pubkey_hint, e->key, 32) != 0)
            membership_failed(r->all->membership, &q->hop);
        dht_lookup_answered(r->lookup, q->candidate, e->key);
        r->adding = q->candidate;
        (void)take_reply(r, e->reply);
        dht_lookup_reply_ends(r->lookup, q->candidate);
    }
    pump(r);
}

static struct relay_slice question(const struct lookup_run *r)
{
    uint8_t bytes[WIRE_DHT_SMALL_MAX];
    size_t len = r->request.values_max ? wire_find_value_encode(r->key, bytes, sizeof(bytes))
                                       : wire_find_node_encode(r->key, bytes, sizeof(bytes));

    return rt_slice_copy(bytes, (uint32_t)len);
}

static void send_query(struct lookup_run *r, uint32_t candidate, const struct wire_peer_hop *hop)
{
    struct lookup_run_query *q = r->queries;

    while (q->is_under_way)
        q++;
    memset(&q->call, 0, sizeof(q->call));
    q->candidate = candidate;
    q->hop = *hop;
    q->is_under_way = true;
    q->call.to = *hop;
    q->call.to.has_pubkey_hint = false; /* another node there may answer under its own key */
    q->call.dialect = r->request.dialect;
    q->call.is_exact = !dht_peers_is_alive(r->all->membership->peers, hop);
    q->call.type = r->request.values_max ? WIRE_FIND_VALUE : WIRE_FIND_NODE;
    q->call.payload = question(r);
    q->call.timeout_ns = LIM_QUERY_NS;
    q->call.done = on_done;
    rt_metric_inc(RT_METRIC_DHT_QUERIES);
    rpc_pool_start(r->all->rpc, &q->call);
}

static void pump(struct lookup_run *r)
{
    struct wire_peer_hop hop;
    struct lookup_runs *l = r->all;
    uint32_t candidate;

    while (!l->context->is_stopped && dht_lookup_next(r->lookup, &candidate, &hop)) {
        if (dht_probe_queue_is_refused(l->membership->probe, &hop, dht_now_ns(l->context)))
            dht_lookup_failed(r->lookup, candidate);
        else
            send_query(r, candidate, &hop);
    }
    if ((r->request.values_max > 0 && r->value_count == r->request.values_max) ||
        dht_lookup_is_done(r->lookup) || l->context->is_stopped)
        rt_timer_arm(l->context->worker, &r->timer,
                     dht_now_ns(l->context)); /* ends on a later turn */
}

/* -- look-ups that fill the routing table -- */

static void on_around(void *owner, struct lookup_run *r)
{
    (void)owner;
    if (rt_log_enabled(RELAY_LOG_TRACE))
        rt_log(RELAY_LOG_TRACE, "look-up done", "asked=%u answers=%u hops=%u",
               dht_lookup_asked(r->lookup), dht_lookup_replies(r->lookup),
               dht_lookup_hops(r->lookup));
}

void lookup_run_around(struct lookup_runs *l, enum wire_dialect dialect, const uint8_t target[20])
{
    const struct lookup_run_request request = {
        .dialect = dialect, .key = target, .done = on_around};

    (void)lookup_run_start(l, &request);
}

void lookup_run_self(struct lookup_runs *l, enum wire_dialect dialect)
{
    l->self[dialect].began_ns = dht_now_ns(l->context);
    l->self[dialect].nodes = dht_table_count(l->membership->tables[dialect]);
    lookup_run_around(l, dialect, l->context->self_id);
}

bool lookup_run_has_seed(const struct lookup_runs *l, enum wire_dialect dialect)
{
    struct wire_peer_hop seeds[LOOKUP_RUN_SEEDS_MAX];

    return dht_table_count(l->membership->tables[dialect]) > 0 ||
           l->callbacks.seeds(l->callbacks.ctx, dialect, seeds) > 0;
}

/* -- life -- */

void lookup_run_init(struct lookup_runs *l, struct dht_context *context,
                     struct membership *membership, struct rpc_pool *rpc,
                     const struct lookup_run_callbacks *callbacks)
{
    RT_REQUIRE(callbacks->seeds != NULL);
    memset(l, 0, sizeof(*l));
    l->context = context;
    l->membership = membership;
    l->rpc = rpc;
    l->callbacks = *callbacks;
    rt_list_init(&l->waiting);
    rt_list_init(&l->active);
}

void lookup_run_fini(struct lookup_runs *l)
{
    for (struct rt_list *n; (n = rt_list_pop_front(&l->active));)
        free_run(RT_CONTAINER_OF(n, struct lookup_run, node));
    for (struct rt_list *n; (n = rt_list_pop_front(&l->waiting));)
        free_run(RT_CONTAINER_OF(n, struct lookup_run, node));
}
