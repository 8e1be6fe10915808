/* SPDX-License-Identifier: MPL-2.0 */
#include "compose.h"

#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "announce.h"
#include "announcer/announcer.h"
#include "base/budget.h"
#include "base/check.h"
#include "base/log.h"
#include "crypto/crypto.h"
#include "dht/dht.h"
#include "durable.h"
#include "host/log_writer.h"
#include "host/os_seams.h"
#include "network.h"
#include "process.h"
#include "report.h"
#include "transport/transport_limits.h"
#include "tunnel/tunnel_msg.h"
#include "wire_dialect.h"

static rt_err fail(struct relay_error *err, const char *text)
{
    snprintf(err->text, sizeof(err->text), "%s", text);
    return RT_ERR_SYSTEM;
}

/* -- making -- */

static rt_err make_system(struct relay *r)
{
    const struct rt_seams *seams = rt_os_seams();

    r->system = rt_system_new((uint16_t)(r->workers + 2), seams);
    for (uint16_t i = 0; i < r->workers; i++) {
        rt_err e = rt_loop_new(rt_system_worker(r->system, i), &r->nodes[i].loop);

        if (e)
            return e;
        r->nodes[i].worker = rt_system_worker(r->system, i);
    }
    return rt_blocking_new(rt_system_worker(r->system, r->workers), &r->storage_thread);
}

/* What all workers share. */
static rt_err make_shared(struct relay *r)
{
    struct rt_door_limits limits = {
        .connections_max = r->connections_max,
        .half_open_max = LIM_HALF_OPEN_MAX,
        .per_prefix_max = LIM_CONNS_PER_PREFIX,
    };
    const struct rt_seams *seams = rt_os_seams();
    uint8_t door_key[16], session_key[16];
    rt_err e;

    seams->random(seams->ctx, door_key, sizeof(door_key));
    seams->random(seams->ctx, session_key, sizeof(session_key));
    rt_budget_configure(r->cfg->memory_max);
    e = rt_door_new(&limits, r->workers, door_key, &r->door);
    if (!e)
        e = session_shared_init(&r->shared, storage_identity(r->storage), WIRE_DIALECTS_ALL, NULL,
                                session_key);
    r->has_shared = !e;
    return e;
}

static rt_err make_node(struct relay *r, struct relay_node *n)
{
    struct tunnel_config tunnels = {.max_tunnels = r->cfg->max_tunnels};
    rt_err e = session_worker_init(n->worker, &r->shared);

    n->has_session = !e;
    if (!e)
        e = rt_conn_worker_init(n->worker, r->door, session_acceptor(n->worker));
    n->has_conn = !e;
    if (e)
        return e;
    memcpy(tunnels.slot_secret, storage_slot_secret(r->storage), sizeof(tunnels.slot_secret));
    e = tunnel_worker_init(n->worker, &tunnels);
    n->has_tunnel = !e;
    rt_wipe(&tunnels, sizeof(tunnels));
    return e;
}

/* The rooms, in the order in which they lean on each other. */
static rt_err make_rooms(struct relay *r, struct relay_error *err)
{
    rt_err e = make_shared(r);

    for (uint16_t i = 0; !e && i < r->workers; i++)
        e = make_node(r, &r->nodes[i]);
    if (!e)
        e = network_init(r);
    r->has_dht = !e;
    if (!e)
        announce_init(r);
    if (e)
        snprintf(err->text, sizeof(err->text), "the relay cannot be set up: %s", rt_err_text(e));
    return e;
}

static rt_err start_threads(struct relay *r)
{
    rt_err e = rt_blocking_start(r->storage_thread, "storage");

    for (uint16_t i = 0; !e && i < r->workers; i++) {
        char name[16];

        snprintf(name, sizeof(name), "worker-%u", i);
        e = rt_loop_start(r->nodes[i].loop, name);
    }
    return e ? e : control_start(r->control);
}

