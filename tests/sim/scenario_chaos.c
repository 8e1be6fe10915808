/* SPDX-License-Identifier: MPL-2.0 */
/* Everything at once, under small limits: what must hold whatever happens, and nothing else. */
#include "scenarios.h"

#define EVERY_REFUSAL (~UINT64_C(0))

static const enum sim_leave ways[] = {SIM_FIN, SIM_CLOSE, SIM_RESET, SIM_VANISH};

static void small_limits(struct sim *s)
{
    s->memory_max = sim_between(s, 3, 24) * SIM_MIB;
    s->config.max_tunnels = (uint32_t)sim_between(s, 2, 8);
    s->config.door.half_open_max = (uint32_t)sim_between(s, 8, 64);
    s->config.door.connections_max = (uint32_t)sim_between(s, 20, 100);
    s->config.door.per_prefix_max = (uint32_t)sim_between(s, 2, 20);
    s->config.rates.relay_per_minute = (uint32_t)sim_between(s, 60, 6000);
    s->config.rates.relay_burst = (uint32_t)sim_between(s, 2, 100);
}

static void add_nodes(struct sim *s, uint32_t count)
{
    const struct sim_identity *id = NULL;

    for (uint32_t i = 0; i < count; i++) {
        struct sim_node_config c;

        sim_node_default(s, &c);
        if (id && sim_chance(s, 50))
            c.id = id;
        id = c.id;
        c.delay_max_ns = sim_between(s, 0, 3000) * RT_MS;
        c.leave_after = sim_chance(s, 50) ? (uint32_t)sim_between(s, 1, 9) : 0;
        c.leave = ways[sim_between(s, 1, 3)];
        c.come_back_ns = sim_chance(s, 70) ? sim_between(s, 1, 5000) * RT_MS : 0;
        c.answers_max = sim_chance(s, 20) ? (uint32_t)sim_between(s, 0, 5) : UINT32_MAX;
        c.may_be_cut = c.may_be_refused = true;
        sim_add_node(s, &c);
    }
}

static void add_requesters(struct sim *s, uint32_t count)
{
    static const uint32_t sizes[] = {100, 3000, 60000, 1000000};
    const struct sim_identity *id = NULL;

    for (uint32_t i = 0; i < count; i++) {
        struct sim_requester_config c;

        sim_requester_default(s, s->nodes[sim_between(s, 0, s->node_count - 1)], &c);
        if (id && sim_chance(s, 30))
            c.id = id;
        id = c.id;
        c.count = (uint32_t)sim_between(s, 1, 12);
        c.per_connection = (uint32_t)sim_between(s, 0, 3);
        c.depth = (uint32_t)sim_between(s, 1, SIM_DEPTH_MAX);
        c.ask_max = sizes[sim_between(s, 0, 3)];
        c.reply_max = sizes[sim_between(s, 0, 3)] + (sim_chance(s, 10) ? 100000 : 0);
        c.pause_max_ns = sim_between(s, 0, 2000) * RT_MS;
        c.odd_percent = (unsigned)sim_between(s, 0, 50);
        c.read_bytes_s = sim_chance(s, 20)   ? sim_between(s, 1000, 500000)
                         : sim_chance(s, 10) ? SIM_NEVER
                                             : 0;
        c.leave_percent = (unsigned)sim_between(s, 0, 40);
        c.leave = ways[sim_between(s, 0, 3)];
        c.may_be_cut = true;
        c.allowed = EVERY_REFUSAL;
        sim_add_requester(s, &c);
    }
}

static void add_hostile(struct sim *s)
{
    struct sim_path path;
    enum sim_trick trick = (enum sim_trick)sim_between(s, 0, SIM_TRICK_COUNT - 1);

    sim_path_random(s->world, &path);
    path.secure = (enum sim_secure)(sim_chance(s, 80) ? SIM_SECURE_OK : sim_between(s, 1, 2));
    sim_add_lone(s, s->identities[sim_between(s, 0, s->identity_count - 1)], &path, trick);
}

static void disturb(struct sim *s)
{
    struct sim_node *n = s->nodes[sim_between(s, 0, s->node_count - 1)];
    struct sim_requester *r = s->requesters[sim_between(s, 0, s->requester_count - 1)];

    switch (sim_between(s, 0, 4)) {
    case 0:
        sim_node_leave(n, ways[sim_between(s, 1, 3)]);
        break;
    case 1:
        if (n->client)
            sim_link_stall(sim_client_link(n->client), sim_between(s, 1, 40) * RT_S);
        break;
    case 2:
        if (r->client)
            sim_link_stall(sim_client_link(r->client), sim_between(s, 1, 40) * RT_S);
        break;
    default:
        add_hostile(s);
    }
}

void scenario_chaos(struct sim *s)
{
    uint64_t until;

    small_limits(s);
    sim_begin(s);
    add_nodes(s, (uint32_t)sim_between(s, 2, 8));
    sim_sleep(s, 1 * RT_S);
    add_requesters(s, (uint32_t)sim_between(s, 2, 20));
    until = sim_now(s->world) + sim_between(s, 5, 90) * RT_S;
    while (sim_now(s->world) < until) {
        disturb(s);
        sim_sleep(s, sim_between(s, 1, 1000) * RT_MS);
    }
    if (sim_chance(s, 50)) {
        s->is_shutting_down = true;
        sim_relay_shut_down(s->relays[0]);
        sim_sleep(s, sim_between(s, 0, 15000) * RT_MS);
    }
    sim_end(s);
}
