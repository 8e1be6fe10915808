/* SPDX-License-Identifier: MPL-2.0 */
#include "daemon.h"

#include <stdio.h>
#include <stdlib.h>

#include "actor/actor_limits.h"
#include "base/budget.h"
#include "base/log.h"
#include "control.h"
#include "crypto/crypto.h"
#include "host/log_writer.h"
#include "host/loop_uv.h"
#include "host/os_seams.h"
#include "host/thread_blocking.h"
#include "plugins.h"
#include "process.h"
#include "relay/relay.h"
#include "report.h"
#include "settings.h"
#include "storage/storage.h"

struct daemon {
    const struct cfg *cfg;
    struct settings settings;
    struct storage *storage;
    struct relay *relay;
    struct plugins plugins;
    struct rt_loop *loops[LIM_WORKERS_MAX];
    struct rt_blocking *storage_thread;
    struct control *control;
};

static rt_err fail(struct relay_error *err, const char *text)
{
    snprintf(err->text, sizeof(err->text), "%s", text);
    return RT_ERR_SYSTEM;
}

/* -- making -- */

static rt_err make_relay(struct daemon *d, struct relay_error *err)
{
    rt_err e = storage_open(d->cfg->data_dir, rt_os_seams(), &d->storage, err);

    if (e)
        return e;
    report_state(d->cfg, storage_identity_is_new(d->storage));
    settings_fill(d->cfg, process_connections_max(d->cfg->max_tunnels), &d->settings);
    rt_budget_configure(d->cfg->memory_max);
    return relay_new(&d->settings.relay, rt_os_seams(), d->storage, &d->relay, err);
}

static rt_err make_loops(struct daemon *d)
{
    for (uint16_t i = 0; i < d->cfg->workers; i++) {
        rt_err e = rt_loop_new(rt_system_worker(relay_system(d->relay), i), &d->loops[i]);

        if (e)
            return e;
    }
    return rt_blocking_new(relay_storage_worker(d->relay), &d->storage_thread);
}

static rt_err start_relay(struct daemon *d, struct relay_error *err)
{
    rt_err e = plugins_load(&d->plugins, d->cfg, d->storage, relay_system(d->relay), err);

    if (!e)
        e = relay_start(d->relay, d->plugins.transports, PLUGINS_COUNT, err);
    if (e)
        return e;
    plugins_connect(&d->plugins, d->relay);
    for (uint32_t t = 0; t < PLUGINS_COUNT; t++) {
        if (d->plugins.transports[t].listen_addr)
            report_listening(d->plugins.transports[t].table->name, relay_bound(d->relay, t));
    }
    return RT_ERR_OK;
}

static rt_err start_threads(struct daemon *d)
{
    rt_err e = rt_blocking_start(d->storage_thread, "storage");

    for (uint16_t i = 0; !e && i < d->cfg->workers; i++) {
        char name[16];

        snprintf(name, sizeof(name), "worker-%u", i);
        e = rt_loop_start(d->loops[i], name);
    }
    return e ? e : control_start(d->control);
}

static rt_err make(struct daemon *d, struct relay_error *err)
{
    rt_err e = make_relay(d, err);

    if (e)
        return e;
    if (make_loops(d) != RT_ERR_OK)
        return fail(err,
                    "the limit of open files is too low for the event loops: raise the hard limit "
                    "(ulimit -Hn, LimitNOFILE=) or give fewer --workers");
    e = start_relay(d, err);
    if (e)
        return e;
    if (control_new(d->relay, &d->control) != RT_ERR_OK || start_threads(d) != RT_ERR_OK)
        return fail(err, "threads cannot be started: the system is out of resources");
    return RT_ERR_OK;
}

/* -- shutdown -- */

static void stop_threads(struct daemon *d)
{
    plugins_close(&d->plugins);
    for (uint16_t i = 0; i < d->cfg->workers; i++) {
        if (d->loops[i])
            rt_loop_stop(d->loops[i]);
    }
    for (uint16_t i = 0; i < d->cfg->workers; i++) {
        if (d->loops[i])
            rt_loop_join(d->loops[i]);
    }
    if (d->storage_thread) {
        rt_blocking_stop(d->storage_thread);
        rt_blocking_join(d->storage_thread);
    }
}

/* Connections that did not close in time keep their memory: the process ends. */
static bool finish_relay(struct daemon *d)
{
    uint32_t left = d->relay ? relay_finish(d->relay) : 0;

    rt_blocking_free(&d->storage_thread);
    storage_close(&d->storage);
    if (left)
        rt_log(RELAY_LOG_WARN, "connections still open after shutdown", "connections=%u", left);
    return left == 0;
}

static void free_relay(struct daemon *d)
{
    control_free(&d->control);
    for (uint16_t i = 0; i < d->cfg->workers; i++)
        rt_loop_free(&d->loops[i]);
    plugins_fini(&d->plugins);
    relay_free(&d->relay);
    if (rt_buf_live() != 0)
        rt_log(RELAY_LOG_ERROR, "buffers not freed at shutdown", "buffers=%llu",
               (unsigned long long)rt_buf_live());
}

static void shut_down(struct daemon *d)
{
    stop_threads(d);
    if (finish_relay(d))
        free_relay(d);
}

int daemon_run(const struct cfg *cfg)
{
    static struct daemon daemon;
    struct relay_error err = {""};
    rt_err e;

    rt_log_configure(cfg->log_level, cfg->log_format);
    process_prepare(cfg->workers);
    daemon = (struct daemon){.cfg = cfg};
    e = rt_crypto_init();
    if (e)
        fail(&err, "the cryptographic library cannot be set up");
    else if (rt_log_writer_start() != RT_ERR_OK)
        e = fail(&err, "threads cannot be started: the system is out of resources");
    if (!e)
        e = make(&daemon, &err);
    if (e) {
        rt_log(RELAY_LOG_ERROR, err.text, NULL);
    } else {
        report_ready(cfg, relay_public_key(daemon.relay));
        control_wait(daemon.control);
    }
    shut_down(&daemon);
    if (!e)
        rt_log(RELAY_LOG_INFO, "relay stopped", NULL);
    rt_log_writer_stop();
    return e ? EXIT_FAILURE : EXIT_SUCCESS;
}
