/* SPDX-License-Identifier: MPL-2.0 */
#include "dht/calls.h"

#include <stdlib.h>
#include <string.h>

#include "base/check.h"
#include "dht/address/addr.h"
#include "dht/calls_private.h"
#include "dht/dht_limits.h"
#include "dht/dht_metrics.h"

struct dht_calls *dht_calls_new(struct rt_worker *w, const struct rt_sign_key *identity,
                                uint8_t dialects, const struct dht_calls_hooks *hooks)
{
    struct dht_calls *c = calloc(1, sizeof(*c));

    RT_INSIST(c != NULL);
    c->worker = w;
    c->identity = identity;
    c->dialects = dialects;
    c->hooks = *hooks;
    rt_random(w, c->hash_key, sizeof(c->hash_key));
    rt_list_init(&c->idle);
    rt_list_init(&c->failing);
    return c;
}

void dht_calls_set_transport(struct dht_calls *c, enum wire_transport kind,
                             const struct relay_transport *t, void *state)
{
    c->transports[kind] = (struct dht_dialler){t, state};
}

bool dht_calls_has_transport(const struct dht_calls *c, enum wire_transport kind)
{
    return c->transports[kind].table != NULL;
}

uint32_t dht_calls_sessions(const struct dht_calls *c)
{
    return c->remotes.count;
}

uint32_t dht_calls_under_way(const struct dht_calls *c)
{
    return c->calls;
}

/* -- ends of calls -- */

/* The call is its owner's from here on: nothing of it is touched after. */
static void finish(struct dht_call *call, const struct dht_call_end *end)
{
    struct dht_calls *c = call->pool;

    rt_timer_disarm(c->worker, &call->timer);
    rt_list_unlink(&call->node);
    relay_slice_drop(&call->payload);
    call->remote = NULL;
    c->calls--;
    call->done(call, end);
}

/* Later, as nothing is called back from inside a start. */
static void fail_later(struct dht_call *call, enum dht_outcome why)
{
    struct dht_calls *c = call->pool;

    if (why == DHT_CALL_BUSY && !c->is_stopped)
        rt_metric_inc(RT_METRIC_DHT_CALLS_DROPPED);
    call->failure = why;
    call->remote = NULL;
    rt_list_unlink(&call->node);
    rt_list_push_back(&c->failing, &call->node);
    rt_timer_arm(c->worker, &call->timer, rt_now_ns(c->worker));
}

/* The session stands and is free: the next call that wants this key goes out. Calls that need no
 * request are done with that, so this calls back; r may be gone when it returns. */
static void pump(struct dht_remote *r)
{
    struct dht_calls *c = r->pool;
    const struct dht_remote was = *r;
    struct dht_call_end end = {
        .key = was.hop.pubkey_hint, .dialect = was.dialect, .peer_dialects = was.dialects};
    struct rt_list due;

    rt_list_init(&due);
    while (r->state != BUSY && !rt_list_empty(&r->queue)) {
        struct rt_list *n = rt_list_pop_front(&r->queue);
        struct dht_call *call = RT_CONTAINER_OF(n, struct dht_call, node);

        if (dht_remote_fault(r, call) != DHT_CALL_ANSWERED || call->type == 0) {
            rt_list_push_back(&due, n);
        } else {
            struct relay_slice payload =
                call->payload.owner ? relay_slice_ref(call->payload) : relay_slice_view("", 0);

            r->state = BUSY;
            r->current = call;
            /* The call's own timer is the deadline; this one only comes after it. */
            dial_request(r->dial, call->type, &payload, call->timeout_ns + RT_S);
        }
    }
    if (r->state == DIALLING)
        dht_remote_go_idle(r);
    for (struct rt_list *n; (n = rt_list_pop_front(&due));) {
        struct dht_call *call = RT_CONTAINER_OF(n, struct dht_call, node);

        end.outcome = dht_remote_fault(&was, call);
        if (end.outcome != DHT_CALL_ANSWERED)
            c->hooks.lost(c->hooks.ctx, &call->to, call->dialect, end.outcome);
        finish(call, &end);
    }
}

static void move_all(struct rt_list *from, struct rt_list *to)
{
    for (struct rt_list *n; (n = rt_list_pop_front(from));)
        rt_list_push_back(to, n);
}

/* Moves the calls of an ended session to a new one, dialled in the same way. */
static void dial_again(const struct dht_remote *was, struct rt_list *queue)
{
    struct dht_calls *c = was->pool;
    enum dht_outcome why = DHT_CALL_BUSY;
    struct dht_remote *r;

    if (rt_list_empty(queue))
        return;
    r = c->is_stopped ? NULL : dht_remote_open(c, &was->hop, was->place, was->dialect, &why);
    for (struct rt_list *n; (n = rt_list_pop_front(queue));) {
        struct dht_call *call = RT_CONTAINER_OF(n, struct dht_call, node);

        if (r) {
            call->remote = r;
            rt_list_push_back(&r->queue, n);
        } else {
            fail_later(call, why);
        }
    }
}

