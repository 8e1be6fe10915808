/* SPDX-License-Identifier: MPL-2.0 */
/* Values to others: published by our own actors, republished and handed over by ourselves. */
#include <stdlib.h>
#include <string.h>

#include "base/budget.h"
#include "base/check.h"
#include "dht/dht_limits.h"
#include "dht/dht_metrics.h"
#include "dht/dht_private.h"
#include "wire_dht.h"

#define AT_ONCE 4u             /* stores of one push in flight */
#define PUSHES_MAX 4u          /* of ourselves under way */
#define STORE_BYTES 128u       /* a STORE around its value takes less */
#define LIMITED_NS (60 * RT_S) /* who says `rate limit` is left alone so long */

struct dht_push {
    struct rt_list node;
    struct dht *dht;
    bool is_owed; /* see struct dht_push_plan */
    uint8_t key[32], sub[32];
    struct relay_slice payload; /* the encoded STORE, one for all */
    uint32_t count, next, in_flight;
    uint32_t stored;
    bool is_limited;
    struct dht_publish_ask *owed; /* NULL: scheduled by replicate_plan.c */
    struct push_call {
        struct rpc_call call;
        struct dht_push *push;
    } calls[]; /* count of them */
};

/* A value and the look-ups of its closest nodes, one in each dialect that accepts the value. */
struct dht_publication {
    struct rt_list node;
    struct dht *dht;
    struct dht_publish_ask *owed; /* NULL: scheduled by replicate_plan.c */
    uint32_t searching;           /* look-ups under way */
    struct dht_push_plan plan;    /* with the targets found so far */
};

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

static void push_free(struct dht_push *p)
{
    rt_list_unlink(&p->node);
    relay_slice_drop(&p->payload);
    free(p);
}

static void end(struct dht_push *p)
{
    struct dht *d = p->dht;

    if (p->owed) {
        p->owed->stored = p->stored;
        rt_msg_reply(d->context.worker, &p->owed->msg);
    } else {
        d->push_count--;
        dht_replicate_plan_ended(d->republish, p->is_limited);
        if (p->is_owed && p->stored == 0)
            dht_value_store_unreached(d->values, p->key, p->sub, true, dht_now_s(&d->context));
    }
    push_free(p);
}

static bool says_limited(const struct wire_envelope *e)
{
    static const char words[] = "rate limit";

    return memmem(e->payload.ptr, e->payload.len, words, sizeof(words) - 1) != NULL;
}

static void pump(struct dht_push *p);

static void on_done(struct rpc_call *c, const struct rpc_end *e)
{
    struct dht_push *p = RT_CONTAINER_OF(c, struct push_call, call)->push;
    struct dht *d = p->dht;

    p->in_flight--;
    if (e->outcome == DHT_CALL_ANSWERED && !(e->answer->flags & WIRE_FLAG_ERROR)) {
        p->stored++;
        rt_metric_inc(RT_METRIC_DHT_PUSHED);
    } else if (e->outcome == DHT_CALL_ANSWERED && says_limited(e->answer)) {
        p->is_limited = true;
        rt_metric_inc(RT_METRIC_DHT_PUSH_LIMITED);
        for (uint32_t i = 0; i < WIRE_DIALECTS; i++)
            dht_table_hold(d->membership.tables[i], e->key, dht_now_ns(&d->context) + LIMITED_NS);
    } else if (e->outcome == DHT_CALL_ANSWERED) {
        rt_metric_inc(RT_METRIC_DHT_PUSH_REFUSED);
    }
    pump(p);
}

static void pump(struct dht_push *p)
{
    while (p->in_flight < AT_ONCE && p->next < p->count) {
        struct rpc_call *c = &p->calls[p->next++].call;

        p->in_flight++;
        c->payload = relay_slice_ref(p->payload);
        rpc_pool_start(p->dht->rpc, c);
    }
    if (p->in_flight == 0)
        end(p);
}

