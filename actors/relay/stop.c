/* SPDX-License-Identifier: MPL-2.0 */
/* The orderly stop: an actor on worker 0 takes the relay through its last phases. A phase ends when
 * every room it asked has answered; each room keeps a deadline of its own. */
#include "announcer/announcer_msg.h"
#include "base/check.h"
#include "base/log.h"
#include "dht/dht_worker.h"
#include "relay_private.h"
#include "transport/conn.h"
#include "tunnel/tunnel.h"
#include "tunnel/tunnel_msg.h"

struct stop {
    struct rt_msg msg;
    void (*done)(void *ctx);
    void *ctx;
};

static void ask(struct relay *r, struct rt_addr to, struct rt_msg *m)
{
    m->reply_to = rt_actor_addr(&r->actor);
    r->awaited++;
    rt_send(r->actor.worker, to, m);
}

static void drain_sessions(struct relay *r)
{
    for (uint16_t i = 0; i < r->config.workers; i++)
        ask(r, session_control_addr(r->nodes[i].worker),
            rt_msg_new(SESSION_DRAIN, sizeof(struct rt_msg)));
}

static void close_connections(struct relay *r)
{
    for (uint16_t i = 0; i < r->config.workers; i++)
        ask(r, rt_conn_control_addr(r->nodes[i].worker),
            rt_msg_new(RT_CONN_CLOSE_ALL, sizeof(struct rt_conn_close_all)));
}

static void refuse_newcomers(struct relay *r)
{
    struct rt_worker *w = r->actor.worker;

    for (uint16_t i = 0; i < r->config.workers; i++)
        rt_send(w, rt_actor_addr(&r->nodes[i].actor),
                rt_msg_new(RELAY_UNLISTEN, sizeof(struct rt_msg)));
    rt_send(w, tunnel_slots_addr(w), rt_msg_new(SLOTS_SHUTDOWN, sizeof(struct rt_msg)));
}

static void next_phase(struct relay *r)
{
    struct rt_worker *w = r->actor.worker;

    r->phase++;
    if (r->phase == RELAY_FLUSHING && !r->store)
        r->phase++;
    switch (r->phase) {
    case RELAY_DRAINING:
        refuse_newcomers(r);
        ask(r, announcer_addr(w), rt_msg_new(ANNOUNCER_SHUTDOWN, sizeof(struct rt_msg)));
        drain_sessions(r);
        break;
    case RELAY_CLOSING:
        rt_log(RELAY_LOG_INFO, "requests are done, closing connections", NULL);
        ask(r, dht_addr(w), rt_msg_new(DHT_STOP, sizeof(struct rt_msg)));
        close_connections(r);
        break;
    case RELAY_FLUSHING:
        ask(r, r->storage.addr, &storage_flush_new()->msg);
        break;
    default:
        RT_INSIST(r->phase == RELAY_STOPPED);
        r->done(r->done_ctx);
    }
}

/* After the stop has begun, every message is a reply or a request that bounced. */
static void on_msg(struct rt_actor *self, struct rt_msg *m)
{
    struct relay *r = RT_CONTAINER_OF(self, struct relay, actor);

    if (m->kind == RELAY_STOP) {
        const struct stop *stop = RT_MSG_CAST(m, struct stop, RELAY_STOP);

        RT_REQUIRE(r->phase == RELAY_RUNNING);
        r->done = stop->done;
        r->done_ctx = stop->ctx;
        next_phase(r);
    } else {
        RT_INSIST(rt_kind_is_reply(m->kind) && r->awaited > 0);
        if (--r->awaited == 0)
            next_phase(r);
    }
    rt_msg_free(&m);
}

static void on_node_msg(struct rt_actor *self, struct rt_msg *m)
{
    RT_INSIST(m->kind == RELAY_UNLISTEN);
    relay_node_unlisten(RT_CONTAINER_OF(self, struct relay_node, actor));
    rt_msg_free(&m);
}

void relay_stop(struct relay *r, void (*done)(void *ctx), void *ctx)
{
    struct stop *m = rt_msg_new(RELAY_STOP, sizeof(*m));

    m->done = done;
    m->ctx = ctx;
    rt_send_external(r->system, rt_actor_addr(&r->actor), &m->msg);
}

void relay_stop_init(struct relay *r)
{
    for (uint16_t i = 0; i < r->config.workers; i++)
        rt_actor_start(&r->nodes[i].actor, r->nodes[i].worker, on_node_msg);
    rt_actor_start(&r->actor, r->nodes[0].worker, on_msg);
}

void relay_stop_fini(struct relay *r)
{
    rt_actor_stop(&r->actor);
    for (uint16_t i = 0; i < r->config.workers; i++)
        rt_actor_stop(&r->nodes[i].actor);
}
