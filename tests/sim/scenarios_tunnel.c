/* SPDX-License-Identifier: MPL-2.0 */
/* Tunnels as they should be used, by peers that are many, slow, forgetful or gone. */
#include "scenarios.h"
#include "session/session_limits.h"
#include "tunnel/tunnel_limits.h"
#include "tunnel/tunnel_metrics.h"
#include "wire_limits.h"

/* The replies that a requester gets while its node connects and disconnects. */
#define AWAY (SIM_ALLOW(TUNNEL_CLOSED) | SIM_ALLOW(SLOT_NOT_FOUND))

/* Good enough to carry everything a scenario asks for before anything waits too long. */
static void at_least_decent(struct sim_path *p)
{
    if (p->latency_ns > 5 * RT_MS)
        p->latency_ns = 5 * RT_MS;
    if (p->up_window < 65536)
        p->up_window = 65536;
    if (p->down_window < 65536)
        p->down_window = 65536;
    if (p->send_buffer < 65536)
        p->send_buffer = 65536;
    if (p->up_bytes_s && p->up_bytes_s < SIM_MIB)
        p->up_bytes_s = SIM_MIB;
    if (p->down_bytes_s && p->down_bytes_s < SIM_MIB)
        p->down_bytes_s = SIM_MIB;
}

/* Nodes and requesters of every kind at once; no request is refused. */
void scenario_many(struct sim *s)
{
    uint32_t nodes = (uint32_t)sim_between(s, 1, 6);
    uint32_t requesters = (uint32_t)sim_between(s, 4, 24);

    sim_begin(s);
    for (uint32_t i = 0; i < nodes; i++) {
        struct sim_node_config c;

        sim_node_default(s, &c);
        c.delay_max_ns = sim_between(s, 0, 50 * RT_MS);
        at_least_decent(&c.path);
        sim_add_node(s, &c);
    }
    sim_await_nodes(s, 30 * RT_S);
    for (uint32_t i = 0; i < requesters; i++) {
        struct sim_requester_config c;

        sim_requester_default(s, s->nodes[sim_between(s, 0, nodes - 1)], &c);
        c.count = (uint32_t)sim_between(s, 1, 8);
        c.per_connection = (uint32_t)sim_between(s, 0, 3);
        c.depth = (uint32_t)sim_between(s, 1, 4);
        c.ask_max = sim_chance(s, 20) ? 100000 : 2000;
        c.reply_max = sim_chance(s, 20) ? 70000 : 3000;
        c.pause_max_ns = sim_between(s, 0, 300 * RT_MS);
        c.odd_percent = 30;
        sim_add_requester(s, &c);
    }
    sim_await_requesters(s, 120 * RT_S);
    for (uint32_t i = 0; i < requesters; i++)
        sim_expect(s, s->requesters[i]->answered == s->requesters[i]->config.count,
                   "requester %u got %u of %u answers", i, s->requesters[i]->answered,
                   s->requesters[i]->config.count);
    sim_end(s);
}

/* Nodes that drop their connection again and again, in every way, and come back: the slot stays the
 * same, and no request waits for a reply that cannot come. */
void scenario_storm(struct sim *s)
{
    static const enum sim_leave ways[] = {SIM_CLOSE, SIM_RESET, SIM_VANISH};

    sim_begin(s);
    for (uint32_t i = 0; i < 4; i++) {
        struct sim_node_config c;

        sim_node_default(s, &c);
        sim_path_good(&c.path);
        c.leave_after = (uint32_t)sim_between(s, 1, 5);
        c.leave = ways[sim_between(s, 0, 2)];
        c.come_back_ns = sim_between(s, 1 * RT_MS, 400 * RT_MS);
        c.may_be_cut = true;
        sim_add_node(s, &c);
    }
    sim_await_nodes(s, 10 * RT_S);
    for (uint32_t i = 0; i < 12; i++) {
        struct sim_requester_config c;

        sim_requester_default(s, s->nodes[i % 4], &c);
        c.count = (uint32_t)sim_between(s, 2, 10);
        c.per_connection = (uint32_t)sim_between(s, 0, 2);
        c.pause_max_ns = 200 * RT_MS;
        c.allowed = AWAY | SIM_ALLOW(TUNNEL_TIMEOUT) | SIM_ALLOW(QUEUE_TIMEOUT);
        sim_add_requester(s, &c);
    }
    sim_await_requesters(s, 900 * RT_S);
    sim_end(s);
}

static bool is_cut(void *ctx)
{
    return ((struct sim_node *)ctx)->cuts == 1;
}

