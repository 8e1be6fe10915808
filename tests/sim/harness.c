/* SPDX-License-Identifier: MPL-2.0 */
#include <stdlib.h>
#include <string.h>

#include "base/budget.h"
#include "base/check.h"
#include "disk.h"
#include "harness.h"
#include "refusal_text.h"
#include "transport/transport_metrics.h"
#include "tunnel/tunnel_metrics.h"

/* Longer than any deadline of the relay, and than the slowest path takes for the longest queue. */
#define END_NS (900 * RT_S)

/* -- invariants -- */

static void check_always(void *ctx)
{
    struct sim *s = ctx;
    uint64_t relays = s->relay_count;

    if (sim_world_threads(s->world))
        return; /* gauges of several threads are off by a few while they move */
    sim_expect(s, rt_budget_used() <= rt_budget_max(), "%llu bytes charged, %llu allowed",
               (unsigned long long)rt_budget_used(), (unsigned long long)rt_budget_max());
    sim_expect(s, rt_metric_get(RT_METRIC_TUNNELS) <= relays * s->config.max_tunnels,
               "more tunnels than max_tunnels");
    sim_expect(s, rt_metric_get(RT_METRIC_CONNECTIONS) <= relays * s->config.door.connections_max,
               "more connections than connections_max");
    sim_expect(s,
               rt_metric_get(RT_METRIC_HALF_OPEN) <=
                   relays * (s->config.door.half_open_max + s->config.workers),
               "%llu half-open connections",
               (unsigned long long)rt_metric_get(RT_METRIC_HALF_OPEN));
}

static void check_nothing_left(struct sim *s)
{
    static struct rt_metric *const gauges[] = {RT_METRIC_CONNECTIONS, RT_METRIC_HALF_OPEN,
                                               RT_METRIC_TUNNELS, RT_METRIC_TUNNEL_LINKS};
    static const char *const names[] = {"connections", "half-open", "tunnels", "links"};

    for (uint32_t i = 0; i < s->relay_count; i++)
        sim_expect(s, sim_relay_actors(s->relays[i]) == 0, "%u actors are left",
                   sim_relay_actors(s->relays[i]));
    for (size_t i = 0; i < sizeof(gauges) / sizeof(gauges[0]); i++)
        sim_expect(s, rt_metric_get(gauges[i]) == 0, "the gauge of %s ends at %lld", names[i],
                   (long long)rt_metric_get(gauges[i]));
}

static void check_memory(struct sim *s)
{
    sim_expect(s, rt_buf_live() == 0, "%llu buffers are left", (unsigned long long)rt_buf_live());
    sim_expect(s, rt_budget_used() == 0, "%llu bytes stay charged",
               (unsigned long long)rt_budget_used());
}

/* -- time -- */

void sim_await(struct sim *s, uint64_t within_ns, sim_done_fn *done, void *ctx, const char *what)
{
    if (!sim_run(s->world, sim_now(s->world) + within_ns, done, ctx))
        sim_fail(s->world, "not within %.3f s: %s", (double)within_ns / (double)RT_S, what);
}

void sim_sleep(struct sim *s, uint64_t ns)
{
    sim_run(s->world, sim_now(s->world) + ns, NULL, NULL);
}

static bool is_ready(void *ctx)
{
    return ((struct sim_lone *)ctx)->is_ready;
}

static bool is_gone(void *ctx)
{
    return ((struct sim_lone *)ctx)->is_gone;
}

void sim_await_ready(struct sim_lone *l, uint64_t within_ns)
{
    sim_await(l->sim, within_ns, is_ready, l, "an honest client's handshake");
}

void sim_await_gone(struct sim_lone *l, uint64_t within_ns)
{
    sim_await(l->sim, within_ns, is_gone, l, "the relay closes a client's connection");
}

static bool are_registered(void *ctx)
{
    struct sim *s = ctx;

    for (uint32_t i = 0; i < s->node_count; i++)
        if (!s->nodes[i]->is_registered && !s->nodes[i]->is_stopped && !s->nodes[i]->refusal)
            return false;
    return true;
}

void sim_await_nodes(struct sim *s, uint64_t within_ns)
{
    sim_await(s, within_ns, are_registered, s, "all nodes are registered");
}

static bool are_done(void *ctx)
{
    struct sim *s = ctx;

    for (uint32_t i = 0; i < s->requester_count; i++)
        if (!s->requesters[i]->is_done)
            return false;
    return true;
}

void sim_await_requesters(struct sim *s, uint64_t within_ns)
{
    sim_await(s, within_ns, are_done, s, "all requesters are done");
}

/* -- peers -- */

