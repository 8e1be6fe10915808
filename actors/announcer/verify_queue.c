/* SPDX-License-Identifier: MPL-2.0 */
#include "announcer/verify_queue.h"

#include <stdlib.h>
#include <string.h>

#include "announcer/announcer_limits.h"
#include "announcer/announcer_metrics.h"
#include "announcer/directory/announcement.h"
#include "announcer/part.h"
#include "base/check.h"

enum item_kind {
    ITEM_LIST,
    ITEM_ANNOUNCEMENT,
    ITEM_SIGNATURE, /* an announcement whose other fields are valid and new */
};

struct item {
    struct rt_list node;
    struct relay_slice bytes;
    enum item_kind kind;
};

static void queue_job(struct verify_queue *q)
{
    if (rt_list_empty(&q->job.node))
        rt_job_queue(q->worker, &q->job);
}

static void add(struct verify_queue *q, struct relay_slice bytes, enum item_kind kind)
{
    struct item *item = calloc(1, sizeof(*item));

    RT_INSIST(item != NULL);
    item->bytes = bytes;
    item->kind = kind;
    rt_list_init(&item->node);
    if (kind == ITEM_SIGNATURE)
        rt_list_push_front(&q->items, &item->node);
    else
        rt_list_push_back(&q->items, &item->node);
    queue_job(q);
}

static void item_free(struct item *item)
{
    rt_list_unlink(&item->node);
    relay_slice_drop(&item->bytes);
    free(item);
}

/* -- reading -- */

struct reading {
    struct verify_queue *queue;
    uint32_t read, unknown; /* announcements of one reply */
};

static void see_own_address(void *ctx, const struct wire_peer *p)
{
    struct verify_queue *q = ctx;

    q->callbacks->own_address_seen(q->ctx, &p->hop);
}

static bool is_own(const struct verify_queue *q, const struct wire_announcement *a)
{
    return memcmp(a->relay_pubkey, q->own_pubkey, 32) == 0;
}

static enum relay_verdict judge(const struct verify_queue *q, const struct wire_announcement *a)
{
    return directory_judge(q->directory, a, part_wall_s(q->worker));
}

static void read_one(void *ctx, const struct wire_announcement *a)
{
    struct reading *r = ctx;
    struct verify_queue *q = r->queue;
    enum relay_verdict verdict;
    struct relay_slice bytes;

    if (++r->read > LIM_RELAY_ASKED) {
        rt_metric_inc(RT_METRIC_RELAYS_EXCESS);
        return;
    }
    if (is_own(q, a)) {
        wire_peers_each(&a->addrs, see_own_address, q);
        return;
    }
    if (!announcement_is_sound(a, part_wall_s(q->worker))) {
        rt_metric_inc(RT_METRIC_RELAYS_REFUSED);
        return;
    }
    verdict = judge(q, a);
    if (verdict == RELAY_IGNORE)
        return;
    if (verdict == RELAY_DIAL && ++r->unknown > LIM_RELAY_UNKNOWN_MAX) {
        rt_metric_inc(RT_METRIC_RELAYS_EXCESS);
        return;
    }
    bytes = announcement_encode(a);
    if (bytes.owner)
        add(q, bytes, ITEM_SIGNATURE);
    else
        rt_metric_inc(RT_METRIC_RELAYS_REFUSED);
}

static void read_list(struct verify_queue *q, const struct relay_slice *payload)
{
    struct reading r = {.queue = q};

    /* Decoding compacts in place; the queue is the only owner of the payload. */
    if (wire_relay_list_decode((uint8_t *)(uintptr_t)payload->ptr, payload->len, read_one, &r) !=
        RT_ERR_OK)
        rt_metric_inc(RT_METRIC_RELAYS_REFUSED);
}

static void read_announcement(struct verify_queue *q, const struct relay_slice *encoded)
{
    struct reading r = {.queue = q};
    uint8_t room[ANNOUNCEMENT_ROOM];
    struct wire_announcement a;

    if (!announcement_read(encoded, room, &a))
        rt_metric_inc(RT_METRIC_RELAYS_REFUSED);
    else if (!is_own(q, &a)) /* a value of the DHT may be ours: it proves no address */
        read_one(&r, &a);
}

/* -- verifying -- */

static void verify(struct verify_queue *q, const struct relay_slice *encoded)
{
    uint8_t room[ANNOUNCEMENT_ROOM];
    struct wire_announcement a;

    if (!announcement_read(encoded, room, &a) || judge(q, &a) == RELAY_IGNORE)
        return;
    if (!announcement_verify(&a)) {
        rt_metric_inc(RT_METRIC_RELAYS_REFUSED);
        return;
    }
    if (judge(q, &a) == RELAY_IGNORE) /* now in the form that is signed */
        return;
    if (directory_add(q->directory, &a, rt_now_ns(q->worker), part_wall_s(q->worker)))
        q->callbacks->renewed(q->ctx, a.relay_pubkey, announcement_form(&a));
}

static void on_job(struct rt_job *job)
{
    struct verify_queue *q = RT_CONTAINER_OF(job, struct verify_queue, job);
    struct rt_list *first = rt_list_pop_front(&q->items);
    struct item *item = first ? RT_CONTAINER_OF(first, struct item, node) : NULL;

    if (!item)
        return;
    switch (item->kind) {
    case ITEM_LIST:
        read_list(q, &item->bytes);
        break;
    case ITEM_ANNOUNCEMENT:
        read_announcement(q, &item->bytes);
        break;
    case ITEM_SIGNATURE:
        verify(q, &item->bytes);
        break;
    }
    item_free(item);
    if (!rt_list_empty(&q->items))
        queue_job(q);
    q->callbacks->job_ended(q->ctx);
}

/* -- adding -- */

void verify_queue_add_list(struct verify_queue *q, struct relay_slice payload)
{
    if (payload.owner)
        add(q, payload, ITEM_LIST);
}

void verify_queue_add(struct verify_queue *q, struct relay_slice announcement)
{
    if (announcement.owner)
        add(q, announcement, ITEM_ANNOUNCEMENT);
}

/* -- life -- */

void verify_queue_init(struct verify_queue *q, struct rt_worker *w,
                       struct relay_directory *directory, const uint8_t *own_pubkey,
                       const struct verify_queue_callbacks *callbacks, void *ctx)
{
    *q = (struct verify_queue){.worker = w,
                               .directory = directory,
                               .own_pubkey = own_pubkey,
                               .callbacks = callbacks,
                               .ctx = ctx,
                               .job.run = on_job};
    rt_list_init(&q->items);
    rt_list_init(&q->job.node);
}

void verify_queue_fini(struct verify_queue *q)
{
    rt_job_cancel(q->worker, &q->job);
    while (!rt_list_empty(&q->items))
        item_free(RT_CONTAINER_OF(q->items.next, struct item, node));
}
