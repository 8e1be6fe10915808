/* SPDX-License-Identifier: MPL-2.0 */
/* Several connections of one identity: one slot, the newest first, instant fall-back. */
#include "scenarios.h"
#include "tunnel/tunnel_limits.h"
#include "tunnel/tunnel_metrics.h"

static void add_link(struct sim *s, const struct sim_identity *id, bool may_be_cut)
{
    struct sim_node_config c;

    sim_node_default(s, &c);
    sim_path_good(&c.path);
    c.id = id;
    c.may_be_cut = may_be_cut;
    sim_add_node(s, &c);
    sim_await_nodes(s, 5 * RT_S);
}

/* Requests, one after another; all must be answered, all by link `by`. */
static void expect_served_by(struct sim *s, uint32_t by, uint32_t count)
{
    uint32_t before = s->nodes[by]->seen, from = s->requester_count;
    struct sim_requester_config c;

    for (uint32_t i = 0; i < count; i++) {
        sim_requester_default(s, s->nodes[0], &c);
        sim_path_good(&c.path);
        sim_add_requester(s, &c);
    }
    sim_await_requesters(s, 10 * RT_S);
    for (uint32_t i = from; i < s->requester_count; i++)
        sim_expect(s, s->requesters[i]->answered == 1, "a request found no answer");
    sim_expect(s, s->nodes[by]->seen == before + count, "link %u saw %u of %u requests", by,
               s->nodes[by]->seen - before, count);
}

/* Two, then three connections: the newest serves; when it goes, the next newest. */
void scenario_newest_link(struct sim *s)
{
    struct sim_identity *id;
    bool is_reset = sim_chance(s, 50);

    sim_begin(s);
    id = sim_new_identity(s);
    for (uint32_t i = 0; i < 3; i++) {
        add_link(s, id, false);
        sim_expect(s, s->nodes[i]->slot_id == s->nodes[0]->slot_id, "links have different slots");
        expect_served_by(s, i, 4);
    }
    sim_expect(s, rt_metric_get(RT_METRIC_TUNNELS) == 1, "three links count as several tunnels");
    for (uint32_t i = 2; i > 0; i--) {
        sim_node_leave(s->nodes[i], is_reset ? SIM_RESET : SIM_CLOSE);
        s->nodes[i]->is_stopped = true;
        sim_sleep(s, 100 * RT_MS);
        expect_served_by(s, i - 1, 4);
    }
    sim_end(s);
}

/* A fourth closes the oldest, and only that. */
void scenario_fourth_link(struct sim *s)
{
    struct sim_identity *id;

    sim_begin(s);
    id = sim_new_identity(s);
    for (uint32_t i = 0; i < 4; i++) {
        if (i == 3)
            s->nodes[0]->is_stopped = true;
        add_link(s, id, false);
    }
    sim_sleep(s, 2 * RT_S);
    sim_expect(s, s->nodes[0]->cuts == 1, "a fourth link leaves the oldest open");
    sim_expect(s, rt_metric_get(RT_METRIC_TUNNEL_REPLACED) == 1, "the fourth link is not counted");
    expect_served_by(s, 3, 4);
    sim_end(s);
}

static bool has_lost_written(void *ctx)
{
    struct sim *s = ctx;

    return s->nodes[1]->seen >= 1;
}

/* The newest link dies without a word: what waits moves to the other after two seconds, what was
 * written is lost, later requests are served at once. */
void scenario_silent_link(struct sim *s)
{
    struct sim_identity *id;
    struct sim_requester_config c;
    uint32_t lost = 0, rescued = 0;
    bool is_vanished = sim_chance(s, 50);

    sim_begin(s);
    id = sim_new_identity(s);
    add_link(s, id, false);
    add_link(s, id, true);
    if (is_vanished)
        sim_node_leave(s->nodes[1], SIM_VANISH);
    else
        s->nodes[1]->config.answers_max = 0;
    for (uint32_t i = 0; i < 12; i++) {
        sim_requester_default(s, s->nodes[0], &c);
        sim_path_good(&c.path);
        c.allowed = SIM_ALLOW(TUNNEL_TIMEOUT) | SIM_ALLOW(TUNNEL_CLOSED);
        sim_add_requester(s, &c);
    }
    if (!is_vanished)
        sim_await(s, 1 * RT_S, has_lost_written, s, "a request reaches the newest link");
    sim_sleep(s, 4 * RT_S);
    for (uint32_t i = 0; i < 12; i++)
        rescued += s->requesters[i]->answered;
    sim_expect(s, rescued >= 12 - LIM_WINDOW_START, "only %u of 12 were rescued in 4 s", rescued);
    sim_expect(s, rt_metric_get(RT_METRIC_TUNNEL_DEMOTED) == 1, "the silent link is not demoted");
    sim_requester_default(s, s->nodes[0], &c);
    sim_path_good(&c.path);
    c.count = 5;
    sim_add_requester(s, &c);
    sim_await_requesters(s, 50 * RT_S);
    sim_expect(s, s->requesters[12]->slowest_ns < 100 * RT_MS,
               "with a silent link beside it a live one takes %.3f s",
               (double)s->requesters[12]->slowest_ns / (double)RT_S);
    for (uint32_t i = 0; i < 12; i++)
        lost += s->requesters[i]->refused;
    sim_expect(s, lost > 0 && lost <= LIM_WINDOW_START, "%u written requests were lost", lost);
    s->nodes[1]->is_stopped = true;
    sim_sleep(s, 50 * RT_S);
    sim_end(s);
}

/* One identity connects, leaves and connects again from everywhere at once, while it is asked. */
void scenario_roaming(struct sim *s)
{
    struct sim_identity *id;
    struct sim_requester_config c;
    uint64_t until;

    sim_begin(s);
    id = sim_new_identity(s);
    for (uint32_t i = 0; i < 5; i++) {
        struct sim_node_config n;

        sim_node_default(s, &n);
        n.id = id;
        n.delay_max_ns = 30 * RT_MS;
        n.come_back_ns = sim_between(s, 10, 3000) * RT_MS;
        n.may_be_cut = true;
        sim_add_node(s, &n);
    }
    sim_sleep(s, 3 * RT_S);
    for (uint32_t i = 0; i < 8; i++) {
        sim_requester_default(s, s->nodes[i % 5], &c);
        c.count = 10;
        c.pause_max_ns = 1 * RT_S;
        c.allowed = SIM_ALLOW(TUNNEL_CLOSED) | SIM_ALLOW(SLOT_NOT_FOUND) |
                    SIM_ALLOW(TUNNEL_TIMEOUT) | SIM_ALLOW(QUEUE_TIMEOUT);
        sim_add_requester(s, &c);
    }
    until = sim_now(s->world) + 15 * RT_S;
    while (sim_now(s->world) < until) {
        static const enum sim_leave ways[] = {SIM_CLOSE, SIM_RESET, SIM_VANISH};

        sim_node_leave(s->nodes[sim_between(s, 0, 4)], ways[sim_between(s, 0, 2)]);
        sim_sleep(s, sim_between(s, 10, 1500) * RT_MS);
    }
    sim_await_requesters(s, 600 * RT_S);
    sim_end(s);
}
