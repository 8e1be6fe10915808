/* SPDX-License-Identifier: MPL-2.0 */
#include <stdlib.h>
#include <string.h>

#include "actor/actor_limits.h"
#include "actor/worker.h"
#include "announcer/announcer.h"
#include "base/budget.h"
#include "base/check.h"
#include "base/log.h"
#include "base/metric.h"
#include "dht/dht.h"
#include "dht/dht_limits.h"
#include "relay_under_test.h"
#include "session/session_limits.h"
#include "sim_transport.h"
#include "transport/transport_limits.h"
#include "tunnel/tunnel_msg.h"

#define RELAY_PORT 7001u

struct sim_relay {
    struct sim_world *world;
    struct sim_relay_config config;
    struct sim_target target;
    struct relay_host host;
    struct wire_peer_hop self;
    struct rt_system *system;
    struct session_shared sessions;
    struct rt_door *door;

    struct lane {
        struct sim_relay *relay;
        struct rt_worker *worker;
        struct sim_lane *lane;
        void *transport;
        struct relay_listener *listener;
        struct rt_addr control;
    } lanes[LIM_WORKERS_MAX];

    struct rt_actor shutdown; /* on worker 0: counts what is still to be answered */
    uint32_t owed;
    uint16_t asked_for; /* DHT_STOP, SESSION_DRAIN, SESSION_CLOSE_ALL or 0 */
    uint32_t standing_actors;
    bool is_down; /* the world's */
};

/* -- the host's side of the transport table -- */

static void host_log(enum relay_log_level level, const char *text)
{
    rt_log(level, text, "transport=sim");
}

static uint64_t host_now_ns(struct relay_worker *w)
{
    return rt_now_ns(w);
}

static uint64_t host_wall_ns(struct relay_worker *w)
{
    return rt_wall_ns(w);
}

static void *host_loop(struct relay_worker *w)
{
    return rt_worker_loop(w);
}

static uint16_t host_worker_index(struct relay_worker *w)
{
    return rt_worker_index(w);
}

static bool host_post(uint16_t index, const char *transport, void (*fn)(void *state, void *arg),
                      void *arg)
{
    (void)index, (void)transport, (void)fn, (void)arg;
    return false;
}

static const char *host_option(const char *name)
{
    (void)name;
    return NULL;
}

static int host_secret(const char *name, void *out, size_t len)
{
    (void)name, (void)out, (void)len;
    return -1;
}

static void fill_host(struct sim_relay *r)
{
    r->host = (struct relay_host){.size = sizeof(struct relay_host),
                                  .abi_minor = RELAY_ABI_MINOR,
                                  .worker_count = r->config.workers,
                                  .events = &rt_conn_events,
                                  .log = host_log,
                                  .now_ns = host_now_ns,
                                  .wall_ns = host_wall_ns,
                                  .random = rt_random,
                                  .buf_new = rt_buf_new,
                                  .loop = host_loop,
                                  .worker_index = host_worker_index,
                                  .timer_arm = rt_timer_arm,
                                  .timer_disarm = rt_timer_disarm,
                                  .post = host_post,
                                  .counter = rt_metric_named,
                                  .option = host_option,
                                  .secret = host_secret};
}

/* -- a worker as a lane -- */

static void lane_enter(void *ctx)
{
    rt_worker_bind_thread(((struct lane *)ctx)->worker);
}

static void lane_leave(void *ctx)
{
    rt_worker_unbind_thread(((struct lane *)ctx)->worker);
}

static void lane_awake(void *ctx)
{
    rt_worker_refresh_clock(((struct lane *)ctx)->worker);
}

static bool lane_turn(void *ctx)
{
    return rt_worker_turn(((struct lane *)ctx)->worker);
}

static uint64_t lane_next_ns(void *ctx)
{
    return rt_worker_next_timer(((struct lane *)ctx)->worker);
}

static const struct sim_lane_ops lane_ops = {lane_enter, lane_leave, lane_awake, lane_turn,
                                             lane_next_ns};

static void lane_wake(void *ctx)
{
    sim_lane_wake(ctx);
}

