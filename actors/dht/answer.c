/* SPDX-License-Identifier: MPL-2.0 */
/* Requests of peers: from the table, the values and the peer database to encoded payloads. */
#include <stdlib.h>
#include <string.h>

#include "base/budget.h"
#include "base/check.h"
#include "dht/dht_limits.h"
#include "dht/dht_metrics.h"
#include "dht/dht_private.h"
#include "dht/value_store/peer_set.h"
#include "wire_announce.h"
#include "wire_dht.h"
#include "wire_envelope.h"

#define PEER_BYTES 192u /* an encoded PeerAddr without a route takes less */
#define HEAD_BYTES 128u

/* Room for an answer with peers and more_bytes of other things. False: no memory. */
static bool begin(struct dht_ask *a, uint32_t peers, size_t more_bytes, struct wire_writer *out)
{
    size_t cap = HEAD_BYTES + peers * PEER_BYTES + more_bytes;
    struct relay_buf *buf = rt_buf_new(cap);

    if (!buf) {
        a->refusal = RT_REFUSAL_MEMORY;
        return false;
    }
    a->answer = relay_slice_own(buf, buf->bytes, 0);
    wire_writer_init(out, buf->bytes, cap);
    return true;
}

static void end(struct dht_ask *a, const struct wire_writer *w)
{
    bool fits;

    a->answer.len = (uint32_t)wire_writer_len(w, &fits);
    RT_INSIST(fits);
}

static uint32_t closest(const struct dht *d, const struct dht_ask *a, struct wire_peer *out)
{
    struct wire_peer_hop hops[DHT_K];
    uint32_t count = dht_table_closest(d->membership.tables[a->dialect], a->key, DHT_K, hops);

    return dht_peers_of(hops, count, a->origin.pubkey_hint, out);
}

static void find_node(struct dht *d, struct dht_ask *a)
{
    struct wire_peer peers[DHT_K];
    uint32_t count = closest(d, a, peers);
    struct wire_writer w;

    if (!begin(a, count, 0, &w))
        return;
    wire_write_find_node_answer(&w, peers, count);
    end(a, &w);
}

static void find_value(struct dht *d, struct dht_ask *a)
{
    struct wire_peer peers[DHT_K];
    uint32_t count = closest(d, a, peers);
    struct relay_slice value = {0};
    struct wire_store store = {0};
    struct wire_writer w;

    memcpy(store.key, a->key, sizeof(store.key));
    (void)dht_value_store_find(d->values, a->key, a->dialect, dht_now_s(&d->context), &value,
                               &store.ttl_secs);
    store.value = (struct wire_bytes){value.ptr, value.len};
    if (begin(a, count, value.len, &w)) {
        wire_write_find_value_answer(&w, value.ptr ? &store : NULL, peers, count);
        end(a, &w);
    }
    relay_slice_drop(&value);
}

static void find_manifest(struct dht *d, struct dht_ask *a)
{
    struct relay_slice value = {0};
    struct wire_writer w;
    uint64_t ttl_secs;
    uint8_t key[32];

    wire_manifest_key(a->key, key);
    if (!dht_value_store_find(d->values, key, a->dialect, dht_now_s(&d->context), &value,
                              &ttl_secs)) {
        a->refusal = RT_REFUSAL_MANIFEST_NOT_FOUND;
        return;
    }
    if (begin(a, 0, value.len, &w)) {
        wire_write_manifest_data(&w, a->key, (struct wire_bytes){value.ptr, value.len});
        end(a, &w);
    }
    relay_slice_drop(&value);
}

/* -- peer exchange -- */

static void pex_request(struct dht *d, struct dht_ask *a)
{
    struct wire_peer_hop hops[LIM_PEX_MAX];
    struct wire_peer peers[LIM_PEX_MAX];
    uint32_t max = a->max_peers < LIM_PEX_MAX ? a->max_peers : LIM_PEX_MAX;
    uint32_t count =
        dht_peers_sample(d->membership.peers, a->dialect, max, dht_now_s(&d->context), hops);
    struct wire_writer w;

    count = dht_peers_of(hops, count, a->origin.pubkey_hint, peers);
    if (!begin(a, count, 0, &w))
        return;
    wire_write_pex_offer(&w, peers, count);
    end(a, &w);
}

struct offer {
    struct dht *dht;
    const struct wire_peer_hop *from;
    enum wire_dialect dialect;
    const uint8_t *key; /* of an announcement: the relay's */
    uint32_t count;
};

static void take_offered(void *ctx, const struct wire_peer *p)
{
    struct offer *o = ctx;

    if (o->count++ < LIM_PEX_MAX)
        membership_offered(&o->dht->membership, o->from, o->dialect, p);
}

static bool may_offer(struct dht *d, const struct dht_ask *a)
{
    if (rt_rate_sketch_take(&d->offers, a->origin.pubkey_hint, 32, dht_now_ns(&d->context)))
        return true;
    rt_metric_inc(RT_METRIC_DHT_OFFERS_DROPPED);
    return false;
}

static void pex_offer(struct dht *d, struct dht_ask *a)
{
    struct offer o = {.dht = d, .from = &a->origin, .dialect = a->dialect};

    /* The payload is the ask's own, and reading peers changes nothing in it. */
    if (a->payload.owner && may_offer(d, a))
        (void)!wire_pex_offer_decode((uint8_t *)(uintptr_t)a->payload.ptr, a->payload.len,
                                     take_offered, &o);
    relay_slice_drop(&a->payload);
}

static void take_announced(void *ctx, const struct wire_peer *p)
{
    struct wire_peer said = *p;
    struct offer *o = ctx;

    said.hop.has_pubkey_hint = true;
    memcpy(said.hop.pubkey_hint, o->key, sizeof(said.hop.pubkey_hint));
    take_offered(o, &said);
}

