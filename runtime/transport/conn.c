/* SPDX-License-Identifier: MPL-2.0 */
/*
 * A connection's life and its deadlines.
 *
 * Invariants: the struct is freed when the plugin has reported closed and the consumer has got
 * `ended` or has closed, whichever is later. After is_closing no consumer is called but for
 * `ended`. A worker's count is the length of its list `all`.
 */
#include <arpa/inet.h>
#include <netinet/in.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/budget.h"
#include "base/check.h"
#include "base/log.h"
#include "conn_private.h"
#include "transport/transport_limits.h"
#include "transport/transport_metrics.h"
#include "wire_limits.h"

static void on_rx_timer(struct relay_timer *t);

/* -- the worker's share -- */

static void on_soon(struct relay_timer *t)
{
    struct conn_worker *cw = RT_CONTAINER_OF(t, struct conn_worker, soon);
    struct rt_list *n;

    while ((n = rt_list_pop_front(&cw->ready)))
        conn_read_continue(RT_CONTAINER_OF(n, struct rt_conn, soon_node));
    while ((n = rt_list_pop_front(&cw->ending))) {
        struct rt_conn *c = RT_CONTAINER_OF(n, struct rt_conn, soon_node);
        const struct rt_conn_ops *ops = c->ops;
        void *user = c->user;

        c->ops = NULL;
        if (ops)
            ops->ended(user, c->end, c->transport_end);
        if (c->is_tc_gone)
            free(c);
    }
    conn_close_all_check(cw);
}

static void arm_soon(struct conn_worker *cw)
{
    if (!rt_timer_armed(&cw->soon))
        rt_timer_arm(cw->worker, &cw->soon, rt_now_ns(cw->worker));
}

static void soon(struct rt_conn *c, struct rt_list *list)
{
    rt_list_unlink(&c->soon_node);
    rt_list_push_back(list, &c->soon_node);
    arm_soon(c->cw);
}

struct rt_local_key conn_local_key;

void rt_conn_worker_init(struct rt_worker *w, struct rt_door *door,
                         struct rt_conn_acceptor acceptor)
{
    struct conn_worker *cw = calloc(1, sizeof(*cw));

    RT_INSIST(cw != NULL);
    cw->scratch = malloc(CONN_SCRATCH_BYTES);
    RT_INSIST(cw->scratch != NULL);
    cw->worker = w;
    cw->door = door;
    cw->acceptor = acceptor;
    cw->soon.fire = on_soon;
    cw->pressure.fire = conn_write_pressure;
    rt_list_init(&cw->all);
    rt_list_init(&cw->stalled);
    rt_list_init(&cw->half_open);
    rt_list_init(&cw->ending);
    rt_list_init(&cw->ready);
    for (uint32_t i = 0; i < CONN_HALF_OPEN_BUCKETS; i++)
        rt_list_init(&cw->half_open_by_prefix[i]);
    rt_worker_set_local(w, &conn_local_key, cw);
    conn_close_all_init(cw);
}

void rt_conn_worker_fini(struct rt_worker *w)
{
    struct conn_worker *cw = conn_worker_of(w);

    if (!cw)
        return;
    on_soon(&cw->soon);
    RT_REQUIRE(cw->count == 0);
    rt_timer_disarm(w, &cw->soon);
    rt_timer_disarm(w, &cw->pressure);
    conn_close_all_fini(cw);
    free(cw->scratch);
    free(cw);
    rt_worker_set_local(w, &conn_local_key, NULL);
}

uint32_t rt_conn_worker_count(const struct rt_worker *w)
{
    return conn_worker_of(w)->count;
}

/* -- half-open -- */

static struct rt_list *half_open_bucket(struct conn_worker *cw, const struct rt_prefix *p)
{
    uint32_t h = 2166136261u;

    for (size_t i = 0; i < sizeof(p->bytes); i++)
        h = (h ^ p->bytes[i]) * 16777619u;
    return &cw->half_open_by_prefix[h % CONN_HALF_OPEN_BUCKETS];
}

/* The oldest of the same prefix goes, so that a silent crowd locks out none but itself; failing
 * that, the oldest of all. */