/* One node never answers: its requesters get an error in time, and no other requester is affected.
 */
void scenario_silent_node(struct sim *s)
{
    struct sim_node *silent;
    struct sim_node_config n;
    struct sim_requester_config c;

    sim_begin(s);
    sim_node_default(s, &n);
    sim_path_good(&n.path);
    n.answers_max = (uint32_t)sim_between(s, 0, 3);
    n.may_be_cut = true;
    silent = sim_add_node(s, &n);
    sim_node_default(s, &n);
    sim_path_good(&n.path);
    sim_add_node(s, &n);
    sim_await_nodes(s, 5 * RT_S);
    for (uint32_t i = 0; i < 10; i++) {
        bool is_victim = i < 6;

        sim_requester_default(s, is_victim ? silent : s->nodes[1], &c);
        sim_path_good(&c.path);
        c.count = is_victim ? 1 : 20;
        c.pause_max_ns = 500 * RT_MS;
        c.allowed = is_victim ? SIM_ALLOW(TUNNEL_TIMEOUT) | SIM_ALLOW(QUEUE_TIMEOUT) | AWAY : 0;
        sim_add_requester(s, &c);
    }
    sim_await_requesters(s, 65 * RT_S);
    for (uint32_t i = 0; i < 10; i++) {
        const struct sim_requester *r = s->requesters[i];

        sim_expect(s, r->answered + r->refused == r->config.count, "requester %u was forgotten", i);
        sim_expect(s, i < 6 || r->slowest_ns < 200 * RT_MS,
                   "a silent node slows down another's requester: %.3f s",
                   (double)r->slowest_ns / (double)RT_S);
    }
    sim_await(s, 5 * RT_S, is_cut, silent, "the silent node loses its connection");
    sim_end(s);
}

/* A node on a 512 kbit/s uplink with eight requesters of 256 KiB keeps its tunnel. */
void scenario_slow_node(struct sim *s)
{
    struct sim_node_config n;
    struct sim_requester_config c;
    uint32_t answered = 0;

    sim_begin(s);
    sim_node_default(s, &n);
    sim_path_good(&n.path);
    n.path.latency_ns = 40 * RT_MS;
    n.path.up_bytes_s = 64000;
    sim_add_node(s, &n);
    sim_await_nodes(s, 5 * RT_S);
    for (uint32_t i = 0; i < 8; i++) {
        sim_requester_default(s, s->nodes[0], &c);
        sim_path_good(&c.path);
        c.reply_min = c.reply_max = 256 * 1024;
        c.allowed = SIM_ALLOW(QUEUE_TIMEOUT);
        sim_add_requester(s, &c);
    }
    sim_await_requesters(s, 120 * RT_S);
    for (uint32_t i = 0; i < 8; i++)
        answered += s->requesters[i]->answered;
    sim_expect(s, answered >= 6, "only %u of 8 were answered in 30 s of queue", answered);
    sim_end(s);
}

/* More than a node can answer in time: a request waits for its turn until the deadline, and no
 * longer. */
void scenario_queue_deadline(struct sim *s)
{
    struct sim_node_config n;
    uint32_t late = 0;

    sim_begin(s);
    sim_node_default(s, &n);
    sim_path_good(&n.path);
    n.delay_min_ns = n.delay_max_ns = 1900 * RT_MS;
    sim_add_node(s, &n);
    sim_await_nodes(s, 5 * RT_S);
    for (uint32_t i = 0; i < 30; i++) {
        struct sim_requester_config c;

        sim_requester_default(s, s->nodes[0], &c);
        sim_path_good(&c.path);
        c.allowed = SIM_ALLOW(QUEUE_TIMEOUT);
        sim_add_requester(s, &c);
    }
    sim_await_requesters(s, LIM_QUEUE_NS + LIM_WINDOW_START * 2 * RT_S + 1 * RT_S);
    for (uint32_t i = 0; i < 30; i++)
        late += s->requesters[i]->refused;
    sim_expect(s, late > 5 && late < 20, "%u of 30 waited too long", late);
    sim_expect(s, rt_metric_get(RT_METRIC_QUEUE_TIMEOUT) == late, "they are not counted");
    sim_end(s);
}

