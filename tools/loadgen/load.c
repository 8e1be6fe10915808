/* SPDX-License-Identifier: MPL-2.0 */
/*
 * Invariant: a lane belongs to its worker's thread while that runs. Other threads read only its
 * atomic members and send it messages.
 */
#include "load.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/check.h"
#include "payload.h"
#include "session/dial.h"
#include "wire_dht.h"
#include "wire_relay.h"

#define IDENTITIES 256u       /* requesters take turns with, so that limits per key do not bite */
#define OPENING_MAX 16u       /* nodes that connect at once */
#define RETRY_NS (20 * RT_MS) /* after a failure, before the next try */
#define ANSWER_TIMEOUT_NS (35 * RT_S)

/* The community of all members. */
static const uint8_t community_id[32] = "scp2p-relay-bench";

struct node {
    struct load_lane *lane;
    struct rt_sign_key identity;
    struct dial *dial;
    struct rt_conn *conn;
    uint64_t slot_id;
};

struct requester {
    struct load_lane *lane;
    struct dial *dial;
    struct relay_timer next; /* after a failure, or when the next request is due */
    uint32_t index, done;
    uint64_t started_ns;
    uint64_t due_ns; /* paced modes: when the current request was to start */
};

struct load_lane {
    struct rt_actor actor;
    struct rt_worker *worker;
    const struct relay_transport *transport;
    void *transport_state;
    struct load_plan plan;
    struct node *nodes;
    struct requester *requesters;
    struct rt_sign_key *identities; /* of the requesters */
    uint32_t identity_count;
    uint32_t nodes_opened, requesters_done;
    _Atomic uint32_t nodes_ready, nodes_alive;
    _Atomic bool is_finished;
    bool is_stopping;
    uint8_t *request, *answer; /* payloads */
    struct load_figures figures;
};

static void requester_start(struct requester *q);
static void open_next_node(struct load_lane *l);

static void failed(struct load_lane *l, const char *what, const char *why)
{
    if (l->is_stopping)
        return;
    if (l->figures.failures++ == 0)
        snprintf(l->figures.first_failure, sizeof(l->figures.first_failure), "%s: %s", what, why);
}

/* -- nodes: register a tunnel, then answer in order -- */

static void node_on_frame(void *user, struct rt_frame *f)
{
    struct node *n = user;
    uint8_t head[WIRE_LENGTH_BYTES + WIRE_ENVELOPE_HEAD_MAX];
    struct wire_envelope e;
    struct relay_slice body;
    size_t len;

    if (wire_envelope_decode(f->ptr, f->len, &e) != RT_ERR_OK) {
        failed(n->lane, "node", "the relay sent an undecodable request");
        return;
    }
    body = n->lane->answer ? relay_slice_view(n->lane->answer, n->lane->plan.answer_bytes)
                           : relay_slice_view(e.payload.ptr, e.payload.len);
    len = wire_envelope_head(head, e.type, e.req_id, WIRE_FLAG_RESPONSE, body.len);
    rt_conn_send2(n->conn, head, (uint32_t)len, &body);
}

static void node_lost(struct node *n, const char *why)
{
    n->conn = NULL;
    atomic_fetch_sub_explicit(&n->lane->nodes_alive, 1, memory_order_relaxed);
    failed(n->lane, "node", why);
}

static void node_on_eof(void *user)
{
    struct node *n = user;

    rt_conn_close(n->conn, RELAY_CLOSE_GRACEFUL);
    node_lost(n, "the relay closed the tunnel");
}

static void node_on_ended(void *user, enum rt_conn_end how, enum relay_end end)
{
    (void)how;
    (void)end;
    node_lost(user, "the tunnel's connection was lost");
}

static const struct rt_conn_ops node_ops = {
    .frame = node_on_frame,
    .eof = node_on_eof,
    .ended = node_on_ended,
};

