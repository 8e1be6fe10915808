/* SPDX-License-Identifier: MPL-2.0 */
/*
 * Invariant: a call under way is in exactly one place: in the queue of its session, as the
 * session's current call, or in `failing`. A session is BUSY while it has a current call, and in
 * the pool's idle list while IDLE. A call's end may start or cancel calls, so no session or call is
 * touched after `finish`.
 */
#include "dht/dht_limits.h"
#include "dht/dht_metrics.h"
#include "dht/rpc_pool.h"

#include <stdlib.h>
#include <string.h>

#include "base/check.h"
#include "dht/address/addr.h"
#include "dht/rpc_pool_private.h"

void rpc_pool_set_transport(struct rpc_pool *c, enum wire_transport kind,
                            const struct relay_transport *t, void *state)
{
    c->transports[kind] = (struct rpc_dialler){t, state};
}

bool rpc_pool_has_transport(const struct rpc_pool *c, enum wire_transport kind)
{
    return c->transports[kind].table != NULL;
}

uint32_t rpc_pool_sessions(const struct rpc_pool *c)
{
    return c->remotes.count;
}

uint32_t rpc_pool_under_way(const struct rpc_pool *c)
{
    return c->calls;
}

/* -- ends of calls -- */

/* The call is its owner's from here on and is not touched any more. */
static void finish(struct rpc_call *call, const struct rpc_end *end)
{
    struct rpc_pool *c = call->pool;

    rt_timer_disarm(c->worker, &call->timer);
    rt_list_unlink(&call->node);
    relay_slice_drop(&call->payload);
    call->remote = NULL;
    RT_INSIST(c->calls > 0);
    c->calls--;
    call->done(call, end);
}

/* On a later turn, because rpc_pool_start calls no callback. */
static void fail_later(struct rpc_call *call, enum dht_outcome why)
{
    struct rpc_pool *c = call->pool;

    if (why == DHT_CALL_BUSY && !c->is_stopped)
        rt_metric_inc(RT_METRIC_DHT_CALLS_DROPPED);
    call->failure = why;
    call->remote = NULL;
    rt_list_unlink(&call->node);
    rt_list_push_back(&c->failing, &call->node);
    rt_timer_arm(c->worker, &call->timer, rt_now_ns(c->worker));
}

/* The session is ready and has no request in flight: sends the next call that wants this key. Calls
 * without a request end here, so callbacks run and may free r. */
static void pump(struct rpc_remote *r)
{
    struct rpc_pool *c = r->pool;
    const struct rpc_remote was = *r;
    struct rpc_end end = {
        .key = was.hop.pubkey_hint, .dialect = was.dialect, .peer_dialects = was.dialects};
    struct rt_list due;

    rt_list_init(&due);
    while (r->state != BUSY && !rt_list_empty(&r->queue)) {
        struct rt_list *n = rt_list_pop_front(&r->queue);
        struct rpc_call *call = RT_CONTAINER_OF(n, struct rpc_call, node);

        if (rpc_remote_fault(r, call) != DHT_CALL_REPLIED || call->type == 0) {
            rt_list_push_back(&due, n);
        } else {
            struct relay_slice payload =
                call->payload.owner ? relay_slice_ref(call->payload) : relay_slice_view("", 0);

            r->state = BUSY;
            r->current = call;
            /* The call's own timer is the deadline; this one fires only after it. */
            dial_request(r->dial, call->type, &payload, call->timeout_ns + RT_S);
        }
    }
    if (r->state == DIALLING)
        rpc_remote_go_idle(r);
    for (struct rt_list *n; (n = rt_list_pop_front(&due));) {
        struct rpc_call *call = RT_CONTAINER_OF(n, struct rpc_call, node);

        end.outcome = rpc_remote_fault(&was, call);
        if (end.outcome != DHT_CALL_REPLIED)
            c->callbacks.lost(c->callbacks.ctx, &call->to, call->dialect, end.outcome);
        finish(call, &end);
    }
}

static void move_all(struct rt_list *from, struct rt_list *to)
{
    for (struct rt_list *n; (n = rt_list_pop_front(from));)
        rt_list_push_back(to, n);
}

