/* SPDX-License-Identifier: MPL-2.0 */
/*
 * The shutdown of a worker's connections. The reply is sent when no connection is left and every
 * consumer has got `ended`, or at the deadline.
 */
#include "conn_private.h"
#include "transport/transport_limits.h"

static void reply(struct conn_worker *cw)
{
    struct rt_conn_close_all *m = cw->close_all;

    cw->close_all = NULL;
    rt_timer_disarm(cw->worker, &cw->close_all_timer);
    m->left = cw->count;
    rt_msg_reply(cw->worker, &m->msg);
}

static void on_deadline(struct relay_timer *t)
{
    reply(RT_CONTAINER_OF(t, struct conn_worker, close_all_timer));
}

static void end_all(struct conn_worker *cw)
{
    for (struct rt_list *n = cw->all.next, *next; n != &cw->all; n = next) {
        next = n->next;
        conn_end(RT_CONTAINER_OF(n, struct rt_conn, all_node), RT_CONN_END_SHUTDOWN);
    }
}

static void on_control(struct rt_actor *self, struct rt_msg *m)
{
    struct conn_worker *cw = RT_CONTAINER_OF(self, struct conn_worker, control);
    struct rt_conn_close_all *request = RT_MSG_CAST(m, struct rt_conn_close_all, RT_CONN_CLOSE_ALL);

    if (cw->close_all) {
        request->left = cw->count;
        rt_msg_reply(cw->worker, m);
        return;
    }
    cw->close_all = request;
    end_all(cw);
    rt_timer_arm(cw->worker, &cw->close_all_timer, rt_now_ns(cw->worker) + LIM_CLOSE_ALL_NS);
    conn_close_all_check(cw);
}

void conn_close_all_check(struct conn_worker *cw)
{
    if (cw->close_all && cw->count == 0 && rt_list_empty(&cw->ending))
        reply(cw);
}

void conn_close_all_init(struct conn_worker *cw)
{
    cw->close_all_timer.fire = on_deadline;
    rt_actor_start(&cw->control, cw->worker, on_control);
}

void conn_close_all_fini(struct conn_worker *cw)
{
    struct rt_msg *m = cw->close_all ? &cw->close_all->msg : NULL;

    rt_timer_disarm(cw->worker, &cw->close_all_timer);
    rt_actor_stop(&cw->control);
    cw->close_all = NULL;
    rt_msg_free(&m);
}

struct rt_addr rt_conn_control_addr(const struct rt_worker *w)
{
    return rt_actor_addr(&conn_worker_of(w)->control);
}
