/* SPDX-License-Identifier: MPL-2.0 */
/*
 * Invariant: `scheduled` counts the publications and pushes without a message to answer. A
 * publication is replaced by its push when its last look-up ends. A push ends when all of its calls
 * are done, and it alone answers the message.
 */
#include "dht/replicate.h"

#include <stdlib.h>
#include <string.h>

#include "base/budget.h"
#include "base/check.h"
#include "dht/dht_limits.h"
#include "dht/dht_metrics.h"
#include "dht/value_store/value_check.h"
#include "wire_dht.h"

#define STORE_BYTES 128u /* a STORE without its value takes less */

struct push {
    struct rt_list node;
    struct replicate *all;
    bool is_owed; /* see struct dht_push_plan */
    uint8_t key[32], sub[32];
    struct relay_slice payload; /* the encoded STORE, one for all */
    uint32_t count, next, in_flight;
    uint32_t stored;
    bool is_limited;
    struct dht_publish_request *owed; /* NULL: scheduled by replicate_plan.c */
    struct push_call {
        struct rpc_call call;
        struct push *push;
    } calls[]; /* count of them */
};

/* A value and the look-ups of its closest nodes, one in each dialect that accepts the value. */
struct publication {
    struct rt_list node;
    struct replicate *all;
    struct dht_publish_request *owed; /* NULL: scheduled by replicate_plan.c */
    uint32_t searching;               /* look-ups under way */
    struct dht_push_plan plan;        /* with the targets found so far */
};

/* -- life -- */

static void on_timer(struct relay_timer *t)
{
    replicate_due(RT_CONTAINER_OF(t, struct replicate, timer));
}

void replicate_init(struct replicate *r, struct dht_context *context, struct membership *membership,
                    struct lookup_runs *lookups, struct dht_value_store *values,
                    struct rpc_pool *rpc)
{
    *r = (struct replicate){.context = context,
                            .membership = membership,
                            .lookups = lookups,
                            .values = values,
                            .rpc = rpc,
                            .plan = dht_replicate_plan_new(context->self_id)};
    rt_list_init(&r->publications);
    rt_list_init(&r->pushes);
    r->timer.fire = on_timer;
}

void replicate_start(struct replicate *r)
{
    rt_timer_arm(r->context->worker, &r->timer, dht_now_ns(r->context));
}

void replicate_stop(struct replicate *r)
{
    rt_timer_disarm(r->context->worker, &r->timer);
}

static void free_push(struct push *p)
{
    rt_list_unlink(&p->node);
    relay_slice_drop(&p->payload);
    free(p);
}

static void free_publication(struct publication *p)
{
    rt_list_unlink(&p->node);
    relay_slice_drop(&p->plan.value);
    free(p);
}

void replicate_fini(struct replicate *r)
{
    for (struct rt_list *n; (n = rt_list_pop_front(&r->publications));) {
        struct publication *p = RT_CONTAINER_OF(n, struct publication, node);
        struct rt_msg *m = p->owed ? &p->owed->msg : NULL;

        rt_msg_free(&m);
        free_publication(p);
    }
    for (struct rt_list *n; (n = rt_list_pop_front(&r->pushes));) {
        struct push *p = RT_CONTAINER_OF(n, struct push, node);
        struct rt_msg *m = p->owed ? &p->owed->msg : NULL;

        rt_msg_free(&m);
        free_push(p);
    }
    dht_replicate_plan_free(&r->plan);
}

/* -- pushes -- */

static struct relay_slice encode(const uint8_t key[32], const struct relay_slice *value,
                                 uint64_t ttl_secs)
{
    struct relay_buf *buf = rt_buf_new(STORE_BYTES + value->len);
    struct wire_store s = {.value = {value->ptr, value->len}, .ttl_secs = ttl_secs};
    struct wire_writer w;
    bool fits;
    size_t len;

    if (!buf)
        return (struct relay_slice){0};
    memcpy(s.key, key, sizeof(s.key));
    wire_writer_init(&w, buf->bytes, STORE_BYTES + value->len);
    wire_write_store(&w, &s);
    len = wire_writer_len(&w, &fits);
    RT_INSIST(fits);
    return relay_slice_own(buf, buf->bytes, (uint32_t)len);
}