static void half_open_evict(struct conn_worker *cw, const struct rt_prefix *p)
{
    struct rt_list *bucket = half_open_bucket(cw, p);
    struct rt_conn *victim = RT_CONTAINER_OF(cw->half_open.next, struct rt_conn, half_open_node);
    uint32_t probes = 0;

    for (struct rt_list *n = bucket->next; n != bucket && probes < CONN_HALF_OPEN_PROBES;
         n = n->next, probes++) {
        struct rt_conn *c = RT_CONTAINER_OF(n, struct rt_conn, prefix_node);

        if (memcmp(c->prefix.bytes, p->bytes, sizeof(p->bytes)) == 0) {
            victim = c;
            break;
        }
    }
    rt_metric_inc(RT_METRIC_EVICTED_HALF_OPEN);
    conn_end(victim, RT_CONN_END_EVICTED);
}

static void half_open_add(struct rt_conn *c)
{
    struct conn_worker *cw = c->cw;

    if (cw->half_open_count >= rt_door_half_open_max(cw->door))
        half_open_evict(cw, &c->prefix);
    c->is_half_open = true;
    cw->half_open_count++;
    rt_metric_inc(RT_METRIC_HALF_OPEN);
    rt_list_push_back(&cw->half_open, &c->half_open_node);
    rt_list_push_back(half_open_bucket(cw, &c->prefix), &c->prefix_node);
}

static void half_open_remove(struct rt_conn *c)
{
    if (!c->is_half_open)
        return;
    c->is_half_open = false;
    c->cw->half_open_count--;
    rt_metric_sub(RT_METRIC_HALF_OPEN, 1);
    rt_list_unlink(&c->half_open_node);
    rt_list_unlink(&c->prefix_node);
}

/* -- life -- */

static struct rt_conn *conn_new(struct conn_worker *cw, const struct relay_transport *t)
{
    struct rt_conn *c = calloc(1, sizeof(*c));

    RT_INSIST(c != NULL);
    c->transport = t;
    c->cw = cw;
    c->rx_timer.fire = on_rx_timer;
    c->tx_timer.fire = conn_write_due;
    rt_list_init(&c->stalled_node);
    rt_list_init(&c->half_open_node);
    rt_list_init(&c->prefix_node);
    rt_list_init(&c->soon_node);
    rt_list_init(&c->all_node);
    rt_list_push_back(&cw->all, &c->all_node);
    cw->count++;
    conn_read_init(c);
    c->handshake_deadline_ns = rt_now_ns(cw->worker) + LIM_HANDSHAKE_NS;
    conn_arm_rx(c, c->handshake_deadline_ns);
    return c;
}

/* Releases all but the struct: the plugin's closed may follow. */
static void conn_strip(struct rt_conn *c)
{
    struct rt_worker *w = c->cw->worker;

    half_open_remove(c);
    conn_read_fini(c);
    rt_timer_disarm(w, &c->rx_timer);
    rt_list_unlink(&c->stalled_node);
}

static void conn_gone(struct rt_conn *c)
{
    struct conn_worker *cw = c->cw;

    conn_strip(c);
    rt_timer_disarm(cw->worker, &c->tx_timer);
    rt_list_unlink(&c->all_node);
    cw->count--;
    if (c->is_admitted)
        rt_door_leave(cw->door, &c->prefix);
    if (cw->close_all)
        arm_soon(cw);
}

static void *on_admit(struct relay_worker *w, const struct relay_transport *t,
                      struct relay_conn *tc, const struct sockaddr *peer)
{
    struct conn_worker *cw = conn_worker_of(w);
    struct rt_prefix prefix;
    struct rt_conn *c;

    rt_prefix_of(peer, &prefix);
    if (!rt_door_enter(cw->door, &prefix))
        return NULL;
    c = conn_new(cw, t);
    c->tc = tc;
    c->prefix = prefix;
    c->is_admitted = true;
    c->user = cw->acceptor.accept(cw->acceptor.ctx, c, &c->ops);
    if (!c->user) {
        conn_gone(c);
        free(c);
        return NULL;
    }
    half_open_add(c);
    return c;
}

rt_err rt_conn_dial(struct rt_worker *w, const struct relay_transport *t, void *t_state,
                    const struct sockaddr *addr, socklen_t len, const struct rt_conn_ops *ops,
                    void *user, struct rt_conn **out, struct relay_error *err)
{
    struct rt_conn *c = conn_new(conn_worker_of(w), t);

    c->ops = ops;
    c->user = user;
    if (t->dial(t_state, addr, len, c, &c->tc, err) != 0) {
        conn_gone(c);
        free(c);
        return RT_ERR_REFUSED;
    }
    *out = c;
    return RT_ERR_OK;
}

static void on_opened(void *user)
{
    struct rt_conn *c = user;

    if (!c->is_closing)
        c->ops->opened(c->user);
}

