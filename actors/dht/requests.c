/* SPDX-License-Identifier: MPL-2.0 */
/*
 * Invariant: every request is answered exactly once, in requests_serve or, for a STORE, in
 * store_one in the order of arrival. The job is queued while a STORE waits.
 */
#include "dht/dht_limits.h"
#include "dht/dht_metrics.h"
#include "dht/requests.h"

#include <stdlib.h>
#include <string.h>

#include "base/budget.h"
#include "base/check.h"
#include "dht/address/addr.h"
#include "dht/value_store/peer_set.h"
#include "wire_announce.h"
#include "wire_dht.h"
#include "wire_envelope.h"

#define PEER_BYTES 192u /* an encoded PeerAddr without a route takes less */
#define HEAD_BYTES 128u
#define OFFERS_WIDTH 256u

/* Allocates a reply with this many peers and more_bytes of other content. False: no memory. */
static bool begin(struct dht_request *a, uint32_t peers, size_t more_bytes, struct wire_writer *out)
{
    size_t cap = HEAD_BYTES + peers * PEER_BYTES + more_bytes;
    struct relay_buf *buf = rt_buf_new(cap);

    if (!buf) {
        a->refusal = WIRE_REFUSAL_MEMORY;
        return false;
    }
    a->reply = relay_slice_own(buf, buf->bytes, 0);
    wire_writer_init(out, buf->bytes, cap);
    return true;
}

static void end(struct dht_request *a, const struct wire_writer *w)
{
    bool fits;

    a->reply.len = (uint32_t)wire_writer_len(w, &fits);
    RT_INSIST(fits);
}

/* The peers at these addresses, without the one with this key. */
static uint32_t peers_of(const struct wire_peer_hop *hops, uint32_t count, const uint8_t *skip_key,
                         struct wire_peer *out)
{
    uint32_t taken = 0;

    for (uint32_t i = 0; i < count; i++)
        if (memcmp(hops[i].pubkey_hint, skip_key, 32) != 0)
            out[taken++] = (struct wire_peer){.hop = hops[i]};
    return taken;
}

static uint32_t closest(const struct requests *r, const struct dht_request *a,
                        struct wire_peer *out)
{
    struct wire_peer_hop hops[DHT_K];
    uint32_t count = dht_table_closest(r->membership->tables[a->dialect], a->key, DHT_K, hops);

    return peers_of(hops, count, a->origin.pubkey_hint, out);
}

static void find_node(struct requests *r, struct dht_request *a)
{
    struct wire_peer peers[DHT_K];
    uint32_t count = closest(r, a, peers);
    struct wire_writer w;

    if (!begin(a, count, 0, &w))
        return;
    wire_write_find_node_reply(&w, peers, count);
    end(a, &w);
}

static void find_value(struct requests *r, struct dht_request *a)
{
    struct wire_peer peers[DHT_K];
    uint32_t count = closest(r, a, peers);
    struct relay_slice value = {0};
    struct wire_store store = {0};
    struct wire_writer w;

    memcpy(store.key, a->key, sizeof(store.key));
    (void)dht_value_store_find(r->values, a->key, a->dialect, dht_now_s(r->context), &value,
                               &store.ttl_secs);
    store.value = (struct wire_bytes){value.ptr, value.len};
    if (begin(a, count, value.len, &w)) {
        wire_write_find_value_reply(&w, value.ptr ? &store : NULL, peers, count);
        end(a, &w);
    }
    relay_slice_drop(&value);
}

static void find_manifest(struct requests *r, struct dht_request *a)
{
    struct relay_slice value = {0};
    struct wire_writer w;
    uint64_t ttl_secs;
    uint8_t key[32];

    wire_manifest_key(a->key, key);
    if (!dht_value_store_find(r->values, key, a->dialect, dht_now_s(r->context), &value,
                              &ttl_secs)) {
        a->refusal = WIRE_REFUSAL_MANIFEST_NOT_FOUND;
        return;
    }
    if (begin(a, 0, value.len, &w)) {
        wire_write_manifest_data(&w, a->key, (struct wire_bytes){value.ptr, value.len});
        end(a, &w);
    }
    relay_slice_drop(&value);
}

