/* SPDX-License-Identifier: MPL-2.0 */
/*
 * A session's state machine.
 *
 * Invariants: a session has its connection unless a tunnel is registering it. Only a BUSY session
 * has a request in flight, and its connection is held. A worker's count is the length of its list
 * of sessions, and while a drain is under way the last of them sends the reply.
 */
#include <stdlib.h>
#include <string.h>

#include "base/base_limits.h"
#include "base/check.h"
#include "base/log.h"
#include "session/ledger.h"
#include "session/refusal_total.h"
#include "session/session_limits.h"
#include "session/session_metrics.h"
#include "session_private.h"
#include "wire_limits.h"

static struct rt_local_key local_key;

/* -- the state that sessions share -- */

rt_err session_shared_init(struct session_shared *s, const struct rt_sign_key *identity,
                           uint8_t dialects, const struct session_rates *rates,
                           const uint8_t hash_key[16])
{
    static const struct session_rates defaults = {
        .dht_per_minute = LIM_RATE_DHT_PER_MIN,
        .fetch_per_minute = LIM_RATE_FETCH_PER_MIN,
        .community_per_minute = LIM_RATE_COMMUNITY_PER_MIN,
        .relay_per_minute = LIM_RATE_RELAY_PER_MIN,
        .relay_burst = LIM_RATE_RELAY_BURST,
    };
    rt_err err;

    memset(s, 0, sizeof(*s));
    rates = rates ? rates : &defaults;
    s->identity = *identity;
    s->dialects = dialects;
    memcpy(s->hash_key, hash_key, sizeof(s->hash_key));
    err = rt_rate_sketch_init(&s->rate_dht, LIM_SKETCH_WIDTH, rates->dht_per_minute,
                              rates->dht_per_minute, hash_key);
    if (err == RT_ERR_OK)
        err = rt_rate_sketch_init(&s->rate_fetch, LIM_SKETCH_WIDTH, rates->fetch_per_minute,
                                  rates->fetch_per_minute, hash_key);
    if (err == RT_ERR_OK)
        err = rt_rate_sketch_init(&s->rate_community, LIM_SKETCH_WIDTH, rates->community_per_minute,
                                  rates->community_per_minute, hash_key);
    if (err == RT_ERR_OK)
        err = rt_rate_sketch_init(&s->rate_relay, LIM_SKETCH_WIDTH, rates->relay_per_minute,
                                  rates->relay_burst, hash_key);
    if (err != RT_ERR_OK) {
        session_shared_fini(s);
        return err;
    }
    s->ledger = session_ledger_new(hash_key);
    return RT_ERR_OK;
}

void session_shared_fini(struct session_shared *s)
{
    session_ledger_free(&s->ledger);
    rt_rate_sketch_fini(&s->rate_dht);
    rt_rate_sketch_fini(&s->rate_fetch);
    rt_rate_sketch_fini(&s->rate_community);
    rt_rate_sketch_fini(&s->rate_relay);
    rt_wipe(&s->identity, sizeof(s->identity));
}

/* -- life -- */

static void handshake_free(struct session *s)
{
    if (s->handshake) {
        rt_wipe(s->handshake, sizeof(*s->handshake));
        free(s->handshake);
        s->handshake = NULL;
    }
}

static void drained(struct session_worker *sw)
{
    struct rt_msg *m = sw->drain;

    sw->drain = NULL;
    rt_timer_disarm(sw->worker, &sw->drain_timer);
    if (m)
        rt_msg_reply(sw->worker, m);
}

static void drop_relayed(struct session *s)
{
    if (s->relayed) {
        struct rt_msg *m = &s->relayed->msg;

        s->relayed = NULL;
        rt_msg_free(&m);
    }
    session_slot_miss_free(&s->missed);
}

void session_free(struct session *s)
{
    struct session_worker *sw = s->sw;

    RT_REQUIRE(!s->registering);
    rt_job_cancel(sw->worker, &s->job);
    rt_actor_stop(&s->actor);
    rt_list_unlink(&s->node);
    handshake_free(s);
    drop_relayed(s);
    sw->count--;
    free(s);
    if (sw->drain && sw->count == 0)
        drained(sw);
}

static void leave(struct session *s)
{
    rt_conn_close(s->conn, RELAY_CLOSE_GRACEFUL);
    session_free(s);
}

/* Counts and logs (rate limited) why a connection is refused. */
static void note_drop(struct session *s, enum wire_refusal r, const char *detail)
{
    static struct rt_log_site sites[WIRE_REFUSAL_COUNT];
    char peer[64];

    session_refusal_count(r);
    if (rt_log_enabled(RELAY_LOG_INFO) && rt_log_allowed(&sites[r], 5, rt_now_ns(s->sw->worker))) {
        rt_conn_peer_text(s->conn, peer, sizeof(peer));
        rt_log(RELAY_LOG_INFO, "connection refused", "reason=%s peer=%s detail=\"%s\"",
               wire_refusal_info(r)->reason, peer, detail ? detail : "");
    }
}

