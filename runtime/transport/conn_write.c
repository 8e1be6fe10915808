/* SPDX-License-Identifier: MPL-2.0 */
/* A connection's output: its deadline, and the connections closed while it does not leave. */
#include "base/budget.h"
#include "base/check.h"
#include "conn_private.h"
#include "transport/transport_limits.h"
#include "transport/transport_metrics.h"

static uint64_t send_time_ns(size_t bytes)
{
    return LIM_SEND_NS_PER_MIB + bytes / 1024 * (LIM_SEND_NS_PER_MIB / 1024);
}

void rt_conn_send(struct rt_conn *c, struct relay_vec *v)
{
    size_t len = relay_vec_len(v);
    uint64_t now = rt_now_ns(c->cw->worker);

    if (rt_budget_is_pressed())
        conn_relieve(c->cw);
    if (c->is_closing) {
        relay_vec_drop(v);
        return;
    }
    if (c->unsent == 0)
        c->send_deadline_ns = now + send_time_ns(len);
    else
        c->send_deadline_ns += send_time_ns(len) - LIM_SEND_NS_PER_MIB;
    c->unsent += len;
    if (!rt_timer_armed(&c->tx_timer))
        rt_timer_arm(c->cw->worker, &c->tx_timer, c->send_deadline_ns);
    c->transport->send(c->tc, v);
}

void rt_conn_send2(struct rt_conn *c, const void *head, uint32_t head_len, struct relay_slice *body)
{
    struct relay_vec v = {.count = 2};

    v.slice[0] = relay_slice_view(head, head_len);
    v.slice[1] = relay_slice_take(body);
    rt_conn_send(c, &v);
}

size_t rt_conn_unsent(const struct rt_conn *c)
{
    return c->unsent;
}

void conn_write_sent(void *user, size_t left)
{
    struct rt_conn *c = user;
    bool was_waiting = c->unsent > 0, has_progress = left < c->unsent;

    c->unsent = left;
    if (left == 0 || has_progress || c->is_closing)
        rt_list_unlink(&c->stalled_node);
    if (c->is_closing)
        return;
    if (left > 0) {
        if (rt_list_empty(&c->stalled_node)) {
            rt_list_push_back(&c->cw->stalled, &c->stalled_node);
            c->progress_ns = rt_now_ns(c->cw->worker);
        }
        if (!rt_timer_armed(&c->cw->pressure))
            rt_timer_arm(c->cw->worker, &c->cw->pressure,
                         rt_now_ns(c->cw->worker) + CONN_PRESSURE_NS);
    } else if (was_waiting && c->ops->drained) {
        c->ops->drained(c->user);
    }
}

/* Lazy: stays armed when the output has drained, and checks again. */
void conn_write_due(struct relay_timer *t)
{
    struct rt_conn *c = RT_CONTAINER_OF(t, struct rt_conn, tx_timer);

    if (c->unsent == 0 && !c->is_closing)
        return;
    if (c->send_deadline_ns > rt_now_ns(c->cw->worker))
        rt_timer_arm(c->cw->worker, t, c->send_deadline_ns);
    else if (c->is_closing)
        c->transport->close(c->tc, RELAY_CLOSE_ABORT);
    else
        conn_end(c, RT_CONN_END_SEND_TIMEOUT);
}

void conn_relieve(struct conn_worker *cw)
{
    uint64_t now_ns = rt_now_ns(cw->worker);
    size_t freed = 0;

    while (freed < rt_budget_max() / 16 && !rt_list_empty(&cw->stalled)) {
        struct rt_conn *c = RT_CONTAINER_OF(cw->stalled.next, struct rt_conn, stalled_node);

        if (now_ns - c->progress_ns < CONN_STALLED_NS)
            return;
        freed += c->unsent;
        rt_metric_inc(RT_METRIC_EVICTED_MEMORY);
        conn_end(c, RT_CONN_END_MEMORY);
    }
}

/* While output is stalled, memory is checked from time to time: another worker may need it. */
void conn_write_pressure(struct relay_timer *t)
{
    struct conn_worker *cw = RT_CONTAINER_OF(t, struct conn_worker, pressure);

    if (rt_budget_is_pressed())
        conn_relieve(cw);
    if (!rt_list_empty(&cw->stalled))
        rt_timer_arm(cw->worker, t, rt_now_ns(cw->worker) + CONN_PRESSURE_NS);
}
