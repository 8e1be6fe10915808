/* SPDX-License-Identifier: MPL-2.0 */
/*
 * Invariant: the job is queued while a search waits, and runs the first one. A search keeps no
 * pointer into the store between two slices.
 */
#include "dht/community_requests.h"

#include <stdlib.h>

#include "base/check.h"
#include "dht/address/addr.h"
#include "dht/dht_limits.h"
#include "dht/dht_metrics.h"
#include "dht/value_store/community_pages.h"
#include "dht/value_store/community_search.h"

typedef rt_err decode_fn(uint8_t *buf, size_t len, struct wire_browse_request *out);
typedef enum wire_refusal page_fn(const struct dht_communities *c,
                                  const struct wire_browse_request *q, uint64_t now_s,
                                  struct relay_slice *out_reply);

struct search {
    struct rt_list node;
    struct rt_msg *owed; /* struct dht_request */
    struct dht_community_search *work;
    uint64_t deadline_ns; /* 0: no slice has run */
    uint64_t net;         /* the requester's */
};

static struct dht_communities *index_of(struct community_requests *c)
{
    return dht_value_store_communities(c->values);
}

/* Decodes the request; *out points into the payload of a. */
static bool read_request(struct dht_request *a, decode_fn *decode, struct wire_browse_request *out)
{
    /* a owns the payload. It was decoded before, so decoding changes nothing in it. */
    if (decode((uint8_t *)(uintptr_t)a->payload.ptr, a->payload.len, out) == RT_ERR_OK)
        return true;
    a->refusal = WIRE_REFUSAL_PAYLOAD_MALFORMED;
    return false;
}

static void reply_page(struct community_requests *c, struct dht_request *a, decode_fn *decode,
                       page_fn *write)
{
    struct wire_browse_request q;

    if (read_request(a, decode, &q))
        a->refusal = write(index_of(c), &q, dht_now_s(c->context), &a->reply);
    rt_msg_reply(c->context->worker, &a->msg);
}

static void reply_status(struct community_requests *c, struct dht_request *a)
{
    a->is_joined = dht_page_community(index_of(c), a->key, dht_now_s(c->context)) != NULL;
    rt_msg_reply(c->context->worker, &a->msg);
}

/* -- searches -- */

static void end_search(struct community_requests *c, struct search *s)
{
    struct dht_request *a = (struct dht_request *)s->owed;

    rt_list_unlink(&s->node);
    RT_INSIST(c->search_count > 0);
    c->search_count--;
    a->refusal = dht_community_search_end(&s->work, &a->reply);
    rt_msg_reply(c->context->worker, s->owed);
    free(s);
}

static void search_some(struct rt_job *job)
{
    struct community_requests *c = RT_CONTAINER_OF(job, struct community_requests, job);
    struct search *s = RT_CONTAINER_OF(c->searches.next, struct search, node);

    if (s->deadline_ns == 0)
        s->deadline_ns = dht_now_ns(c->context) + LIM_SEARCH_NS;
    if (!dht_community_search_run(s->work, index_of(c), dht_now_s(c->context)) ||
        dht_now_ns(c->context) >= s->deadline_ns)
        end_search(c, s);
    if (!rt_list_empty(&c->searches))
        rt_job_queue(c->context->worker, job);
}

static uint32_t count_searches_of(const struct community_requests *c, uint64_t net)
{
    uint32_t count = 0;

    for (struct rt_list *n = c->searches.next; n != &c->searches; n = n->next)
        count += RT_CONTAINER_OF(n, struct search, node)->net == net;
    return count;
}

/* Keys are free, so places are counted by network. */
static bool has_place(const struct community_requests *c, uint64_t net)
{
    if (c->search_count >= LIM_SEARCHES_QUEUED)
        return false;
    if (count_searches_of(c, net) < LIM_SEARCHES_PER_NET)
        return true;
    rt_metric_inc(RT_METRIC_SEARCHES_CROWDED);
    return false;
}

static bool queue_search(struct community_requests *c, struct dht_request *a)
{
    uint64_t net = dht_hop_net(&a->origin, DHT_NET_BUCKET);
    struct dht_community_search *work;
    struct wire_browse_request q;
    struct search *s;

    if (!read_request(a, wire_community_search_request_decode, &q))
        return false;
    if (!has_place(c, net)) {
        a->refusal = WIRE_REFUSAL_SEARCHES_FULL;
        return false;
    }
    a->refusal = dht_community_search_new(index_of(c), &q, dht_now_s(c->context), &work);
    if (a->refusal != WIRE_REFUSAL_NONE)
        return false;
    s = calloc(1, sizeof(*s));
    RT_INSIST(s != NULL);
    s->owed = &a->msg;
    s->work = work;
    s->net = net;
    rt_list_init(&s->node);
    if (rt_list_empty(&c->searches))
        rt_job_queue(c->context->worker, &c->job);
    rt_list_push_back(&c->searches, &s->node);
    c->search_count++;
    return true;
}

void community_requests_serve(struct community_requests *c, struct dht_request *a)
{
    switch (a->op) {
    case DHT_COMMUNITY_STATUS:
        reply_status(c, a);
        break;
    case DHT_COMMUNITY_MEMBERS:
        reply_page(c, a, wire_community_members_request_decode, dht_page_members);
        break;
    case DHT_COMMUNITY_SHARES:
        reply_page(c, a, wire_community_shares_request_decode, dht_page_shares);
        break;
    case DHT_COMMUNITY_EVENTS:
        reply_page(c, a, wire_community_events_request_decode, dht_page_events);
        break;
    default:
        if (!queue_search(c, a))
            rt_msg_reply(c->context->worker, &a->msg);
    }
}

/* -- life -- */

void community_requests_init(struct community_requests *c, struct dht_context *context,
                             struct dht_value_store *values)
{
    *c = (struct community_requests){.context = context, .values = values};
    rt_list_init(&c->searches);
    c->job.run = search_some;
    rt_list_init(&c->job.node);
}

void community_requests_fini(struct community_requests *c)
{
    struct rt_list *n;

    rt_job_cancel(c->context->worker, &c->job);
    while ((n = rt_list_pop_front(&c->searches))) {
        struct search *s = RT_CONTAINER_OF(n, struct search, node);

        dht_community_search_free(&s->work);
        rt_msg_free(&s->owed);
        free(s);
    }
    c->search_count = 0;
}
