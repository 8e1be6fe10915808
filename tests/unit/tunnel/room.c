/* SPDX-License-Identifier: MPL-2.0 */
#include "room.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "base/budget.h"
#include "base/check.h"
#include "base/log.h"
#include "crypto/crypto.h"
#include "tunnel/link.h"
#include "session/session_limits.h"
#include "tunnel/tunnel_metrics.h"
#include "wire_envelope.h"

#define REGISTER_REQ_ID 7u
#define WALL_AHEAD_NS (1700000000 * RT_S)

struct rt_system *room_system;
uint64_t room_now;
static uint64_t random_state;
static bool has_mail[ROOM_WORKERS];
static struct peer *peers;

/* -- the world -- */

static uint64_t room_mono(void *ctx)
{
    (void)ctx;
    return room_now;
}

static uint64_t room_wall(void *ctx)
{
    (void)ctx;
    return room_now + WALL_AHEAD_NS;
}

static void room_random(void *ctx, void *out, size_t len)
{
    (void)ctx;
    for (size_t i = 0; i < len; i++) {
        random_state = random_state * UINT64_C(6364136223846793005) + 1442695040888963407;
        ((uint8_t *)out)[i] = (uint8_t)(random_state >> 56);
    }
}

static void room_wake(void *ctx)
{
    *(bool *)ctx = true;
}

struct rt_worker *room_worker(uint16_t index)
{
    return rt_system_worker(room_system, index);
}

void room_start(uint32_t max_tunnels, uint8_t secret)
{
    static const struct rt_seams seams = {room_mono, room_wall, room_random, NULL};
    struct tunnel_config config = {.max_tunnels = max_tunnels};

    memset(config.slot_secret, secret, sizeof(config.slot_secret));
    rt_budget_configure(UINT64_MAX);
    room_now = 1000 * RT_S;
    random_state = 1;
    peers = NULL;
    room_system = rt_system_new(ROOM_WORKERS, &seams);
    for (uint16_t i = 0; i < ROOM_WORKERS; i++) {
        has_mail[i] = false;
        rt_worker_set_waker(room_worker(i), (struct rt_waker){room_wake, &has_mail[i]});
        tunnel_worker_init(room_worker(i), &config);
    }
}

int room_begin(void **state)
{
    (void)state;
    assert_int_equal(rt_crypto_init(), RT_ERR_OK);
    rt_log_configure(RELAY_LOG_ERROR, RT_LOG_TEXT);
    room_start(100, 1);
    return 0;
}

void room_turn(uint16_t index)
{
    has_mail[index] = false;
    rt_worker_turn(room_worker(index));
}

void room_run(void)
{
    bool is_busy = true;

    for (uint32_t rounds = 0; is_busy; rounds++) {
        assert_true(rounds < 100000);
        is_busy = false;
        for (uint16_t i = 0; i < ROOM_WORKERS; i++) {
            has_mail[i] = false;
            is_busy |= rt_worker_turn(room_worker(i));
        }
        for (uint16_t i = 0; i < ROOM_WORKERS; i++)
            is_busy |= has_mail[i];
    }
}

static uint64_t next_timer(void)
{
    uint64_t next = UINT64_MAX;

    for (uint16_t i = 0; i < ROOM_WORKERS; i++) {
        uint64_t at = rt_worker_next_timer(room_worker(i));

        next = at < next ? at : next;
    }
    return next;
}

void room_pass(uint64_t ns)
{
    uint64_t until = room_now + ns;
    uint64_t next;

    room_run();
    while ((next = next_timer()) <= until) {
        room_now = next > room_now ? next : room_now;
        room_run();
    }
    room_now = until;
    room_run();
}

static void conn_free(struct peer *p)
{
    free(p->conn->sent);
    free(p->conn);
    p->conn = NULL;
}

static void peer_free(struct peer *p)
{
    if (!p->conn)
        return;
    if (node_is_alive(p))
        node_loses_connection(p, RT_CONN_END_SHUTDOWN);
    conn_free(p);
}

static void peer_stop(struct peer *p)
{
    if (p->actor.generation != 0)
        rt_actor_stop(&p->actor);
}

int room_end(void **state)
{
    struct peer *p;

    (void)state;
    room_run();
    for (p = peers; p; p = p->next)
        peer_free(p);
    room_run();
    assert_int_equal(rt_metric_get(RT_METRIC_TUNNELS), 0);
    assert_int_equal(rt_metric_get(RT_METRIC_TUNNEL_LINKS), 0);
    while ((p = peers)) {
        peers = p->next;
        peer_stop(p);
        free(p);
    }
    for (uint16_t i = 0; i < ROOM_WORKERS; i++)
        tunnel_worker_fini(room_worker(i));
    assert_int_equal(next_timer(), UINT64_MAX);
    rt_system_free(&room_system);
    assert_int_equal(rt_buf_live(), 0);
    assert_int_equal(rt_budget_used(), 0);
    return 0;
}