static void end(struct push *p)
{
    struct replicate *r = p->all;

    if (p->owed) {
        p->owed->stored = p->stored;
        rt_msg_reply(r->context->worker, &p->owed->msg);
    } else {
        RT_INSIST(r->scheduled > 0);
        r->scheduled--;
        dht_replicate_plan_ended(r->plan, p->is_limited);
        if (p->is_owed && p->stored == 0)
            dht_value_store_unreached(r->values, p->key, p->sub, true, dht_now_s(r->context));
    }
    free_push(p);
}

static bool says_limited(const struct wire_envelope *e)
{
    static const char words[] = "rate limit";

    return memmem(e->payload.ptr, e->payload.len, words, sizeof(words) - 1) != NULL;
}

static void pump(struct push *p);

static void on_done(struct rpc_call *c, const struct rpc_end *e)
{
    struct push *p = RT_CONTAINER_OF(c, struct push_call, call)->push;
    struct replicate *r = p->all;

    RT_INSIST(p->in_flight > 0);
    p->in_flight--;
    if (e->outcome == DHT_CALL_REPLIED && !(e->reply->flags & WIRE_FLAG_ERROR)) {
        p->stored++;
        rt_metric_inc(RT_METRIC_DHT_PUSHED);
    } else if (e->outcome == DHT_CALL_REPLIED && says_limited(e->reply)) {
        p->is_limited = true;
        rt_metric_inc(RT_METRIC_DHT_PUSH_LIMITED);
        for (uint32_t i = 0; i < WIRE_DIALECTS; i++)
            dht_table_hold(r->membership->tables[i], e->key,
                           dht_now_ns(r->context) + LIM_PUSH_LIMITED_NS);
    } else if (e->outcome == DHT_CALL_REPLIED) {
        rt_metric_inc(RT_METRIC_DHT_PUSH_REFUSED);
    }
    pump(p);
}

static void pump(struct push *p)
{
    while (p->in_flight < LIM_PUSH_CALLS && p->next < p->count) {
        struct rpc_call *c = &p->calls[p->next++].call;

        p->in_flight++;
        c->payload = relay_slice_ref(p->payload);
        rpc_pool_start(p->all->rpc, c);
    }
    if (p->in_flight == 0)
        end(p);
}

/* Always ends by `end`, now or later. */
static void push(struct replicate *r, const struct dht_push_plan *plan,
                 struct dht_publish_request *owed)
{
    struct push *p = calloc(1, sizeof(*p) + plan->count * sizeof(p->calls[0]));

    RT_INSIST(p != NULL);
    p->all = r;
    p->owed = owed;
    p->is_owed = plan->is_owed;
    memcpy(p->key, plan->key, sizeof(p->key));
    memcpy(p->sub, plan->sub, sizeof(p->sub));
    p->payload = encode(plan->key, &plan->value, plan->ttl_secs);
    p->count = p->payload.owner ? plan->count : 0;
    rt_list_init(&p->node);
    rt_list_push_back(&r->pushes, &p->node);
    if (!owed)
        r->scheduled++;
    for (uint32_t i = 0; i < p->count; i++) {
        p->calls[i].push = p;
        p->calls[i].call.to = plan->to[i].hop;
        p->calls[i].call.dialect = plan->to[i].dialect;
        p->calls[i].call.type = WIRE_STORE;
        p->calls[i].call.timeout_ns = LIM_REPUBLISH_TARGETS_NS;
        p->calls[i].call.done = on_done;
    }
    pump(p);
}

/* -- publishing: look-ups, then a push -- */

static void looked_up(struct publication *p)
{
    if (p->searching > 0)
        return;
    if (!p->owed)
        p->all->scheduled--; /* the push is counted instead */
    push(p->all, &p->plan, p->owed);
    free_publication(p);
}

static void add_target(struct publication *p, const struct wire_peer_hop *hop,
                       enum wire_dialect dialect)
{
    struct dht_push_plan *to = &p->plan;

    for (uint32_t i = 0; i < to->count; i++)
        if (memcmp(to->to[i].hop.pubkey_hint, hop->pubkey_hint, 32) == 0)
            return;
    to->to[to->count++] = (struct dht_target){
        *hop, membership_push_dialect(p->all->membership, hop->pubkey_hint, dialect)};
}

