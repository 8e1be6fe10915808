/* SPDX-License-Identifier: MPL-2.0 */
#include "session/dial.h"

#include <stdlib.h>
#include <string.h>

#include "base/check.h"
#include "session/handshake.h"
#include "session/refusal_total.h"
#include "session/session_limits.h"
#include "wire_limits.h"

/*
 * States of enum dial_state:
 *     START -> CONNECTING : dial_open
 *     CONNECTING -> HELLO_SENT : the secure channel is open; our hello is sent
 *     HELLO_SENT -> IDLE : the server's hello is valid; our acknowledgement is sent
 *     IDLE -> WAITING : a request is sent
 *     WAITING -> IDLE : its reply arrives
 *     ANY -> END : the connection ends, or the server's hello or reply is refused
 */
enum dial_state { DIAL_CONNECTING, DIAL_HELLO_SENT, DIAL_IDLE, DIAL_WAITING };

struct dial {
    struct rt_worker *worker;
    const struct rt_sign_key *identity;
    enum wire_dialect dialect;
    uint8_t dialects_served;
    struct rt_conn *conn;
    const struct dial_ops *ops;
    void *user;
    enum dial_state state;
    bool has_expected_key;
    uint8_t expected_key[32];
    struct handshake_fresh fresh;
    struct wire_hello server;
    struct rt_job job;
    uint32_t req_id;
};

static void dial_free(struct dial *d)
{
    rt_job_cancel(d->worker, &d->job);
    rt_wipe(&d->fresh, sizeof(d->fresh));
    free(d);
}

static void end(struct dial *d, const struct dial_end *why)
{
    const struct dial_ops *ops = d->ops;
    void *user = d->user;

    dial_free(d);
    ops->ended(user, why);
}

static void refuse(struct dial *d, enum wire_refusal r)
{
    struct dial_end why = {.how = RT_CONN_END_TRANSPORT,
                           .refusal = r,
                           .is_hello_refused = r == WIRE_REFUSAL_HELLO_VERSION};

    if (r == WIRE_REFUSAL_HELLO_CLOCK)
        why.skew_s = (int64_t)(d->server.timestamp_unix_secs - rt_wall_ns(d->worker) / RT_S);
    session_refusal_count(r);
    rt_conn_close(d->conn, RELAY_CLOSE_GRACEFUL);
    end(d, &why);
}

static void send_hello(struct dial *d, const uint8_t *echoed)
{
    uint8_t frame[WIRE_LENGTH_BYTES + WIRE_HELLO_MAX];
    struct wire_hello h;
    struct relay_vec v = {.count = 1};
    size_t len;

    handshake_hello(d->identity, &d->fresh, d->dialect, echoed, rt_wall_ns(d->worker) / RT_S, &h);
    len = wire_hello_encode(&h, frame + WIRE_LENGTH_BYTES, WIRE_HELLO_MAX);
    wire_length_write(frame, (uint32_t)len);
    v.slice[0] = relay_slice_view(frame, (uint32_t)(WIRE_LENGTH_BYTES + len));
    rt_conn_send(d->conn, &v);
}

static void on_opened(void *user)
{
    struct dial *d = user;

    rt_random(d->worker, &d->fresh, sizeof(d->fresh));
    if (d->dialects_served)
        wire_nonce_mark(d->fresh.nonce, d->dialects_served);
    send_hello(d, NULL);
    d->state = DIAL_HELLO_SENT;
}

static void verify_job(struct rt_job *job)
{
    struct dial *d = RT_CONTAINER_OF(job, struct dial, job);
    enum wire_refusal r = handshake_check_signature(&d->server);

    if (r == WIRE_REFUSAL_NONE)
        r = handshake_check_clock(&d->server, rt_wall_ns(d->worker) / RT_S);
    if (r != WIRE_REFUSAL_NONE) {
        refuse(d, r);
        return;
    }
    send_hello(d, d->server.nonce);
    d->state = DIAL_IDLE;
    rt_conn_set_frame_max(d->conn, LIM_FRAME_MAX, LIM_FRAME_MAX);
    rt_conn_authenticated(d->conn, LIM_SESSION_IDLE_NS);
    rt_conn_release(d->conn);
    d->ops->ready(d->user, d->server.node_pubkey);
}