/* Moves the calls of an ended session to a new one, dialled in the same way. */
static void dial_again(const struct rpc_remote *was, struct rt_list *queue)
{
    struct rpc_pool *c = was->pool;
    enum dht_outcome why = DHT_CALL_BUSY;
    struct rpc_remote *r;

    if (rt_list_empty(queue))
        return;
    r = c->is_stopped ? NULL : rpc_remote_open(c, &was->hop, was->place, was->dialect, &why);
    for (struct rt_list *n; (n = rt_list_pop_front(queue));) {
        struct rpc_call *call = RT_CONTAINER_OF(n, struct rpc_call, node);

        if (r) {
            call->remote = r;
            rt_list_push_back(&r->queue, n);
        } else {
            fail_later(call, why);
        }
    }
}

/* -- a session's events -- */

/* False: all waiting calls want another key. */
static bool is_welcome(const struct rpc_remote *r)
{
    for (const struct rt_list *n = r->queue.next; n != &r->queue; n = n->next)
        if (!rpc_remote_is_wrong_key(
                r, RT_CONTAINER_OF((struct rt_list *)(uintptr_t)n, struct rpc_call, node)))
            return true;
    return false;
}

static void on_ready(void *user, const uint8_t key[32])
{
    struct rpc_remote *r = user;
    struct rpc_pool *c = r->pool;
    const struct wire_hello *hello = dial_server(r->dial);
    uint64_t now_s = rt_wall_ns(c->worker) / RT_S;

    (void)key; /* the hello has it */
    rpc_remote_ready(r, hello);
    c->callbacks.skew(c->callbacks.ctx, &r->hop, (int64_t)(hello->timestamp_unix_secs - now_s));
    if (is_welcome(r))
        c->callbacks.reached(c->callbacks.ctx, &r->hop, r->dialect, r->dialects, hello);
    pump(r);
}

static void on_reply(void *user, const struct wire_envelope *e)
{
    struct rpc_remote *r = user;
    struct rpc_pool *c = r->pool;
    struct rpc_call *call = r->current;
    uint8_t key[32];
    struct rpc_end end = {.outcome = DHT_CALL_REPLIED,
                          .key = key,
                          .dialect = r->dialect,
                          .peer_dialects = r->dialects,
                          .reply = e};

    memcpy(key, r->hop.pubkey_hint, 32);
    r->current = NULL;
    r->was_used = true;
    c->callbacks.reached(c->callbacks.ctx, &r->hop, r->dialect, r->dialects, NULL);
    if (rt_list_empty(&r->queue)) {
        rpc_remote_go_idle(r);
        finish(call, &end);
        return;
    }
    /* The reply is in the session's frame, so the call ends before the next request is sent. */
    r->state = DIALLING;
    finish(call, &end);
    pump(r);
}

static enum dht_outcome outcome_of(const struct dial_end *end)
{
    if (end->refusal != WIRE_REFUSAL_NONE)
        return DHT_CALL_REFUSED;
    switch (end->how) {
    case RT_CONN_END_TRANSPORT:
        return end->transport == RELAY_END_REFUSED || end->transport == RELAY_END_HANDSHAKE
                   ? DHT_CALL_UNREACHABLE
                   : DHT_CALL_REFUSED;
    case RT_CONN_END_HANDSHAKE_TIMEOUT:
    case RT_CONN_END_IDLE_TIMEOUT:
    case RT_CONN_END_FRAME_TIMEOUT:
    case RT_CONN_END_SEND_TIMEOUT:
        return DHT_CALL_TIMEOUT;
    default:
        return DHT_CALL_REFUSED;
    }
}

/* The peer was not reached, or the call in flight is lost with the session. */
static void on_failed(struct rpc_remote *r, const struct dial_end *why)
{
    struct rpc_pool *c = r->pool;
    const struct rpc_remote was = *r;
    bool was_ready = was.hop.has_pubkey_hint;
    struct rpc_end end = {.outcome = outcome_of(why),
                          .key = was_ready ? was.hop.pubkey_hint : NULL,
                          .dialect = was.dialect,
                          .peer_dialects = was.dialects};
    struct wire_peer_hop hop = was.hop;
    struct rt_list queue;

    rt_list_init(&queue);
    move_all(&r->queue, &queue);
    if (!was_ready && !rt_list_empty(&queue))
        hop = RT_CONTAINER_OF(queue.next, struct rpc_call, node)->to;
    rpc_remote_free(r);
    if (was_ready)
        dial_again(&was, &queue);
    if (why->skew_s != 0)
        c->callbacks.skew(c->callbacks.ctx, &hop, why->skew_s);
    c->callbacks.lost(c->callbacks.ctx, &hop, was_ready ? was.dialect : was.place, end.outcome);
    if (was.current)
        finish(was.current, &end);
    for (struct rt_list *n; (n = rt_list_pop_front(&queue));)
        finish(RT_CONTAINER_OF(n, struct rpc_call, node), &end);
}

