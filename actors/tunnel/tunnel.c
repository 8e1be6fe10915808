/* SPDX-License-Identifier: MPL-2.0 */
/*
 * One link: a node's connection, the requests for it (pending.h), and its deadlines.
 *
 * Invariant: the next frame of a node is the reply to the oldest written request. Two rules
 * follow. A node that owes a reply and sends no byte for LIM_PROGRESS_NS loses its connection,
 * because a later reply could not be matched. The written request of a requester that has gone
 * stays until its reply was read and discarded.
 *
 * A link is *silent* after LIM_DEMOTE_NS without a byte while it owes. No more requests are written
 * to it, so the waiting ones can still move to another link of the identity.
 */
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "base/budget.h"
#include "base/check.h"
#include "base/log.h"
#include "tunnel/link.h"
#include "tunnel/tunnel_metrics.h"
#include "wire_envelope.h"
#include "wire_limits.h"

#define MEMORY_RETRY_NS (20 * RT_MS) /* between two attempts to reserve memory for a reply */
#define TABLES_KEEP_NS (10 * RT_S)   /* pending's tables are kept after the last request */
#define LOG_BURST 20u                /* lines a second of one kind */

/* -- requests -- */

static void request_fini(struct rt_msg *m)
{
    relay_slice_drop(&RT_MSG_CAST(m, struct tunnel_request, m->kind)->payload);
}

struct tunnel_request *tunnel_request_new(uint32_t inline_len)
{
    uint32_t cap = inline_len > TUNNEL_INLINE_MIN ? inline_len : TUNNEL_INLINE_MIN;
    struct tunnel_request *r;

    RT_REQUIRE(inline_len <= TUNNEL_INLINE_MAX);
    r = rt_msg_new(TUNNEL_REQUEST, sizeof(*r) + cap);
    r->msg.fini = request_fini;
    r->inline_len = inline_len;
    r->inline_cap = cap;
    return r;
}

/* NULL for NULL. */
static struct tunnel_request *request_of(struct pending_request *r)
{
    return r ? RT_CONTAINER_OF(r, struct tunnel_request, pending) : NULL;
}

static void refuse(struct tunnel *t, struct tunnel_request *r, enum wire_refusal refusal)
{
    relay_slice_drop(&r->payload);
    r->inline_len = 0;
    r->refusal = refusal;
    rt_msg_reply(worker_of(t), &r->msg);
}

static void discard(struct tunnel_request *r)
{
    struct rt_msg *m = &r->msg;

    rt_msg_free(&m);
}

static void unreserve(struct tunnel_request *r)
{
    if (r->reserved > 0)
        rt_budget_give(r->reserved);
    r->reserved = 0;
}

/* -- the timer: armed for the next deadline, or earlier -- */

static void arm_timer_by(struct tunnel *t, uint64_t at_ns)
{
    if (!rt_timer_armed(&t->timer) || t->timer.at_ns > at_ns)
        rt_timer_arm(worker_of(t), &t->timer, at_ns);
}

static bool owes(const struct tunnel *t)
{
    return t->pending.written_count > 0;
}

/* The time since when the node owes and has sent no byte. */
static uint64_t silent_since(const struct tunnel *t)
{
    return t->byte_ns > t->owes_since_ns ? t->byte_ns : t->owes_since_ns;
}

static void arm_timer(struct tunnel *t, uint64_t now)
{
    uint64_t at = pending_next_deadline(&t->pending);

    if (owes(t)) {
        uint64_t stalls_at = silent_since(t) + LIM_PROGRESS_NS;
        uint64_t check_at = (t->is_silent ? now : silent_since(t)) + LIM_DEMOTE_NS;

        if (check_at > stalls_at)
            check_at = stalls_at;
        at = check_at < at ? check_at : at;
    }
    if (t->wants_memory && now + MEMORY_RETRY_NS < at)
        at = now + MEMORY_RETRY_NS;
    if (at == UINT64_MAX && t->pending.tables)
        at = now + TABLES_KEEP_NS;
    if (at != UINT64_MAX)
        arm_timer_by(t, at);
}

/* -- writing -- */

static void write_request(struct tunnel *t, struct tunnel_request *r)
{
    uint8_t head[WIRE_LENGTH_BYTES + WIRE_ENVELOPE_HEAD_MAX];
    struct relay_slice body = r->payload.ptr ? relay_slice_take(&r->payload)
                                             : relay_slice_view(r->inline_bytes, r->inline_len);
    size_t len = wire_envelope_head(head, r->inner_type, r->inner_req_id, r->inner_flags, body.len);

    rt_conn_send2(t->conn, head, (uint32_t)len, &body);
}

