/* SPDX-License-Identifier: MPL-2.0 */
/*
 * RelayRegister, RelayConnect and RelayStream (protocol: Tunnels).
 *
 * Invariant: a relayed request is either kept here, while the slots authority is asked, or with a
 * link.
 */
#include <stdlib.h>
#include <string.h>

#include "base/check.h"
#include "session/session_limits.h"
#include "session/session_metrics.h"
#include "session_private.h"

static void ask_slots(struct session *s, struct slots_request *a)
{
    memcpy(a->key, s->peer_key, sizeof(a->key));
    a->msg.reply_to = rt_actor_addr(&s->actor);
    rt_send(s->sw->worker, tunnel_slots_addr(s->sw->worker), &a->msg);
}

static struct slots_request *slots_request_new(enum slots_op op, uint64_t slot_id)
{
    struct slots_request *a = rt_msg_new(SLOTS_REQUEST, sizeof(*a));

    a->op = op;
    a->slot_id = slot_id;
    return a;
}

static void on_registration_ended(void *user, const struct tunnel_refused *refused)
{
    struct session *s = user;

    if (!refused) {
        s->registering = NULL;
        session_free(s);
        return;
    }
    session_resume(s, refused->conn, refused->has_eof);
    session_refuse(s, refused->refusal, NULL);
}

/* The connection moves; this session is over unless it comes back. */
static void register_tunnel(struct session *s, uint64_t slot_id)
{
    struct tunnel_registration r = {.dialect = s->dialect,
                                    .slot_id = slot_id,
                                    .req_id = s->req_id,
                                    .ended = on_registration_ended,
                                    .user = s};
    struct rt_conn *c = s->conn;

    memcpy(r.key, s->peer_key, sizeof(r.key));
    s->conn = NULL;
    s->registering = tunnel_register(s->sw->worker, c, &r);
}

void session_on_register(struct session *s, uint8_t *payload, uint32_t len)
{
    struct wire_relay_register m = {0};
    rt_err err = wire_relay_register_decode(payload, len, &m);
    uint64_t slot_id = m.has_slot_id ? m.slot_id : 0;

    if (err != RT_ERR_OK)
        session_refuse(s, WIRE_REFUSAL_PAYLOAD_MALFORMED, rt_err_text(err));
    else if (m.tunnel)
        register_tunnel(s, slot_id);
    else
        ask_slots(s, slots_request_new(SLOTS_REGISTER_TEMP, slot_id));
}

void session_on_connect(struct session *s, uint8_t *payload, uint32_t len)
{
    uint64_t slot_id;
    rt_err err = wire_relay_connect_decode(payload, len, &slot_id);

    if (err != RT_ERR_OK)
        session_refuse(s, WIRE_REFUSAL_PAYLOAD_MALFORMED, rt_err_text(err));
    else
        ask_slots(s, slots_request_new(SLOTS_CONNECT, slot_id));
}

static void on_temp_registered(struct session *s, const struct slots_request *a)
{
    uint8_t payload[WIRE_RELAY_SMALL_MAX];
    struct wire_relay_registered m = {.slot_id = a->slot_id, .expires_at = a->expires_at_s};
    size_t len = wire_relay_registered_encode(&m, payload, sizeof(payload));

    session_reply(s, WIRE_RELAY_REGISTERED, relay_slice_view(payload, (uint32_t)len));
}

/* -- RelayStream -- */

/* Sends s->relayed to a link of its slot. */
static void forward(struct session *s, struct rt_addr link)
{
    struct tunnel_request *q = s->relayed;

    s->relayed = NULL;
    s->tunnel = link;
    rt_metric_inc(RT_METRIC_RELAYED);
    rt_metric_add(RT_METRIC_RELAYED_BYTES_IN, q->payload.ptr ? q->payload.len : q->inline_len);
    q->msg.kind = TUNNEL_REQUEST;
    q->msg.is_bounced = false;
    q->msg.reply_to = rt_actor_addr(&s->actor);
    rt_send(s->sw->worker, link, &q->msg);
}

static struct tunnel_request *request_new(struct session *s, const struct wire_relay_stream *m,
                                          const struct wire_envelope *inner, uint32_t inline_len)
{
    struct tunnel_request *q = tunnel_request_new(inline_len);

    q->slot_id = m->slot_id;
    q->stream_id = m->stream_id;
    q->kind = m->kind;
    q->pending.key = s->peer_hash;
    q->outer_req_id = s->req_id;
    q->pending.deadline_ns = rt_now_ns(s->sw->worker) + LIM_QUEUE_NS;
    q->inner_type = inner->type;
    q->inner_req_id = inner->req_id;
    q->inner_flags = inner->flags;
    return q;
}

/* Creates s->relayed from the inner envelope, which is the payload of m in frame f. False: the
 * request was refused. */
static bool take_inner(struct session *s, struct rt_frame *f, const struct wire_relay_stream *m)
{
    struct wire_envelope e;
    rt_err err = wire_envelope_decode(m->payload.ptr, m->payload.len, &e);
    struct tunnel_request *q;
    bool is_inline;

    if (err != RT_ERR_OK) {
        session_refuse(s,
                       err == RT_ERR_TOO_LARGE ? WIRE_REFUSAL_INNER_TOO_LARGE
                                               : WIRE_REFUSAL_INNER_MALFORMED,
                       rt_err_text(err));
        return false;
    }
    is_inline = e.payload.len <= TUNNEL_INLINE_MAX;
    q = request_new(s, m, &e, is_inline ? e.payload.len : 0);
    s->relayed = q;
    if (is_inline) {
        memcpy(q->inline_bytes, e.payload.ptr, e.payload.len);
        return true;
    }
    q->payload = rt_frame_take(f, e.payload.ptr, e.payload.len);
    if (!q->payload.owner) {
        session_refuse(s, WIRE_REFUSAL_MEMORY, NULL);
        return false;
    }
    return true;
}