static bool may_try_others(const struct rpc_remote *r)
{
    for (struct rt_list *n = r->queue.next; n != &r->queue; n = n->next)
        if (!RT_CONTAINER_OF(n, struct rpc_call, node)->is_exact)
            return true;
    return false;
}

static void on_ended(void *user, const struct dial_end *why)
{
    struct rpc_remote *r = user;
    const struct rpc_remote was = *r;
    struct rt_list queue;

    if (why->is_hello_refused && !was.pool->is_stopped && may_try_others(r) &&
        rpc_remote_dial_next(r))
        return;
    if (r->state == IDLE) {
        rpc_remote_free(r);
        return;
    }
    if (!was.current || !was.was_used || was.pool->is_stopped) {
        on_failed(r, why);
        return;
    }
    rt_list_init(&queue); /* first on the new session, and not dialled again */
    rt_list_push_back(&queue, &was.current->node);
    move_all(&r->queue, &queue);
    rpc_remote_free(r);
    dial_again(&was, &queue);
}

/* -- life -- */

struct rpc_pool *rpc_pool_new(struct rt_worker *w, const struct rt_sign_key *identity,
                              uint8_t dialects, const struct rpc_pool_callbacks *callbacks)
{
    static const struct dial_ops ops = {on_ready, on_reply, on_ended};
    struct rpc_pool *c = calloc(1, sizeof(*c));

    RT_INSIST(c != NULL);
    c->worker = w;
    c->identity = identity;
    c->dialects = dialects;
    c->callbacks = *callbacks;
    c->ops = &ops;
    rt_random(w, c->hash_key, sizeof(c->hash_key));
    rt_list_init(&c->idle);
    rt_list_init(&c->kept);
    rt_list_init(&c->failing);
    return c;
}

/* -- starting and ending calls -- */

/* The outcome was known when the call was started. */
static void on_known(struct rpc_call *call)
{
    uint8_t key[32];
    struct rpc_end end = {.outcome = call->failure,
                          .dialect = call->found_dialect,
                          .peer_dialects = call->found_dialects};

    memcpy(key, call->key, sizeof(key));
    if (call->failure == DHT_CALL_REPLIED || call->failure == DHT_CALL_WRONG_KEY ||
        call->failure == DHT_CALL_WRONG_DIALECT)
        end.key = key;
    finish(call, &end);
}

static void on_call_timer(struct relay_timer *t)
{
    struct rpc_call *call = RT_CONTAINER_OF(t, struct rpc_call, timer);
    struct rpc_end end = {.outcome = DHT_CALL_TIMEOUT};
    struct rpc_remote *r = call->remote, was;
    struct rpc_pool *c = call->pool;
    struct wire_peer_hop hop = call->to;
    enum wire_dialect lost_in;
    struct rt_list queue;

    if (!r) {
        on_known(call);
        return;
    }
    was = *r;
    lost_in = was.place;
    if (was.hop.has_pubkey_hint) {
        end.key = was.hop.pubkey_hint;
        end.dialect = lost_in = was.dialect;
        end.peer_dialects = was.dialects;
        hop = was.hop;
    }
    rt_list_unlink(&call->node);
    if (r->current != call && (r->state != DIALLING || !rt_list_empty(&r->queue))) {
        finish(call, &end); /* others may still be served */
        return;
    }
    /* A late answer would be taken for the next call's, so the session is closed and the other
     * calls get a new one. */
    rt_list_init(&queue);
    move_all(&r->queue, &queue);
    rpc_remote_close(r);
    dial_again(&was, &queue);
    c->callbacks.lost(c->callbacks.ctx, &hop, lost_in, DHT_CALL_TIMEOUT);
    finish(call, &end);
}

static enum wire_dialect first_of(const struct rpc_call *call)
{
    return call->dialect == DHT_DIALECT_ANY ? call->first : call->dialect;
}