/* -- peer exchange -- */

static void pex_request(struct requests *r, struct dht_request *a)
{
    struct wire_peer_hop hops[LIM_PEX_MAX];
    struct wire_peer peers[LIM_PEX_MAX];
    uint32_t max = a->max_peers < LIM_PEX_MAX ? a->max_peers : LIM_PEX_MAX;
    uint32_t count =
        dht_peers_sample(r->membership->peers, a->dialect, max, dht_now_s(r->context), hops);
    struct wire_writer w;

    count = peers_of(hops, count, a->origin.pubkey_hint, peers);
    if (!begin(a, count, 0, &w))
        return;
    wire_write_pex_offer(&w, peers, count);
    end(a, &w);
}

struct offer {
    struct requests *requests;
    const struct wire_peer_hop *from;
    enum wire_dialect dialect;
    const uint8_t *key; /* the relay's, for an announcement */
    uint32_t count;
};

static void take_offered(void *ctx, const struct wire_peer *p)
{
    struct offer *o = ctx;

    if (o->count++ < LIM_PEX_MAX)
        membership_offered(o->requests->membership, o->from, o->dialect, p);
}

static bool may_offer(struct requests *r, const struct dht_request *a)
{
    if (rt_rate_sketch_take(&r->offers, a->origin.pubkey_hint, 32, dht_now_ns(r->context)))
        return true;
    rt_metric_inc(RT_METRIC_DHT_OFFERS_DROPPED);
    return false;
}

