/* SPDX-License-Identifier: MPL-2.0 */
#include "storage/queue.h"

#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>

#include "base/budget.h"
#include "base/check.h"
#include "crypto/crypto.h"
#include "storage/storage_limits.h"
#include "storage/storage_metrics.h"
#include "wire_limits.h"

#define BUCKETS_MIN 64u

/* -- the gate -- */

struct storage_gate {
    _Atomic uint32_t refs; /* the owner's, and one of each write that passed */
    _Atomic uint64_t bytes, dropped;
};

struct storage_gate *storage_gate_new(void)
{
    struct storage_gate *g = calloc(1, sizeof(*g));

    RT_INSIST(g);
    atomic_init(&g->refs, 1);
    return g;
}

void storage_gate_drop(struct storage_gate **g)
{
    struct storage_gate *old = *g;

    *g = NULL;
    if (old && atomic_fetch_sub_explicit(&old->refs, 1, memory_order_acq_rel) == 1)
        free(old);
}

static uint64_t bytes_max(void)
{
    uint64_t share = rt_budget_max() / 8;

    return share < LIM_STORAGE_QUEUED_BYTES ? share : LIM_STORAGE_QUEUED_BYTES;
}

bool storage_gate_enter(struct storage_gate *g, struct storage_write *w)
{
    uint32_t refs = atomic_fetch_add_explicit(&g->refs, 1, memory_order_relaxed);
    uint64_t bytes = atomic_fetch_add_explicit(&g->bytes, w->payload.len, memory_order_relaxed);

    RT_REQUIRE(!w->gate);
    if (refs <= LIM_STORAGE_QUEUED && bytes + w->payload.len <= bytes_max()) {
        w->gate = g;
        rt_metric_inc(RT_METRIC_STORAGE_QUEUED);
        return true;
    }
    atomic_fetch_sub_explicit(&g->bytes, w->payload.len, memory_order_relaxed);
    atomic_fetch_add_explicit(&g->dropped, 1, memory_order_relaxed);
    atomic_fetch_sub_explicit(&g->refs, 1, memory_order_relaxed); /* the owner has its own */
    rt_metric_inc(RT_METRIC_STORAGE_DROPPED);
    return false;
}

uint64_t storage_gate_dropped(const struct storage_gate *g)
{
    return atomic_load_explicit(&g->dropped, memory_order_relaxed);
}

/* -- writes -- */

static void leave(struct rt_msg *m)
{
    struct storage_write *w = RT_MSG_CAST(m, struct storage_write, m->kind);

    if (w->gate) {
        atomic_fetch_sub_explicit(&w->gate->bytes, w->payload.len, memory_order_relaxed);
        rt_metric_sub(RT_METRIC_STORAGE_QUEUED, 1);
        storage_gate_drop(&w->gate);
    }
    relay_slice_drop(&w->payload);
}

static struct storage_write *write_new(enum storage_kind kind, struct relay_slice payload)
{
    struct storage_write *w = rt_msg_new(kind, sizeof(*w));

    w->msg.fini = leave;
    w->payload = payload;
    rt_list_init(&w->order);
    return w;
}

static struct storage_write *value_write(enum storage_kind kind, const uint8_t key[32],
                                         const uint8_t sub[32], struct relay_slice value)
{
    struct storage_write *w = write_new(kind, value);

    memcpy(w->row_key, key, 32);
    memcpy(w->row_key + 32, sub, 32);
    return w;
}

static struct storage_write *peer_write(enum storage_kind kind, const char *addr_key,
                                        struct relay_slice payload)
{
    struct storage_write *w = write_new(kind, payload);
    size_t len = strlen(addr_key);

    RT_REQUIRE(len > 0 && len <= STORAGE_ADDR_KEY_MAX);
    memcpy(w->row_key, addr_key, len);
    return w;
}

struct storage_write *storage_put_value_new(const uint8_t key[32], const uint8_t sub[32],
                                            struct relay_slice value, uint64_t expires_s,
                                            uint64_t event, uint64_t origin_peer,
                                            uint64_t origin_net)
{
    struct storage_write *w = value_write(STORAGE_PUT_VALUE, key, sub, value);

    w->expires_s = expires_s;
    w->event = event;
    w->origin_peer = origin_peer;
    w->origin_net = origin_net;
    return w;
}

struct storage_write *storage_drop_value_new(const uint8_t key[32], const uint8_t sub[32])
{
    return value_write(STORAGE_DROP_VALUE, key, sub, (struct relay_slice){0});
}

struct storage_write *storage_put_peer_new(const char *addr_key, struct relay_slice payload,
                                           uint8_t dialects, uint8_t last)
{
    struct storage_write *w;

    RT_REQUIRE(payload.len <= STORAGE_PEER_BYTES_MAX);
    w = peer_write(STORAGE_PUT_PEER, addr_key, payload);
    w->dialects = dialects;
    w->last_dialect = last;
    return w;
}

struct storage_write *storage_drop_peer_new(const char *addr_key)
{
    return peer_write(STORAGE_DROP_PEER, addr_key, (struct relay_slice){0});
}