static void node_ready(void *user, const uint8_t key[32])
{
    struct node *n = user;
    struct wire_relay_register m = {.tunnel = true};
    uint8_t payload[WIRE_RELAY_SMALL_MAX];
    size_t len = wire_relay_register_encode(&m, payload, sizeof(payload));
    struct relay_slice body = relay_slice_view(payload, (uint32_t)len);

    (void)key;
    dial_request(n->dial, WIRE_RELAY_REGISTER, &body, ANSWER_TIMEOUT_NS);
}

static void node_answer(void *user, const struct wire_envelope *e)
{
    struct node *n = user;
    struct wire_relay_registered m;
    uint8_t *payload = e->payload.ptr;

    if (e->flags & WIRE_FLAG_ERROR) {
        char why[100];

        snprintf(why, sizeof(why), "%.*s", (int)e->payload.len, (const char *)e->payload.ptr);
        failed(n->lane, "register", why);
    } else if (wire_relay_registered_decode(payload, e->payload.len, &m) != RT_ERR_OK) {
        failed(n->lane, "register", "undecodable answer");
    } else {
        n->slot_id = m.slot_id;
        n->conn = dial_detach(n->dial);
        n->dial = NULL;
        rt_conn_set_consumer(n->conn, &node_ops, n);
        atomic_fetch_add_explicit(&n->lane->nodes_ready, 1, memory_order_relaxed);
        atomic_fetch_add_explicit(&n->lane->nodes_alive, 1, memory_order_relaxed);
    }
    open_next_node(n->lane);
}

static const char *end_text(const struct dial_end *why)
{
    static const char *const texts[] = {
        [RELAY_END_LOCAL] = "closed by a deadline of ours",
        [RELAY_END_PEER] = "closed by the relay",
        [RELAY_END_TIMEOUT] = "the relay is unreachable",
        [RELAY_END_REFUSED] = "connection refused",
        [RELAY_END_HANDSHAKE] = "the secure handshake failed",
        [RELAY_END_PROTOCOL] = "garbage",
        [RELAY_END_SYSTEM] = "out of descriptors or memory",
    };

    return why->refusal ? wire_refusal_info(why->refusal)->reason : texts[why->transport];
}

static void node_ended(void *user, const struct dial_end *why)
{
    struct node *n = user;

    n->dial = NULL;
    failed(n->lane, "node", end_text(why));
    open_next_node(n->lane);
}

static const struct dial_ops node_dial_ops = {node_ready, node_answer, node_ended};

static rt_err open_dial(struct load_lane *l, const struct rt_sign_key *identity,
                        const struct dial_ops *ops, void *user, struct dial **out,
                        struct relay_error *err)
{
    struct dial_hello hello = {.identity = identity, .dialect = l->plan.dialect};

    return dial_open(l->worker, &hello, l->transport, l->transport_state,
                     (const struct sockaddr *)&l->plan.relay, l->plan.relay_len, ops, user, out,
                     err);
}

static void open_next_node(struct load_lane *l)
{
    struct relay_error err;
    struct node *n;

    if (l->is_stopping || l->nodes_opened == l->plan.nodes)
        return;
    n = &l->nodes[l->nodes_opened++];
    if (open_dial(l, &n->identity, &node_dial_ops, n, &n->dial, &err) != RT_ERR_OK)
        failed(l, "node", err.text);
}

/* -- requesters -- */

/* True: each requester is a separate client that makes a new connection for each request. */
static bool is_crowd(const struct load_lane *l)
{
    return l->plan.mode == LOAD_MEMBERS || l->plan.mode == LOAD_FIND_NODE;
}

static const struct rt_sign_key *identity_of(const struct requester *q)
{
    const struct load_lane *l = q->lane;

    return &l->identities[(q->index + q->done * l->plan.requesters) % l->identity_count];
}