static void ask_for_slot(struct session *s, uint64_t slot_id, enum wire_relay_kind kind)
{
    struct slots_request *a = slots_request_new(SLOTS_STREAM, slot_id);

    s->has_asked_slots = true;
    a->kind = kind;
    ask_slots(s, a);
}

/* This worker's view does not know the slot; the authority may, as a newer link or as a temporary
 * slot. The payload is not decoded before that, since only a tunnel's payload is an envelope. */
static void keep_missed(struct session *s, struct rt_frame *f, const struct wire_relay_stream *m)
{
    struct relay_slice payload = rt_frame_take(f, m->payload.ptr, m->payload.len);
    struct session_slot_miss *miss;

    if (!payload.owner) {
        session_refuse(s, WIRE_REFUSAL_MEMORY, NULL);
        return;
    }
    miss = malloc(sizeof(*miss));
    RT_INSIST(miss != NULL);
    miss->stream = *m;
    miss->stream.payload.ptr = payload.owner->bytes + (payload.ptr - payload.owner->bytes);
    miss->payload = payload;
    s->missed = miss;
    ask_for_slot(s, m->slot_id, m->kind);
}

void session_on_stream(struct session *s, struct rt_frame *f, uint8_t *payload, uint32_t len)
{
    struct wire_relay_stream m;
    rt_err err = wire_relay_stream_decode(payload, len, &m);
    struct rt_addr link;

    if (err != RT_ERR_OK) {
        session_refuse(s, WIRE_REFUSAL_PAYLOAD_MALFORMED, rt_err_text(err));
        return;
    }
    link = tunnel_slot_lookup(s->sw->worker, m.slot_id);
    if (rt_addr_is_none(link))
        keep_missed(s, f, &m);
    else if (take_inner(s, f, &m))
        forward(s, link);
}

static void reply_stream(struct session *s, const struct wire_relay_stream *m,
                         struct relay_slice *body)
{
    uint8_t head[WIRE_RELAY_FRAME_HEAD_MAX];
    size_t len = wire_relay_stream_frame_head(head, s->req_id, WIRE_FLAG_RESPONSE, m, body->len);

    rt_metric_add(RT_METRIC_RELAYED_BYTES_OUT, body->len);
    rt_conn_send2(s->conn, head, (uint32_t)len, body);
    session_done(s);
}

static void reply_relayed(struct session *s, struct tunnel_request *q)
{
    struct wire_relay_stream m = {
        .slot_id = q->slot_id, .stream_id = q->stream_id, .kind = q->kind};
    struct relay_slice body = q->payload.ptr ? relay_slice_take(&q->payload)
                                             : relay_slice_view(q->inline_bytes, q->inline_len);

    reply_stream(s, &m, &body);
}

void session_on_tunnel_reply(struct session *s, struct tunnel_request *q)
{
    struct rt_msg *m = &q->msg;

    if (m->is_bounced && !s->has_asked_slots && !s->is_leaving) {
        s->relayed = q;
        ask_for_slot(s, q->slot_id, q->kind);
        return;
    }
    if (m->is_bounced)
        session_refuse(s, WIRE_REFUSAL_TUNNEL_CLOSED, NULL);
    else if (q->refusal != WIRE_REFUSAL_NONE)
        session_refuse(s, q->refusal, NULL);
    else
        reply_relayed(s, q);
    rt_msg_free(&m);
}

/* A temporary slot: its requester gets its own payload back. */
static void echo(struct session *s, struct session_slot_miss *miss)
{
    if (miss->payload.len > LIM_CONTROL_PAYLOAD_MAX)
        session_refuse(s, WIRE_REFUSAL_CONTROL_TOO_LARGE, NULL);
    else
        reply_stream(s, &miss->stream, &miss->payload);
}

/* link: none for a temporary slot. */
static void on_missed_found(struct session *s, struct rt_addr link)
{
    struct session_slot_miss *miss = s->missed;
    struct rt_frame f = {.ptr = miss->stream.payload.ptr,
                         .len = miss->stream.payload.len,
                         .owner = miss->payload.owner};

    s->missed = NULL;
    if (rt_addr_is_none(link))
        echo(s, miss);
    else if (take_inner(s, &f, &miss->stream))
        forward(s, link);
    session_slot_miss_free(&miss);
}

static void on_slot_found(struct session *s, const struct slots_request *a)
{
    if (s->missed)
        on_missed_found(s, a->link);
    else if (rt_addr_is_none(a->link))
        session_refuse(s, WIRE_REFUSAL_TUNNEL_CLOSED, NULL);
    else
        forward(s, a->link);
}

void session_slot_miss_free(struct session_slot_miss **miss)
{
    if (!*miss)
        return;
    relay_slice_drop(&(*miss)->payload);
    free(*miss);
    *miss = NULL;
}

void session_on_slots_reply(struct session *s, struct slots_request *a)
{
    struct rt_msg *m = &a->msg;
    enum wire_refusal r = m->is_bounced ? WIRE_REFUSAL_SHUTTING_DOWN : a->refusal;

    if (r != WIRE_REFUSAL_NONE)
        session_refuse(s, r, NULL);
    else if (a->op == SLOTS_STREAM)
        on_slot_found(s, a);
    else if (a->op == SLOTS_CONNECT)
        session_reply_empty(s);
    else
        on_temp_registered(s, a);
    rt_msg_free(&m);
}
