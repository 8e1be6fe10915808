/* SPDX-License-Identifier: MPL-2.0 */
#include "transports.h"

#include <limits.h>
#include <stdio.h>
#include <string.h>

#include "base/check.h"
#include "base/log.h"
#include "compose.h"
#include "host/services.h"
#include "report.h"
#include "transport/conn.h"
#include "transport/loader.h"

static const char *const plugin_names[TRANSPORTS_COUNT] = {
    [CFG_TCP] = "tcp_tls",
    [CFG_QUIC] = "quic",
};

static const struct cfg_listen *wanted(const struct relay *r, unsigned t)
{
    return t == CFG_TCP ? &r->cfg->bind_tcp : &r->cfg->bind_quic;
}

static int plugin_secret(void *ctx, const char *transport, const char *name, void *out, size_t len)
{
    struct relay *r = ctx;
    struct relay_error err = {""};
    char full[STORAGE_NAME_MAX + 1];
    int n = snprintf(full, sizeof(full), "plugin:%s/%s", transport, name);

    if (n < 0 || (size_t)n >= sizeof(full) || len == 0 || len > STORAGE_SECRET_MAX)
        return -1;
    if (storage_secret(r->storage, full, out, len, &err) == RT_ERR_OK)
        return 0;
    rt_log(RELAY_LOG_ERROR, err.text, "transport=%s", transport);
    return -1;
}

static const char *plugin_option(void *ctx, const char *transport, const char *name)
{
    const struct relay *r = ctx;

    if (strcmp(transport, "quic") == 0 && strcmp(name, "retry") == 0)
        return r->cfg->quic_retry == CFG_RETRY_ALWAYS ? "always" : "auto";
    return NULL;
}

static rt_err load(struct relay *r, unsigned t, struct relay_error *err)
{
    struct transport *tr = &r->transports[t];
    char path[PATH_MAX];
    rt_err e = rt_loader_find(plugin_names[t], path, sizeof(path), err);

    if (!e)
        e = rt_loader_open(path, &tr->table, err);
    if (e)
        return e;
    tr->host = rt_services_add(tr->table->name);
    RT_INSIST(tr->host);
    for (uint16_t i = 0; i < r->workers; i++) {
        struct transport_port *p = &tr->ports[i];

        p->transport = tr;
        if (tr->table->worker_init(tr->host, (struct relay_worker *)r->nodes[i].worker, &p->state,
                                   err) != 0)
            return RT_ERR_SYSTEM;
        rt_services_set_state(tr->table->name, i, p->state);
    }
    return RT_ERR_OK;
}

/* One listener per worker on one address; with port 0 the first one's port is everybody's. */
static rt_err listen_on(struct relay *r, unsigned t, struct relay_error *err)
{
    struct transport *tr = &r->transports[t];
    struct sockaddr_storage bound = wanted(r, t)->addr;

    for (uint16_t i = 0; i < r->workers; i++) {
        struct transport_port *p = &tr->ports[i];
        struct sockaddr_storage addr = bound;
        struct relay_listen spec = {
            .addr = (const struct sockaddr *)&addr,
            .addr_len = wanted(r, t)->addr_len,
            .fd = -1,
            .index = i,
            .count = r->workers,
        };

        if (tr->table->listen(p->state, &spec, &p->listener, &bound, err) != 0)
            return RT_ERR_SYSTEM;
    }
    tr->bound = bound;
    report_listening(tr->table->name, &bound);
    return RT_ERR_OK;
}

rt_err transports_open(struct relay *r, struct relay_error *err)
{
    struct rt_services_config services = {
        .system = r->system,
        .worker_count = r->workers,
        .events = &rt_conn_events,
        .option = plugin_option,
        .secret = plugin_secret,
        .ctx = r,
    };
    rt_err e = RT_ERR_OK;

    rt_services_init(&services);
    r->has_services = true;
    for (unsigned t = 0; !e && t < TRANSPORTS_COUNT; t++)
        e = load(r, t, err);
    for (unsigned t = 0; !e && t < TRANSPORTS_COUNT; t++) {
        if (wanted(r, t)->is_enabled)
            e = listen_on(r, t, err);
    }
    return e;
}

/* On the listener's worker. state NULL: that worker has ended. */
static void unlisten(void *state, void *arg)
{
    struct transport_port *p = arg;
    struct relay_listener *l = p->listener;

    if (!state || !l)
        return;
    p->listener = NULL;
    p->transport->table->unlisten(l);
}

void transports_unlisten(struct relay *r)
{
    for (unsigned t = 0; t < TRANSPORTS_COUNT; t++) {
        struct transport *tr = &r->transports[t];

        for (uint16_t i = 0; tr->table && i < r->workers; i++)
            (void)tr->host->post(i, tr->table->name, unlisten, &tr->ports[i]);
    }
}

void transports_close_worker(struct relay *r, uint16_t worker)
{
    if (r->has_services)
        rt_services_close_worker(worker);
}

void transports_fini_worker(struct relay *r, uint16_t worker)
{
    for (unsigned t = 0; t < TRANSPORTS_COUNT; t++) {
        struct transport_port *p = &r->transports[t].ports[worker];

        if (p->listener)
            r->transports[t].table->unlisten(p->listener);
        if (p->state)
            r->transports[t].table->worker_fini(p->state);
        p->listener = NULL;
        p->state = NULL;
    }
}

void transports_fini(struct relay *r)
{
    if (r->has_services)
        rt_services_fini();
    r->has_services = false;
}
