/* SPDX-License-Identifier: MPL-2.0 */
/*
 * Invariants:
 *  - `waiting` and `queue` have the same addresses, each once, at most LIM_PROBES_QUEUED.
 *  - `nets` has the network of each dial under way, each once.
 *  - `refused` and `refusals` have the same records, at most LIM_REFUSED_ENTRIES.
 */
#include "dht/kademlia/probe_queue.h"

#include <stdlib.h>
#include <string.h>

#include "base/check.h"
#include "base/list.h"
#include "crypto/crypto.h"
#include "dht/address/addr.h"
#include "base/map.h"
#include "dht/dht_limits.h"
#include "dht/dht_metrics.h"

#define SPACE_NS (RT_S / LIM_PROBES_PER_S)
#define CROWDED (LIM_PROBES_QUEUED / 2) /* from here on each network has a share of the queue */
#define NET_SHARE (LIM_PROBES_QUEUED / 8)

struct waiting {
    struct rt_map_node node; /* by address */
    struct rt_list order;
    struct wire_peer_hop hop;
    enum wire_dialect dialect;
    uint64_t net;
};

struct refused {
    struct rt_map_node node; /* by address */
    struct rt_list order;    /* remembered longest first */
    uint64_t until_ns;
};

struct dht_probe_queue {
    uint8_t hash_key[16];
    struct rt_map waiting, refused;
    struct rt_list queue, refusals;
    uint64_t next_ns; /* no dial before */
    uint32_t under_way;
    uint64_t nets[LIM_PROBES_ACTIVE];
};

struct dht_probe_queue *dht_probe_queue_new(const uint8_t hash_key[16])
{
    struct dht_probe_queue *p = calloc(1, sizeof(*p));

    RT_INSIST(p != NULL);
    memcpy(p->hash_key, hash_key, sizeof(p->hash_key));
    rt_list_init(&p->queue);
    rt_list_init(&p->refusals);
    return p;
}

static void free_waiting(void *ctx, struct rt_map_node *n)
{
    (void)ctx;
    free((struct waiting *)n);
}

static void free_refused(void *ctx, struct rt_map_node *n)
{
    (void)ctx;
    free((struct refused *)n);
}

void dht_probe_queue_free(struct dht_probe_queue **p)
{
    if (!*p)
        return;
    rt_map_fini(&(*p)->waiting, free_waiting, NULL);
    rt_map_fini(&(*p)->refused, free_refused, NULL);
    free(*p);
    *p = NULL;
}

static uint64_t hash_of(const struct dht_probe_queue *p, const struct wire_peer_hop *hop)
{
    uint8_t bytes[DHT_HOP_BYTES];

    dht_hop_bytes(hop, bytes);
    return rt_siphash(p->hash_key, bytes, sizeof(bytes));
}

/* -- refusals -- */

static void forget(struct dht_probe_queue *p, struct refused *r)
{
    rt_map_remove(&p->refused, &r->node);
    rt_list_unlink(&r->order);
    free(r);
}

void dht_probe_queue_refused(struct dht_probe_queue *p, const struct wire_peer_hop *hop,
                             uint64_t until_ns, uint64_t now_ns)
{
    uint64_t hash = hash_of(p, hop);
    struct refused *r = (struct refused *)rt_map_find(&p->refused, hash);
    struct refused *oldest = RT_CONTAINER_OF(p->refusals.next, struct refused, order);

    if (!r) {
        if (p->refused.count >= LIM_REFUSED_ENTRIES ||
            (!rt_list_empty(&p->refusals) && oldest->until_ns <= now_ns))
            forget(p, oldest);
        r = calloc(1, sizeof(*r));
        RT_INSIST(r != NULL);
        rt_list_init(&r->order);
        rt_map_put(&p->refused, &r->node, hash);
    }
    r->until_ns = until_ns;
    rt_list_unlink(&r->order);
    rt_list_push_back(&p->refusals, &r->order);
}

void dht_probe_queue_forgive(struct dht_probe_queue *p, const struct wire_peer_hop *hop)
{
    struct refused *r = (struct refused *)rt_map_find(&p->refused, hash_of(p, hop));

    if (r)
        forget(p, r);
}

