/* SPDX-License-Identifier: MPL-2.0 */
/* Sessions of the pool: look-up by address and dialect, dialling, and repeated dials after a peer
 * refuses a dialect. */
#include <stdlib.h>
#include <string.h>

#include "base/check.h"
#include "dht/address/addr.h"
#include "dht/dht_limits.h"
#include "dht/dht_metrics.h"
#include "dht/rpc_pool_private.h"

static uint64_t hash_of(const struct rpc_pool *c, const struct wire_peer_hop *hop,
                        enum wire_dialect place)
{
    uint8_t bytes[DHT_HOP_BYTES + 1];

    dht_hop_bytes(hop, bytes);
    bytes[DHT_HOP_BYTES] = (uint8_t)place;
    return rt_siphash(c->hash_key, bytes, sizeof(bytes));
}

static bool is_at(const struct rpc_remote *r, const struct wire_peer_hop *hop,
                  enum wire_dialect place)
{
    return r->place == place && dht_hop_same(&r->hop, hop);
}

/* The session found under exactly this dialect, or ANY. */
static struct rpc_remote *find_at(const struct rpc_pool *c, const struct wire_peer_hop *hop,
                                  enum wire_dialect place)
{
    struct rt_map_node *n = rt_map_find(&c->remotes, hash_of(c, hop, place));

    while (n && !is_at((struct rpc_remote *)n, hop, place))
        n = rt_map_find_next(n);
    return (struct rpc_remote *)n;
}

struct rpc_remote *rpc_remote_find(const struct rpc_pool *c, const struct wire_peer_hop *hop,
                                   enum wire_dialect dialect)
{
    struct rpc_remote *r = find_at(c, hop, dialect);

    for (int d = WIRE_DIALECT_C; !r && dialect == DHT_DIALECT_ANY && d >= WIRE_DIALECT_A; d--) {
        r = find_at(c, hop, (enum wire_dialect)d);
        if (r && !r->hop.has_pubkey_hint) /* the peer may still refuse this dialect */
            r = NULL;
    }
    return r;
}

void rpc_remote_free(struct rpc_remote *r)
{
    struct rpc_pool *c = r->pool;

    rt_timer_disarm(c->worker, &r->timer);
    rt_list_unlink(&r->idle);
    rt_map_remove(&c->remotes, &r->node);
    free(r);
}

void rpc_remote_close(struct rpc_remote *r)
{
    if (r->dial)
        dial_close(r->dial);
    rpc_remote_free(r);
}

static void on_idle(struct relay_timer *t)
{
    rpc_remote_close(RT_CONTAINER_OF(t, struct rpc_remote, timer));
}

/* Sends our hello in r's dialect over a new connection. */
static bool dial(struct rpc_remote *r)
{
    struct rpc_pool *c = r->pool;
    const struct rpc_dialler *t = &c->transports[r->hop.transport];
    struct dial_hello hello = {
        .identity = c->identity, .dialect = r->dialect, .dialects_served = c->dialects};
    struct sockaddr_storage addr;
    socklen_t len = dht_hop_sockaddr(&r->hop, &addr);
    struct relay_error err;

    if (dial_open(c->worker, &hello, t->table, t->state, (const struct sockaddr *)&addr, len,
                  c->ops, r, &r->dial, &err) != RT_ERR_OK)
        return false;
    rt_metric_inc(RT_METRIC_DHT_DIALS);
    return true;
}

/* Sets the next dialect in the order C, B, A, of those spoken here and not yet refused. */
static bool next_dialect(struct rpc_remote *r)
{
    uint8_t left = r->pool->dialects & (uint8_t)~r->refused;

    for (int d = WIRE_DIALECT_C; d >= WIRE_DIALECT_A; d--) {
        if (!(left & WIRE_DIALECT_BIT(d)))
            continue;
        r->dialect = (enum wire_dialect)d;
        return true;
    }
    return false;
}