uint64_t sim_between(struct sim *s, uint64_t lo, uint64_t hi)
{
    return sim_prng_between(s->prng, lo, hi);
}

bool sim_chance(struct sim *s, unsigned percent)
{
    return sim_prng_chance(s->prng, percent);
}

/* Appends p to the array *list of *count pointers. */
static void append(void *list, uint32_t *count, void *p)
{
    void ***array = list;

    *array = realloc(*array, (*count + 1) * sizeof(void *));
    RT_INSIST(*array != NULL);
    (*array)[(*count)++] = p;
}

struct sim_identity *sim_new_identity(struct sim *s)
{
    struct sim_identity *id = sim_alloc(sizeof(*id));

    sim_identity_init(id, s->identity_count);
    append(&s->identities, &s->identity_count, id);
    return id;
}

void sim_node_default(struct sim *s, struct sim_node_config *c)
{
    *c = (struct sim_node_config){.id = sim_new_identity(s),
                                  .relay = *sim_relay_target(s->relays[0]),
                                  .delay_max_ns = 5 * RT_MS,
                                  .answers_max = UINT32_MAX};
    sim_path_random(s->world, &c->path);
}

struct sim_node *sim_add_node(struct sim *s, const struct sim_node_config *c)
{
    struct sim_node *n = sim_alloc(sizeof(*n));

    sim_node_init(n, s->world, &s->oracle, c);
    append(&s->nodes, &s->node_count, n);
    sim_node_connect(n);
    return n;
}

void sim_requester_default(struct sim *s, const struct sim_node *to, struct sim_requester_config *c)
{
    *c = (struct sim_requester_config){.id = sim_new_identity(s),
                                       .relay = to->config.relay,
                                       .node = to->config.id,
                                       .slot_id = &to->slot_id,
                                       .count = 1,
                                       .ask_max = 1024,
                                       .reply_max = 1024};
    sim_path_random(s->world, &c->path);
}

struct sim_requester *sim_add_requester(struct sim *s, const struct sim_requester_config *c)
{
    struct sim_requester *r = sim_alloc(sizeof(*r));

    sim_requester_init(r, s->world, &s->oracle, s->requester_count, c);
    append(&s->requesters, &s->requester_count, r);
    sim_requester_start(r);
    return r;
}

/* -- lone clients -- */

static void lone_ready(void *user)
{
    ((struct sim_lone *)user)->is_ready = true;
}

static void lone_frame(void *user, uint8_t *body, uint32_t len)
{
    struct sim_lone *l = user;
    struct wire_envelope e;

    if (wire_envelope_decode(body, len, &e) != RT_ERR_OK)
        sim_fail(l->sim->world, "a client got a frame that does not decode");
    l->has_answer = true;
    l->answers++;
    l->type = e.type;
    l->flags = e.flags;
    l->req_id = e.req_id;
    l->len = e.payload.len;
    l->refusal = WIRE_REFUSAL_NONE;
    if (e.flags & WIRE_FLAG_ERROR)
        l->refusal = sim_refusal_of(e.payload.ptr, e.payload.len);
    memcpy(l->payload, e.payload.ptr,
           e.payload.len < sizeof(l->payload) ? e.payload.len : sizeof(l->payload));
}

static void lone_gone(void *user)
{
    struct sim_lone *l = user;

    l->is_gone = true;
    l->gone_ns = sim_now(l->sim->world);
    l->client = NULL;
}

static const struct sim_client_ops lone_ops = {lone_ready, lone_frame, lone_gone};

struct sim_lone *sim_add_lone(struct sim *s, const struct sim_identity *id,
                              const struct sim_path *path, enum sim_trick trick)
{
    struct sim_lone *l = sim_alloc(sizeof(*l));

    l->sim = s;
    append(&s->lones, &s->lone_count, l);
    l->client =
        sim_client_new(s->world, id, sim_relay_target(s->relays[0]), path, trick, &lone_ops, l);
    return l;
}

void sim_lone_send(struct sim_lone *l, uint16_t type, uint32_t req_id, const void *payload,
                   uint32_t len)
{
    uint8_t head[WIRE_ENVELOPE_HEAD_MAX];
    size_t n = wire_envelope_bare_head(head, type, req_id, 0, len);

    l->has_answer = false;
    sim_client_send(l->client, head, n, payload, len);
}

static bool has_answer_or_end(void *ctx)
{
    struct sim_lone *l = ctx;

    return l->has_answer || l->is_gone;
}

void sim_lone_ask(struct sim_lone *l, uint16_t type, const void *payload, uint32_t len)
{
    uint32_t req_id = (uint32_t)sim_prng_next(l->sim->prng);

    sim_lone_send(l, type, req_id, payload, len);
    sim_await(l->sim, 40 * RT_S, has_answer_or_end, l, "an answer to a client's request");
    sim_expect(l->sim, l->is_gone || l->req_id == req_id, "an answer has another request's id");
}