void rpc_pool_start(struct rpc_pool *c, struct rpc_call *call)
{
    enum dht_outcome why = DHT_CALL_BUSY;
    struct rpc_remote *r = NULL;

    call->pool = c;
    call->remote = NULL;
    call->timer.fire = on_call_timer;
    rt_list_init(&call->node);
    dht_hop_normalise(&call->to);
    if (c->calls++ < LIM_CALLS_MAX && !c->is_stopped) {
        r = rpc_remote_find(c, &call->to, call->dialect);
        if (!r)
            r = rpc_remote_open(c, &call->to, call->dialect, first_of(call), &why);
    }
    if (!r) {
        fail_later(call, why);
        return;
    }
    call->remote = r;
    rt_timer_arm(c->worker, &call->timer, rt_now_ns(c->worker) + call->timeout_ns);
    rt_list_push_back(&r->queue, &call->node);
    if (r->state != IDLE)
        return;
    rt_list_unlink(&r->idle);
    rt_timer_disarm(c->worker, &r->timer);
    why = rpc_remote_fault(r, call);
    if (call->type != 0 && why == DHT_CALL_REPLIED) {
        pump(r);
        return;
    }
    /* The outcome is known. */
    rpc_remote_go_idle(r);
    memcpy(call->key, r->hop.pubkey_hint, sizeof(call->key));
    call->found_dialect = r->dialect;
    call->found_dialects = r->dialects;
    fail_later(call, why);
}

/* -- calls that the pool keeps -- */

struct kept_call {
    struct rpc_call call;
    struct rt_list node;
    rpc_reply_fn *reply;
    void *owner;
    uint64_t cookie;
};

static void on_kept_done(struct rpc_call *call, const struct rpc_end *end)
{
    struct kept_call *k = RT_CONTAINER_OF(call, struct kept_call, call);

    rt_list_unlink(&k->node);
    if (k->reply)
        k->reply(k->owner, k->cookie, call, end);
    free(k);
}

void rpc_pool_send(struct rpc_pool *c, const struct rpc_call *call, rpc_reply_fn *reply,
                   void *owner, uint64_t cookie)
{
    struct kept_call *k = calloc(1, sizeof(*k));

    RT_INSIST(k != NULL);
    k->call = *call;
    k->call.done = on_kept_done;
    k->reply = reply;
    k->owner = owner;
    k->cookie = cookie;
    rt_list_init(&k->node);
    rt_list_push_back(&c->kept, &k->node);
    rpc_pool_start(c, &k->call);
}

/* -- the end of calls and of the pool -- */

void rpc_pool_cancel(struct rpc_call *call)
{
    struct rpc_remote *r = call->remote;
    struct rpc_pool *c = call->pool;

    rt_timer_disarm(c->worker, &call->timer);
    rt_list_unlink(&call->node);
    relay_slice_drop(&call->payload);
    c->calls--;
    if (r && r->current == call) {
        const struct rpc_remote was = *r;
        struct rt_list queue;

        rt_list_init(&queue);
        move_all(&r->queue, &queue);
        rpc_remote_close(r);
        dial_again(&was, &queue);
    }
}

/* Closes the first session and moves its calls; false: there is none. */
static bool close_one(struct rpc_pool *c, struct rt_list *calls)
{
    struct rpc_remote *r = (struct rpc_remote *)rt_map_draw(&c->remotes, 0);

    if (!r)
        return false;
    if (r->current)
        rt_list_push_back(calls, &r->current->node);
    move_all(&r->queue, calls);
    rpc_remote_close(r);
    return true;
}

void rpc_pool_stop(struct rpc_pool *c)
{
    struct rt_list calls;

    c->is_stopped = true;
    rt_list_init(&calls);
    while (close_one(c, &calls))
        ;
    for (struct rt_list *n; (n = rt_list_pop_front(&calls));)
        fail_later(RT_CONTAINER_OF(n, struct rpc_call, node), DHT_CALL_BUSY);
}

void rpc_pool_free(struct rpc_pool **pool)
{
    struct rpc_pool *c = *pool;
    struct rt_list calls;

    *pool = NULL;
    if (!c)
        return;
    rt_list_init(&calls);
    while (close_one(c, &calls))
        ;
    move_all(&c->failing, &calls);
    for (struct rt_list *n; (n = rt_list_pop_front(&calls));) {
        struct rpc_call *call = RT_CONTAINER_OF(n, struct rpc_call, node);

        rt_timer_disarm(c->worker, &call->timer);
        relay_slice_drop(&call->payload);
    }
    for (struct rt_list *n; (n = rt_list_pop_front(&c->kept));)
        free(RT_CONTAINER_OF(n, struct kept_call, node));
    free((void *)c->remotes.buckets);
    free(c);
}
