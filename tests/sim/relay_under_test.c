/* SPDX-License-Identifier: MPL-2.0 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "actor/actor_limits.h"
#include "actor/worker.h"
#include "base/budget.h"
#include "base/check.h"
#include "base/log.h"
#include "base/metric.h"
#include "dht/dht.h"
#include "dht/dht_worker.h"
#include "dht/dht_limits.h"
#include "disk.h"
#include "relay/relay.h"
#include "relay_under_test.h"
#include "session/session_limits.h"
#include "sim_transport.h"
#include "storage/storage.h"
#include "transport/transport_limits.h"

#define RELAY_PORT 7001u

struct sim_relay {
    struct sim_world *world;
    struct sim_relay_config config;
    struct sim_target target;
    struct relay_host host;
    struct storage *storage; /* NULL: none */
    struct relay *relay;

    /* the network workers', and that of the storage */
    struct lane {
        struct sim_relay *relay;
        struct rt_worker *worker;
        struct sim_lane *lane;
    } lanes[LIM_WORKERS_MAX + 1];
    uint16_t lane_count;

    uint32_t standing_actors;
    bool is_down; /* the world's */
};

/* -- the host's side of the transport table. runtime/host/services has one table per process, as
 * its functions have no context; a world has many relays -- */

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

/* -- the stop -- */

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

/* On lane 0: the world's thread learns it by mail. */
static void on_stopped(void *ctx)
{
    struct sim_relay *r = ctx;
    struct down_mail *d = sim_alloc(sizeof(*d));

    d->mail.run = run_down;
    d->relay = r;
    sim_world_post(r->world, &d->mail);
}

void sim_relay_shut_down(struct sim_relay *r)
{
    relay_stop(r->relay, on_stopped, r);
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

static void open_storage(struct sim_relay *r)
{
    struct relay_error err;
    char dir[32];

    if (!r->config.stores)
        return;
    sim_disk_init();
    snprintf(dir, sizeof(dir), "/sim/relay-%u", r->config.number);
    if (storage_open(dir, sim_seams(r->world), &r->storage, &err) != RT_ERR_OK)
        sim_fail(r->world, "%s", err.text);
}

static void make_relay(struct sim_relay *r)
{
    const struct sim_relay_config *c = &r->config;
    uint8_t seed[32] = {'r', 'e', 'l', 'a', 'y'};
    struct rt_sign_key key;
    struct relay_error err;
    struct relay_config config = {
        .workers = c->workers,
        .dialects = c->dialects,
        .identity = &key,
        .door = c->door,
        .rates = &c->rates,
        .max_tunnels = c->max_tunnels,
        .value_bytes_max = c->value_bytes_max ? c->value_bytes_max : LIM_VALUE_BYTES_MAX,
        .bootstrap = c->bootstrap,
        .bootstrap_count = c->bootstrap_count,
        .announce_interval_s = 1800,
        .bandwidth = WIRE_BANDWIDTH_MEDIUM,
        .joins_network = c->ip != 0,
        .announces_itself = c->ip != 0 && c->announces,
    };

    memcpy(seed + 8, &c->number, sizeof(c->number));
    rt_sign_key_from_seed(seed, &key);
    RT_INSIST(relay_new(&config, sim_seams(r->world), r->storage, &r->relay, &err) == RT_ERR_OK);
    memcpy(r->target.public_key, relay_public_key(r->relay), 32);
    sim_addr4(&r->target.addr, c->ip ? c->ip : 0xc0a80000u + c->number, RELAY_PORT);
}

static void make_lane(struct sim_relay *r, uint16_t index)
{
    struct lane *l = &r->lanes[index];

    l->relay = r;
    l->worker = rt_system_worker(relay_system(r->relay), index);
    l->lane = sim_lane_new(r->world, &lane_ops, l);
    rt_worker_set_loop(l->worker, l->lane);
    rt_worker_set_waker(l->worker, (struct rt_waker){lane_wake, l->lane});
    if (r->config.ip)
        sim_lane_live_at(l->lane, &r->target.addr);
}

static void start_relay(struct sim_relay *r)
{
    struct relay_transport_config transport = {
        .kind = WIRE_TCP,
        .table = sim_transport(),
        .host = &r->host,
        .listen_addr = (const struct sockaddr *)&r->target.addr,
        .listen_addr_len = sizeof(struct sockaddr_in),
    };
    struct relay_error err;

    RT_INSIST(relay_start(r->relay, &transport, 1, &err) == RT_ERR_OK);
}

struct sim_relay *sim_relay_new(struct sim_world *w, const struct sim_relay_config *config)
{
    struct sim_relay *r = sim_alloc(sizeof(*r));

    r->world = w;
    r->config = *config;
    fill_host(r);
    open_storage(r);
    make_relay(r);
    r->lane_count = rt_system_count(relay_system(r->relay));
    for (uint16_t i = 0; i < r->lane_count; i++)
        make_lane(r, i);
    start_relay(r);
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
    for (uint16_t i = 0; i < r->lane_count; i++)
        sim_lane_stop(r->lanes[i].lane);
    for (uint16_t i = 0; i < r->lane_count; i++)
        sim_lane_free(&r->lanes[i].lane);
    RT_INSIST(relay_finish(r->relay) == 0);
    relay_free(&r->relay);
    storage_close(&r->storage);
    free(r);
}