/* -- a session's events -- */

/* Not if all who wait for it want somebody else. */
static bool is_welcome(const struct dht_remote *r)
{
    for (const struct rt_list *n = r->queue.next; n != &r->queue; n = n->next)
        if (!dht_remote_is_wrong_key(
                r, RT_CONTAINER_OF((struct rt_list *)(uintptr_t)n, struct dht_call, node)))
            return true;
    return false;
}

static void on_ready(void *user, const uint8_t key[32])
{
    struct dht_remote *r = user;
    struct dht_calls *c = r->pool;
    const struct wire_hello *hello = dial_server(r->dial);
    uint64_t now_s = rt_wall_ns(c->worker) / RT_S;

    (void)key; /* the hello has it */
    dht_remote_ready(r, hello);
    c->hooks.skew(c->hooks.ctx, &r->hop, (int64_t)(hello->timestamp_unix_secs - now_s));
    if (is_welcome(r))
        c->hooks.reached(c->hooks.ctx, &r->hop, r->dialect, r->dialects, hello);
    pump(r);
}

static void on_answer(void *user, const struct wire_envelope *e)
{
    struct dht_remote *r = user;
    struct dht_calls *c = r->pool;
    struct dht_call *call = r->current;
    uint8_t key[32];
    struct dht_call_end end = {.outcome = DHT_CALL_ANSWERED,
                               .key = key,
                               .dialect = r->dialect,
                               .peer_dialects = r->dialects,
                               .answer = e};

    memcpy(key, r->hop.pubkey_hint, 32);
    r->current = NULL;
    r->was_used = true;
    c->hooks.reached(c->hooks.ctx, &r->hop, r->dialect, r->dialects, NULL);
    if (rt_list_empty(&r->queue)) {
        dht_remote_go_idle(r);
        finish(call, &end);
        return;
    }
    /* The answer lies in the session's frame: it is told before the next request goes out. */
    r->state = DIALLING;
    finish(call, &end);
    pump(r);
}