/* -- shutdown: what tools/relayd does on a signal -- */

struct down_mail {
    struct sim_mail mail;
    struct sim_relay *relay;
};

static void run_down(struct sim_mail *m)
{
    struct down_mail *d = (struct down_mail *)m;

    d->relay->is_down = true;
    free(d);
}

static void ask_every_worker(struct sim_relay *r, uint16_t kind)
{
    r->asked_for = kind;
    r->owed = r->config.workers;
    for (uint16_t i = 0; i < r->config.workers; i++) {
        struct rt_msg *m = rt_msg_new(kind, sizeof(*m));

        m->reply_to = rt_actor_addr(&r->shutdown);
        rt_send(r->lanes[0].worker, r->lanes[i].control, m);
    }
}

static void ask_dht(struct sim_relay *r)
{
    struct rt_msg *m = rt_msg_new(DHT_STOP, sizeof(*m));

    r->asked_for = DHT_STOP;
    r->owed = 1;
    m->reply_to = rt_actor_addr(&r->shutdown);
    rt_send(r->lanes[0].worker, dht_addr(r->lanes[0].worker), m);
}

static void on_shutdown_msg(struct rt_actor *self, struct rt_msg *m)
{
    struct sim_relay *r = RT_CONTAINER_OF(self, struct sim_relay, shutdown);
    struct down_mail *d;

    RT_INSIST(!m->is_bounced && r->owed > 0);
    rt_msg_free(&m);
    if (--r->owed > 0)
        return;
    if (r->asked_for == SESSION_DRAIN) {
        ask_dht(r);
        return;
    }
    if (r->asked_for == DHT_STOP) {
        ask_every_worker(r, SESSION_CLOSE_ALL);
        return;
    }
    d = sim_alloc(sizeof(*d));
    d->mail.run = run_down;
    d->relay = r;
    sim_world_post(r->world, &d->mail);
}

static void call_unlisten(void *ctx)
{
    struct lane *l = ctx;

    sim_transport()->unlisten(l->listener);
    l->listener = NULL;
}

static void call_shutdown(void *ctx)
{
    struct sim_relay *r = ctx;
    struct rt_worker *w = r->lanes[0].worker;
    struct rt_msg *goodbye = rt_msg_new(ANNOUNCER_SHUTDOWN, sizeof(*goodbye));

    rt_send(w, tunnel_slots_addr(w), rt_msg_new(SLOTS_SHUTDOWN, sizeof(struct rt_msg)));
    ask_every_worker(r, SESSION_DRAIN);
    r->owed++;
    goodbye->reply_to = rt_actor_addr(&r->shutdown);
    rt_send(w, announcer_addr(w), goodbye);
}

void sim_relay_shut_down(struct sim_relay *r)
{
    for (uint16_t i = 0; i < r->config.workers; i++)
        sim_lane_call(r->lanes[i].lane, call_unlisten, &r->lanes[i]);
    sim_lane_call(r->lanes[0].lane, call_shutdown, r);
}

bool sim_relay_is_down(const struct sim_relay *r)
{
    return r->is_down;
}

/* -- counting -- */

struct count {
    struct lane *lane;
    uint32_t connections, actors;
};

static void call_count(void *ctx)
{
    struct count *c = ctx;
    struct rt_worker *w = c->lane->worker;

    c->connections += rt_conn_worker_count(w);
    for (uint32_t i = 0; i < w->place_count; i++)
        c->actors += w->places[i].actor != NULL;
}

static struct count count_all(struct sim_relay *r)
{
    struct count c = {0};

    for (uint16_t i = 0; i < r->config.workers; i++) {
        c.lane = &r->lanes[i];
        sim_lane_call(c.lane->lane, call_count, &c);
    }
    return c;
}

uint32_t sim_relay_connections(struct sim_relay *r)
{
    return count_all(r).connections;
}

uint32_t sim_relay_actors(struct sim_relay *r)
{
    return count_all(r).actors - r->standing_actors;
}

/* -- the DHT -- */

struct dht_visit {
    struct sim_relay *relay;
    void (*fn)(void *ctx, struct dht *d);
    void *ctx;
};