/* -- peers -- */

static void keep_answer(struct peer *p, const struct tunnel_request *r)
{
    struct answer *a = &p->answers[p->answer_count++];
    const uint8_t *bytes = r->payload.ptr ? r->payload.ptr : r->inline_bytes;

    assert_true(p->answer_count <= PEER_ANSWERS_MAX);
    *a = (struct answer){.id = r->outer_req_id,
                         .refusal = r->refusal,
                         .is_bounced = r->msg.is_bounced,
                         .is_taken = r->payload.ptr != NULL,
                         .len = r->payload.ptr ? r->payload.len : r->inline_len};
    memcpy(a->first, bytes, a->len < sizeof(a->first) ? a->len : sizeof(a->first));
}

static void peer_on_msg(struct rt_actor *self, struct rt_msg *m)
{
    struct peer *p = RT_CONTAINER_OF(self, struct peer, actor);

    if (m->kind == SLOTS_REPLY) {
        p->reply = *RT_MSG_CAST(m, struct slots_request, SLOTS_REPLY);
        p->view_at_reply = tunnel_slot_lookup(p->actor.worker, p->reply.slot_id);
        p->reply_count++;
    } else {
        keep_answer(p, RT_MSG_CAST(m, struct tunnel_request, TUNNEL_REPLY));
    }
    rt_msg_free(&m);
}

struct peer *peer_new(uint16_t worker, uint8_t key)
{
    struct peer *p = calloc(1, sizeof(*p));

    assert_non_null(p);
    memset(p->key, key, sizeof(p->key));
    rt_actor_start(&p->actor, room_worker(worker), peer_on_msg);
    p->next = peers;
    peers = p;
    return p;
}

static void ask(struct peer *p, enum slots_op op, uint64_t slot_id, enum wire_relay_kind kind)
{
    struct slots_request *a = rt_msg_new(SLOTS_REQUEST, sizeof(*a));

    a->op = op;
    a->slot_id = slot_id;
    a->kind = kind;
    memcpy(a->key, p->key, sizeof(a->key));
    a->msg.reply_to = rt_actor_addr(&p->actor);
    rt_send(p->actor.worker, tunnel_slots_addr(p->actor.worker), &a->msg);
}

enum wire_refusal peer_ask(struct peer *p, enum slots_op op, uint64_t slot_id,
                           enum wire_relay_kind kind)
{
    uint32_t before = p->reply_count;

    ask(p, op, slot_id, kind);
    room_run();
    assert_int_equal(p->reply_count, before + 1);
    return p->reply.refusal;
}

/* Takes RelayRegistered, the first frame, out of what was sent. */
static void read_registered(struct peer *p)
{
    struct rt_conn *c = p->conn;
    struct wire_relay_registered m;
    struct wire_envelope e;
    uint32_t len = WIRE_LENGTH_BYTES + wire_length_read(c->sent);

    assert_int_equal(wire_envelope_decode(c->sent + WIRE_LENGTH_BYTES, len - WIRE_LENGTH_BYTES, &e),
                     RT_ERR_OK);
    assert_int_equal(e.type, WIRE_RELAY_REGISTERED);
    assert_int_equal(e.req_id, REGISTER_REQ_ID);
    assert_int_equal(e.flags, WIRE_FLAG_RESPONSE);
    assert_int_equal(wire_relay_registered_decode(e.payload.ptr, e.payload.len, &m), RT_ERR_OK);
    p->slot_id = p->reply.slot_id = m.slot_id;
    p->reply.expires_at_s = m.expires_at;
    c->sent_len -= len;
    memmove(c->sent, c->sent + len, c->sent_len);
}

static void on_registration_ended(void *user, const struct tunnel_refused *refused)
{
    struct peer *p = user;

    p->tunnel = NULL;
    p->reply_count++;
    p->reply = (struct slots_request){.refusal = refused ? refused->refusal : WIRE_REFUSAL_NONE};
    if (refused) {
        assert_ptr_equal(refused->conn, p->conn);
        assert_true(p->conn->is_held);
        p->is_eof_reported = refused->has_eof;
        conn_free(p);
    } else if (p->conn->sent_len > 0) {
        read_registered(p);
        p->view_at_reply = tunnel_slot_lookup(p->actor.worker, p->slot_id);
    }
}

