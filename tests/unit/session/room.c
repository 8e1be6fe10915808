/* SPDX-License-Identifier: MPL-2.0 */
#include "room.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "announcer/announcer_msg.h"
#include "base/budget.h"
#include "base/log.h"
#include "dht/dht_msg.h"
#include "dht/dht_worker.h"
#include "tunnel/tunnel.h"

#define WALL_AHEAD_NS (1700000000 * RT_S)
#define FRAME_MAX (2u * 1024 * 1024)

struct room_dht room_dht;

static struct rt_system *sys;
static uint64_t now_ns, random_state;
static bool has_mail[ROOM_WORKERS];
static struct session_shared shared;
static struct client *clients;
static struct rt_actor dht, drainer;
static struct rt_addr dht_address;
static struct rt_queue unanswered;
static uint32_t drained_count;

/* -- the world -- */

static uint64_t mono(void *ctx)
{
    (void)ctx;
    return now_ns;
}

static uint64_t wall(void *ctx)
{
    (void)ctx;
    return now_ns + WALL_AHEAD_NS;
}

static void fill_random(void *ctx, void *out, size_t len)
{
    (void)ctx;
    for (size_t i = 0; i < len; i++) {
        random_state = random_state * UINT64_C(6364136223846793005) + 1442695040888963407;
        ((uint8_t *)out)[i] = (uint8_t)(random_state >> 56);
    }
}

static void wake(void *ctx)
{
    *(bool *)ctx = true;
}

struct rt_worker *room_worker(uint16_t index)
{
    return rt_system_worker(sys, index);
}

static int only_worker;

void room_run_only(int worker)
{
    only_worker = worker;
}

