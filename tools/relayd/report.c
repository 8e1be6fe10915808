/* SPDX-License-Identifier: MPL-2.0 */
#include "report.h"

#include "base/log.h"
#include "crypto/crypto.h"
#include "metric_list.h"
#include "session/refusal_total.h"
#include "wire_refusal.h"

void report_state(const struct cfg *cfg, bool identity_is_new)
{
    rt_log(RELAY_LOG_INFO, identity_is_new ? "new identity created" : "state opened",
           "data_dir=\"%s\"", cfg->data_dir);
    rt_log(RELAY_LOG_INFO, "starting", "version=%s workers=%u max_tunnels=%u memory_max=%lluMiB",
           RELAY_VERSION, cfg->workers, cfg->max_tunnels,
           (unsigned long long)(cfg->memory_max >> 20));
}

void report_listening(const char *transport, const struct sockaddr_storage *bound)
{
    char addr[64];

    cfg_addr_text(bound, addr, sizeof(addr));
    rt_log(RELAY_LOG_INFO, "listening", "transport=%s addr=%s", transport, addr);
}

void report_ready(const struct cfg *cfg, const uint8_t public_key[32])
{
    char hex[65];

    rt_hex(public_key, 32, hex);
    if (!cfg->bind_tcp.is_enabled && !cfg->bind_quic.is_enabled)
        rt_log(RELAY_LOG_WARN, "no listener: this relay accepts no connections", NULL);
    rt_log(RELAY_LOG_INFO, "relay node ready", "pubkey=%s version=%s", hex, RELAY_VERSION);
}

static void report_counter(void *ctx, const char *name, uint64_t value)
{
    (void)ctx;
    rt_log(RELAY_LOG_INFO, "counter", "name=%s value=%llu", name, (unsigned long long)value);
}

void report_counters(void)
{
    for (size_t i = 0; i < METRIC_TABLES; i++)
        rt_metric_each(metric_tables[i], report_counter, NULL);
    rt_metric_named_each(report_counter, NULL);
    for (int r = 1; r < WIRE_REFUSAL_COUNT; r++)
        rt_log(RELAY_LOG_INFO, "refusals", "reason=%s value=%llu",
               wire_refusal_info((enum wire_refusal)r)->reason,
               (unsigned long long)session_refusal_total((enum wire_refusal)r));
}
