/* SPDX-License-Identifier: MPL-2.0 */
#include "dht/calls.h"

#include <stdlib.h>
#include <string.h>

#include "base/check.h"
#include "base/limits.h"
#include "base/metric.h"
#include "dht/addr.h"
#include "base/map.h"
#include "session/dial.h"

enum state { DIALLING, IDLE, BUSY };

struct dht_remote {
    struct rt_map_node node; /* by address */
    struct dht_calls *pool;
    struct wire_peer_hop hop; /* with its key once it is known */
    struct dial *dial;        /* NULL: dialling it failed at once, `timer` says so */
    enum state state;
    bool was_used; /* it has answered before: an end may only mean that it was idle too long */
    struct rt_list queue;     /* calls that wait */
    struct dht_call *current; /* BUSY: the one in flight */
    struct rt_list idle;      /* IDLE: in the pool's list, longest idle first */
    struct relay_timer timer; /* IDLE: closes it */
};

struct transport {
    const struct relay_transport *table;
    void *state;
};

struct dht_calls {
    struct rt_worker *worker;
    const struct rt_sign_key *identity;
    struct dht_calls_hooks hooks;
    struct transport transports[2];
    uint8_t hash_key[16];
    struct rt_map remotes;
    struct rt_list idle;
    struct rt_list failing; /* calls that have failed already, and are told so on a later turn */
    uint32_t calls;
    bool is_stopped;
};

static const struct dial_ops ops;

struct dht_calls *dht_calls_new(struct rt_worker *w, const struct rt_sign_key *identity,
                                const struct dht_calls_hooks *hooks)
{
    struct dht_calls *c = calloc(1, sizeof(*c));

    RT_INSIST(c != NULL);
    c->worker = w;
    c->identity = identity;
    c->hooks = *hooks;
    rt_random(w, c->hash_key, sizeof(c->hash_key));
    rt_list_init(&c->idle);
    rt_list_init(&c->failing);
    return c;
}