/* An error of the peer below the frames, which no consumer logs. */
static void log_refused(const struct rt_conn *c, enum relay_end end, const char *detail)
{
    static struct rt_log_site site;
    char peer[64];

    if (!rt_log_enabled(RELAY_LOG_INFO) ||
        !rt_log_allowed(&site, CONN_LOG_BURST, rt_now_ns(c->cw->worker)))
        return;
    rt_conn_peer_text(c, peer, sizeof(peer));
    rt_log(RELAY_LOG_INFO, "connection refused", "reason=%s peer=%s detail=\"%s\"",
           end == RELAY_END_HANDSHAKE ? "transport_handshake" : "transport_protocol", peer,
           detail ? detail : "");
}

static void on_closed(void *user, enum relay_end end, const char *detail)
{
    struct rt_conn *c = user;
    bool is_notified = c->ops == NULL;

    if (end == RELAY_END_HANDSHAKE)
        rt_metric_inc(RT_METRIC_END_HANDSHAKE);
    if (end == RELAY_END_HANDSHAKE || end == RELAY_END_PROTOCOL)
        log_refused(c, end, detail);
    conn_gone(c);
    c->is_tc_gone = true;
    if (!c->is_closing) {
        const struct rt_conn_ops *ops = c->ops;

        c->is_closing = true;
        c->ops = NULL;
        ops->ended(c->user, RT_CONN_END_TRANSPORT, end);
        is_notified = true;
    }
    if (is_notified) {
        rt_list_unlink(&c->soon_node);
        free(c);
    }
}

/* A graceful close delivers the output, within the deadline of output. */
static void bound_close(struct rt_conn *c)
{
    if (c->unsent == 0)
        c->send_deadline_ns = rt_now_ns(c->cw->worker) + LIM_SEND_NS_PER_MIB;
    if (!rt_timer_armed(&c->tx_timer))
        rt_timer_arm(c->cw->worker, &c->tx_timer, c->send_deadline_ns);
}

void conn_end(struct rt_conn *c, enum rt_conn_end how)
{
    static struct rt_metric *const timeouts[] = {
        [RT_CONN_END_HANDSHAKE_TIMEOUT] = RT_METRIC_TIMEOUT_HANDSHAKE,
        [RT_CONN_END_IDLE_TIMEOUT] = RT_METRIC_TIMEOUT_IDLE,
        [RT_CONN_END_FRAME_TIMEOUT] = RT_METRIC_TIMEOUT_FRAME,
        [RT_CONN_END_SEND_TIMEOUT] = RT_METRIC_TIMEOUT_SEND,
    };

    if (c->is_closing)
        return;
    if (how >= RT_CONN_END_HANDSHAKE_TIMEOUT && how <= RT_CONN_END_SEND_TIMEOUT)
        rt_metric_inc(timeouts[how]);
    c->is_closing = true;
    c->end = how;
    c->transport_end = RELAY_END_LOCAL;
    conn_strip(c);
    if (how == RT_CONN_END_SHUTDOWN) {
        c->transport->close(c->tc, RELAY_CLOSE_GRACEFUL);
        bound_close(c);
    } else {
        c->transport->close(c->tc, RELAY_CLOSE_ABORT);
    }
    soon(c, &c->cw->ending);
}

void rt_conn_close(struct rt_conn *c, enum relay_close how)
{
    c->ops = NULL;
    c->user = NULL;
    if (c->is_closing)
        return;
    c->is_closing = true;
    conn_strip(c);
    c->transport->close(c->tc, how);
    if (how == RELAY_CLOSE_GRACEFUL)
        bound_close(c);
}

/* -- deadlines of input -- */

void conn_arm_rx(struct rt_conn *c, uint64_t at_ns)
{
    if (!rt_timer_armed(&c->rx_timer) || c->rx_timer.at_ns > at_ns)
        rt_timer_arm(c->cw->worker, &c->rx_timer, at_ns);
}

static bool is_due(uint64_t deadline_ns, uint64_t now_ns)
{
    return deadline_ns && deadline_ns <= now_ns;
}

static uint64_t earlier(uint64_t a, uint64_t b)
{
    return b && b < a ? b : a;
}