static void requester_ask(struct requester *q)
{
    struct load_lane *l = q->lane;
    struct wire_relay_stream m = {.kind = WIRE_KIND_CONTENT};
    uint8_t inner_head[WIRE_ENVELOPE_HEAD_MAX];
    uint8_t *frame = l->request;
    uint32_t n = (q->index + q->done) % l->plan.nodes;
    size_t inner, head;
    struct relay_slice body;

    m.slot_id = l->nodes[n].slot_id;
    inner = wire_envelope_bare_head(inner_head, WIRE_GET_CHUNK, q->done, 0, l->plan.request_bytes);
    head = wire_relay_stream_head(frame, &m, (uint32_t)(inner + l->plan.request_bytes));
    memcpy(frame + head, inner_head, inner);
    memset(frame + head + inner, 0x41, l->plan.request_bytes);
    body = relay_slice_view(frame, (uint32_t)(head + inner + l->plan.request_bytes));
    dial_request(q->dial, WIRE_RELAY_STREAM, &body, ANSWER_TIMEOUT_NS);
}

static void requester_send(struct requester *q, uint16_t type, const uint8_t *payload, size_t len)
{
    struct relay_slice body = relay_slice_view(payload, (uint32_t)len);

    dial_request(q->dial, type, &body, ANSWER_TIMEOUT_NS);
}

static void requester_store(struct requester *q)
{
    struct rt_worker *w = q->lane->worker;
    uint8_t content_id[32], payload[PAYLOAD_MAX];

    rt_random(w, content_id, sizeof(content_id));
    q->started_ns = rt_worker_seams(w)->mono_ns(NULL);
    requester_send(q, WIRE_STORE, payload,
                   payload_store_providers(content_id, rt_wall_ns(w) / RT_S, payload));
}

static void requester_announce(struct requester *q)
{
    uint8_t payload[PAYLOAD_MAX];

    requester_send(q, WIRE_STORE, payload,
                   payload_store_member(community_id, identity_of(q), q->done + 1,
                                        rt_wall_ns(q->lane->worker) / RT_S, payload));
}

static void requester_find_node(struct requester *q)
{
    uint8_t target[20], payload[WIRE_DHT_SMALL_MAX];

    rt_random(q->lane->worker, target, sizeof(target));
    requester_send(q, WIRE_FIND_NODE, payload,
                   wire_find_node_encode(target, payload, sizeof(payload)));
}

static void requester_ready(void *user, const uint8_t key[32])
{
    struct requester *q = user;

    (void)key;
    switch (q->lane->plan.mode) {
    case LOAD_STORE:
        requester_store(q);
        return;
    case LOAD_MEMBERS:
        requester_announce(q);
        return;
    case LOAD_FIND_NODE:
        requester_find_node(q);
        return;
    case LOAD_REQUEST:
        q->started_ns = rt_worker_seams(q->lane->worker)->mono_ns(NULL);
        break;
    case LOAD_CONNECT:
    case LOAD_IDLE:
        break;
    }
    requester_ask(q);
}

static void ignore_peer(void *ctx, const struct wire_peer *p)
{
    (void)ctx;
    (void)p;
}

/* Bytes of the node's payload in a relayed answer, or of an answer to a STORE. 0 for FindNode.
 * UINT32_MAX: not the answer to the request. */
static uint32_t answer_bytes(const struct load_lane *l, const struct wire_envelope *e)
{
    uint8_t *payload = e->payload.ptr;
    struct wire_relay_stream m;
    struct wire_envelope inner;

    if (e->flags & WIRE_FLAG_ERROR)
        return UINT32_MAX;
    if (l->plan.mode == LOAD_STORE || l->plan.mode == LOAD_MEMBERS)
        return e->payload.len;
    if (l->plan.mode == LOAD_FIND_NODE)
        return wire_find_node_reply_decode(payload, e->payload.len, ignore_peer, NULL) == RT_ERR_OK
                   ? 0
                   : UINT32_MAX;
    if (wire_relay_stream_decode(payload, e->payload.len, &m) != RT_ERR_OK ||
        wire_envelope_decode(m.payload.ptr, m.payload.len, &inner) != RT_ERR_OK)
        return UINT32_MAX;
    return inner.payload.len;
}