/* Requesters that leave in the middle, in every way, while others go on. */
void scenario_vanishing(struct sim *s)
{
    static const enum sim_leave ways[] = {SIM_FIN, SIM_CLOSE, SIM_RESET, SIM_VANISH};
    struct sim_node_config n;

    sim_begin(s);
    for (uint32_t i = 0; i < 2; i++) {
        sim_node_default(s, &n);
        n.delay_max_ns = 100 * RT_MS;
        sim_add_node(s, &n);
    }
    sim_await_nodes(s, 10 * RT_S);
    for (uint32_t i = 0; i < 16; i++) {
        struct sim_requester_config c;

        sim_requester_default(s, s->nodes[i % 2], &c);
        c.count = (uint32_t)sim_between(s, 1, 8);
        c.per_connection = (uint32_t)sim_between(s, 0, 3);
        c.depth = (uint32_t)sim_between(s, 1, 3);
        c.reply_max = sim_chance(s, 30) ? 60000 : 2000;
        c.leave_percent = i % 4 == 0 ? 0 : 40;
        c.leave = ways[sim_between(s, 0, 3)];
        c.may_be_cut = c.leave == SIM_FIN;
        sim_add_requester(s, &c);
    }
    sim_await_requesters(s, 120 * RT_S);
    sim_end(s);
}

/* Requesters that close their half while they wait: what the node has read is answered, what waits
 * in the relay never reaches it. */
void scenario_half_close(struct sim *s)
{
    struct sim_node_config n;
    uint32_t answered = 0;

    sim_begin(s);
    sim_node_default(s, &n);
    sim_path_good(&n.path);
    n.delay_min_ns = n.delay_max_ns = 400 * RT_MS;
    sim_add_node(s, &n);
    sim_await_nodes(s, 5 * RT_S);
    for (uint32_t i = 0; i < 10; i++) {
        struct sim_requester_config c;

        sim_requester_default(s, s->nodes[0], &c);
        sim_path_good(&c.path);
        c.leave_percent = 100;
        c.leave = SIM_FIN;
        sim_add_requester(s, &c);
    }
    sim_await_requesters(s, 10 * RT_S);
    for (uint32_t i = 0; i < 10; i++)
        answered += s->requesters[i]->answered;
    sim_expect(s, s->nodes[0]->seen == LIM_WINDOW_START, "the node saw %u requests, not its window",
               s->nodes[0]->seen);
    sim_expect(s, answered == s->nodes[0]->seen, "%u of %u half-closed requesters were answered",
               answered, s->nodes[0]->seen);
    sim_end(s);
}

/* A node's answer that is too large for a RelayStream costs one error, not the tunnel. */
void scenario_oversize_answer(struct sim *s)
{
    struct sim_node_config n;
    struct sim_requester_config c;

    sim_begin(s);
    sim_node_default(s, &n);
    sim_path_good(&n.path);
    sim_add_node(s, &n);
    sim_await_nodes(s, 5 * RT_S);
    for (uint32_t i = 0; i < 6; i++) {
        bool is_large = i % 2 == 0;

        sim_requester_default(s, s->nodes[0], &c);
        sim_path_good(&c.path);
        c.count = 2;
        if (is_large) {
            c.reply_min = LIM_INNER_FRAME_MAX - 30;
            c.reply_max = 2 * LIM_PAYLOAD_MAX - 100;
            c.allowed = SIM_ALLOW(ANSWER_TOO_LARGE);
        } else {
            c.reply_min = c.reply_max = LIM_INNER_FRAME_MAX - 48;
        }
        sim_add_requester(s, &c);
    }
    sim_await_requesters(s, 60 * RT_S);
    for (uint32_t i = 0; i < 6; i++)
        sim_expect(s, (i % 2 == 0 ? s->requesters[i]->refused : s->requesters[i]->answered) > 0,
                   "answers just under and over the limit are mixed up");
    sim_end(s);
}

/* One requester sends many requests, another few: turns by key keep the second quick. */
void scenario_fair_turns(struct sim *s)
{
    struct sim_node_config n;
    struct sim_requester_config c;
    struct sim_identity *greedy;
    struct sim_requester *polite;

    sim_begin(s);
    sim_node_default(s, &n);
    sim_path_good(&n.path);
    n.delay_min_ns = n.delay_max_ns = 20 * RT_MS;
    sim_add_node(s, &n);
    sim_await_nodes(s, 5 * RT_S);
    greedy = sim_new_identity(s);
    for (uint32_t i = 0; i < 40; i++) {
        sim_requester_default(s, s->nodes[0], &c);
        sim_path_good(&c.path);
        c.id = greedy;
        c.count = 10;
        sim_add_requester(s, &c);
    }
    sim_sleep(s, 300 * RT_MS);
    sim_requester_default(s, s->nodes[0], &c);
    sim_path_good(&c.path);
    c.count = 5;
    polite = sim_add_requester(s, &c);
    sim_await_requesters(s, 60 * RT_S);
    sim_expect(s, polite->slowest_ns < 900 * RT_MS,
               "forty requests of one key hold up another: %.3f s",
               (double)polite->slowest_ns / (double)RT_S);
    sim_end(s);
}