static void pex_offer(struct requests *r, struct dht_request *a)
{
    struct offer o = {.requests = r, .from = &a->origin, .dialect = a->dialect};

    /* The payload is the ask's own, and reading peers changes nothing in it. */
    if (a->payload.owner && may_offer(r, a))
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

/* The addresses of a signed announcement count as an offer. So a relay that sends no offers is
 * found, too. */
static void announced(struct requests *r, const struct dht_request *a)
{
    struct offer o = {.requests = r, .from = &a->origin, .dialect = a->dialect};
    struct wire_announcement said;
    uint8_t *copy;

    if (!may_offer(r, a))
        return;
    copy =
        malloc(a->payload.len); /* decoding compacts it in place, and the bytes are the frame's */
    if (copy)
        memcpy(copy, a->payload.ptr, a->payload.len);
    if (copy && wire_announcement_decode(copy, a->payload.len, &said) == RT_ERR_OK) {
        o.key = said.relay_pubkey;
        wire_peers_each(&said.addrs, take_announced, &o);
    }
    free(copy);
}

/* -- STORE: verifies signatures, so each waits for a heavy job of its own -- */

static struct dht_origin origin_of(const struct requests *r, const struct dht_request *a)
{
    const struct wire_peer_hop *from = &a->origin;
    uint64_t net = dht_hop_net(from, DHT_NET_BUCKET);
    struct dht_origin o = {.peer = rt_siphash(r->context->hash_key, from->pubkey_hint, 32),
                           .net = rt_siphash(r->context->hash_key, &net, sizeof(net)),
                           .reached = a->reached_dialects};

    if (o.peer <= DHT_ORIGIN_LOADED)
        o.peer += DHT_ORIGIN_LOADED + 1;
    o.is_push = a->is_relay || membership_has(r->membership, from->pubkey_hint);
    o.unreached = r->context->dialects & (uint8_t)~a->peer_dialects;
    return o;
}

static void store(struct requests *r, struct dht_request *a)
{
    struct dht_origin origin = origin_of(r, a);
    struct dht_checked checked;
    uint64_t now_s = dht_now_s(r->context);

    if (dht_value_may_store(wire_value_kind(a->payload.ptr, a->payload.len),
                            a->peer_dialects & r->context->dialects))
        a->refusal = dht_value_check(a->key, a->payload.ptr, a->payload.len, now_s, &checked);
    else
        a->refusal = WIRE_REFUSAL_STORE_VALUE;
    if (a->refusal == WIRE_REFUSAL_NONE &&
        (checked.kind == WIRE_VALUE_ROTATION || checked.kind == WIRE_VALUE_REVOCATION))
        r->callbacks.identity_record(r->callbacks.ctx, a->payload);
    /* A relay that stores its own announcement speaks the dialects of its session. */
    if (a->refusal == WIRE_REFUSAL_NONE && checked.kind == WIRE_VALUE_ANNOUNCEMENT &&
        memcmp(checked.subject, a->origin.pubkey_hint, sizeof(checked.subject)) == 0)
        origin.reached = a->peer_dialects;
    if (a->refusal == WIRE_REFUSAL_NONE)
        a->refusal = dht_value_store_put(r->values, a->key, &checked, a->payload, a->ttl_secs,
                                         &origin, now_s);
    if (a->refusal == WIRE_REFUSAL_NONE) {
        rt_metric_inc(RT_METRIC_DHT_STORED);
        if (checked.kind == WIRE_VALUE_ANNOUNCEMENT)
            announced(r, a);
    }
    if (dht_value_store_next_fresh(r->values, now_s))
        r->callbacks.fresh_value(r->callbacks.ctx);
    relay_slice_drop(&a->payload);
}

static void store_one(struct rt_job *job)
{
    struct requests *r = RT_CONTAINER_OF(job, struct requests, store_job);
    struct rt_msg *m = rt_queue_pop(&r->stores);

    store(r, RT_MSG_CAST(m, struct dht_request, DHT_REQUEST));
    rt_msg_reply(r->context->worker, m);
    if (!rt_queue_is_empty(&r->stores))
        rt_job_queue(r->context->worker, job);
}

static void queue_store(struct requests *r, struct rt_msg *m)
{
    if (rt_queue_is_empty(&r->stores))
        rt_job_queue(r->context->worker, &r->store_job);
    rt_queue_push(&r->stores, m);
}

void requests_serve(struct requests *r, struct dht_request *a)
{
    switch (a->op) {
    case DHT_FIND_NODE:
        find_node(r, a);
        break;
    case DHT_FIND_VALUE:
        find_value(r, a);
        break;
    case DHT_STORE:
        queue_store(r, &a->msg);
        return;
    case DHT_MANIFEST:
        find_manifest(r, a);
        break;
    case DHT_PEX_REQUEST:
        pex_request(r, a);
        break;
    case DHT_PEX_OFFER:
        pex_offer(r, a);
        break;
    default:
        break;
    }
    rt_msg_reply(r->context->worker, &a->msg);
}

/* -- life -- */

rt_err requests_init(struct requests *r, struct dht_context *context, struct membership *membership,
                     struct dht_value_store *values, const struct requests_callbacks *callbacks)
{
    RT_REQUIRE(callbacks->identity_record != NULL && callbacks->fresh_value != NULL);
    memset(r, 0, sizeof(*r));
    r->context = context;
    r->membership = membership;
    r->values = values;
    r->callbacks = *callbacks;
    rt_queue_init(&r->stores);
    r->store_job.run = store_one;
    rt_list_init(&r->store_job.node);
    return rt_rate_sketch_init(&r->offers, OFFERS_WIDTH, 60 * RT_S / LIM_PEX_OFFERS_NS, 2,
                               context->hash_key);
}

void requests_fini(struct requests *r)
{
    rt_job_cancel(r->context->worker, &r->store_job);
    rt_queue_clear(&r->stores);
    rt_rate_sketch_fini(&r->offers);
}
