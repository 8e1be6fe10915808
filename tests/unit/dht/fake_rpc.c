/* SPDX-License-Identifier: MPL-2.0 */
#include "fake_rpc.h"

#include "base/check.h"
#include "wire_envelope.h"

struct rpc_pool {
    struct rt_list calls; /* under way, oldest first */
};

struct kept {
    struct rpc_call call;
    rpc_reply_fn *reply;
    void *owner;
    uint64_t cookie;
};

uint32_t fake_rpc_started;
static struct rpc_pool the_pool;

void fake_rpc_begin(void)
{
    rt_list_init(&the_pool.calls);
    fake_rpc_started = 0;
}

static void on_kept_done(struct rpc_call *call, const struct rpc_end *end)
{
    struct kept *k = RT_CONTAINER_OF(call, struct kept, call);

    if (k->reply)
        k->reply(k->owner, k->cookie, call, end);
    free(k);
}

void fake_rpc_end(void)
{
    for (struct rt_list *n; (n = rt_list_pop_front(&the_pool.calls));) {
        struct rpc_call *call = RT_CONTAINER_OF(n, struct rpc_call, node);

        relay_slice_drop(&call->payload);
        if (call->done == on_kept_done)
            free(RT_CONTAINER_OF(call, struct kept, call));
    }
}

struct rpc_pool *fake_rpc_pool(void)
{
    return &the_pool;
}

/* -- rpc_pool.h -- */

bool rpc_pool_has_transport(const struct rpc_pool *c, enum wire_transport kind)
{
    (void)c;
    return kind == WIRE_TCP;
}

void rpc_pool_start(struct rpc_pool *c, struct rpc_call *call)
{
    fake_rpc_started++;
    rt_list_init(&call->node);
    rt_list_push_back(&c->calls, &call->node);
}

void rpc_pool_send(struct rpc_pool *c, const struct rpc_call *call, rpc_reply_fn *reply,
                   void *owner, uint64_t cookie)
{
    struct kept *k = calloc(1, sizeof(*k));

    assert_non_null(k);
    k->call = *call;
    k->call.done = on_kept_done;
    k->reply = reply;
    k->owner = owner;
    k->cookie = cookie;
    rpc_pool_start(c, &k->call);
}

void rpc_pool_cancel(struct rpc_call *call)
{
    rt_list_unlink(&call->node);
    relay_slice_drop(&call->payload);
}

/* -- the test's side -- */

static bool is_to(const struct rpc_call *call, const void *hop)
{
    return dht_hop_same(&call->to, hop);
}

static bool is_of(const struct rpc_call *call, const void *type)
{
    return call->type == *(const uint16_t *)type;
}

static const struct rpc_call *find(bool (*is_it)(const struct rpc_call *call, const void *what),
                                   const void *what)
{
    for (struct rt_list *n = the_pool.calls.next; n != &the_pool.calls; n = n->next)
        if (is_it(RT_CONTAINER_OF(n, struct rpc_call, node), what))
            return RT_CONTAINER_OF(n, struct rpc_call, node);
    return NULL;
}

const struct rpc_call *fake_rpc_to(const struct wire_peer_hop *hop)
{
    return find(is_to, hop);
}

const struct rpc_call *fake_rpc_of(uint16_t type)
{
    return find(is_of, &type);
}

uint32_t fake_rpc_count(void)
{
    uint32_t count = 0;

    for (const struct rt_list *n = the_pool.calls.next; n != &the_pool.calls; n = n->next)
        count++;
    return count;
}

static void finish(const struct rpc_call *call, const struct rpc_end *end)
{
    struct rpc_call *own = (struct rpc_call *)(uintptr_t)call;

    rt_list_unlink(&own->node);
    relay_slice_drop(&own->payload);
    own->done(own, end);
}

void fake_rpc_reply(const struct rpc_call *call, const uint8_t key[32], uint16_t flags,
                    const void *payload, uint32_t len)
{
    uint8_t *copy = malloc(len + 1); /* decoding works in it */
    struct wire_envelope e = {.type = call->type, .flags = flags, .payload = {copy, len}};
    struct rpc_end end = {.outcome = DHT_CALL_REPLIED,
                          .key = key,
                          .dialect = call->dialect == DHT_DIALECT_ANY ? call->first : call->dialect,
                          .peer_dialects = WIRE_DIALECTS_ALL,
                          .reply = call->type ? &e : NULL};

    assert_non_null(copy);
    memcpy(copy, payload, len);
    finish(call, &end);
    free(copy);
}

void fake_rpc_fail(const struct rpc_call *call, enum dht_outcome why)
{
    const struct rpc_end end = {.outcome = why};

    finish(call, &end);
}