bool rpc_remote_dial_next(struct rpc_remote *r)
{
    r->dial = NULL;
    r->refused |= WIRE_DIALECT_BIT(r->dialect);
    if (!next_dialect(r))
        return false;
    rt_metric_inc(RT_METRIC_DHT_DIALECT_REDIALS);
    return dial(r);
}

struct rpc_remote *rpc_remote_open(struct rpc_pool *c, const struct wire_peer_hop *hop,
                                   enum wire_dialect place, enum wire_dialect first,
                                   enum dht_outcome *out_why)
{
    struct rpc_remote *r;

    *out_why = DHT_CALL_NO_TRANSPORT;
    if (!c->transports[hop->transport].table)
        return NULL;
    *out_why = DHT_CALL_BUSY;
    if (c->remotes.count >= LIM_OUTBOUND_MAX) {
        if (rt_list_empty(&c->idle))
            return NULL;
        rpc_remote_close(RT_CONTAINER_OF(c->idle.next, struct rpc_remote, idle));
    }
    r = calloc(1, sizeof(*r));
    RT_INSIST(r != NULL);
    r->pool = c;
    r->hop = *hop;
    r->hop.has_pubkey_hint = false;
    r->place = place;
    r->dialect = first;
    if (!(c->dialects & WIRE_DIALECT_BIT(first)))
        RT_INSIST(next_dialect(r)); /* this relay speaks at least one */
    r->timer.fire = on_idle;
    rt_list_init(&r->queue);
    rt_list_init(&r->idle);
    *out_why = DHT_CALL_UNREACHABLE;
    if (!dial(r)) {
        free(r);
        return NULL;
    }
    rt_map_put(&c->remotes, &r->node, hash_of(c, hop, r->place));
    return r;
}

void rpc_remote_go_idle(struct rpc_remote *r)
{
    struct rpc_pool *c = r->pool;

    r->state = IDLE;
    rt_list_push_back(&c->idle, &r->idle);
    rt_timer_arm(c->worker, &r->timer, rt_now_ns(c->worker) + LIM_OUTBOUND_IDLE_NS);
}

bool rpc_remote_is_wrong_key(const struct rpc_remote *r, const struct rpc_call *call)
{
    return call->to.has_pubkey_hint && memcmp(call->to.pubkey_hint, r->hop.pubkey_hint, 32) != 0;
}

enum dht_outcome rpc_remote_fault(const struct rpc_remote *r, const struct rpc_call *call)
{
    if (rpc_remote_is_wrong_key(r, call))
        return DHT_CALL_WRONG_KEY;
    return call->dialect != DHT_DIALECT_ANY && call->dialect != r->dialect ? DHT_CALL_WRONG_DIALECT
                                                                           : DHT_CALL_REPLIED;
}

/* Files the session under its dialect, unless another session is there. */
static void settle(struct rpc_remote *r)
{
    struct rpc_pool *c = r->pool;

    if (r->place == r->dialect || find_at(c, &r->hop, r->dialect))
        return;
    rt_map_remove(&c->remotes, &r->node);
    r->place = r->dialect;
    rt_map_put(&c->remotes, &r->node, hash_of(c, &r->hop, r->place));
}

/* A marked relay speaks the dialects of its marker, except those that it refused. */
static uint8_t dialects_of(const struct rpc_remote *r, const struct wire_hello *hello)
{
    uint8_t marked = wire_nonce_dialects(hello->nonce) & r->pool->dialects & (uint8_t)~r->refused;

    return marked | WIRE_DIALECT_BIT(r->dialect);
}

void rpc_remote_ready(struct rpc_remote *r, const struct wire_hello *hello)
{
    r->hop.has_pubkey_hint = true;
    memcpy(r->hop.pubkey_hint, hello->node_pubkey, 32);
    r->dialects = dialects_of(r, hello);
    settle(r);
}
