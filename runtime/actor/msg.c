/* SPDX-License-Identifier: MPL-2.0 */
#include <stdlib.h>

#include "actor/actor_metrics.h"
#include "actor/worker.h"
#include "base/check.h"

void *rt_msg_new(uint16_t kind, size_t size)
{
    struct rt_msg *m;

    RT_REQUIRE(size >= sizeof *m && size <= UINT32_MAX);
    m = calloc(1, size);
    RT_INSIST(m != NULL);
    m->kind = kind;
    m->size = (uint32_t)size;
    return m;
}

void rt_msg_free(struct rt_msg **m)
{
    struct rt_msg *old = *m;

    *m = NULL;
    if (!old)
        return;
    if (old->fini)
        old->fini(old);
    free(old);
}

void rt_queue_init(struct rt_queue *q)
{
    q->head = NULL;
    q->tail = &q->head;
}

void rt_queue_append(struct rt_queue *q, struct rt_msg *first, struct rt_msg *last)
{
    *q->tail = first;
    q->tail = &last->next;
}

void rt_queue_push(struct rt_queue *q, struct rt_msg *m)
{
    m->next = NULL;
    rt_queue_append(q, m, m);
}

struct rt_msg *rt_queue_pop(struct rt_queue *q)
{
    struct rt_msg *m = q->head;

    if (!m)
        return NULL;
    q->head = m->next;
    if (!q->head)
        q->tail = &q->head;
    m->next = NULL;
    return m;
}

void rt_queue_clear(struct rt_queue *q)
{
    struct rt_msg *m;

    while ((m = rt_queue_pop(q)))
        rt_msg_free(&m);
}

static void push_inbox(struct rt_system *sys, struct rt_msg *m)
{
    struct rt_worker *w = sys->workers[m->to.worker];

    if (rt_inbox_push(&w->inbox, m) && w->waker.wake)
        w->waker.wake(w->waker.ctx);
}

void rt_send(struct rt_worker *from, struct rt_addr to, struct rt_msg *m)
{
    RT_REQUIRE(rt_worker_is_current(from));
    RT_REQUIRE(to.worker < from->system->count);
    m->to = to;
    if (to.worker == from->index) {
        rt_queue_push(&from->queue, m);
    } else {
        push_inbox(from->system, m);
    }
}

void rt_send_external(struct rt_system *sys, struct rt_addr to, struct rt_msg *m)
{
    RT_REQUIRE(to.worker < sys->count);
    m->to = to;
    push_inbox(sys, m);
}

void rt_msg_reply(struct rt_worker *from, struct rt_msg *m)
{
    struct rt_addr requester = m->reply_to;

    RT_REQUIRE(rt_kind_is_request(m->kind));
    if (rt_addr_is_none(requester)) {
        rt_msg_free(&m);
        return;
    }
    m->kind = rt_kind_of_reply(m->kind);
    m->reply_to = m->to;
    rt_send(from, requester, m);
}

void rt_msg_stale(struct rt_worker *w, struct rt_msg *m)
{
    rt_metric_inc(RT_METRIC_MSG_STALE);
    if (rt_kind_is_request(m->kind) && !rt_addr_is_none(m->reply_to)) {
        rt_metric_inc(RT_METRIC_MSG_BOUNCED);
        m->kind = rt_kind_of_reply(m->kind);
        m->is_bounced = true;
        rt_send(w, m->reply_to, m);
        return;
    }
    rt_msg_free(&m);
}