static enum dht_outcome outcome_of(const struct dial_end *end)
{
    if (end->refusal != RT_REFUSAL_NONE)
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

/* Nobody was there, or the one in flight is lost with the session. */
static void on_failed(struct dht_remote *r, const struct dial_end *why)
{
    struct dht_calls *c = r->pool;
    const struct dht_remote was = *r;
    bool was_ready = was.hop.has_pubkey_hint;
    struct dht_call_end end = {.outcome = outcome_of(why),
                               .key = was_ready ? was.hop.pubkey_hint : NULL,
                               .dialect = was.dialect,
                               .peer_dialects = was.dialects};
    struct wire_peer_hop hop = was.hop;
    struct rt_list queue;

    rt_list_init(&queue);
    move_all(&r->queue, &queue);
    if (!was_ready && !rt_list_empty(&queue))
        hop = RT_CONTAINER_OF(queue.next, struct dht_call, node)->to;
    dht_remote_free(r);
    if (was_ready)
        dial_again(&was, &queue);
    if (why->skew_s != 0)
        c->hooks.skew(c->hooks.ctx, &hop, why->skew_s);
    c->hooks.lost(c->hooks.ctx, &hop, was_ready ? was.dialect : was.place, end.outcome);
    if (was.current)
        finish(was.current, &end);
    for (struct rt_list *n; (n = rt_list_pop_front(&queue));)
        finish(RT_CONTAINER_OF(n, struct dht_call, node), &end);
}

static bool may_try_others(const struct dht_remote *r)
{
    for (struct rt_list *n = r->queue.next; n != &r->queue; n = n->next)
        if (!RT_CONTAINER_OF(n, struct dht_call, node)->is_exact)
            return true;
    return false;
}

static void on_ended(void *user, const struct dial_end *why)
{
    struct dht_remote *r = user;
    const struct dht_remote was = *r;
    struct rt_list queue;

    if (why->is_hello_refused && !was.pool->is_stopped && may_try_others(r) &&
        dht_remote_dial_next(r))
        return;
    if (r->state == IDLE) {
        dht_remote_free(r);
        return;
    }
    if (!was.current || !was.was_used || was.pool->is_stopped) {
        on_failed(r, why);
        return;
    }
    rt_list_init(&queue); /* it comes first on the new session, whose end under it is final */
    rt_list_push_back(&queue, &was.current->node);
    move_all(&r->queue, &queue);
    dht_remote_free(r);
    dial_again(&was, &queue);
}

const struct dial_ops dht_remote_ops = {on_ready, on_answer, on_ended};

/* -- starting and ending calls -- */

/* What was known when the call was started. */
static void on_known(struct dht_call *call)
{
    uint8_t key[32];
    struct dht_call_end end = {.outcome = call->failure,
                               .dialect = call->found_dialect,
                               .peer_dialects = call->found_dialects};

    memcpy(key, call->key, sizeof(key));
    if (call->failure == DHT_CALL_ANSWERED || call->failure == DHT_CALL_WRONG_KEY ||
        call->failure == DHT_CALL_WRONG_DIALECT)
        end.key = key;
    finish(call, &end);
}

static void on_call_timer(struct relay_timer *t)
{
    struct dht_call *call = RT_CONTAINER_OF(t, struct dht_call, timer);
    struct dht_call_end end = {.outcome = DHT_CALL_TIMEOUT};
    struct dht_remote *r = call->remote, was;
    struct dht_calls *c = call->pool;
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
    /* Its answer could not be told from the next one's: the session goes, the others get another.
     */
    rt_list_init(&queue);
    move_all(&r->queue, &queue);
    dht_remote_close(r);
    dial_again(&was, &queue);
    c->hooks.lost(c->hooks.ctx, &hop, lost_in, DHT_CALL_TIMEOUT);
    finish(call, &end);
}

static enum wire_dialect first_of(const struct dht_call *call)
{
    return call->dialect == DHT_DIALECT_ANY ? call->first : call->dialect;
}

void dht_calls_start(struct dht_calls *c, struct dht_call *call)
{
    enum dht_outcome why = DHT_CALL_BUSY;
    struct dht_remote *r = NULL;

    call->pool = c;
    call->remote = NULL;
    call->timer.fire = on_call_timer;
    rt_list_init(&call->node);
    dht_hop_normalise(&call->to);
    if (c->calls++ < LIM_CALLS_MAX && !c->is_stopped) {
        r = dht_remote_find(c, &call->to, call->dialect);
        if (!r)
            r = dht_remote_open(c, &call->to, call->dialect, first_of(call), &why);
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
    why = dht_remote_fault(r, call);
    if (call->type != 0 && why == DHT_CALL_ANSWERED) {
        pump(r);
        return;
    }
    /* It would be called back at once. */
    dht_remote_go_idle(r);
    memcpy(call->key, r->hop.pubkey_hint, sizeof(call->key));
    call->found_dialect = r->dialect;
    call->found_dialects = r->dialects;
    fail_later(call, why);
}

void dht_calls_cancel(struct dht_call *call)
{
    struct dht_remote *r = call->remote;
    struct dht_calls *c = call->pool;

    rt_timer_disarm(c->worker, &call->timer);
    rt_list_unlink(&call->node);
    relay_slice_drop(&call->payload);
    c->calls--;
    if (r && r->current == call) {
        const struct dht_remote was = *r;
        struct rt_list queue;

        rt_list_init(&queue);
        move_all(&r->queue, &queue);
        dht_remote_close(r);
        dial_again(&was, &queue);
    }
}

/* Takes the first session and what hangs on it away; false: there is none. */
static bool close_one(struct dht_calls *c, struct rt_list *calls)
{
    struct dht_remote *r = (struct dht_remote *)rt_map_draw(&c->remotes, 0);

    if (!r)
        return false;
    if (r->current)
        rt_list_push_back(calls, &r->current->node);
    move_all(&r->queue, calls);
    dht_remote_close(r);
    return true;
}

void dht_calls_stop(struct dht_calls *c)
{
    struct rt_list calls;

    c->is_stopped = true;
    rt_list_init(&calls);
    while (close_one(c, &calls))
        ;
    for (struct rt_list *n; (n = rt_list_pop_front(&calls));)
        fail_later(RT_CONTAINER_OF(n, struct dht_call, node), DHT_CALL_BUSY);
}

void dht_calls_free(struct dht_calls **pool)
{
    struct dht_calls *c = *pool;
    struct rt_list calls;

    *pool = NULL;
    if (!c)
        return;
    rt_list_init(&calls);
    while (close_one(c, &calls))
        ;
    move_all(&c->failing, &calls);
    for (struct rt_list *n; (n = rt_list_pop_front(&calls));) {
        struct dht_call *call = RT_CONTAINER_OF(n, struct dht_call, node);

        rt_timer_disarm(c->worker, &call->timer);
        relay_slice_drop(&call->payload);
    }
    free((void *)c->remotes.buckets);
    free(c);
}