static void requester_done(struct load_lane *l)
{
    if (++l->requesters_done == l->plan.requesters)
        atomic_store(&l->is_finished, true);
}

static void arm_next(struct requester *q, uint64_t at_ns)
{
    rt_timer_arm(q->lane->worker, &q->next, at_ns);
}

static void retry_later(struct requester *q)
{
    arm_next(q, rt_now_ns(q->lane->worker) + RETRY_NS);
}

/* A request that is late starts at once and delays those that follow. */
static void wait_until_due(struct requester *q)
{
    uint64_t now_ns = rt_now_ns(q->lane->worker);

    q->due_ns += q->lane->plan.every_ns;
    if (q->due_ns < now_ns)
        q->due_ns = now_ns;
    arm_next(q, q->due_ns);
}

static void requester_answer(void *user, const struct wire_envelope *e)
{
    struct requester *q = user;
    struct load_lane *l = q->lane;
    uint32_t want = l->answer ? l->plan.answer_bytes : l->plan.request_bytes;
    uint64_t now = rt_worker_seams(l->worker)->mono_ns(NULL);

    q->done++;
    if (answer_bytes(l, e) == want) {
        l->figures.requests++;
        l->figures.bytes += l->plan.request_bytes + want;
        histogram_add(&l->figures.latency, now - q->started_ns);
    } else {
        char why[100];

        snprintf(why, sizeof(why), "%.*s", (int)(e->payload.len < 90 ? e->payload.len : 90),
                 (const char *)e->payload.ptr);
        failed(l, "request", e->flags & WIRE_FLAG_ERROR ? why : "not the answer to the request");
    }
    if (l->plan.mode == LOAD_CONNECT) {
        dial_close(q->dial);
        q->dial = NULL;
        requester_start(q);
    } else if (is_crowd(l)) {
        dial_close(q->dial);
        q->dial = NULL;
        wait_until_due(q);
    } else if (l->plan.per && q->done >= l->plan.per) {
        dial_close(q->dial);
        q->dial = NULL;
        requester_done(l);
    } else if (l->plan.mode == LOAD_STORE) {
        wait_until_due(q);
    } else {
        q->started_ns = now;
        requester_ask(q);
    }
}

static void requester_ended(void *user, const struct dial_end *why)
{
    struct requester *q = user;

    q->dial = NULL;
    failed(q->lane, "request", end_text(why));
    if (is_crowd(q->lane))
        wait_until_due(q);
    else
        retry_later(q);
}

static const struct dial_ops requester_ops = {requester_ready, requester_answer, requester_ended};

static void requester_start(struct requester *q)
{
    struct load_lane *l = q->lane;
    struct relay_error err;

    if (l->is_stopping)
        return;
    q->started_ns = rt_worker_seams(l->worker)->mono_ns(NULL);
    if (open_dial(l, identity_of(q), &requester_ops, q, &q->dial, &err) != RT_ERR_OK) {
        failed(l, "request", err.text);
        retry_later(q);
    }
}

static void on_next(struct relay_timer *t)
{
    struct requester *q = RT_CONTAINER_OF(t, struct requester, next);

    if (q->dial)
        requester_store(q);
    else
        requester_start(q);
}

/* In paced modes, spreads the starts evenly over the first period. */
static void start_requesters(struct load_lane *l)
{
    for (uint32_t i = 0; i < l->plan.requesters; i++) {
        struct requester *q = &l->requesters[i];

        if (l->plan.every_ns) {
            q->due_ns = rt_now_ns(l->worker) + l->plan.every_ns * i / l->plan.requesters;
            arm_next(q, q->due_ns);
        } else {
            requester_start(q);
        }
    }
}

/* -- the lane -- */