void dht_calls_set_transport(struct dht_calls *c, enum wire_transport kind,
                             const struct relay_transport *t, void *state)
{
    c->transports[kind] = (struct transport){t, state};
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

/* -- remotes -- */

static uint64_t hash_of(const struct dht_calls *c, const struct wire_peer_hop *hop)
{
    uint8_t bytes[DHT_HOP_BYTES];

    dht_hop_bytes(hop, bytes);
    return rt_siphash(c->hash_key, bytes, sizeof(bytes));
}

static struct dht_remote *find(const struct dht_calls *c, const struct wire_peer_hop *hop)
{
    struct rt_map_node *n = rt_map_find(&c->remotes, hash_of(c, hop));

    while (n && !dht_hop_same(&((struct dht_remote *)n)->hop, hop))
        n = rt_map_find_next(n);
    return (struct dht_remote *)n;
}

static void remote_free(struct dht_remote *r)
{
    struct dht_calls *c = r->pool;

    rt_timer_disarm(c->worker, &r->timer);
    rt_list_unlink(&r->idle);
    rt_map_remove(&c->remotes, &r->node);
    free(r);
}

static void close_remote(struct dht_remote *r)
{
    if (r->dial)
        dial_close(r->dial);
    remote_free(r);
}

static void on_idle(struct relay_timer *t)
{
    close_remote(RT_CONTAINER_OF(t, struct dht_remote, timer));
}

/* A session for hop, dialled; NULL and *out_why when that cannot be. */
static struct dht_remote *open_remote(struct dht_calls *c, const struct wire_peer_hop *hop,
                                      enum dht_outcome *out_why)
{
    const struct transport *t = &c->transports[hop->transport];
    struct sockaddr_storage addr;
    socklen_t len = dht_hop_sockaddr(hop, &addr);
    struct dial_hello hello = {
        .identity = c->identity, .dialect = WIRE_DIALECT_A, .dialects_served = WIRE_DIALECTS_ALL};
    struct relay_error err;
    struct dht_remote *r;

    *out_why = DHT_CALL_NO_TRANSPORT;
    if (!t->table)
        return NULL;
    *out_why = DHT_CALL_BUSY;
    if (c->remotes.count >= LIM_OUTBOUND_MAX) {
        if (rt_list_empty(&c->idle))
            return NULL;
        close_remote(RT_CONTAINER_OF(c->idle.next, struct dht_remote, idle));
    }
    r = calloc(1, sizeof(*r));
    RT_INSIST(r != NULL);
    r->pool = c;
    r->hop = *hop;
    r->hop.has_pubkey_hint = false;
    r->timer.fire = on_idle;
    rt_list_init(&r->queue);
    rt_list_init(&r->idle);
    *out_why = DHT_CALL_UNREACHABLE;
    if (dial_open(c->worker, &hello, t->table, t->state, (const struct sockaddr *)&addr, len, &ops,
                  r, &r->dial, &err) != RT_ERR_OK) {
        free(r);
        return NULL;
    }
    rt_metric_inc(RT_METRIC_DHT_DIALS);
    rt_map_put(&c->remotes, &r->node, hash_of(c, hop));
    return r;
}

static void go_idle(struct dht_remote *r)
{
    struct dht_calls *c = r->pool;

    r->state = IDLE;
    rt_list_push_back(&c->idle, &r->idle);
    rt_timer_arm(c->worker, &r->timer, rt_now_ns(c->worker) + LIM_OUTBOUND_IDLE_NS);
}

static bool is_wrong(const struct dht_call *call, const struct dht_remote *r)
{
    return call->to.has_pubkey_hint && memcmp(call->to.pubkey_hint, r->hop.pubkey_hint, 32) != 0;
}

/* The session stands and is free: the next call that wants this key goes out. Calls that need no
 * request are done with that, so this calls back; r may be gone when it returns. */
static void pump(struct dht_remote *r)
{
    struct dht_calls *c = r->pool;
    uint8_t key[32];
    struct dht_call_end end = {.outcome = DHT_CALL_ANSWERED, .key = key};
    struct rt_list due;

    memcpy(key, r->hop.pubkey_hint, 32);
    rt_list_init(&due);
    while (r->state != BUSY && !rt_list_empty(&r->queue)) {
        struct rt_list *n = rt_list_pop_front(&r->queue);
        struct dht_call *call = RT_CONTAINER_OF(n, struct dht_call, node);

        if (is_wrong(call, r) || call->type == 0) {
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
        go_idle(r);
    for (struct rt_list *n; (n = rt_list_pop_front(&due));) {
        struct dht_call *call = RT_CONTAINER_OF(n, struct dht_call, node);

        end.outcome = DHT_CALL_ANSWERED;
        if (call->to.has_pubkey_hint && memcmp(call->to.pubkey_hint, key, 32) != 0) {
            end.outcome = DHT_CALL_WRONG_KEY;
            c->hooks.lost(c->hooks.ctx, &call->to, DHT_CALL_WRONG_KEY);
        }
        finish(call, &end);
    }
}

static void move_all(struct rt_list *from, struct rt_list *to)
{
    for (struct rt_list *n; (n = rt_list_pop_front(from));)
        rt_list_push_back(to, n);
}

/* Calls that found their session gone get another one. */
static void dial_again(struct dht_calls *c, const struct wire_peer_hop *hop, struct rt_list *queue)
{
    enum dht_outcome why = DHT_CALL_BUSY;
    struct dht_remote *r;

    if (rt_list_empty(queue))
        return;
    r = c->is_stopped ? NULL : open_remote(c, hop, &why);
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
        if (!is_wrong(RT_CONTAINER_OF((struct rt_list *)(uintptr_t)n, struct dht_call, node), r))
            return true;
    return false;
}

static void on_ready(void *user, const uint8_t key[32])
{
    struct dht_remote *r = user;
    struct dht_calls *c = r->pool;
    const struct wire_hello *hello = dial_server(r->dial);
    uint64_t now_s = rt_wall_ns(c->worker) / RT_S;

    r->hop.has_pubkey_hint = true;
    memcpy(r->hop.pubkey_hint, key, 32);
    c->hooks.skew(c->hooks.ctx, &r->hop, (int64_t)(hello->timestamp_unix_secs - now_s));
    if (is_welcome(r))
        c->hooks.reached(c->hooks.ctx, &r->hop, hello);
    pump(r);
}

static void on_answer(void *user, const struct wire_envelope *e)
{
    struct dht_remote *r = user;
    struct dht_calls *c = r->pool;
    struct dht_call *call = r->current;
    uint8_t key[32];
    struct dht_call_end end = {.outcome = DHT_CALL_ANSWERED, .key = key, .answer = e};

    memcpy(key, r->hop.pubkey_hint, 32);
    r->current = NULL;
    r->was_used = true;
    c->hooks.reached(c->hooks.ctx, &r->hop, NULL);
    if (rt_list_empty(&r->queue)) {
        go_idle(r);
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
    struct dht_call_end end = {.outcome = outcome_of(why)};
    struct wire_peer_hop hop = r->hop;
    struct dht_call *current = r->current;
    bool was_ready = hop.has_pubkey_hint;
    uint8_t key[32];
    struct rt_list queue;

    memcpy(key, hop.pubkey_hint, sizeof(key));
    if (was_ready)
        end.key = key;
    rt_list_init(&queue);
    move_all(&r->queue, &queue);
    if (!was_ready && !rt_list_empty(&queue))
        hop = RT_CONTAINER_OF(queue.next, struct dht_call, node)->to;
    remote_free(r);
    if (was_ready)
        dial_again(c, &hop, &queue);
    if (why->skew_s != 0)
        c->hooks.skew(c->hooks.ctx, &hop, why->skew_s);
    c->hooks.lost(c->hooks.ctx, &hop, end.outcome);
    if (current)
        finish(current, &end);
    for (struct rt_list *n; (n = rt_list_pop_front(&queue));)
        finish(RT_CONTAINER_OF(n, struct dht_call, node), &end);
}

static void on_ended(void *user, const struct dial_end *why)
{
    struct dht_remote *r = user;
    struct dht_calls *c = r->pool;
    struct wire_peer_hop hop = r->hop;
    struct dht_call *current = r->current;
    struct rt_list queue;

    if (r->state == IDLE) {
        remote_free(r);
        return;
    }
    if (!current || !r->was_used || c->is_stopped) {
        on_failed(r, why);
        return;
    }
    rt_list_init(&queue); /* it comes first on the new session, whose end under it is final */
    rt_list_push_back(&queue, &current->node);
    move_all(&r->queue, &queue);
    remote_free(r);
    dial_again(c, &hop, &queue);
}

static const struct dial_ops ops = {on_ready, on_answer, on_ended};

/* -- starting and ending calls -- */

/* What was known when the call was started. */
static void on_known(struct dht_call *call)
{
    uint8_t key[32];
    struct dht_call_end end = {.outcome = call->failure};

    memcpy(key, call->key, sizeof(key));
    if (call->failure == DHT_CALL_ANSWERED || call->failure == DHT_CALL_WRONG_KEY)
        end.key = key;
    finish(call, &end);
}

static void on_call_timer(struct relay_timer *t)
{
    struct dht_call *call = RT_CONTAINER_OF(t, struct dht_call, timer);
    struct dht_call_end end = {.outcome = DHT_CALL_TIMEOUT};
    struct dht_remote *r = call->remote;
    struct dht_calls *c = call->pool;
    struct wire_peer_hop hop = call->to;
    uint8_t key[32];
    struct rt_list queue;

    if (!r) {
        on_known(call);
        return;
    }
    memcpy(key, r->hop.pubkey_hint, sizeof(key));
    if (r->hop.has_pubkey_hint)
        end.key = key;
    rt_list_unlink(&call->node);
    if (r->current != call && (r->state != DIALLING || !rt_list_empty(&r->queue))) {
        finish(call, &end); /* others may still be served */
        return;
    }
    /* Its answer could not be told from the next one's: the session goes, the others get another.
     */
    if (r->hop.has_pubkey_hint)
        hop = r->hop;
    rt_list_init(&queue);
    move_all(&r->queue, &queue);
    close_remote(r);
    dial_again(c, &hop, &queue);
    c->hooks.lost(c->hooks.ctx, &hop, DHT_CALL_TIMEOUT);
    finish(call, &end);
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
        r = find(c, &call->to);
        if (!r)
            r = open_remote(c, &call->to, &why);
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
    if (call->type != 0 && !is_wrong(call, r)) {
        pump(r);
        return;
    }
    /* It would be called back at once. */
    go_idle(r);
    memcpy(call->key, r->hop.pubkey_hint, sizeof(call->key));
    fail_later(call, is_wrong(call, r) ? DHT_CALL_WRONG_KEY : DHT_CALL_ANSWERED);
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
        struct wire_peer_hop hop = r->hop;
        struct rt_list queue;

        rt_list_init(&queue);
        move_all(&r->queue, &queue);
        close_remote(r);
        dial_again(c, &hop, &queue);
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
    close_remote(r);
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