/* Always ends by `end`, now or later. */
static void push(struct dht *d, const struct dht_push_plan *plan, struct dht_publish_ask *owed)
{
    struct dht_push *p = calloc(1, sizeof(*p) + plan->count * sizeof(p->calls[0]));

    RT_INSIST(p != NULL);
    p->dht = d;
    p->owed = owed;
    p->is_owed = plan->is_owed;
    memcpy(p->key, plan->key, sizeof(p->key));
    memcpy(p->sub, plan->sub, sizeof(p->sub));
    p->payload = encode(plan->key, &plan->value, plan->ttl_secs);
    p->count = p->payload.owner ? plan->count : 0;
    rt_list_init(&p->node);
    rt_list_push_back(&d->pushes, &p->node);
    if (!owed)
        d->push_count++;
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

static void publication_free(struct dht_publication *p)
{
    rt_list_unlink(&p->node);
    relay_slice_drop(&p->plan.value);
    free(p);
}

static void looked_up(struct dht_publication *p)
{
    if (p->searching > 0)
        return;
    if (!p->owed)
        p->dht->push_count--; /* the push is counted instead */
    push(p->dht, &p->plan, p->owed);
    publication_free(p);
}

static void add_target(struct dht_publication *p, const struct wire_peer_hop *hop,
                       enum wire_dialect dialect)
{
    struct dht_push_plan *to = &p->plan;

    for (uint32_t i = 0; i < to->count; i++)
        if (memcmp(to->to[i].hop.pubkey_hint, hop->pubkey_hint, 32) == 0)
            return;
    to->to[to->count++] = (struct dht_target){
        *hop, membership_push_dialect(&p->dht->membership, hop->pubkey_hint, dialect)};
}

static void found_closest(void *owner, struct lookup_run *r)
{
    struct dht_publication *p = owner;
    struct wire_peer_hop to[DHT_K];
    uint32_t count = dht_lookup_closest(r->lookup, DHT_K, true, to);

    for (uint32_t i = 0; i < count; i++)
        add_target(p, &to[i], r->ask.dialect);
    p->searching--;
    looked_up(p);
}

/* plan: without targets; its value is moved. False: no look-up began. */
static bool publish(struct dht *d, struct dht_push_plan *plan, struct dht_publish_ask *owed)
{
    struct dht_publication *p = calloc(1, sizeof(*p));

    RT_INSIST(p != NULL);
    p->dht = d;
    p->owed = owed;
    p->plan = *plan;
    plan->value = (struct relay_slice){0};
    rt_list_init(&p->node);
    for (enum wire_dialect i = WIRE_DIALECT_A; i < WIRE_DIALECTS; i++) {
        const struct lookup_run_ask ask = {
            .dialect = i, .key = p->plan.key, .done = found_closest, .owner = p};

        if ((plan->dialects & d->context.dialects & WIRE_DIALECT_BIT(i)) &&
            lookup_run_start(&d->lookups, &ask))
            p->searching++;
    }
    if (p->searching == 0) {
        publication_free(p);
        return false;
    }
    rt_list_push_back(&d->publications, &p->node);
    if (!owed)
        d->push_count++;
    return true;
}

void dht_push_publish(struct dht *d, struct dht_publish_ask *a)
{
    const struct dht_origin ours = {.reached = a->dialects}; /* spoken by this relay */
    struct dht_push_plan plan = {.ttl_secs = a->ttl_secs, .dialects = a->dialects};
    struct dht_checked checked;
    uint64_t now_s = dht_now_s(&d->context);

    a->stored = 0;
    a->refusal = dht_value_check(a->key, a->value.ptr, a->value.len, now_s, &checked);
    if (a->refusal == RT_REFUSAL_NONE)
        a->refusal =
            dht_value_store_put(d->values, a->key, &checked, a->value, a->ttl_secs, &ours, now_s);
    memcpy(plan.key, a->key, sizeof(plan.key));
    plan.value = relay_slice_take(&a->value);
    if (a->refusal == RT_REFUSAL_STORE_VALUE || !publish(d, &plan, a)) {
        relay_slice_drop(&plan.value);
        rt_msg_reply(d->context.worker, &a->msg);
    }
}

/* -- republishing, handing over, fresh values -- */

static void push_plan(struct dht *d, struct dht_push_plan *plan)
{
    for (uint32_t i = 0; i < plan->count; i++)
        plan->to[i].dialect = membership_push_dialect(&d->membership, plan->to[i].hop.pubkey_hint,
                                                      plan->to[i].dialect);
    push(d, plan, NULL);
}

void dht_push_due(struct dht *d)
{
    uint64_t now_ns = dht_now_ns(&d->context), now_s = dht_now_s(&d->context);
    struct dht_push_plan plan;

    if (!d->context.is_started || d->context.is_stopped)
        return;
    if (d->push_count < PUSHES_MAX &&
        dht_replicate_plan_next(d->republish, d->values, d->membership.tables, now_ns, now_s,
                                &plan)) {
        if (!plan.is_fresh)
            push_plan(d, &plan);
        else if (!publish(d, &plan, NULL))
            dht_value_store_unreached(d->values, plan.key, plan.sub, true, now_s);
        relay_slice_drop(&plan.value);
    }
    if (d->push_count < PUSHES_MAX)
        rt_timer_arm(d->context.worker, &d->push_timer,
                     dht_replicate_plan_next_ns(d->republish, d->values, now_ns, now_s));
    else
        rt_timer_arm(d->context.worker, &d->push_timer, now_ns + LIM_REPUBLISH_SPACE_NS);
}

void dht_push_fini(struct dht *d)
{
    for (struct rt_list *n; (n = rt_list_pop_front(&d->publications));) {
        struct dht_publication *p = RT_CONTAINER_OF(n, struct dht_publication, node);
        struct rt_msg *m = p->owed ? &p->owed->msg : NULL;

        rt_msg_free(&m);
        publication_free(p);
    }
    for (struct rt_list *n; (n = rt_list_pop_front(&d->pushes));) {
        struct dht_push *p = RT_CONTAINER_OF(n, struct dht_push, node);
        struct rt_msg *m = p->owed ? &p->owed->msg : NULL;

        rt_msg_free(&m);
        push_free(p);
    }
}