void session_drop(struct session *s, enum wire_refusal r, const char *detail)
{
    note_drop(s, r, detail);
    leave(s);
}

void session_done(struct session *s)
{
    drop_relayed(s);
    s->state = SESSION_READY;
    s->has_asked_slots = false;
    s->tunnel = (struct rt_addr){0};
    if (s->is_leaving || s->sw->is_draining)
        leave(s);
    else if (rt_conn_unsent(s->conn) > LIM_UNREAD_REPLIES)
        s->awaits_drained = true;
    else
        rt_conn_release(s->conn);
}

static void abandon(struct session *s, bool drop_written)
{
    struct tunnel_cancel *c;

    if (s->state != SESSION_BUSY || rt_addr_is_none(s->tunnel))
        return;
    c = rt_msg_new(TUNNEL_CANCEL, sizeof(*c));
    c->requester = rt_actor_addr(&s->actor);
    c->drop_written = drop_written;
    rt_send(s->sw->worker, s->tunnel, &c->msg);
}

/* -- handshake -- */

/* Notifies the DHT of a peer, and of a peer whose clock differs. */
static void note_inbound(struct session *s, const uint8_t key[32], int64_t skew_s)
{
    struct sockaddr_storage from;

    rt_conn_peer(s->conn, &from);
    dht_note_inbound(s->sw->worker, key, &from, s->dialect, s->peer_dialects, skew_s);
}

static enum wire_refusal check_dialect(struct session *s, struct wire_hello *h, bool is_ack)
{
    enum wire_refusal r;
    uint8_t served = s->sw->shared->dialects, marked = wire_nonce_dialects(h->nonce);

    if (is_ack)
        return handshake_check_dialect(h, s->dialect);
    r = handshake_choose_dialect(h, &s->dialect);
    if (r == WIRE_REFUSAL_NONE && !(served & WIRE_DIALECT_BIT(s->dialect)))
        r = WIRE_REFUSAL_HELLO_VERSION;
    s->is_relay = marked != 0;
    s->peer_dialects = (marked | WIRE_DIALECT_BIT(s->dialect)) & served;
    return r;
}

static bool decode_hello(struct session *s, struct rt_frame *f, bool wants_echo)
{
    struct wire_hello *h = &s->handshake->hello;
    rt_err err = wire_hello_decode(f->ptr, f->len, h);
    char version[HANDSHAKE_VERSION_TEXT];
    enum wire_refusal r;

    if (err != RT_ERR_OK) {
        session_drop(s,
                     err == RT_ERR_BAD_SIGNATURE ? WIRE_REFUSAL_HELLO_SIGNATURE
                                                 : WIRE_REFUSAL_HELLO_MALFORMED,
                     rt_err_text(err));
        return false;
    }
    handshake_version_text(h, version);
    r = check_dialect(s, h, wants_echo);
    if (r == WIRE_REFUSAL_NONE)
        r = handshake_check_shape(h, wants_echo);
    if (r == WIRE_REFUSAL_NONE && wants_echo)
        r = handshake_check_ack(h, s->peer_key, s->handshake->client_nonce,
                                s->handshake->fresh.nonce);
    if (r != WIRE_REFUSAL_NONE) {
        session_drop(s, r, r == WIRE_REFUSAL_HELLO_VERSION ? version : NULL);
        return false;
    }
    return true;
}

static void send_server_hello(struct session *s)
{
    struct session_handshake *hs = s->handshake;
    struct rt_worker *w = s->sw->worker;
    uint8_t frame[WIRE_LENGTH_BYTES + WIRE_HELLO_MAX];
    struct wire_hello ours;
    struct relay_vec v = {.count = 1};
    size_t len;

    memcpy(hs->client_nonce, hs->hello.nonce, 32);
    memcpy(s->peer_key, hs->hello.node_pubkey, 32);
    rt_random(w, &hs->fresh, sizeof(hs->fresh));
    wire_nonce_mark(hs->fresh.nonce, s->sw->shared->dialects);
    handshake_hello(&s->sw->shared->identity, &hs->fresh, s->dialect, hs->client_nonce,
                    rt_wall_ns(w) / RT_S, &ours);
    len = wire_hello_encode(&ours, frame + WIRE_LENGTH_BYTES, WIRE_HELLO_MAX);
    wire_length_write(frame, (uint32_t)len);
    v.slice[0] = relay_slice_view(frame, (uint32_t)(WIRE_LENGTH_BYTES + len));
    rt_conn_send(s->conn, &v);
    s->state = SESSION_ACK;
}