/* Writes requests while the window, the unsent output and the memory for replies allow. */
static void pump(struct tunnel *t)
{
    uint64_t now = rt_now_ns(worker_of(t));

    t->wants_memory = false;
    if (t->registering || t->is_silent)
        return;
    while (pending_can_write(&t->pending) && rt_conn_unsent(t->conn) <= LIM_LINK_UNSENT) {
        uint32_t reserved = pending_reserve(&t->pending);
        struct tunnel_request *r;

        if (rt_budget_is_pressed() || !rt_budget_take(reserved)) {
            t->wants_memory = true;
            arm_timer_by(t, now + MEMORY_RETRY_NS);
            return;
        }
        if (!owes(t)) {
            t->owes_since_ns = now;
            arm_timer_by(t, now + LIM_DEMOTE_NS);
        }
        r = request_of(pending_write(&t->pending, now));
        r->reserved = reserved;
        write_request(t, r);
    }
}

/* -- the end of a link -- */

static void notify_authority(struct tunnel *t, uint16_t kind)
{
    struct slots_link *m = rt_msg_new(kind, sizeof(*m));

    m->slot_id = t->slot_id;
    m->link = rt_actor_addr(&t->actor);
    rt_send(worker_of(t), tunnel_slots_addr(worker_of(t)), &m->msg);
}

/* The waiting requests go to another link, oldest first. Without one they stay. */
static void move_waiting(struct tunnel *t)
{
    struct rt_addr other = slot_view_other(worker_of(t), t->slot_id, rt_actor_addr(&t->actor));
    struct tunnel_request *r;

    while (!rt_addr_is_none(other) && (r = request_of(pending_take_waiting(&t->pending))))
        rt_send(worker_of(t), other, &r->msg);
}

static void link_free(struct tunnel *t)
{
    tunnel_worker_of(worker_of(t))->link_count--;
    rt_timer_disarm(worker_of(t), &t->timer);
    rt_actor_stop(&t->actor);
    pending_fini(&t->pending);
    free(t);
}

/* Refuses or moves all requests and frees t. The connection has been dealt with. */
static void link_end(struct tunnel *t, enum wire_refusal refusal)
{
    struct tunnel_request *r;

    while ((r = request_of(pending_take_written(&t->pending)))) {
        unreserve(r);
        if (r->pending.is_cancelled)
            discard(r);
        else
            refuse(t, r, refusal);
    }
    move_waiting(t);
    while ((r = request_of(pending_take_waiting(&t->pending))))
        refuse(t, r, refusal);
    link_free(t);
}

static void link_log(const struct tunnel *t, const char *msg, const char *reason)
{
    static struct rt_log_site site;

    if (rt_log_enabled(RELAY_LOG_INFO) && rt_log_allowed(&site, LOG_BURST, rt_now_ns(worker_of(t))))
        rt_log(RELAY_LOG_INFO, msg, "slot=%016" PRIx64 " reason=\"%s\"", t->slot_id, reason);
}

static struct rt_metric *const links_of_dialect[WIRE_DIALECTS] = {
    [WIRE_DIALECT_A] = RT_METRIC_TUNNEL_LINKS_A,
    [WIRE_DIALECT_B] = RT_METRIC_TUNNEL_LINKS_B,
    [WIRE_DIALECT_C] = RT_METRIC_TUNNEL_LINKS_C,
};

/* The connection has ended. */
static void link_lost(struct tunnel *t, enum wire_refusal refusal, const char *reason)
{
    rt_metric_sub(RT_METRIC_TUNNEL_LINKS, 1);
    rt_metric_sub(links_of_dialect[t->dialect], 1);
    link_log(t, "tunnel closed", reason);
    notify_authority(t, SLOTS_LINK_GONE);
    link_end(t, refusal);
}

static void link_close(struct tunnel *t, enum wire_refusal refusal, enum relay_close how,
                       const char *reason)
{
    rt_conn_close(t->conn, how);
    link_lost(t, refusal, reason);
}

/* -- events of the connection -- */

/* A reply of the node: the oldest written request, or NULL if its requester has gone. *out_asked
 * false: no request was written, and t is freed. */
static struct tunnel_request *reply_begin(struct tunnel *t, uint32_t len, bool *out_asked)
{
    struct tunnel_request *r =
        request_of(pending_answered(&t->pending, len, rt_now_ns(worker_of(t))));

