/* SPDX-License-Identifier: MPL-2.0 */
#include "storage/queue.h"

#include <stdlib.h>
#include <string.h>

#include "base/check.h"
#include "crypto/crypto.h"
#include "storage/storage_metrics.h"

#define BUCKETS_MIN 64u

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