static void authenticated(struct session *s)
{
    static struct rt_metric *const sessions_of_dialect[WIRE_DIALECTS] = {
        [WIRE_DIALECT_A] = RT_METRIC_SESSIONS_A,
        [WIRE_DIALECT_B] = RT_METRIC_SESSIONS_B,
        [WIRE_DIALECT_C] = RT_METRIC_SESSIONS_C,
    };

    s->peer_hash = rt_siphash(s->sw->shared->hash_key, s->peer_key, 32);
    handshake_free(s);
    s->state = SESSION_READY;
    rt_conn_set_frame_max(s->conn, LIM_FRAME_MAX, LIM_FRAME_MAX);
    rt_conn_authenticated(s->conn, LIM_SESSION_IDLE_NS);
    note_inbound(s, s->peer_key, 0);
    rt_metric_inc(RT_METRIC_SESSIONS);
    rt_metric_inc(sessions_of_dialect[s->dialect]);
}

static enum wire_refusal verify(struct session *s)
{
    const struct wire_hello *h = &s->handshake->hello;
    uint64_t wall_s = rt_wall_ns(s->sw->worker) / RT_S;
    enum wire_refusal r = handshake_check_signature(h);

    if (r == WIRE_REFUSAL_NONE)
        r = handshake_check_clock(h, wall_s);
    if (r == WIRE_REFUSAL_HELLO_CLOCK)
        note_inbound(s, h->node_pubkey, (int64_t)(h->timestamp_unix_secs - wall_s));
    if (r == WIRE_REFUSAL_NONE && s->state == SESSION_HELLO &&
        !session_ledger_insert(s->sw->shared->ledger, h->nonce, rt_now_ns(s->sw->worker) / RT_S))
        r = WIRE_REFUSAL_HELLO_REPLAY;
    return r;
}

static void verify_job(struct rt_job *job)
{
    struct session *s = RT_CONTAINER_OF(job, struct session, job);
    enum wire_refusal r = verify(s);

    if (r != WIRE_REFUSAL_NONE) {
        session_drop(s, r, NULL);
        return;
    }
    if (s->state == SESSION_HELLO)
        send_server_hello(s);
    else
        authenticated(s);
    rt_conn_release(s->conn);
}

/* -- the connection's events -- */

static void on_opened(void *user)
{
    struct session *s = user;

    s->handshake = calloc(1, sizeof(*s->handshake));
    RT_INSIST(s->handshake != NULL);
}

static void on_frame(void *user, struct rt_frame *f)
{
    struct session *s = user;

    switch (s->state) {
    case SESSION_HELLO:
    case SESSION_ACK:
        if (decode_hello(s, f, s->state == SESSION_ACK)) {
            if (s->state == SESSION_ACK)
                rt_conn_expect_more(s->conn);
            rt_conn_hold(s->conn);
            rt_job_queue(s->sw->worker, &s->job);
        }
        return;
    case SESSION_READY:
        s->state = SESSION_BUSY;
        rt_conn_hold(s->conn);
        rt_metric_inc(RT_METRIC_REQUESTS);
        session_dispatch(s, f);
        return;
    case SESSION_BUSY:
        RT_INSIST(!"a held connection delivers no frame");
    }
}

static void on_eof(void *user)
{
    struct session *s = user;

    if (s->state != SESSION_BUSY) {
        leave(s);
        return;
    }
    s->is_leaving = true;
    abandon(s, false);
}

/* The peer has read its replies. Resume reading requests. */
static void on_drained(void *user)
{
    struct session *s = user;

    if (s->awaits_drained) {
        s->awaits_drained = false;
        rt_conn_release(s->conn);
    }
}

static void on_ended(void *user, enum rt_conn_end how, enum relay_end end)
{
    struct session *s = user;

    (void)end;
    if (how == RT_CONN_END_OVERSIZE)
        note_drop(
            s, s->state < SESSION_READY ? WIRE_REFUSAL_HELLO_OVERSIZE : WIRE_REFUSAL_FRAME_OVERSIZE,
            NULL);
    abandon(s, true);
    session_free(s);
}

static const struct rt_conn_ops session_ops = {
    .opened = on_opened,
    .frame = on_frame,
    .eof = on_eof,
    .drained = on_drained,
    .ended = on_ended,
};

void session_resume(struct session *s, struct rt_conn *c, bool has_eof)
{
    s->registering = NULL;
    s->conn = c;
    s->is_leaving = has_eof;
    rt_conn_set_consumer(c, &session_ops, s);
}

/* -- messages -- */