static struct dht *dht_of(struct sim_relay *r)
{
    struct rt_worker *w = r->lanes[0].worker;

    return RT_CONTAINER_OF(w->places[dht_addr(w).index].actor, struct dht, actor);
}

static void call_visit(void *ctx)
{
    struct dht_visit *v = ctx;

    v->fn(v->ctx, dht_of(v->relay));
}

void sim_relay_in_dht(struct sim_relay *r, void (*fn)(void *ctx, struct dht *d), void *ctx)
{
    struct dht_visit v = {r, fn, ctx};

    sim_lane_call(r->lanes[0].lane, call_visit, &v);
}

static void where_it_is(void *ctx, struct dht_self *out)
{
    out->bound_count = 1;
    out->bound[0] = ((struct sim_relay *)ctx)->self;
}

static void where_to_find_it(void *ctx, struct announcer_where *out)
{
    out->bound_count = 1;
    out->bound[0] = ((struct sim_relay *)ctx)->self;
}

static void join_network(struct sim_relay *r)
{
    sim_lane_live_at(r->lanes[0].lane, &r->target.addr);
    dht_set_transport(r->system, WIRE_TCP, sim_transport(), r->lanes[0].transport);
    dht_start(r->system);
    if (r->config.announces)
        announcer_start(r->system);
}

static void notify_revoked(void *ctx, struct rt_worker *w, const uint8_t key[32])
{
    struct announcer_revoked *m = rt_msg_new(ANNOUNCER_REVOKED, sizeof(*m));

    (void)ctx;
    memcpy(m->key, key, sizeof(m->key));
    rt_send(w, announcer_addr(w), &m->msg);
}

/* -- life -- */

void sim_relay_config_default(struct sim_relay_config *c)
{
    *c = (struct sim_relay_config){.workers = 1,
                                   .number = 1,
                                   .max_tunnels = 1000,
                                   .dialects = WIRE_DIALECTS_ALL,
                                   .door = {.connections_max = 100000,
                                            .half_open_max = LIM_HALF_OPEN_MAX,
                                            .per_prefix_max = LIM_CONNS_PER_PREFIX},
                                   .rates = {.dht_per_minute = LIM_RATE_DHT_PER_MIN,
                                             .fetch_per_minute = LIM_RATE_FETCH_PER_MIN,
                                             .community_per_minute = LIM_RATE_COMMUNITY_PER_MIN,
                                             .relay_per_minute = LIM_RATE_RELAY_PER_MIN,
                                             .relay_burst = LIM_RATE_RELAY_BURST}};
}

const struct sim_target *sim_relay_target(const struct sim_relay *r)
{
    return &r->target;
}