static void on_server_hello(struct dial *d, struct rt_frame *f)
{
    rt_err err = wire_hello_decode(f->ptr, f->len, &d->server);
    enum wire_refusal r = WIRE_REFUSAL_HELLO_MALFORMED;

    if (err == RT_ERR_BAD_SIGNATURE)
        r = WIRE_REFUSAL_HELLO_SIGNATURE;
    if (err == RT_ERR_OK)
        r = handshake_check_dialect(&d->server, d->dialect);
    if (r == WIRE_REFUSAL_NONE)
        r = handshake_check_shape(&d->server, true);
    if (r == WIRE_REFUSAL_NONE)
        r = handshake_check_server(&d->server, d->fresh.nonce,
                                   d->has_expected_key ? d->expected_key : NULL);
    if (r != WIRE_REFUSAL_NONE) {
        refuse(d, r);
        return;
    }
    rt_conn_hold(d->conn);
    rt_job_queue(d->worker, &d->job);
}

static void on_reply(struct dial *d, struct rt_frame *f)
{
    struct wire_envelope e;

    if (d->state != DIAL_WAITING || wire_envelope_decode(f->ptr, f->len, &e) != RT_ERR_OK ||
        !(e.flags & WIRE_FLAG_RESPONSE) || e.req_id != d->req_id) {
        refuse(d, WIRE_REFUSAL_ENVELOPE_MALFORMED);
        return;
    }
    d->state = DIAL_IDLE;
    rt_conn_set_idle(d->conn, LIM_SESSION_IDLE_NS);
    d->ops->reply(d->user, &e);
}

static void on_frame(void *user, struct rt_frame *f)
{
    struct dial *d = user;

    if (d->state == DIAL_HELLO_SENT)
        on_server_hello(d, f);
    else
        on_reply(d, f);
}

static void on_eof(void *user)
{
    struct dial *d = user;
    struct dial_end why = {.how = RT_CONN_END_TRANSPORT,
                           .transport = RELAY_END_PEER,
                           .is_hello_refused = d->state == DIAL_HELLO_SENT};

    rt_conn_close(d->conn, RELAY_CLOSE_GRACEFUL);
    end(d, &why);
}

static void on_ended(void *user, enum rt_conn_end how, enum relay_end transport)
{
    struct dial *d = user;
    struct dial_end why = {.how = how,
                           .transport = transport,
                           .is_hello_refused = how == RT_CONN_END_TRANSPORT &&
                                               transport == RELAY_END_PEER &&
                                               d->state == DIAL_HELLO_SENT};

    end(d, &why);
}

static const struct rt_conn_ops dial_conn_ops = {
    .opened = on_opened,
    .frame = on_frame,
    .eof = on_eof,
    .ended = on_ended,
};

rt_err dial_open(struct rt_worker *w, const struct dial_hello *hello,
                 const struct relay_transport *t, void *t_state, const struct sockaddr *addr,
                 socklen_t len, const struct dial_ops *ops, void *user, struct dial **out,
                 struct relay_error *err)
{
    struct dial *d = calloc(1, sizeof(*d));
    rt_err e;

    RT_INSIST(d != NULL);
    d->worker = w;
    d->identity = hello->identity;
    d->dialect = hello->dialect;
    d->dialects_served = hello->dialects_served;
    d->ops = ops;
    d->user = user;
    d->job.run = verify_job;
    rt_list_init(&d->job.node);
    if (hello->expected_key) {
        d->has_expected_key = true;
        memcpy(d->expected_key, hello->expected_key, 32);
    }
    e = rt_conn_dial(w, t, t_state, addr, len, &dial_conn_ops, d, &d->conn, err);
    if (e != RT_ERR_OK) {
        free(d);
        return e;
    }
    *out = d;
    return RT_ERR_OK;
}

void dial_request(struct dial *d, uint16_t type, struct relay_slice *payload, uint64_t timeout_ns)
{
    uint8_t head[WIRE_LENGTH_BYTES + WIRE_ENVELOPE_HEAD_MAX];
    size_t len;

    RT_REQUIRE(d->state == DIAL_IDLE);
    d->state = DIAL_WAITING;
    len = wire_envelope_head(head, type, ++d->req_id, 0, payload->len);
    rt_conn_set_idle(d->conn, timeout_ns);
    rt_conn_send2(d->conn, head, (uint32_t)len, payload);
}

const struct wire_hello *dial_server(const struct dial *d)
{
    return &d->server;
}

void dial_close(struct dial *d)
{
    rt_conn_close(d->conn, RELAY_CLOSE_GRACEFUL);
    dial_free(d);
}

struct rt_conn *dial_detach(struct dial *d)
{
    struct rt_conn *c = d->conn;

    RT_REQUIRE(d->state == DIAL_IDLE);
    rt_conn_set_idle(c, 0);
    dial_free(d);
    return c;
}