static void on_msg(struct rt_actor *self, struct rt_msg *m)
{
    struct session *s = RT_CONTAINER_OF(self, struct session, actor);

    switch (m->kind) {
    case TUNNEL_REPLY:
        session_on_tunnel_reply(s, RT_MSG_CAST(m, struct tunnel_request, TUNNEL_REPLY));
        return;
    case SLOTS_REPLY:
        session_on_slots_reply(s, RT_MSG_CAST(m, struct slots_request, SLOTS_REPLY));
        return;
    case DHT_REPLY:
        session_on_dht_reply(s, RT_MSG_CAST(m, struct dht_request, DHT_REPLY));
        return;
    case RELAY_LIST_REPLY:
        session_on_relay_list_reply(s, RT_MSG_CAST(m, struct relay_list_request, RELAY_LIST_REPLY));
        return;
    default:
        rt_msg_free(&m);
    }
}

static void *on_accept(void *ctx, struct rt_conn *c, const struct rt_conn_ops **out_ops)
{
    struct session_worker *sw = ctx;
    struct session *s;

    if (sw->is_draining)
        return NULL;
    s = calloc(1, sizeof(*s));
    RT_INSIST(s != NULL);
    s->sw = sw;
    s->conn = c;
    s->job.run = verify_job;
    rt_list_init(&s->job.node);
    rt_list_init(&s->node);
    rt_list_push_back(&sw->sessions, &s->node);
    rt_actor_start(&s->actor, sw->worker, on_msg);
    sw->count++;
    *out_ops = &session_ops;
    return s;
}

/* -- per-worker state, and the drain -- */

static struct session_worker *session_worker_of(const struct rt_worker *w)
{
    return rt_worker_local(w, &local_key);
}

/* Pending requests are refused; the last session that ends replies to the drain. */
static void on_drain_timer(struct relay_timer *t)
{
    struct session_worker *sw = RT_CONTAINER_OF(t, struct session_worker, drain_timer);

    for (struct rt_list *n = sw->sessions.next, *next; n != &sw->sessions; n = next) {
        struct session *s = RT_CONTAINER_OF(n, struct session, node);

        next = n->next;
        if (s->registering) {
            struct tunnel_refused back = tunnel_take_back(s->registering);

            session_resume(s, back.conn, back.has_eof);
        }
        if (s->state == SESSION_BUSY) {
            abandon(s, true);
            session_refuse(s, WIRE_REFUSAL_SHUTTING_DOWN, NULL);
        } else {
            leave(s);
        }
    }
}

static void drain(struct session_worker *sw, struct rt_msg *m)
{
    sw->is_draining = true;
    sw->drain = m;
    rt_timer_arm(sw->worker, &sw->drain_timer, rt_now_ns(sw->worker) + LIM_SHUTDOWN_NS);
    for (struct rt_list *n = sw->sessions.next, *next; n != &sw->sessions; n = next) {
        struct session *s = RT_CONTAINER_OF(n, struct session, node);

        next = n->next;
        if (s->state != SESSION_BUSY)
            leave(s);
    }
    if (sw->count == 0)
        drained(sw);
}

static void on_control(struct rt_actor *self, struct rt_msg *m)
{
    struct session_worker *sw = RT_CONTAINER_OF(self, struct session_worker, control);

    if (m->kind == SESSION_DRAIN && !sw->drain)
        drain(sw, m);
    else
        rt_msg_free(&m);
}

void session_worker_init(struct rt_worker *w, struct session_shared *shared)
{
    struct session_worker *sw = calloc(1, sizeof(*sw));

    RT_INSIST(sw != NULL);
    sw->worker = w;
    sw->shared = shared;
    sw->drain_timer.fire = on_drain_timer;
    rt_list_init(&sw->sessions);
    rt_actor_start(&sw->control, w, on_control);
    rt_worker_set_local(w, &local_key, sw);
}

void session_worker_fini(struct rt_worker *w)
{
    struct session_worker *sw = session_worker_of(w);

    if (!sw)
        return;
    RT_REQUIRE(sw->count == 0);
    rt_timer_disarm(w, &sw->drain_timer);
    rt_msg_free(&sw->drain);
    rt_actor_stop(&sw->control);
    free(sw);
    rt_worker_set_local(w, &local_key, NULL);
}

uint32_t session_worker_count(const struct rt_worker *w)
{
    return session_worker_of(w)->count;
}

struct rt_addr session_control_addr(const struct rt_worker *w)
{
    return rt_actor_addr(&session_worker_of(w)->control);
}

struct rt_conn_acceptor session_acceptor(struct rt_worker *w)
{
    return (struct rt_conn_acceptor){.accept = on_accept, .ctx = session_worker_of(w)};
}