static void start_rooms(struct sim_relay *r)
{
    struct rt_sign_key key;
    uint8_t seed[32] = {'r', 'e', 'l', 'a', 'y'}, secret[48];
    struct tunnel_config tunnels = {.max_tunnels = r->config.max_tunnels};
    struct dht_config dht = {.value_bytes_max = r->config.value_bytes_max
                                                    ? r->config.value_bytes_max
                                                    : LIM_VALUE_BYTES_MAX,
                             .bootstrap = r->config.bootstrap,
                             .bootstrap_count = r->config.bootstrap_count,
                             .self = r->config.ip ? where_it_is : NULL,
                             .self_ctx = r,
                             .seen_self = r->config.seen_self,
                             .seen_self_ctx = r->config.seen_self_ctx,
                             .revoked = notify_revoked};
    struct announcer_config announcer = {.interval_s = 1800,
                                         .max_tunnels = (uint16_t)r->config.max_tunnels,
                                         .bandwidth = WIRE_BANDWIDTH_MEDIUM,
                                         .where = where_to_find_it,
                                         .where_ctx = r};

    memcpy(seed + 8, &r->config.number, sizeof(r->config.number));
    rt_sign_key_from_seed(seed, &key);
    memcpy(r->target.public_key, key.public_key, 32);
    sim_addr4(&r->target.addr, r->config.ip ? r->config.ip : 0xc0a80000u + r->config.number,
              RELAY_PORT);
    RT_INSIST(dht_hop_from(&r->target.addr, &r->self));
    rt_random(rt_system_worker(r->system, 0), secret, sizeof(secret));
    memcpy(tunnels.slot_secret, secret, sizeof(tunnels.slot_secret));
    RT_INSIST(session_shared_init(&r->sessions, &key, r->config.dialects, &r->config.rates,
                                  secret + 32) == RT_ERR_OK);
    RT_INSIST(rt_door_new(&r->config.door, r->config.workers, secret + 32, &r->door) == RT_ERR_OK);
    for (uint16_t i = 0; i < r->config.workers; i++) {
        struct rt_worker *w = rt_system_worker(r->system, i);

        RT_INSIST(tunnel_worker_init(w, &tunnels) == RT_ERR_OK);
        RT_INSIST(session_worker_init(w, &r->sessions) == RT_ERR_OK);
        RT_INSIST(rt_conn_worker_init(w, r->door, session_acceptor(w)) == RT_ERR_OK);
    }
    dht.identity = &r->sessions.identity;
    dht.dialects = r->config.dialects;
    memcpy(dht.hash_key, secret + 32, sizeof(dht.hash_key));
    RT_INSIST(dht_init(r->system, &dht) == RT_ERR_OK);
    announcer.identity = &r->sessions.identity;
    memcpy(announcer.hash_key, secret + 32, sizeof(announcer.hash_key));
    announcer_init(r->system, &announcer);
    rt_actor_start(&r->shutdown, rt_system_worker(r->system, 0), on_shutdown_msg);
}

static void start_lane(struct sim_relay *r, uint16_t index)
{
    struct lane *l = &r->lanes[index];
    struct rt_worker *w = rt_system_worker(r->system, index);
    struct relay_listen spec = {.addr = (const struct sockaddr *)&r->target.addr,
                                .addr_len = sizeof(struct sockaddr_in),
                                .fd = -1,
                                .index = index,
                                .count = r->config.workers};
    struct sockaddr_storage bound;
    struct relay_error err;

    l->relay = r;
    l->worker = w;
    l->control = session_control_addr(w);
    l->lane = sim_lane_new(r->world, &lane_ops, l);
    rt_worker_set_loop(w, l->lane);
    rt_worker_set_waker(w, (struct rt_waker){lane_wake, l->lane});
    RT_INSIST(sim_transport()->worker_init(&r->host, w, &l->transport, &err) == 0);
    RT_INSIST(sim_transport()->listen(l->transport, &spec, &l->listener, &bound, &err) == 0);
}

struct sim_relay *sim_relay_new(struct sim_world *w, const struct sim_relay_config *config)
{
    struct sim_relay *r = sim_alloc(sizeof(*r));

    RT_REQUIRE(config->workers > 0 && config->workers <= LIM_WORKERS_MAX);
    r->world = w;
    r->config = *config;
    r->system = rt_system_new(config->workers, sim_seams(w));
    fill_host(r);
    start_rooms(r);
    for (uint16_t i = 0; i < config->workers; i++)
        start_lane(r, i);
    if (config->ip)
        join_network(r);
    r->standing_actors = 0;
    r->standing_actors = count_all(r).actors;
    return r;
}

void sim_relay_free(struct sim_relay **relay)
{
    struct sim_relay *r = *relay;

    *relay = NULL;
    if (!r)
        return;
    RT_REQUIRE(r->is_down);
    for (uint16_t i = 0; i < r->config.workers; i++)
        sim_lane_free(&r->lanes[i].lane);
    rt_actor_stop(&r->shutdown);
    for (uint16_t i = 0; i < r->config.workers; i++)
        sim_transport()->worker_fini(r->lanes[i].transport);
    announcer_fini(r->system);
    dht_fini(r->system);
    for (uint16_t i = 0; i < r->config.workers; i++) {
        struct rt_worker *w = rt_system_worker(r->system, i);

        rt_conn_worker_fini(w);
        session_worker_fini(w);
        tunnel_worker_fini(w);
    }
    rt_system_free(&r->system);
    session_shared_fini(&r->sessions);
    rt_door_free(&r->door);
    free(r);
}