void sim_lone_close(struct sim_lone *l)
{
    sim_client_close(&l->client);
}

/* -- a run -- */

void sim_begin(struct sim *s)
{
    struct dht_boot_peer first;

    rt_budget_configure(s->memory_max);
    for (uint32_t i = 0; i < s->relay_count; i++) {
        struct sim_relay_config c = s->config;

        c.number = i + 1;
        if (c.ip)
            c.ip += 256 * i;
        if (c.ip && i > 0) {
            memset(&first, 0, sizeof(first));
            RT_INSIST(dht_hop_from(&sim_relay_target(s->relays[0])->addr, &first.hop));
            dht_hop_text(&first.hop, first.text, sizeof(first.text));
            c.bootstrap = &first;
            c.bootstrap_count = 1;
        }
        s->relays[i] = sim_relay_new(s->world, &c);
    }
    sim_set_checker(s->world, check_always, s);
}

static bool are_down(void *ctx)
{
    struct sim *s = ctx;

    for (uint32_t i = 0; i < s->relay_count; i++)
        if (!sim_relay_is_down(s->relays[i]))
            return false;
    return true;
}

static bool has_no_links(void *ctx)
{
    return sim_net_links(sim_world_net(((struct sim *)ctx)->world)) == 0;
}

void sim_restart(struct sim *s)
{
    struct sim_relay_config c = s->config;

    RT_REQUIRE(s->relay_count == 1);
    sim_relay_shut_down(s->relays[0]);
    sim_await(s, END_NS, are_down, s, "the relay shuts down");
    sim_await(s, END_NS, has_no_links, s, "no link is left at a restart");
    sim_relay_free(&s->relays[0]);
    c.number = 1;
    s->relays[0] = sim_relay_new(s->world, &c);
}

static void everybody_leaves(struct sim *s)
{
    for (uint32_t i = 0; i < s->requester_count; i++)
        sim_requester_stop(s->requesters[i]);
    for (uint32_t i = 0; i < s->node_count; i++)
        sim_node_stop(s->nodes[i]);
    for (uint32_t i = 0; i < s->lone_count; i++)
        sim_lone_close(s->lones[i]);
}

static void free_peers(struct sim *s)
{
    for (uint32_t i = 0; i < s->requester_count; i++)
        free(s->requesters[i]);
    for (uint32_t i = 0; i < s->node_count; i++) {
        sim_node_fini(s->nodes[i]);
        free(s->nodes[i]);
    }
    for (uint32_t i = 0; i < s->lone_count; i++)
        free(s->lones[i]);
    for (uint32_t i = 0; i < s->identity_count; i++)
        free(s->identities[i]);
    free(s->requesters);
    free(s->nodes);
    free(s->lones);
    free(s->identities);
}

static void stop_relays(struct sim *s)
{
    for (uint32_t i = 0; i < s->relay_count; i++)
        sim_relay_shut_down(s->relays[i]);
    s->is_shutting_down = true;
}

/* Members of a network dial each other until they have stopped. */
void sim_end(struct sim *s)
{
    everybody_leaves(s);
    if (s->config.ip) {
        stop_relays(s);
        sim_await(s, END_NS, are_down, s, "the members of a network shut down");
    }
    sim_await(s, END_NS, has_no_links, s, "the relay lets go of everybody who has left");
    sim_sleep(s, 1 * RT_S);
    check_nothing_left(s);
    if (!s->is_shutting_down)
        stop_relays(s);
    sim_await(s, END_NS, are_down, s, "the relays shut down");
    for (uint32_t i = 0; i < s->relay_count; i++)
        sim_relay_free(&s->relays[i]);
    check_memory(s);
}

void sim_run_scenario(const struct sim_scenario *which, uint64_t seed, uint16_t workers,
                      bool threads, const char *label, struct sim_result *out)
{
    struct sim s = {.memory_max = 256 * (uint64_t)SIM_MIB, .relay_count = 1};

    s.world = sim_world_new(seed, threads);
    s.prng = sim_prng(s.world);
    sim_set_label(s.world, label);
    sim_oracle_init(&s.oracle, s.world);
    sim_relay_config_default(&s.config);
    s.config.workers = workers;
    s.config.stores = true;
    which->run(&s);
    *out = (struct sim_result){sim_trace_hash(s.world), sim_steps(s.world), sim_now(s.world),
                               s.oracle.count};
    sim_disk_clear();
    sim_world_free(&s.world);
    sim_oracle_fini(&s.oracle);
    free_peers(&s);
}
