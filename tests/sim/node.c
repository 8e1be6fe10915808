/* SPDX-License-Identifier: MPL-2.0 */
#include <stdlib.h>
#include <string.h>

#include "base/check.h"
#include "node.h"
#include "refusal_text.h"
#include "tunnel/tunnel_limits.h"
#include "wire_relay.h"

#define REGISTER_REQ_ID 7u

static void forget_owed(struct sim_node *n)
{
    while (n->owed) {
        struct sim_owed *o = n->owed;

        n->owed = o->next;
        free(o);
    }
    n->owed_tail = &n->owed;
    n->owed_count = 0;
    n->is_working = false;
}

static void come_back(void *ctx, uint64_t arg)
{
    struct sim_node *n = ctx;

    (void)arg;
    if (!n->is_stopped && !n->client)
        sim_node_connect(n);
}

static void disconnected(struct sim_node *n)
{
    n->client = NULL;
    n->is_registered = false;
    n->epoch++;
    forget_owed(n);
    if (n->config.come_back_ns && !n->is_stopped)
        sim_in(n->world, n->config.come_back_ns, come_back, n, 0);
}

static void on_gone(void *user)
{
    struct sim_node *n = user;

    if (!n->config.may_be_cut && !n->is_stopped)
        sim_fail(n->world, "the relay closed the tunnel of a node that did nothing wrong");
    n->cuts++;
    disconnected(n);
}

/* -- registration -- */

static void on_ready(void *user)
{
    struct sim_node *n = user;
    struct wire_relay_register m = {.tunnel = true};
    uint8_t head[WIRE_ENVELOPE_HEAD_MAX], payload[WIRE_RELAY_SMALL_MAX];
    size_t len = wire_relay_register_encode(&m, payload, sizeof(payload));
    size_t head_len =
        wire_envelope_bare_head(head, WIRE_RELAY_REGISTER, REGISTER_REQ_ID, 0, (uint32_t)len);

    sim_client_send(n->client, head, head_len, payload, len);
}

static void on_registered(struct sim_node *n, uint8_t *body, uint32_t len)
{
    struct wire_relay_registered m;
    struct wire_envelope e;

    if (wire_envelope_decode(body, len, &e) != RT_ERR_OK || e.req_id != REGISTER_REQ_ID)
        sim_fail(n->world, "the answer to a registration is none");
    if (e.flags & WIRE_FLAG_ERROR) {
        n->refusal = sim_refusal_of(e.payload.ptr, e.payload.len);
        if (!n->config.may_be_refused)
            sim_fail(n->world, "a node's registration was refused: %.*s", (int)e.payload.len,
                     (const char *)e.payload.ptr);
        sim_client_close(&n->client);
        disconnected(n);
        return;
    }
    if (e.type != WIRE_RELAY_REGISTERED || e.flags != WIRE_FLAG_RESPONSE ||
        wire_relay_registered_decode((uint8_t *)(uintptr_t)e.payload.ptr, e.payload.len, &m) !=
            RT_ERR_OK)
        sim_fail(n->world, "RelayRegistered has a wrong shape");
    if (m.slot_id == 0 || (n->slot_id && n->slot_id != m.slot_id))
        sim_fail(n->world, "a node's slot id has changed");
    n->slot_id = m.slot_id;
    n->is_registered = true;
    n->registrations++;
}

/* -- answering -- */

static void work(struct sim_node *n);

static void send_reply(struct sim_node *n)
{
    struct sim_owed *o = n->owed;
    uint32_t len;
    uint8_t *frame = sim_oracle_reply(n->oracle, o->ask, &len);

    n->owed = o->next;
    if (!n->owed)
        n->owed_tail = &n->owed;
    n->owed_count--;
    n->answered++;
    free(o);
    sim_client_send(n->client, NULL, 0, frame, len);
    free(frame);
}

static void on_worked(void *ctx, uint64_t epoch)
{
    struct sim_node *n = ctx;

    if (epoch != n->epoch || !n->client)
        return;
    n->is_working = false;
    send_reply(n);
    work(n);
}

static void work(struct sim_node *n)
{
    if (n->is_working || !n->owed || n->answered >= n->config.answers_max)
        return;
    n->is_working = true;
    sim_in(n->world,
           sim_prng_between(sim_prng(n->world), n->config.delay_min_ns, n->config.delay_max_ns),
           on_worked, n, n->epoch);
}

static void on_request(struct sim_node *n, uint8_t *body, uint32_t len)
{
    struct sim_owed *o = sim_alloc(sizeof(*o));

    o->ask = sim_oracle_seen(n->oracle, n->config.id, body, len);
    *n->owed_tail = o;
    n->owed_tail = &o->next;
    if (++n->owed_count > n->owed_most)
        n->owed_most = n->owed_count;
    if (n->owed_count > LIM_WINDOW_MAX)
        sim_fail(n->world, "%u requests are written to one node at once", n->owed_count);
    n->seen++;
    if (n->config.leave_after && n->seen % n->config.leave_after == 0)
        sim_node_leave(n, n->config.leave);
    else
        work(n);
}

static void on_frame(void *user, uint8_t *body, uint32_t len)
{
    struct sim_node *n = user;

    if (n->is_registered)
        on_request(n, body, len);
    else
        on_registered(n, body, len);
}

static const struct sim_client_ops client_ops = {on_ready, on_frame, on_gone};

/* -- verbs -- */

void sim_node_init(struct sim_node *n, struct sim_world *w, struct sim_oracle *o,
                   const struct sim_node_config *config)
{
    *n = (struct sim_node){.world = w, .oracle = o, .config = *config};
    n->owed_tail = &n->owed;
}

void sim_node_connect(struct sim_node *n)
{
    RT_REQUIRE(!n->client);
    n->epoch++;
    n->client = sim_client_new(n->world, n->config.id, &n->config.relay, &n->config.path,
                               SIM_TRICK_NONE, &client_ops, n);
}

void sim_node_leave(struct sim_node *n, enum sim_leave how)
{
    if (!n->client || how == SIM_STAY)
        return;
    if (how == SIM_RESET)
        sim_client_reset(&n->client);
    else if (how == SIM_VANISH)
        sim_client_vanish(&n->client);
    else
        sim_client_close(&n->client);
    disconnected(n);
}

void sim_node_stop(struct sim_node *n)
{
    n->is_stopped = true;
    sim_node_leave(n, SIM_CLOSE);
}

void sim_node_fini(struct sim_node *n)
{
    RT_REQUIRE(!n->client);
    forget_owed(n);
}

void sim_node_send_unasked(struct sim_node *n)
{
    uint8_t head[WIRE_ENVELOPE_HEAD_MAX];
    size_t len = wire_envelope_bare_head(head, SIM_INNER_ANSWER_TYPE, 1, WIRE_FLAG_RESPONSE, 0);

    sim_client_send(n->client, head, len, NULL, 0);
}