/* Two relays, one identity at both: each gives a slot of its own. */
void scenario_two_relays(struct sim *s)
{
    struct sim_identity *id;
    struct sim_node_config n;

    s->relay_count = 2;
    sim_begin(s);
    id = sim_new_identity(s);
    for (uint32_t i = 0; i < 2; i++) {
        sim_node_default(s, &n);
        n.id = id;
        n.relay = *sim_relay_target(s->relays[i]);
        sim_add_node(s, &n);
    }
    sim_await_nodes(s, 10 * RT_S);
    sim_expect(s, s->nodes[0]->slot_id != s->nodes[1]->slot_id, "two relays give the same slot id");
    for (uint32_t i = 0; i < 6; i++) {
        struct sim_requester_config c;

        sim_requester_default(s, s->nodes[i % 2], &c);
        c.count = 5;
        sim_add_requester(s, &c);
    }
    sim_await_requesters(s, 60 * RT_S);
    sim_end(s);
}

/* Radio shadows: links stand still for seconds. Everything is answered all the same. */
void scenario_stalls(struct sim *s)
{
    struct sim_node_config n;
    uint64_t until;

    sim_begin(s);
    for (uint32_t i = 0; i < 2; i++) {
        sim_node_default(s, &n);
        sim_path_good(&n.path);
        n.delay_max_ns = 20 * RT_MS;
        sim_add_node(s, &n);
    }
    sim_await_nodes(s, 5 * RT_S);
    for (uint32_t i = 0; i < 8; i++) {
        struct sim_requester_config c;

        sim_requester_default(s, s->nodes[i % 2], &c);
        sim_path_good(&c.path);
        c.count = 10;
        c.reply_max = 20000;
        c.pause_max_ns = 1 * RT_S;
        sim_add_requester(s, &c);
    }
    until = sim_now(s->world) + 20 * RT_S;
    while (sim_now(s->world) < until) {
        struct sim_node *node = s->nodes[sim_between(s, 0, 1)];
        struct sim_requester *r = s->requesters[sim_between(s, 0, 7)];

        sim_link_stall(sim_client_link(node->client), sim_between(s, 1, 6) * RT_S);
        if (r->client)
            sim_link_stall(sim_client_link(r->client), sim_between(s, 1, 5) * RT_S);
        sim_sleep(s, sim_between(s, 100, 5000) * RT_MS);
    }
    sim_await_requesters(s, 200 * RT_S);
    for (uint32_t i = 0; i < 8; i++)
        sim_expect(s, s->requesters[i]->answered == 10, "requester %u got %u of 10 answers", i,
                   s->requesters[i]->answered);
    sim_end(s);
}

/* No node: unknown slots, and a slot whose node has left. */
void scenario_unknown_slot(struct sim *s)
{
    struct sim_node_config n;
    struct sim_requester_config c;
    uint64_t made_up = sim_prng_next(s->prng);

    sim_begin(s);
    sim_node_default(s, &n);
    sim_add_node(s, &n);
    sim_await_nodes(s, 10 * RT_S);
    for (uint32_t i = 0; i < 6; i++) {
        sim_requester_default(s, s->nodes[0], &c);
        c.count = 3;
        c.ask_max = 40000;
        if (i % 2 == 0) {
            c.slot_id = &made_up;
            c.allowed = SIM_ALLOW(SLOT_NOT_FOUND);
        }
        sim_add_requester(s, &c);
    }
    sim_await_requesters(s, 60 * RT_S);
    for (uint32_t i = 0; i < 6; i++)
        sim_expect(s, (i % 2 == 0 ? s->requesters[i]->refused : s->requesters[i]->answered) == 3,
                   "known and unknown slots are mixed up");
    sim_node_stop(s->nodes[0]);
    sim_sleep(s, 5 * RT_S);
    sim_requester_default(s, s->nodes[0], &c);
    c.allowed = SIM_ALLOW(SLOT_NOT_FOUND);
    sim_add_requester(s, &c);
    sim_await_requesters(s, 10 * RT_S);
    sim_expect(s, s->requesters[6]->refused == 1, "a slot outlives its node");
    sim_end(s);
}
