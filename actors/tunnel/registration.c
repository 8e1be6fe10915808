/* SPDX-License-Identifier: MPL-2.0 */
/*
 * A link whose registration the authority has not confirmed yet. It has an address already, so
 * requests may reach it and wait. It has the connection, held, which becomes a tunnel, ends, or
 * goes back to its session.
 */
#include <stdlib.h>
#include <string.h>

#include "base/check.h"
#include "tunnel/link.h"
#include "wire_envelope.h"
#include "wire_relay.h"

static void send_registered(struct tunnel *t, uint32_t req_id, const struct slots_request *a)
{
    struct wire_relay_registered m = {.slot_id = a->slot_id, .expires_at = a->expires_at_s};
    uint8_t payload[WIRE_RELAY_SMALL_MAX];
    uint8_t head[WIRE_LENGTH_BYTES + WIRE_ENVELOPE_HEAD_MAX];
    size_t len = wire_relay_registered_encode(&m, payload, sizeof(payload));
    size_t head_len =
        wire_envelope_head(head, WIRE_RELAY_REGISTERED, req_id, WIRE_FLAG_RESPONSE, (uint32_t)len);
    struct relay_slice body = relay_slice_view(payload, (uint32_t)len);

    rt_conn_send2(t->conn, head, (uint32_t)head_len, &body);
}

static void on_slots_reply(struct tunnel *t, const struct slots_request *a)
{
    struct pending_registration *r = t->registering;
    struct tunnel_refused refused = {.refusal = a->msg.is_bounced ? WIRE_REFUSAL_SHUTTING_DOWN
                                                                  : a->refusal,
                                     .conn = t->conn,
                                     .has_eof = r->has_eof};
    bool is_refused = refused.refusal != WIRE_REFUSAL_NONE;

    t->registering = NULL;
    if (is_refused) {
        link_discard(t, false);
    } else {
        send_registered(t, r->of.req_id, a);
        if (r->has_eof) {
            rt_conn_close(t->conn, RELAY_CLOSE_GRACEFUL);
            link_discard(t, true);
        } else {
            link_open(t);
        }
    }
    r->of.ended(r->of.user, is_refused ? &refused : NULL);
    free(r);
}

static void on_early_frame(void *user, struct rt_frame *f)
{
    (void)user;
    (void)f;
    RT_INSIST(!"a held connection delivers no frame");
}

static void on_early_eof(void *user)
{
    struct tunnel *t = user;

    t->registering->has_eof = true;
}

static void on_early_end(void *user, enum rt_conn_end how, enum relay_end end)
{
    struct tunnel *t = user;
    struct pending_registration *r = t->registering;

    (void)how;
    (void)end;
    link_discard(t, true);
    r->of.ended(r->of.user, NULL);
    free(r);
}

static const struct rt_conn_ops registering_ops = {
    .frame = on_early_frame,
    .eof = on_early_eof,
    .ended = on_early_end,
};

static void on_msg(struct rt_actor *self, struct rt_msg *m)
{
    struct tunnel *t = RT_CONTAINER_OF(self, struct tunnel, actor);

    if (m->kind != SLOTS_REPLY) {
        /* Messages of one sender keep their order, and the authority replies before it closes. */
        RT_INSIST(m->kind != TUNNEL_CLOSE);
        link_on_msg(self, m);
        return;
    }
    on_slots_reply(t, RT_MSG_CAST(m, struct slots_request, SLOTS_REPLY));
    rt_msg_free(&m);
}

static void ask_authority(struct tunnel *t)
{
    struct slots_request *a = rt_msg_new(SLOTS_REQUEST, sizeof(*a));

    a->op = SLOTS_REGISTER_TUNNEL;
    a->slot_id = t->registering->of.slot_id;
    memcpy(a->key, t->registering->of.key, sizeof(a->key));
    a->link = a->msg.reply_to = rt_actor_addr(&t->actor);
    rt_send(worker_of(t), tunnel_slots_addr(worker_of(t)), &a->msg);
}

struct tunnel *tunnel_register(struct rt_worker *w, struct rt_conn *c,
                               const struct tunnel_registration *r)
{
    struct tunnel *t = calloc(1, sizeof(*t));

    RT_INSIST(t != NULL);
    t->registering = calloc(1, sizeof(*t->registering));
    RT_INSIST(t->registering != NULL);
    t->registering->of = *r;
    t->conn = c;
    t->slot_id = tunnel_slot_id(w, r->key);
    t->dialect = r->dialect;
    t->timer.fire = link_on_timer;
    pending_init(&t->pending);
    rt_actor_start(&t->actor, w, on_msg);
    tunnel_worker_of(w)->link_count++;
    rt_conn_set_consumer(c, &registering_ops, t);
    ask_authority(t);
    return t;
}

struct tunnel_refused tunnel_take_back(struct tunnel *t)
{
    struct tunnel_refused back = {.conn = t->conn, .has_eof = t->registering->has_eof};

    free(t->registering);
    t->registering = NULL;
    link_discard(t, true);
    return back;
}
