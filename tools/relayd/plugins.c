/* SPDX-License-Identifier: MPL-2.0 */
#include "plugins.h"

#include <limits.h>
#include <stdio.h>
#include <string.h>

#include "base/check.h"
#include "base/log.h"
#include "host/services.h"
#include "storage/storage.h"
#include "transport/conn.h"
#include "transport/loader.h"

static const struct plugin {
    const char *name;
    enum wire_transport kind;
} kinds[PLUGINS_COUNT] = {
    [CFG_TCP] = {"tcp_tls", WIRE_TCP},
    [CFG_QUIC] = {"quic", WIRE_QUIC},
};

static int plugin_secret(void *ctx, const char *transport, const char *name, void *out, size_t len)
{
    struct plugins *p = ctx;
    struct relay_error err = {""};
    char full[STORAGE_NAME_MAX + 1];
    int n = snprintf(full, sizeof(full), "plugin:%s/%s", transport, name);

    if (n < 0 || (size_t)n >= sizeof(full) || len == 0 || len > STORAGE_SECRET_MAX)
        return -1;
    if (storage_secret(p->storage, full, out, len, &err) == RT_ERR_OK)
        return 0;
    rt_log(RELAY_LOG_ERROR, err.text, "transport=%s", transport);
    return -1;
}

static const char *plugin_option(void *ctx, const char *transport, const char *name)
{
    const struct plugins *p = ctx;

    if (strcmp(transport, "quic") == 0 && strcmp(name, "retry") == 0)
        return p->cfg->quic_retry == CFG_RETRY_ALWAYS ? "always" : "auto";
    return NULL;
}

static rt_err load(const struct plugin *plugin, const struct cfg_listen *listen,
                   struct relay_transport_config *out, struct relay_error *err)
{
    char path[PATH_MAX];
    rt_err e = rt_loader_find(plugin->name, path, sizeof(path), err);

    if (!e)
        e = rt_loader_open(path, &out->table, err);
    if (e)
        return e;
    out->kind = plugin->kind;
    out->host = rt_services_add(out->table->name);
    RT_INSIST(out->host);
    if (listen->is_enabled) {
        out->listen_addr = (const struct sockaddr *)&listen->addr;
        out->listen_addr_len = listen->addr_len;
    }
    return RT_ERR_OK;
}

rt_err plugins_load(struct plugins *p, const struct cfg *cfg, struct storage *storage,
                    struct rt_system *system, struct relay_error *err)
{
    struct rt_services_config services = {
        .system = system,
        .worker_count = cfg->workers,
        .events = &rt_conn_events,
        .option = plugin_option,
        .secret = plugin_secret,
        .ctx = p,
    };
    rt_err e;

    p->cfg = cfg;
    p->storage = storage;
    rt_services_init(&services);
    p->has_services = true;
    e = load(&kinds[CFG_TCP], &cfg->bind_tcp, &p->transports[CFG_TCP], err);
    return e ? e : load(&kinds[CFG_QUIC], &cfg->bind_quic, &p->transports[CFG_QUIC], err);
}

void plugins_connect(struct plugins *p, const struct relay *r)
{
    for (uint32_t t = 0; t < PLUGINS_COUNT; t++) {
        for (uint16_t i = 0; i < p->cfg->workers; i++)
            rt_services_set_state(p->transports[t].table->name, i, relay_transport_state(r, t, i));
    }
}

void plugins_close(struct plugins *p)
{
    for (uint16_t i = 0; p->has_services && i < p->cfg->workers; i++)
        rt_services_close_worker(i);
}

void plugins_fini(struct plugins *p)
{
    if (p->has_services)
        rt_services_fini();
    p->has_services = false;
}
