/* SPDX-License-Identifier: MPL-2.0 */
#include "dht/actor_requests.h"

#include <stdlib.h>
#include <string.h>

#include "base/budget.h"
#include "base/check.h"
#include "dht/address/addr.h"
#include "wire_envelope.h"

void actor_requests_init(struct actor_requests *a, struct dht_context *context,
                         struct membership *membership, struct lookup_runs *lookups,
                         struct dht_value_store *values, struct rpc_pool *rpc)
{
    *a = (struct actor_requests){.context = context,
                                 .membership = membership,
                                 .lookups = lookups,
                                 .values = values,
                                 .rpc = rpc};
    rt_list_init(&a->calls);
}

/* -- calls -- */

struct actor_call {
    struct rpc_call call;
    struct rt_list node;
    struct actor_requests *requests;
    struct rt_msg *owed; /* struct dht_call_request */
};

static void free_call(struct actor_call *c)
{
    rt_list_unlink(&c->node);
    rt_msg_free(&c->owed);
    free(c);
}

static void on_called(struct rpc_call *call, const struct rpc_end *end)
{
    struct actor_call *c = RT_CONTAINER_OF(call, struct actor_call, call);
    struct actor_requests *a = c->requests;
    struct dht_call_request *m = (struct dht_call_request *)c->owed;

    c->owed = NULL;
    m->outcome = end->outcome;
    if (end->key) {
        memcpy(m->peer_key, end->key, sizeof(m->peer_key));
        m->dialect = end->dialect;
        m->peer_dialects = dht_peers_spoken(a->membership->peers, &call->to, end->dialect,
                                            end->peer_dialects, dht_now_s(a->context));
    }
    if (end->reply) {
        m->is_error = end->reply->flags & WIRE_FLAG_ERROR;
        m->reply_type = end->reply->type;
        m->reply = rt_slice_copy(end->reply->payload.ptr, end->reply->payload.len);
        if (!m->reply.owner)
            m->outcome = DHT_CALL_BUSY;
    }
    rt_msg_reply(a->context->worker, &m->msg);
    free_call(c);
}

void actor_requests_call(struct actor_requests *a, struct dht_call_request *m)
{
    struct actor_call *c;

    dht_hop_normalise(&m->to);
    if (!membership_may_dial_named(a->membership, &m->to)) {
        m->outcome = DHT_CALL_NO_TRANSPORT;
        rt_msg_reply(a->context->worker, &m->msg);
        return;
    }
    c = calloc(1, sizeof(*c));
    RT_INSIST(c != NULL);
    c->requests = a;
    c->owed = &m->msg;
    c->call = (struct rpc_call){.to = m->to,
                                .dialect = m->dialect,
                                .first = dht_peers_dialect(a->membership->peers, &m->to),
                                .type = m->type,
                                .payload = relay_slice_take(&m->payload),
                                .timeout_ns = m->timeout_ns,
                                .done = on_called};
    rt_list_init(&c->node);
    rt_list_push_back(&a->calls, &c->node);
    rpc_pool_start(a->rpc, &c->call);
}

void actor_requests_fini(struct actor_requests *a)
{
    for (struct rt_list *n; (n = rt_list_pop_front(&a->calls));)
        free_call(RT_CONTAINER_OF(n, struct actor_call, node));
}

/* -- look-ups -- */

static bool has_value(const struct dht_lookup_request *m, const struct relay_slice *value)
{
    for (uint32_t i = 0; i < m->count; i++)
        if (m->values[i].len == value->len && memcmp(m->values[i].ptr, value->ptr, value->len) == 0)
            return true;
    return false;
}

static void on_looked_up(void *owner, struct lookup_run *r)
{
    struct dht_lookup_request *m = (struct dht_lookup_request *)r->request.cookie;
    struct actor_requests *a = owner;

    r->request.cookie = NULL;
    for (uint32_t i = 0; i < r->value_count && m->count < m->values_max; i++)
        if (!has_value(m, &r->values[i]))
            m->values[m->count++] = relay_slice_take(&r->values[i]);
    rt_msg_reply(a->context->worker, &m->msg);
}

void actor_requests_lookup(struct actor_requests *a, struct dht_lookup_request *m)
{
    struct lookup_run_request request = {
        .dialect = m->dialect, .key = m->key, .done = on_looked_up, .owner = a, .cookie = &m->msg};

    if (m->values_max > DHT_LOOKUP_VALUES_MAX)
        m->values_max = DHT_LOOKUP_VALUES_MAX;
    request.values_max = m->values_max;
    m->count = dht_value_store_find_all(a->values, m->key, m->dialect, m->values_max,
                                        dht_now_s(a->context), m->values);
    if (m->count == m->values_max || !lookup_run_start(a->lookups, &request))
        rt_msg_reply(a->context->worker, &m->msg);
}

/* -- samples of the routing table -- */

void actor_requests_peers(struct actor_requests *a, struct dht_peers_request *m)
{
    if (m->max > DHT_PEERS_MAX)
        m->max = DHT_PEERS_MAX;
    m->count =
        dht_table_sample(a->membership->tables[m->dialect], m->max,
                         m->has_exclude ? m->exclude : NULL, dht_random, a->context, m->peers);
    rt_msg_reply(a->context->worker, &m->msg);
}