void peer_connect(struct peer *p)
{
    p->conn = calloc(1, sizeof(*p->conn));
    assert_non_null(p->conn);
    p->conn->worker = p->actor.worker;
    p->conn->is_held = true;
    p->conn->idle_ns = LIM_SESSION_IDLE_NS;
    p->conn->sent_cap = 256;
    p->conn->sent = malloc(p->conn->sent_cap);
    assert_non_null(p->conn->sent);
}

void peer_begin_register(struct peer *p, uint64_t slot_id)
{
    struct tunnel_registration r = {.dialect = WIRE_DIALECT_A,
                                    .slot_id = slot_id,
                                    .req_id = REGISTER_REQ_ID,
                                    .ended = on_registration_ended,
                                    .user = p};

    memcpy(r.key, p->key, sizeof(r.key));
    if (!p->conn)
        peer_connect(p);
    p->tunnel = tunnel_register(p->actor.worker, p->conn, &r);
    p->link = rt_actor_addr(&p->tunnel->actor);
}

void peer_take_back(struct peer *p)
{
    struct tunnel_refused back = tunnel_take_back(p->tunnel);

    assert_ptr_equal(back.conn, p->conn);
    assert_true(p->conn->is_held && !p->conn->is_closed);
    conn_free(p);
    p->tunnel = NULL;
}

enum wire_refusal peer_register(struct peer *p, uint64_t slot_id)
{
    uint32_t before = p->reply_count;

    peer_begin_register(p, slot_id);
    room_run();
    assert_int_equal(p->reply_count, before + 1);
    return p->reply.refusal;
}

struct peer *node_new(uint16_t worker, uint8_t key)
{
    struct peer *p = peer_new(worker, key);

    assert_int_equal(peer_register(p, 0), WIRE_REFUSAL_NONE);
    return p;
}

/* -- requests -- */

void peer_post_request(struct peer *p, struct rt_addr link, uint64_t slot_id, uint32_t id,
                       uint32_t len, uint64_t deadline_ns)
{
    bool is_inline = len <= TUNNEL_INLINE_MAX;
    struct tunnel_request *r = tunnel_request_new(is_inline ? len : 0);

    r->slot_id = slot_id;
    r->pending.key = p->key[0];
    r->pending.deadline_ns = deadline_ns;
    r->outer_req_id = r->inner_req_id = id;
    r->inner_type = WIRE_GET_CHUNK;
    r->kind = WIRE_KIND_CONTENT;
    memset(r->inline_bytes, (int)id, r->inline_len);
    if (!is_inline) {
        struct relay_buf *b = rt_buf_new(len);

        assert_non_null(b);
        memset(b->bytes, (int)id, len);
        r->payload = relay_slice_own(b, b->bytes, len);
    }
    r->msg.reply_to = rt_actor_addr(&p->actor);
    rt_send(p->actor.worker, link, &r->msg);
}

void peer_request_to(struct peer *p, struct rt_addr link, uint64_t slot_id, uint32_t id,
                     uint32_t len, uint64_t deadline_ns)
{
    peer_post_request(p, link, slot_id, id, len, deadline_ns);
    room_run();
}

void peer_request(struct peer *p, uint64_t slot_id, uint32_t id, uint32_t len)
{
    struct rt_addr link = tunnel_slot_lookup(p->actor.worker, slot_id);

    assert_false(rt_addr_is_none(link));
    peer_request_to(p, link, slot_id, id, len, room_now + LIM_QUEUE_NS);
}

void peer_cancel(struct peer *p, struct rt_addr link, bool drop_written)
{
    struct tunnel_cancel *c = rt_msg_new(TUNNEL_CANCEL, sizeof(*c));

    c->requester = rt_actor_addr(&p->actor);
    c->drop_written = drop_written;
    rt_send(p->actor.worker, link, &c->msg);
    if (drop_written)
        peer_stop(p);
    room_run();
}

const struct answer *peer_answer(const struct peer *p, uint32_t id)
{
    const struct answer *found = NULL;

    for (uint32_t i = 0; i < p->answer_count; i++) {
        if (p->answers[i].id != id)
            continue;
        assert_null(found);
        found = &p->answers[i];
    }
    return found;
}

void assert_refused(const struct peer *p, uint32_t id, enum wire_refusal refusal)
{
    const struct answer *a = peer_answer(p, id);

    assert_non_null(a);
    assert_false(a->is_bounced);
    assert_int_equal(a->refusal, refusal);
    assert_int_equal(a->len, 0);
}

