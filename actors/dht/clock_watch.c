/* SPDX-License-Identifier: MPL-2.0 */
#include "dht/clock_watch.h"

#include <string.h>

#include "base/budget.h"
#include "base/log.h"
#include "dht/address/addr.h"
#include "wire_limits.h"

void clock_watch_init(struct clock_watch *c, struct dht_context *context)
{
    memset(c, 0, sizeof(*c));
    c->context = context;
}

static void report_peer(const struct wire_peer_hop *hop, int64_t skew_s, uint64_t now_ns)
{
    static struct rt_log_site site;
    char text[DHT_HOP_TEXT];

    if (!rt_log_allowed(&site, 1, now_ns))
        return;
    dht_hop_text(hop, text, sizeof(text));
    rt_log(hop->port != 0 ? RELAY_LOG_WARN : RELAY_LOG_INFO,
           "a peer's clock and ours differ by more than 300 s: neither accepts the other",
           "addr=%s seconds=%lld", text, (long long)skew_s);
}

void clock_watch_note(struct clock_watch *c, const struct wire_peer_hop *hop, int64_t skew_s)
{
    uint64_t net = dht_hop_net(hop, DHT_NET_BUCKET), now_ns = dht_now_ns(c->context);
    int64_t off_s;

    if (skew_s > (int64_t)LIM_HELLO_SKEW_S || skew_s < -(int64_t)LIM_HELLO_SKEW_S)
        report_peer(hop, skew_s, now_ns);
    /* All loopback peers share one host, so each port counts as a network. */
    if (dht_scope_of(hop) == DHT_SCOPE_LOOPBACK)
        net += hop->port;
    if (dht_clock_skew_note(&c->skew, net, skew_s, now_ns, &off_s))
        rt_log(RELAY_LOG_ERROR,
               "this host's clock is wrong: every peer refuses us and is refused; set it, by NTP "
               "for instance",
               "peers_differ_by_at_least_seconds=%lld", (long long)off_s);
}