bool dht_probe_queue_is_refused(const struct dht_probe_queue *p, const struct wire_peer_hop *hop,
                                uint64_t now_ns)
{
    const struct refused *r = (const struct refused *)rt_map_find(&p->refused, hash_of(p, hop));

    return r && r->until_ns > now_ns;
}

/* -- the queue -- */

/* True: no room for an address of this network. An unreachable address takes five seconds, so that
 * a crowd of one network would delay all others. */
static bool is_crowded(const struct dht_probe_queue *p, uint64_t net)
{
    uint32_t same = 0;

    if (p->waiting.count < CROWDED)
        return false;
    for (const struct rt_list *n = p->queue.next; n != &p->queue; n = n->next)
        same += ((const struct waiting *)RT_CONTAINER_OF((struct rt_list *)(uintptr_t)n,
                                                         struct waiting, order))
                    ->net == net;
    return same >= NET_SHARE || p->waiting.count >= LIM_PROBES_QUEUED;
}

bool dht_probe_queue_offer(struct dht_probe_queue *p, const struct wire_peer_hop *hop,
                           enum wire_dialect dialect, uint64_t now_ns)
{
    uint64_t hash = hash_of(p, hop), net = dht_hop_net(hop, DHT_NET_PROBE);
    struct waiting *w;

    if (rt_map_find(&p->waiting, hash) || dht_probe_queue_is_refused(p, hop, now_ns))
        return false;
    if (is_crowded(p, net)) {
        rt_metric_inc(RT_METRIC_DHT_PROBES_DROPPED);
        return false;
    }
    w = calloc(1, sizeof(*w));
    RT_INSIST(w != NULL);
    w->hop = *hop;
    w->dialect = dialect;
    w->net = net;
    rt_list_init(&w->order);
    rt_list_push_back(&p->queue, &w->order);
    rt_map_put(&p->waiting, &w->node, hash);
    RT_REQUIRE(p->waiting.count <= LIM_PROBES_QUEUED);
    return true;
}

static bool is_busy(const struct dht_probe_queue *p, uint64_t net)
{
    for (uint32_t i = 0; i < p->under_way; i++)
        if (p->nets[i] == net)
            return true;
    return false;
}

static struct waiting *next(const struct dht_probe_queue *p)
{
    if (p->under_way == LIM_PROBES_ACTIVE)
        return NULL;
    for (struct rt_list *n = p->queue.next; n != &p->queue; n = n->next) {
        struct waiting *w = RT_CONTAINER_OF(n, struct waiting, order);

        if (!is_busy(p, w->net))
            return w;
    }
    return NULL;
}

bool dht_probe_queue_next(struct dht_probe_queue *p, uint64_t now_ns, struct wire_peer_hop *out,
                          enum wire_dialect *out_dialect)
{
    struct waiting *w = now_ns >= p->next_ns ? next(p) : NULL;

    if (!w)
        return false;
    RT_REQUIRE(p->under_way < LIM_PROBES_ACTIVE);
    p->next_ns = now_ns + SPACE_NS;
    p->nets[p->under_way++] = w->net;
    *out = w->hop;
    *out_dialect = w->dialect;
    rt_map_remove(&p->waiting, &w->node);
    rt_list_unlink(&w->order);
    free(w);
    return true;
}

uint64_t dht_probe_queue_next_ns(const struct dht_probe_queue *p)
{
    return next(p) ? p->next_ns : UINT64_MAX;
}

void dht_probe_queue_ended(struct dht_probe_queue *p, const struct wire_peer_hop *hop,
                           bool is_there, uint64_t now_ns)
{
    uint64_t net = dht_hop_net(hop, DHT_NET_PROBE);

    for (uint32_t i = 0; i < p->under_way; i++) {
        if (p->nets[i] == net) {
            p->nets[i] = p->nets[--p->under_way];
            break;
        }
    }
    if (!is_there)
        dht_probe_queue_refused(p, hop, now_ns + LIM_REFUSED_NS, now_ns);
}

uint32_t dht_probe_queue_waiting(const struct dht_probe_queue *p)
{
    return p->waiting.count;
}