static void found_closest(void *owner, struct lookup_run *run)
{
    struct publication *p = owner;
    struct wire_peer_hop to[DHT_K];
    uint32_t count = dht_lookup_closest(run->lookup, DHT_K, true, to);

    for (uint32_t i = 0; i < count; i++)
        add_target(p, &to[i], run->request.dialect);
    RT_INSIST(p->searching > 0);
    p->searching--;
    looked_up(p);
}

/* plan: without targets; its value is moved. False: no look-up began. */
static bool publish(struct replicate *r, struct dht_push_plan *plan,
                    struct dht_publish_request *owed)
{
    struct publication *p = calloc(1, sizeof(*p));

    RT_INSIST(p != NULL);
    p->all = r;
    p->owed = owed;
    p->plan = *plan;
    plan->value = (struct relay_slice){0};
    rt_list_init(&p->node);
    for (enum wire_dialect i = WIRE_DIALECT_A; i < WIRE_DIALECTS; i++) {
        const struct lookup_run_request request = {
            .dialect = i, .key = p->plan.key, .done = found_closest, .owner = p};

        if ((plan->dialects & r->context->dialects & WIRE_DIALECT_BIT(i)) &&
            lookup_run_start(r->lookups, &request))
            p->searching++;
    }
    if (p->searching == 0) {
        free_publication(p);
        return false;
    }
    rt_list_push_back(&r->publications, &p->node);
    if (!owed)
        r->scheduled++;
    return true;
}

void replicate_publish(struct replicate *r, struct dht_publish_request *m)
{
    const struct dht_origin ours = {.reached = m->dialects}; /* spoken by this relay */
    struct dht_push_plan plan = {.ttl_secs = m->ttl_secs, .dialects = m->dialects};
    struct dht_checked checked;
    uint64_t now_s = dht_now_s(r->context);

    m->stored = 0;
    m->refusal = dht_value_check(m->key, m->value.ptr, m->value.len, now_s, &checked);
    if (m->refusal == WIRE_REFUSAL_NONE)
        m->refusal =
            dht_value_store_put(r->values, m->key, &checked, m->value, m->ttl_secs, &ours, now_s);
    memcpy(plan.key, m->key, sizeof(plan.key));
    plan.value = relay_slice_take(&m->value);
    if (m->refusal == WIRE_REFUSAL_STORE_VALUE || !publish(r, &plan, m)) {
        relay_slice_drop(&plan.value);
        rt_msg_reply(r->context->worker, &m->msg);
    }
}

/* -- republishing, handing over, fresh values -- */

static void push_plan(struct replicate *r, struct dht_push_plan *plan)
{
    for (uint32_t i = 0; i < plan->count; i++)
        plan->to[i].dialect = membership_push_dialect(r->membership, plan->to[i].hop.pubkey_hint,
                                                      plan->to[i].dialect);
    push(r, plan, NULL);
}

void replicate_due(struct replicate *r)
{
    uint64_t now_ns = dht_now_ns(r->context), now_s = dht_now_s(r->context);
    struct dht_push_plan plan;

    if (!r->context->is_started || r->context->is_stopped)
        return;
    if (r->scheduled < LIM_PUSHES_SCHEDULED &&
        dht_replicate_plan_next(r->plan, r->values, r->membership->tables, now_ns, now_s, &plan)) {
        if (!plan.is_fresh)
            push_plan(r, &plan);
        else if (!publish(r, &plan, NULL))
            dht_value_store_unreached(r->values, plan.key, plan.sub, true, now_s);
        relay_slice_drop(&plan.value);
    }
    if (r->scheduled < LIM_PUSHES_SCHEDULED)
        rt_timer_arm(r->context->worker, &r->timer,
                     dht_replicate_plan_next_ns(r->plan, r->values, now_ns, now_s));
    else
        rt_timer_arm(r->context->worker, &r->timer, now_ns + LIM_REPUBLISH_SPACE_NS);
}

void replicate_joined(struct replicate *r, const struct wire_peer_hop *node, uint8_t dialects)
{
    dht_replicate_plan_joined(r->plan, node, dialects);
    replicate_due(r);
}