struct storage_write *storage_put_pins_new(struct relay_slice pins)
{
    return write_new(STORAGE_PUT_PINS, pins);
}

static struct storage_write *id_write(enum storage_kind kind, const uint8_t id[32],
                                      struct relay_slice payload)
{
    struct storage_write *w = write_new(kind, payload);

    memcpy(w->row_key, id, 32);
    return w;
}

struct storage_write *storage_put_mark_new(const uint8_t community_id[32], uint64_t mark,
                                           uint64_t expires_s)
{
    struct storage_write *w = id_write(STORAGE_PUT_MARK, community_id, (struct relay_slice){0});

    w->event = mark;
    w->expires_s = expires_s;
    return w;
}

struct storage_write *storage_put_identity_record_new(const uint8_t key[32],
                                                      struct relay_slice value)
{
    RT_REQUIRE(value.len <= LIM_VALUE_MAX);
    return id_write(STORAGE_PUT_IDENTITY_RECORD, key, value);
}

struct storage_write *storage_drop_identity_record_new(const uint8_t key[32])
{
    return id_write(STORAGE_DROP_IDENTITY_RECORD, key, (struct relay_slice){0});
}

/* -- the queue -- */

void storage_queue_init(struct storage_queue *q, const uint8_t hash_key[16])
{
    *q = (struct storage_queue){0};
    memcpy(q->hash_key, hash_key, sizeof(q->hash_key));
    rt_list_init(&q->order);
}

void storage_queue_fini(struct storage_queue *q)
{
    storage_queue_done(q, q->count);
    free((void *)q->buckets);
    q->buckets = NULL;
    q->bucket_count = 0;
}

static void grow(struct storage_queue *q)
{
    uint32_t count = q->bucket_count ? 2 * q->bucket_count : BUCKETS_MIN;

    free((void *)q->buckets);
    q->buckets = calloc(count, sizeof(struct storage_write *));
    RT_INSIST(q->buckets);
    q->bucket_count = count;
    for (struct rt_list *n = q->order.next; n != &q->order; n = n->next) {
        struct storage_write *w = RT_CONTAINER_OF(n, struct storage_write, order);
        struct storage_write **bucket = &q->buckets[w->hash & (count - 1)];

        w->same_bucket = *bucket;
        *bucket = w;
    }
}

/* The put kind of the row's table: puts and drops of a row concern the same table. */
static uint32_t table_of(const struct storage_write *w)
{
    switch (w->msg.kind) {
    case STORAGE_DROP_VALUE:
        return STORAGE_PUT_VALUE;
    case STORAGE_DROP_PEER:
        return STORAGE_PUT_PEER;
    case STORAGE_DROP_IDENTITY_RECORD:
        return STORAGE_PUT_IDENTITY_RECORD;
    default:
        return w->msg.kind;
    }
}

static bool same_row(const struct storage_write *a, const struct storage_write *b)
{
    return a->hash == b->hash && table_of(a) == table_of(b) &&
           memcmp(a->row_key, b->row_key, sizeof(a->row_key)) == 0;
}

static void free_write(struct storage_queue *q, struct storage_write *w)
{
    struct rt_msg *m = &w->msg;

    rt_list_unlink(&w->order);
    q->bytes -= w->payload.len;
    q->count--;
    rt_msg_free(&m);
}

void storage_queue_put(struct storage_queue *q, struct storage_write *w)
{
    struct storage_write **at;

    w->hash = rt_siphash(q->hash_key, w->row_key, sizeof(w->row_key));
    if (q->count == q->bucket_count)
        grow(q);
    at = &q->buckets[w->hash & (q->bucket_count - 1)];
    while (*at && !same_row(*at, w))
        at = &(*at)->same_bucket;
    q->count++;
    q->bytes += w->payload.len;
    if (*at) {
        struct storage_write *old = *at;

        w->same_bucket = old->same_bucket;
        rt_list_push_back(&old->order, &w->order); /* right before it */
        free_write(q, old);
        rt_metric_inc(RT_METRIC_STORAGE_COALESCED);
    } else {
        w->same_bucket = NULL;
        rt_list_push_back(&q->order, &w->order);
    }
    *at = w;
}

static struct storage_write *at_node(const struct storage_queue *q, struct rt_list *n)
{
    return n == &q->order ? NULL : RT_CONTAINER_OF(n, struct storage_write, order);
}

struct storage_write *storage_queue_first(const struct storage_queue *q)
{
    return at_node(q, q->order.next);
}

struct storage_write *storage_queue_next(const struct storage_queue *q,
                                         const struct storage_write *w)
{
    return at_node(q, w->order.next);
}

void storage_queue_done(struct storage_queue *q, uint32_t n)
{
    for (; n > 0; n--) {
        struct storage_write *w = storage_queue_first(q);
        struct storage_write **at = &q->buckets[w->hash & (q->bucket_count - 1)];

        while (*at != w)
            at = &(*at)->same_bucket;
        *at = w->same_bucket;
        free_write(q, w);
    }
}