static void stop(struct load_lane *l)
{
    l->is_stopping = true;
    for (uint32_t i = 0; i < l->plan.requesters; i++) {
        rt_timer_disarm(l->worker, &l->requesters[i].next);
        if (l->requesters[i].dial)
            dial_close(l->requesters[i].dial);
    }
    for (uint32_t i = 0; i < l->plan.nodes; i++) {
        if (l->nodes[i].dial)
            dial_close(l->nodes[i].dial);
        if (l->nodes[i].conn)
            rt_conn_close(l->nodes[i].conn, RELAY_CLOSE_ABORT);
    }
}

static void on_msg(struct rt_actor *self, struct rt_msg *m)
{
    struct load_lane *l = RT_CONTAINER_OF(self, struct load_lane, actor);

    if (m->kind == LOAD_OPEN_NODES)
        for (uint32_t i = 0; i < OPENING_MAX; i++)
            open_next_node(l);
    if (m->kind == LOAD_START)
        start_requesters(l);
    if (m->kind == LOAD_STOP)
        stop(l);
    rt_msg_free(&m);
}

static void draw_identity(struct rt_worker *w, struct rt_sign_key *out)
{
    uint8_t seed[32];

    rt_random(w, seed, sizeof(seed));
    rt_sign_key_from_seed(seed, out);
}

static void *zeroed(size_t count, size_t size)
{
    void *p = calloc(count ? count : 1, size);

    RT_INSIST(p != NULL);
    return p;
}

struct load_lane *load_lane_new(struct rt_worker *w, const struct relay_transport *t, void *t_state,
                                const struct load_plan *plan)
{
    struct load_lane *l = zeroed(1, sizeof(*l));

    l->worker = w;
    l->transport = t;
    l->transport_state = t_state;
    l->plan = *plan;
    l->nodes = zeroed(plan->nodes, sizeof(*l->nodes));
    l->requesters = zeroed(plan->requesters, sizeof(*l->requesters));
    l->request = zeroed(1, plan->request_bytes + 256u);
    l->answer = plan->answer_bytes ? zeroed(1, plan->answer_bytes) : NULL;
    for (uint32_t i = 0; i < plan->nodes; i++) {
        l->nodes[i].lane = l;
        draw_identity(w, &l->nodes[i].identity);
    }
    for (uint32_t i = 0; i < plan->requesters; i++) {
        l->requesters[i].lane = l;
        l->requesters[i].index = i;
        l->requesters[i].next.fire = on_next;
    }
    l->identity_count = is_crowd(l) ? plan->requesters : IDENTITIES;
    l->identities = zeroed(l->identity_count, sizeof(*l->identities));
    for (uint32_t i = 0; i < l->identity_count; i++) {
        if (is_crowd(l))
            payload_member_identity(plan->first_member + i, &l->identities[i]);
        else
            draw_identity(w, &l->identities[i]);
    }
    rt_actor_start(&l->actor, w, on_msg);
    return l;
}

static void *refuse_connection(void *ctx, struct rt_conn *c, const struct rt_conn_ops **out_ops)
{
    (void)ctx;
    (void)c;
    (void)out_ops;
    return NULL;
}

struct rt_conn_acceptor load_acceptor(void)
{
    return (struct rt_conn_acceptor){.accept = refuse_connection};
}

struct rt_addr load_lane_addr(const struct load_lane *l)
{
    return rt_actor_addr(&l->actor);
}

uint32_t load_lane_nodes_ready(const struct load_lane *l)
{
    return atomic_load_explicit(&l->nodes_ready, memory_order_relaxed);
}

uint32_t load_lane_nodes_alive(const struct load_lane *l)
{
    return atomic_load_explicit(&l->nodes_alive, memory_order_relaxed);
}

bool load_lane_finished(const struct load_lane *l)
{
    return atomic_load(&l->is_finished);
}

void load_lane_figures(const struct load_lane *l, struct load_figures *add_to)
{
    if (add_to->failures == 0)
        memcpy(add_to->first_failure, l->figures.first_failure, sizeof(add_to->first_failure));
    add_to->requests += l->figures.requests;
    add_to->failures += l->figures.failures;
    add_to->bytes += l->figures.bytes;
    histogram_merge(&add_to->latency, &l->figures.latency);
}