/* Where a relay says it is, signed by it: as good as an offer, and a relay that has no offers to
 * make is found by it. */
static void announced(struct dht *d, const struct dht_ask *a)
{
    struct offer o = {.dht = d, .from = &a->origin, .dialect = a->dialect};
    struct wire_announcement said;
    uint8_t *copy;

    if (!may_offer(d, a))
        return;
    copy = malloc(a->payload.len); /* decoding works in it, and the bytes are the frame's */
    if (copy)
        memcpy(copy, a->payload.ptr, a->payload.len);
    if (copy && wire_announcement_decode(copy, a->payload.len, &said) == RT_ERR_OK) {
        o.key = said.relay_pubkey;
        wire_peers_each(&said.addrs, take_announced, &o);
    }
    free(copy);
}

/* -- STORE: signatures are verified, so each waits for a heavy job of its own -- */

static struct dht_origin origin_of(const struct dht *d, const struct dht_ask *a)
{
    const struct wire_peer_hop *from = &a->origin;
    uint64_t net = dht_hop_net(from, DHT_NET_BUCKET);
    struct dht_origin o = {.peer = rt_siphash(d->context.hash_key, from->pubkey_hint, 32),
                           .net = rt_siphash(d->context.hash_key, &net, sizeof(net)),
                           .reached = a->reached_dialects};

    if (o.peer <= DHT_ORIGIN_LOADED)
        o.peer += DHT_ORIGIN_LOADED + 1;
    o.is_push = a->is_relay || membership_has(&d->membership, from->pubkey_hint);
    o.unreached = d->context.dialects & (uint8_t)~a->peer_dialects;
    return o;
}

static void store(struct dht *d, struct dht_ask *a)
{
    struct dht_origin origin = origin_of(d, a);
    struct dht_checked checked;
    uint64_t now_s = dht_now_s(&d->context);

    if (dht_value_may_store(wire_value_kind(a->payload.ptr, a->payload.len),
                            a->peer_dialects & d->context.dialects))
        a->refusal = dht_value_check(a->key, a->payload.ptr, a->payload.len, now_s, &checked);
    else
        a->refusal = RT_REFUSAL_STORE_VALUE;
    if (a->refusal == RT_REFUSAL_NONE &&
        (checked.kind == WIRE_VALUE_ROTATION || checked.kind == WIRE_VALUE_REVOCATION))
        trust_lookups_heard(&d->trust_lookups, a->payload);
    /* A relay that stores its own announcement speaks the dialects of its session. */
    if (a->refusal == RT_REFUSAL_NONE && checked.kind == WIRE_VALUE_ANNOUNCEMENT &&
        memcmp(checked.subject, a->origin.pubkey_hint, sizeof(checked.subject)) == 0)
        origin.reached = a->peer_dialects;
    if (a->refusal == RT_REFUSAL_NONE)
        a->refusal = dht_value_store_put(d->values, a->key, &checked, a->payload, a->ttl_secs,
                                         &origin, now_s);
    if (a->refusal == RT_REFUSAL_NONE) {
        rt_metric_inc(RT_METRIC_DHT_STORED);
        if (checked.kind == WIRE_VALUE_ANNOUNCEMENT)
            announced(d, a);
    }
    if (dht_value_store_next_fresh(d->values, now_s))
        replicate_due(&d->replicate);
    relay_slice_drop(&a->payload);
}

static void store_one(struct rt_job *job)
{
    struct dht *d = RT_CONTAINER_OF(job, struct dht, store_job);
    struct rt_msg *m = rt_queue_pop(&d->stores);

    d->stores = m->next;
    if (!d->stores)
        d->stores_tail = &d->stores;
    m->next = NULL;
    store(d, (struct dht_ask *)m);
    rt_msg_reply(d->context.worker, m);
    if (d->stores)
        rt_job_queue(d->context.worker, job);
}

static void queue_store(struct dht *d, struct rt_msg *m)
{
    m->next = NULL;
    if (!d->stores)
        rt_job_queue(d->context.worker, &d->store_job);
    *d->stores_tail = m;
    d->stores_tail = &m->next;
}

void dht_answer(struct dht *d, struct dht_ask *a)
{
    switch (a->op) {
    case DHT_FIND_NODE:
        find_node(d, a);
        break;
    case DHT_FIND_VALUE:
        find_value(d, a);
        break;
    case DHT_STORE:
        queue_store(d, &a->msg);
        return;
    case DHT_MANIFEST:
        find_manifest(d, a);
        break;
    case DHT_PEX_REQUEST:
        pex_request(d, a);
        break;
    case DHT_PEX_OFFER:
        pex_offer(d, a);
        break;
    case DHT_COMMUNITY_STATUS:
    case DHT_COMMUNITY_MEMBERS:
    case DHT_COMMUNITY_SHARES:
    case DHT_COMMUNITY_SEARCH:
    case DHT_COMMUNITY_EVENTS:
        dht_browse(d, a);
        return;
    }
    rt_msg_reply(d->context.worker, &a->msg);
}

void dht_answer_init(struct dht *d)
{
    rt_queue_init(&d->stores);
    d->store_job.run = store_one;
    rt_list_init(&d->store_job.node);
    dht_browse_init(d);
}

void dht_answer_fini(struct dht *d)
{
    dht_browse_fini(d);
    rt_job_cancel(d->context.worker, &d->store_job);
    for (struct rt_msg *m = d->stores, *next; m; m = next) {
        next = m->next;
        rt_msg_free(&m);
    }
    d->stores = NULL;
}