    *out_asked = r != NULL;
    if (!r) {
        rt_metric_inc(RT_METRIC_TUNNEL_UNASKED);
        link_close(t, WIRE_REFUSAL_TUNNEL_CLOSED, RELAY_CLOSE_GRACEFUL, "unrequested frame");
        return NULL;
    }
    unreserve(r);
    if (!r->pending.is_cancelled)
        return r;
    rt_metric_inc(RT_METRIC_TUNNEL_TOMBSTONED);
    discard(r);
    return NULL;
}

static void reply(struct tunnel *t, struct tunnel_request *r, struct rt_frame *f)
{
    if (f->len <= r->inline_cap) {
        memcpy(r->inline_bytes, f->ptr, f->len);
        r->inline_len = f->len;
    } else {
        r->payload = rt_frame_take(f, f->ptr, f->len);
        if (!r->payload.owner) {
            refuse(t, r, WIRE_REFUSAL_MEMORY);
            return;
        }
    }
    rt_msg_reply(worker_of(t), &r->msg);
}

static void on_frame(void *user, struct rt_frame *f)
{
    struct tunnel *t = user;
    bool asked;
    struct tunnel_request *r = reply_begin(t, f->len, &asked);

    if (!asked)
        return;
    if (r)
        reply(t, r, f);
    pump(t);
}

static void on_discarded(void *user, uint32_t len)
{
    struct tunnel *t = user;
    bool asked;
    struct tunnel_request *r = reply_begin(t, len, &asked);

    if (!asked)
        return;
    if (r)
        refuse(t, r,
               len > LIM_INNER_FRAME_MAX ? WIRE_REFUSAL_ANSWER_TOO_LARGE : WIRE_REFUSAL_MEMORY);
    pump(t);
}

/* The reply under way takes memory of its own, so its reservation ends. */
static void on_received(void *user)
{
    struct tunnel *t = user;
    struct tunnel_request *r = request_of(pending_oldest_written(&t->pending));

    if (r)
        unreserve(r);
    t->byte_ns = rt_now_ns(worker_of(t));
    if (t->is_silent) {
        t->is_silent = false;
        pump(t);
    }
}

static void on_drained(void *user)
{
    pump(user);
}

static void on_eof(void *user)
{
    link_close(user, WIRE_REFUSAL_TUNNEL_CLOSED, RELAY_CLOSE_GRACEFUL, "node closed");
}

static void on_ended(void *user, enum rt_conn_end how, enum relay_end end)
{
    static const char *const reasons[] = {
        [RT_CONN_END_TRANSPORT] = "connection lost",
        [RT_CONN_END_HANDSHAKE_TIMEOUT] = "handshake deadline",
        [RT_CONN_END_IDLE_TIMEOUT] = "idle",
        [RT_CONN_END_FRAME_TIMEOUT] = "frame deadline",
        [RT_CONN_END_SEND_TIMEOUT] = "send deadline",
        [RT_CONN_END_OVERSIZE] = "frame too large",
        [RT_CONN_END_EVICTED] = "evicted",
        [RT_CONN_END_MEMORY] = "memory",
        [RT_CONN_END_SHUTDOWN] = "shutdown",
    };

    RT_REQUIRE(how < sizeof(reasons) / sizeof(reasons[0]));
    link_lost(user, WIRE_REFUSAL_TUNNEL_CLOSED,
              how == RT_CONN_END_TRANSPORT && end == RELAY_END_PEER ? "node closed" : reasons[how]);
}

static const struct rt_conn_ops link_ops = {
    .frame = on_frame,
    .discarded = on_discarded,
    .received = on_received,
    .eof = on_eof,
    .drained = on_drained,
    .ended = on_ended,
};

/* -- deadlines -- */

static void expire(struct tunnel *t, uint64_t now)
{
    struct tunnel_request *r;

    while ((r = request_of(pending_expired(&t->pending, now)))) {
        rt_metric_inc(RT_METRIC_QUEUE_TIMEOUT);
        refuse(t, r, WIRE_REFUSAL_QUEUE_TIMEOUT);
    }
}

/* The node owes and sends nothing: other links of the identity are used first. */
static void demote(struct tunnel *t)
{
    struct rt_addr links[LIM_LINKS_PER_SLOT];
    uint32_t count = slot_view_links(worker_of(t), t->slot_id, links);

    t->is_silent = true;
    if (count > 1 && !rt_addr_equal(links[count - 1], rt_actor_addr(&t->actor)))
        notify_authority(t, SLOTS_LINK_SILENT);
    move_waiting(t);
}