void assert_answered(const struct peer *p, uint32_t id, uint32_t len, uint8_t fill)
{
    const struct answer *a = peer_answer(p, id);

    assert_non_null(a);
    assert_false(a->is_bounced);
    assert_int_equal(a->refusal, WIRE_REFUSAL_NONE);
    assert_int_equal(a->len, len);
    assert_true(len == 0 || a->first[0] == fill);
}

void assert_unanswered(const struct peer *p, uint32_t id)
{
    assert_null(peer_answer(p, id));
}

/* -- the node's end -- */

bool node_reads(struct peer *p, uint32_t *out_id, uint32_t *out_len)
{
    struct rt_conn *c = p->conn;
    struct wire_envelope e;
    uint32_t len;

    if (c->sent_read == c->sent_len)
        return false;
    len = wire_length_read(c->sent + c->sent_read);
    assert_true(c->sent_read + WIRE_LENGTH_BYTES + len <= c->sent_len);
    assert_int_equal(wire_envelope_decode(c->sent + c->sent_read + WIRE_LENGTH_BYTES, len, &e),
                     RT_ERR_OK);
    c->sent_read += WIRE_LENGTH_BYTES + len;
    assert_int_equal(e.type, WIRE_GET_CHUNK);
    for (uint32_t i = 0; i < e.payload.len; i++)
        assert_int_equal(e.payload.ptr[i], (uint8_t)e.req_id);
    *out_id = e.req_id;
    *out_len = e.payload.len;
    return true;
}

void assert_node_reads(struct peer *p, uint32_t id)
{
    uint32_t got, len;

    assert_true(node_reads(p, &got, &len));
    assert_int_equal(got, id);
}

void assert_node_reads_nothing(struct peer *p)
{
    uint32_t id, len;

    assert_false(node_reads(p, &id, &len));
}

uint32_t node_count_unread(struct peer *p)
{
    uint32_t id, len, count = 0;

    while (node_reads(p, &id, &len))
        count++;
    return count;
}

bool node_is_alive(const struct peer *p)
{
    return p->conn && !p->conn->is_closed && !p->conn->is_ended;
}

static void deliver(struct rt_conn *c, uint32_t len, const uint8_t *fill, uint32_t fill_len)
{
    static uint8_t scratch[64 * 1024];
    struct rt_frame f = {.ptr = scratch, .len = len};

    if (len > sizeof(scratch)) {
        f.owner = rt_buf_new(len);
        if (!f.owner) {
            c->is_ended = true;
            c->ops->ended(c->user, RT_CONN_END_MEMORY, RELAY_END_LOCAL);
            return;
        }
        f.ptr = f.owner->bytes;
    }
    for (uint32_t i = 0; i < len; i++)
        f.ptr[i] = fill[i % fill_len];
    c->ops->frame(c->user, &f);
    if (f.owner)
        relay_buf_drop(&f.owner);
    else
        memset(scratch, 0xee, len);
}

static void send_frame(struct peer *p, uint32_t len, const uint8_t *fill, uint32_t fill_len)
{
    struct rt_conn *c = p->conn;

    assert_true(node_is_alive(p) && !c->is_held);
    c->ops->received(c->user);
    if (len > c->frame_max)
        node_loses_connection(p, RT_CONN_END_OVERSIZE);
    else if (len > c->keep_max)
        c->ops->discarded(c->user, len);
    else
        deliver(c, len, fill, fill_len);
    room_run();
}

void node_sends(struct peer *p, uint32_t len, uint8_t fill)
{
    send_frame(p, len, &fill, 1);
}

void node_echoes(struct peer *p, uint32_t len)
{
    uint32_t id, got;
    uint8_t fill[4];

    if (!node_reads(p, &id, &got))
        return;
    wire_length_write(fill, id);
    send_frame(p, len, fill, sizeof(fill));
}

void node_sends_a_byte(struct peer *p)
{
    assert_false(p->conn->is_closed || p->conn->is_ended);
    p->conn->ops->received(p->conn->user);
    room_run();
}

void node_drains(struct peer *p)
{
    p->conn->unsent = 0;
    p->conn->ops->drained(p->conn->user);
    room_run();
}

void node_loses_connection(struct peer *p, enum rt_conn_end how)
{
    assert_false(p->conn->is_closed || p->conn->is_ended);
    p->conn->is_ended = true;
    p->conn->ops->ended(p->conn->user, how, RELAY_END_PEER);
    room_run();
}

void node_closes(struct peer *p)
{
    p->conn->ops->eof(p->conn->user);
    room_run();
}
