/* SPDX-License-Identifier: MPL-2.0 */
#include "dht/dht_worker.h"

#include <stdlib.h>
#include <string.h>

#include "base/check.h"
#include "dht/address/addr.h"
#include "dht/dht_limits.h"
#include "dht/dht_metrics.h"
#include "dht/dht_msg.h"

#define CELLS 256u /* of addresses */

struct local {
    struct rt_addr addr;
    struct rt_actor *actor; /* on worker 0 */
    /* Addresses reported lately. A crowd from a few addresses is reported once. */
    struct cells {
        struct {
            uint64_t hash, until_ns;
        } at[CELLS];
    } * cells; /* allocated for the first report */
    uint64_t window_s;
    uint32_t in_window; /* reports in this second */
};

static struct rt_local_key local_key;

void dht_worker_init(struct rt_system *sys, struct rt_actor *actor)
{
    for (uint16_t i = 0; i < rt_system_count(sys); i++) {
        struct local *l = calloc(1, sizeof(*l));

        RT_INSIST(l != NULL);
        l->addr = rt_actor_addr(actor);
        l->actor = i == 0 ? actor : NULL;
        rt_worker_set_local(rt_system_worker(sys, i), &local_key, l);
    }
}

void dht_worker_fini(struct rt_system *sys)
{
    for (uint16_t i = 0; i < rt_system_count(sys); i++) {
        struct rt_worker *w = rt_system_worker(sys, i);
        struct local *l = rt_worker_local(w, &local_key);

        if (!l)
            continue;
        free(l->cells);
        free(l);
        rt_worker_set_local(w, &local_key, NULL);
    }
}

struct rt_actor *dht_worker_actor(struct rt_system *sys)
{
    const struct local *l = rt_worker_local(rt_system_worker(sys, 0), &local_key);

    return l ? l->actor : NULL;
}

bool dht_hop_of(const struct sockaddr_storage *addr, const uint8_t key[32],
                struct wire_peer_hop *out)
{
    memset(out, 0, sizeof(*out));
    if (!dht_hop_from(addr, out))
        return false;
    out->has_pubkey_hint = true;
    memcpy(out->pubkey_hint, key, 32);
    return true;
}

struct rt_addr dht_addr(const struct rt_worker *w)
{
    const struct local *l = rt_worker_local(w, &local_key);

    return l->addr;
}

/* True if the address was not reported within the last hour and this second's limit allows one more
 * report. */
static bool is_news(struct rt_worker *w, struct local *l, const struct wire_peer_hop *from,
                    bool has_skew)
{
    uint64_t now_ns = rt_now_ns(w), hash = dht_hop_net(from, 32, 56) + has_skew;
    uint64_t cell = (hash * UINT64_C(0x9e3779b97f4a7c15)) >> 56;

    if (!l->cells) {
        l->cells = calloc(1, sizeof(*l->cells));
        RT_INSIST(l->cells != NULL);
    }
    if (l->cells->at[cell].hash == hash && l->cells->at[cell].until_ns > now_ns)
        return false;
    if (l->window_s != now_ns / RT_S) {
        l->window_s = now_ns / RT_S;
        l->in_window = 0;
    }
    if (l->in_window == LIM_INBOUND_PER_S) {
        rt_metric_inc(RT_METRIC_DHT_INBOUND_DROPPED);
        return false;
    }
    l->in_window++;
    l->cells->at[cell].hash = hash;
    l->cells->at[cell].until_ns = now_ns + LIM_REFUSED_NS;
    return true;
}

void dht_note_inbound(struct rt_worker *w, const uint8_t key[32],
                      const struct sockaddr_storage *from, enum wire_dialect dialect,
                      uint8_t peer_dialects, int64_t skew_s)
{
    struct local *l = rt_worker_local(w, &local_key);
    struct wire_peer_hop hop;
    struct dht_inbound *m;

    if (!l || !dht_hop_of(from, key, &hop) || !is_news(w, l, &hop, skew_s != 0))
        return;
    m = rt_msg_new(DHT_INBOUND, sizeof(*m));
    m->from = hop;
    m->dialect = dialect;
    m->peer_dialects = peer_dialects;
    m->skew_s = skew_s;
    rt_send(w, l->addr, &m->msg);
}