void link_on_timer(struct relay_timer *timer)
{
    struct tunnel *t = RT_CONTAINER_OF(timer, struct tunnel, timer);
    uint64_t now = rt_now_ns(worker_of(t));

    expire(t, now);
    if (owes(t) && now - silent_since(t) >= LIM_PROGRESS_NS) {
        rt_metric_inc(RT_METRIC_TUNNEL_STALLED);
        link_close(t, WIRE_REFUSAL_TUNNEL_TIMEOUT, RELAY_CLOSE_ABORT,
                   "no byte while an answer was owed");
        return;
    }
    if (owes(t) && now - silent_since(t) >= LIM_DEMOTE_NS)
        demote(t);
    pump(t);
    if (t->is_quiet)
        pending_trim(&t->pending);
    t->is_quiet = true;
    arm_timer(t, now);
}

/* -- messages -- */

static void on_request(struct tunnel *t, struct tunnel_request *r)
{
    struct tunnel_request *refused;

    if (t->is_silent) {
        struct rt_addr front = tunnel_slot_lookup(worker_of(t), t->slot_id);

        if (!rt_addr_is_none(front) && !rt_addr_equal(front, rt_actor_addr(&t->actor))) {
            rt_send(worker_of(t), front, &r->msg);
            return;
        }
    }
    t->is_quiet = false;
    r->pending.requester = r->msg.reply_to;
    refused = request_of(pending_add(&t->pending, &r->pending));
    if (refused) {
        rt_metric_inc(RT_METRIC_QUEUE_FULL);
        refuse(t, refused, WIRE_REFUSAL_QUEUE_FULL);
    }
    pump(t);
    if (t->pending.waiting_count > 0)
        arm_timer_by(t, pending_next_deadline(&t->pending));
}

/* The request may have moved to another link of the slot: it is cancelled there, once. */
static void pass_cancel_on(struct tunnel *t, const struct tunnel_cancel *c)
{
    struct rt_addr links[LIM_LINKS_PER_SLOT];
    uint32_t count = slot_view_links(worker_of(t), t->slot_id, links);

    for (uint32_t i = 0; i < count; i++) {
        struct tunnel_cancel *copy;

        if (rt_addr_equal(links[i], rt_actor_addr(&t->actor)))
            continue;
        copy = rt_msg_new(TUNNEL_CANCEL, sizeof(*copy));
        copy->requester = c->requester;
        copy->drop_written = c->drop_written;
        copy->is_passed_on = true;
        rt_send(worker_of(t), links[i], &copy->msg);
    }
}

static void on_cancel(struct tunnel *t, const struct tunnel_cancel *c)
{
    struct tunnel_request *r;
    bool found = false;

    while ((r = request_of(pending_cancel(&t->pending, c->requester, c->drop_written, &found)))) {
        if (c->drop_written)
            discard(r);
        else
            refuse(t, r, WIRE_REFUSAL_CANCELLED);
    }
    if (!found && !c->is_passed_on)
        pass_cancel_on(t, c);
}

void link_on_msg(struct rt_actor *self, struct rt_msg *m)
{
    struct tunnel *t = RT_CONTAINER_OF(self, struct tunnel, actor);

    switch (m->kind) {
    case TUNNEL_REQUEST:
        on_request(t, RT_MSG_CAST(m, struct tunnel_request, TUNNEL_REQUEST));
        return;
    case TUNNEL_CANCEL:
        on_cancel(t, RT_MSG_CAST(m, struct tunnel_cancel, TUNNEL_CANCEL));
        break;
    case TUNNEL_CLOSE:
        link_close(t, WIRE_REFUSAL_TUNNEL_CLOSED, RELAY_CLOSE_GRACEFUL, "replaced by a newer link");
        break;
    default:
        break;
    }
    rt_msg_free(&m);
}

/* -- its beginning and end for registration.c -- */

void link_open(struct tunnel *t)
{
    t->byte_ns = rt_now_ns(worker_of(t));
    rt_metric_inc(RT_METRIC_TUNNEL_LINKS);
    rt_metric_inc(links_of_dialect[t->dialect]);
    link_log(t, "tunnel open", "registered");
    t->actor.on_msg = link_on_msg;
    rt_conn_set_consumer(t->conn, &link_ops, t);
    rt_conn_set_frame_max(t->conn, LIM_FRAME_MAX, LIM_INNER_FRAME_MAX);
    rt_conn_set_idle(t->conn, 0);
    rt_conn_release(t->conn);
    pump(t);
}

void link_discard(struct tunnel *t, bool authority_knows)
{
    if (authority_knows)
        notify_authority(t, SLOTS_LINK_GONE);
    link_end(t, WIRE_REFUSAL_TUNNEL_CLOSED);
}