static rt_err make(struct relay *r, struct relay_error *err)
{
    rt_err e = storage_open(r->cfg->data_dir, rt_os_seams(), &r->storage, err);

    if (!e)
        e = storage_secret(r->storage, "dht", r->dht_key, sizeof(r->dht_key), err);
    if (e)
        return e;
    report_state(r->cfg, storage_identity_is_new(r->storage));
    r->connections_max = process_connections_max(r->cfg->max_tunnels);
    if (make_system(r) != RT_ERR_OK)
        return fail(err,
                    "the limit of open files is too low for the event loops: raise the hard limit "
                    "(ulimit -Hn, LimitNOFILE=) or give fewer --workers");
    e = make_rooms(r, err);
    if (!e)
        e = transports_open(r, err);
    if (e)
        return e;
    r->storage_addr = storage_start(r->storage, rt_system_worker(r->system, r->workers));
    e = durable_load(r, err);
    if (e)
        return e;
    network_start(r);
    announcer_start(r->system);
    if (control_new(r, &r->control) != RT_ERR_OK || start_threads(r) != RT_ERR_OK)
        return fail(err, "threads cannot be started: the system is out of resources");
    return RT_ERR_OK;
}

/* -- taking apart -- */

static void stop_threads(struct relay *r)
{
    for (uint16_t i = 0; i < r->workers; i++) {
        transports_close_worker(r, i);
        if (r->nodes[i].loop)
            rt_loop_stop(r->nodes[i].loop);
    }
    for (uint16_t i = 0; i < r->workers; i++) {
        if (r->nodes[i].loop)
            rt_loop_join(r->nodes[i].loop);
    }
    if (r->storage_thread) {
        rt_blocking_stop(r->storage_thread);
        rt_blocking_join(r->storage_thread);
    }
}

/* Connections that did not go in time: their memory is the kernel's to take back. */
static bool is_quiet(const struct relay *r)
{
    uint32_t left = 0;

    for (uint16_t i = 0; i < r->workers; i++) {
        if (r->nodes[i].has_conn)
            left += rt_conn_worker_count(r->nodes[i].worker);
    }
    if (left)
        rt_log(RELAY_LOG_WARN, "connections are left behind", "connections=%u", left);
    return left == 0;
}

static void free_node(struct relay *r, uint16_t i)
{
    struct relay_node *n = &r->nodes[i];

    transports_fini_worker(r, i);
    rt_loop_free(&n->loop);
    if (n->has_tunnel)
        tunnel_worker_fini(n->worker);
    if (n->has_session)
        session_worker_fini(n->worker);
    if (n->has_conn)
        rt_conn_worker_fini(n->worker);
}

static void close_storage(struct relay *r)
{
    if (r->storage && !rt_addr_none(r->storage_addr))
        storage_stop(r->storage);
    rt_blocking_free(&r->storage_thread);
    storage_close(&r->storage);
}

static void free_rooms(struct relay *r)
{
    control_free(&r->control);
    for (uint16_t i = 0; i < r->workers; i++)
        free_node(r, i);
    if (r->has_dht) {
        announcer_fini(r->system);
        dht_fini(r->system);
    }
    transports_fini(r);
    rt_door_free(&r->door);
    if (r->has_shared)
        session_shared_fini(&r->shared);
    rt_system_free(&r->system);
    if (rt_buf_live() != 0)
        rt_log(RELAY_LOG_ERROR, "buffers are left behind", "buffers=%llu",
               (unsigned long long)rt_buf_live());
}

static void take_apart(struct relay *r)
{
    stop_threads(r);
    close_storage(r);
    if (is_quiet(r))
        free_rooms(r);
}

int relay_run(const struct cfg *cfg)
{
    static struct relay relay;
    struct relay_error err = {""};
    rt_err e;

    rt_log_configure(cfg->log_level, cfg->log_format);
    process_prepare(cfg->workers);
    relay = (struct relay){.cfg = cfg, .workers = cfg->workers};
    e = rt_crypto_init();
    if (e)
        fail(&err, "the cryptographic library cannot be set up");
    else if (rt_log_writer_start() != RT_ERR_OK)
        e = fail(&err, "threads cannot be started: the system is out of resources");
    if (!e)
        e = make(&relay, &err);
    if (e) {
        rt_log(RELAY_LOG_ERROR, err.text, NULL);
    } else {
        report_ready(cfg, storage_identity(relay.storage)->public_key);
        control_wait(relay.control);
    }
    take_apart(&relay);
    if (!e)
        rt_log(RELAY_LOG_INFO, "relay stopped", NULL);
    rt_log_writer_stop();
    return e ? EXIT_FAILURE : EXIT_SUCCESS;
}