void room_run(void)
{
    bool is_busy = true;

    for (uint32_t rounds = 0; is_busy; rounds++) {
        assert_true(rounds < 10000);
        is_busy = false;
        for (uint16_t i = 0; i < ROOM_WORKERS; i++) {
            if (only_worker >= 0 && i != only_worker)
                continue;
            has_mail[i] = false;
            is_busy |= rt_worker_turn(room_worker(i));
        }
        for (uint16_t i = 0; i < ROOM_WORKERS; i++)
            is_busy |= has_mail[i] && (only_worker < 0 || i == only_worker);
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
    uint64_t until = now_ns + ns, next;

    room_run();
    while ((next = next_timer()) <= until) {
        now_ns = next > now_ns ? next : now_ns;
        room_run();
    }
    now_ns = until;
    room_run();
}

/* -- the fake DHT and announcer -- */

static void dht_request_fini(struct rt_msg *m)
{
    struct dht_request *a = RT_MSG_CAST(m, struct dht_request, m->kind);

    relay_slice_drop(&a->payload);
    relay_slice_drop(&a->reply);
}

struct dht_request *dht_request_new(enum dht_op op)
{
    struct dht_request *a = rt_msg_new(DHT_REQUEST, sizeof(*a));

    a->msg.fini = dht_request_fini;
    a->op = op;
    return a;
}

bool dht_hop_of(const struct sockaddr_storage *addr, const uint8_t key[32],
                struct wire_peer_hop *out)
{
    (void)addr;
    memset(out, 0, sizeof(*out));
    memcpy(out->pubkey_hint, key, 32);
    return false;
}

struct rt_addr dht_addr(const struct rt_worker *w)
{
    (void)w;
    return dht_address;
}

void dht_note_inbound(struct rt_worker *w, const uint8_t key[32],
                      const struct sockaddr_storage *from, enum wire_dialect dialect,
                      uint8_t peer_dialects, int64_t skew_s)
{
    (void)w;
    (void)key;
    (void)from;
    (void)dialect;
    (void)peer_dialects;
    room_dht.inbound++;
    room_dht.skew_s = skew_s;
}

static void list_fini(struct rt_msg *m)
{
    relay_slice_drop(&RT_MSG_CAST(m, struct relay_list_request, m->kind)->reply);
}

struct relay_list_request *relay_list_request_new(uint16_t max_count, enum wire_dialect dialect)
{
    struct relay_list_request *q = rt_msg_new(RELAY_LIST_REQUEST, sizeof(*q));

    q->msg.fini = list_fini;
    q->max_count = max_count;
    q->dialect = dialect;
    return q;
}

struct rt_addr announcer_addr(const struct rt_worker *w)
{
    (void)w;
    return dht_address;
}

static void dht_reply(struct rt_msg *m)
{
    struct relay_slice reply = {0};

    if (room_dht.has_reply)
        reply = rt_slice_copy("answer", 6);
    if (m->kind == DHT_REQUEST) {
        struct dht_request *a = RT_MSG_CAST(m, struct dht_request, DHT_REQUEST);

        a->refusal = room_dht.refusal;
        a->is_joined = room_dht.is_joined;
        a->reply = reply;
    } else {
        struct relay_list_request *q =
            RT_MSG_CAST(m, struct relay_list_request, RELAY_LIST_REQUEST);

        q->refusal = room_dht.refusal;
        q->reply = reply;
    }
    rt_msg_reply(room_worker(0), m);
}

static void dht_on_msg(struct rt_actor *self, struct rt_msg *m)
{
    (void)self;
    room_dht.requests++;
    if (m->kind == DHT_REQUEST) {
        const struct dht_request *a = RT_MSG_CAST(m, struct dht_request, DHT_REQUEST);

        room_dht.op = (int)a->op;
        room_dht.dialect = a->dialect;
        room_dht.payload_len = a->payload.len;
    }
    if (room_dht.is_silent)
        rt_queue_push(&unanswered, m);
    else
        dht_reply(m);
}

void room_dht_reply(void)
{
    struct rt_msg *m;

    while ((m = rt_queue_pop(&unanswered)))
        dht_reply(m);
    room_run();
}

void room_dht_stop(void)
{
    rt_actor_stop(&dht);
}

/* -- begin and end -- */

static void drainer_on_msg(struct rt_actor *self, struct rt_msg *m)
{
    (void)self;
    assert_int_equal(m->kind, SESSION_DRAINED);
    drained_count++;
    rt_msg_free(&m);
}

static void start(const struct session_rates *rates, uint8_t dialects)
{
    static const struct rt_seams seams = {mono, wall, fill_random, NULL};
    struct tunnel_config tunnels = {.max_tunnels = 100, .slot_secret = {1}};
    static const uint8_t hash_key[16] = {2};
    static const uint8_t seed[32] = {3};
    struct rt_sign_key identity;

    rt_budget_configure(UINT64_MAX);
    memset(&room_dht, 0, sizeof(room_dht));
    now_ns = 1000 * RT_S;
    random_state = 1;
    clients = NULL;
    drained_count = 0;
    only_worker = -1;
    rt_sign_key_from_seed(seed, &identity);
    assert_int_equal(session_shared_init(&shared, &identity, dialects, rates, hash_key), RT_ERR_OK);
    sys = rt_system_new(ROOM_WORKERS, &seams);
    for (uint16_t i = 0; i < ROOM_WORKERS; i++) {
        has_mail[i] = false;
        rt_worker_set_waker(room_worker(i), (struct rt_waker){wake, &has_mail[i]});
        tunnel_worker_init(room_worker(i), &tunnels);
        session_worker_init(room_worker(i), &shared);
    }
    rt_queue_init(&unanswered);
    rt_actor_start(&dht, room_worker(0), dht_on_msg);
    rt_actor_start(&drainer, room_worker(0), drainer_on_msg);
    dht_address = rt_actor_addr(&dht);
}

static void stop(void)
{
    struct client *c;

    room_run();
    for (c = clients; c; c = c->next)
        if (client_is_open(c))
            client_loses_connection(c);
    room_dht_reply();
    room_run();
    while ((c = clients)) {
        clients = c->next;
        free(c->conn.sent);
        free(c);
    }
    assert_int_equal(room_sessions(), 0);
    for (uint16_t i = 0; i < ROOM_WORKERS; i++) {
        session_worker_fini(room_worker(i));
        tunnel_worker_fini(room_worker(i));
    }
    rt_system_free(&sys);
    session_shared_fini(&shared);
    assert_int_equal(rt_buf_live(), 0);
    assert_int_equal(rt_budget_used(), 0);
}

int room_begin(void **state)
{
    (void)state;
    assert_int_equal(rt_crypto_init(), RT_ERR_OK);
    rt_log_configure(RELAY_LOG_ERROR, RT_LOG_TEXT);
    start(NULL, 7);
    return 0;
}

int room_end(void **state)
{
    (void)state;
    stop();
    return 0;
}

void room_restart(const struct session_rates *rates, uint8_t dialects)
{
    stop();
    start(rates, dialects);
}

uint32_t room_sessions(void)
{
    uint32_t count = 0;

    for (uint16_t i = 0; i < ROOM_WORKERS; i++)
        count += session_worker_count(room_worker(i));
    return count;
}

void room_drain(void)
{
    for (uint16_t i = 0; i < ROOM_WORKERS; i++) {
        struct rt_msg *m = rt_msg_new(SESSION_DRAIN, sizeof(*m));

        m->reply_to = rt_actor_addr(&drainer);
        rt_send_external(sys, session_control_addr(room_worker(i)), m);
    }
    room_run();
}

uint32_t room_drained(void)
{
    return drained_count;
}

/* -- clients -- */

struct client *client_connect(uint16_t worker, uint8_t key, enum wire_dialect dialect)
{
    struct rt_conn_acceptor acceptor = session_acceptor(room_worker(worker));
    struct client *c = calloc(1, sizeof(*c));
    uint8_t seed[32];

    assert_non_null(c);
    memset(seed, key, sizeof(seed));
    rt_sign_key_from_seed(seed, &c->key);
    fill_random(NULL, &c->fresh, sizeof(c->fresh));
    c->dialect = dialect;
    c->conn.worker = room_worker(worker);
    c->conn.user = acceptor.accept(acceptor.ctx, &c->conn, &c->conn.ops);
    if (!c->conn.user) {
        free(c);
        return NULL;
    }
    c->next = clients;
    clients = c;
    c->conn.ops->opened(c->conn.user);
    return c;
}

bool client_is_open(const struct client *c)
{
    return !c->conn.is_closed && !c->conn.is_ended;
}

void client_sends(struct client *c, const void *frame, uint32_t len)
{
    static uint8_t scratch[FRAME_MAX];
    struct rt_frame f = {.ptr = scratch, .len = len};

    assert_true(client_is_open(c) && !c->conn.is_held);
    if (len > 64 * 1024) {
        f.owner = rt_buf_new(len);
        assert_non_null(f.owner);
        f.ptr = f.owner->bytes;
    }
    memcpy(f.ptr, frame, len);
    c->conn.ops->frame(c->conn.user, &f);
    relay_buf_drop(&f.owner);
    memset(scratch, 0xee, len < 64 * 1024 ? len : 0);
    room_run();
}

static void send_hello(struct client *c, const uint8_t *echoed)
{
    struct wire_hello h;
    uint8_t bytes[WIRE_HELLO_MAX];

    handshake_hello(&c->key, &c->fresh, c->dialect, echoed, wall(NULL) / RT_S, &h);
    client_sends(c, bytes, (uint32_t)wire_hello_encode(&h, bytes, sizeof(bytes)));
}

void client_hello(struct client *c)
{
    send_hello(c, NULL);
}

void client_reads_hello(struct client *c)
{
    struct wire_hello h;
    uint32_t len;

    assert_true(c->conn.sent_len > WIRE_LENGTH_BYTES);
    len = wire_length_read(c->conn.sent);
    assert_int_equal(len + WIRE_LENGTH_BYTES, c->conn.sent_len);
    assert_int_equal(wire_hello_decode(c->conn.sent + WIRE_LENGTH_BYTES, len, &h), RT_ERR_OK);
    assert_int_equal(h.protocol_version, wire_dialect_version(c->dialect));
    memcpy(c->server_nonce, h.nonce, sizeof(c->server_nonce));
    c->conn.sent_read = c->conn.sent_len;
}

void client_ack(struct client *c)
{
    client_reads_hello(c);
    send_hello(c, c->server_nonce);
}

struct client *client_ready(uint16_t worker, uint8_t key, enum wire_dialect dialect)
{
    struct client *c = client_connect(worker, key, dialect);

    assert_non_null(c);
    client_hello(c);
    client_ack(c);
    assert_true(client_is_open(c) && c->conn.is_authenticated && !c->conn.is_held);
    return c;
}

void client_requests(struct client *c, uint16_t type, const void *payload, uint32_t len)
{
    static uint8_t frame[FRAME_MAX];
    size_t head = wire_envelope_bare_head(frame, type, ++c->req_id, 0, len);

    assert_true(head + len <= sizeof(frame));
    if (len > 0)
        memcpy(frame + head, payload, len);
    client_sends(c, frame, (uint32_t)(head + len));
}

void client_eof(struct client *c)
{
    c->conn.ops->eof(c->conn.user);
    room_run();
}

void client_loses_connection(struct client *c)
{
    c->conn.is_ended = true;
    c->conn.ops->ended(c->conn.user, RT_CONN_END_TRANSPORT, RELAY_END_PEER);
    room_run();
}

void client_drains(struct client *c)
{
    c->conn.unsent = 0;
    c->conn.ops->drained(c->conn.user);
    room_run();
}

bool client_reads(struct client *c, struct wire_envelope *out)
{
    uint8_t *at = c->conn.sent + c->conn.sent_read;
    uint32_t len;

    if (c->conn.sent_read == c->conn.sent_len)
        return false;
    len = wire_length_read(at);
    c->conn.sent_read += WIRE_LENGTH_BYTES + len;
    assert_true(c->conn.sent_read <= c->conn.sent_len);
    assert_int_equal(wire_envelope_decode(at + WIRE_LENGTH_BYTES, len, out), RT_ERR_OK);
    return true;
}

void assert_nothing_sent(struct client *c)
{
    struct wire_envelope e;

    assert_false(client_reads(c, &e));
}

struct wire_envelope assert_replied(struct client *c, uint16_t type)
{
    struct wire_envelope e = {0};

    assert_true(client_reads(c, &e));
    assert_int_equal(e.flags, WIRE_FLAG_RESPONSE);
    assert_int_equal(e.type, type);
    assert_int_equal(e.req_id, c->req_id);
    return e;
}

void assert_refused(struct client *c, uint16_t type, const char *text)
{
    struct wire_envelope e = {0};

    assert_true(client_reads(c, &e));
    assert_int_equal(e.flags, WIRE_FLAG_RESPONSE | WIRE_FLAG_ERROR);
    assert_int_equal(e.type, type);
    assert_int_equal(e.req_id, c->req_id);
    assert_int_equal(e.payload.len, strlen(text));
    assert_memory_equal(e.payload.ptr, text, e.payload.len);
}