static void on_rx_timer(struct relay_timer *t)
{
    struct rt_conn *c = RT_CONTAINER_OF(t, struct rt_conn, rx_timer);
    uint64_t now = rt_now_ns(c->cw->worker);
    uint64_t next = UINT64_MAX;

    if (c->is_closing)
        return;
    if (c->is_starved)
        conn_read_retry(c);
    if (is_due(c->handshake_deadline_ns, now))
        conn_end(c, RT_CONN_END_HANDSHAKE_TIMEOUT);
    else if (is_due(c->frame_deadline_ns, now))
        conn_end(c, RT_CONN_END_FRAME_TIMEOUT);
    else if (is_due(c->idle_deadline_ns, now) && !c->is_held && c->unsent == 0)
        conn_end(c, RT_CONN_END_IDLE_TIMEOUT);
    if (!c->is_closing && is_due(c->eof_deadline_ns, now))
        conn_read_eof_due(c);
    if (c->is_closing)
        return;
    next = earlier(next, c->eof_deadline_ns);
    next = earlier(next, c->handshake_deadline_ns);
    next = earlier(next, c->frame_deadline_ns);
    next = earlier(next, c->idle_deadline_ns);
    if (next <= now)
        next = now + c->idle_ns;
    if (next != UINT64_MAX)
        conn_arm_rx(c, next);
}

/* The transport's own idle timeout must not end a tunnel, nor a peer that waits for our reply. */
static void keep_alive(struct rt_conn *c)
{
    const struct relay_transport *t = c->transport;
    bool is_wanted = c->is_held || (c->idle_ns == 0 && c->handshake_deadline_ns == 0);

    if (c->is_closing || c->is_tc_gone || is_wanted == c->is_kept_alive || t->abi_minor < 1 ||
        !t->keep_alive)
        return;
    c->is_kept_alive = is_wanted;
    t->keep_alive(c->tc, is_wanted ? LIM_KEEP_ALIVE_NS : 0);
}

void rt_conn_set_idle(struct rt_conn *c, uint64_t idle_ns)
{
    c->idle_ns = idle_ns;
    keep_alive(c);
    c->idle_deadline_ns = idle_ns ? rt_now_ns(c->cw->worker) + idle_ns : 0;
    if (idle_ns)
        conn_arm_rx(c, c->idle_deadline_ns);
}

void rt_conn_authenticated(struct rt_conn *c, uint64_t idle_ns)
{
    half_open_remove(c);
    c->handshake_deadline_ns = 0;
    rt_conn_set_idle(c, idle_ns);
}

/* -- frames -- */

void rt_conn_set_consumer(struct rt_conn *c, const struct rt_conn_ops *ops, void *user)
{
    c->ops = ops;
    c->user = user;
}

void rt_conn_set_frame_max(struct rt_conn *c, uint32_t frame_max, uint32_t keep_max)
{
    RT_REQUIRE(keep_max <= frame_max && frame_max <= LIM_FRAME_MAX);
    c->frame_max = frame_max;
    c->keep_max = keep_max;
}

void rt_conn_hold(struct rt_conn *c)
{
    c->is_held = true;
    keep_alive(c);
}

void rt_conn_release(struct rt_conn *c)
{
    c->is_held = false;
    keep_alive(c);
    if (!c->is_dispatching && !c->is_closing && (c->stash.ptr || c->is_paused))
        soon(c, &c->cw->ready);
}

void rt_conn_expect_more(struct rt_conn *c)
{
    c->expects_more = true;
}

/* -- the peer's address -- */

void rt_conn_peer(const struct rt_conn *c, struct sockaddr_storage *out)
{
    memset(out, 0, sizeof(*out));
    if (!c->is_tc_gone)
        c->transport->peer(c->tc, out);
}

void rt_conn_peer_text(const struct rt_conn *c, char *out, size_t cap)
{
    struct sockaddr_storage ss = {0};
    char ip[INET6_ADDRSTRLEN] = "?";

    rt_conn_peer(c, &ss);
    if (ss.ss_family == AF_INET) {
        const struct sockaddr_in *v4 = (const struct sockaddr_in *)(const void *)&ss;

        inet_ntop(AF_INET, &v4->sin_addr, ip, sizeof(ip));
        snprintf(out, cap, "%s:%u", ip, ntohs(v4->sin_port));
    } else if (ss.ss_family == AF_UNSPEC) {
        snprintf(out, cap, "gone");
    } else {
        const struct sockaddr_in6 *v6 = (const struct sockaddr_in6 *)(const void *)&ss;

        inet_ntop(AF_INET6, &v6->sin6_addr, ip, sizeof(ip));
        snprintf(out, cap, "[%s]:%u", ip, ntohs(v6->sin6_port));
    }
}

const struct relay_events rt_conn_events = {
    .size = sizeof(struct relay_events),
    .admit = on_admit,
    .opened = on_opened,
    .alloc = conn_read_alloc,
    .data = conn_read_data,
    .eof = conn_read_eof,
    .sent = conn_write_sent,
    .closed = on_closed,
};
