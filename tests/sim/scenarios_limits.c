/* SPDX-License-Identifier: MPL-2.0 */
/* Limits that bite, with a counter each and an honest client served meanwhile. */
#include "base/budget.h"
#include "scenarios.h"
#include "session/refusal_total.h"
#include "session/session_metrics.h"
#include "transport/transport_metrics.h"
#include "wire_relay.h"

static uint32_t count_ready(const struct sim *s, uint32_t from, uint32_t to)
{
    uint32_t n = 0;

    for (uint32_t i = from; i < to; i++)
        n += s->lones[i]->is_ready && !s->lones[i]->is_gone;
    return n;
}

static void add_lones(struct sim *s, uint32_t count, const struct sockaddr_storage *addr,
                      bool is_net)
{
    struct sim_path path;

    sim_path_good(&path);
    for (uint32_t i = 0; i < count; i++) {
        struct sim_identity *id = sim_new_identity(s);

        id->addr = *addr;
        if (is_net) /* other hosts and other /64s of the same /56 */
            ((struct sockaddr_in6 *)(void *)&id->addr)->sin6_addr.s6_addr[7] = (uint8_t)i;
        sim_add_lone(s, id, &path, SIM_TRICK_NONE);
    }
}

/* Connections per address prefix: /32, /56; loopback is exempt. */
void scenario_prefix_limit(struct sim *s)
{
    struct sockaddr_storage addr;
    uint64_t before = rt_metric_get(RT_METRIC_REFUSED_PREFIX);
    uint32_t kind = (uint32_t)sim_between(s, 0, 2), ready;

    s->config.door.per_prefix_max = 8;
    sim_begin(s);
    if (kind == 0)
        sim_addr4(&addr, 0xcb007105, 0);
    else if (kind == 1)
        sim_addr6(&addr, UINT64_C(0x20010db8ab12cd00), 7, 0);
    else
        sim_addr4(&addr, 0x7f000001, 0);
    add_lones(s, 20, &addr, kind == 1);
    sim_sleep(s, 3 * RT_S);
    ready = count_ready(s, 0, 20);
    sim_expect(s, ready == (kind == 2 ? 20 : 8), "%u of 20 connections of one prefix", ready);
    sim_expect(s, rt_metric_get(RT_METRIC_REFUSED_PREFIX) - before == 20 - ready,
               "refusals are not counted");
    sim_addr4(&addr, 0xcb007106, 0);
    add_lones(s, 5, &addr, false);
    sim_sleep(s, 1 * RT_S);
    sim_expect(s, count_ready(s, 20, 25) == 5, "another address is refused as well");
    for (uint32_t i = 0; i < 20; i++)
        sim_lone_close(s->lones[i]);
    sim_sleep(s, 2 * RT_S);
    add_lones(s, 8, &s->lones[0]->sim->identities[0]->addr, false);
    sim_sleep(s, 1 * RT_S);
    sim_expect(s, count_ready(s, 25, 33) == 8, "connections that ended still count");
    sim_end(s);
}

/* Relayed requests per key. */
void scenario_relay_rate(struct sim *s)
{
    struct sim_node_config n;
    struct sim_requester_config c;
    const struct sim_requester *greedy, *other;

    s->config.rates.relay_per_minute = 60;
    s->config.rates.relay_burst = 5;
    sim_begin(s);
    sim_node_default(s, &n);
    sim_path_good(&n.path);
    sim_add_node(s, &n);
    sim_await_nodes(s, 5 * RT_S);
    sim_requester_default(s, s->nodes[0], &c);
    sim_path_good(&c.path);
    c.count = 20;
    c.per_connection = (uint32_t)sim_between(s, 0, 1);
    c.allowed = SIM_ALLOW(RATE_RELAY);
    greedy = sim_add_requester(s, &c);
    sim_requester_default(s, s->nodes[0], &c);
    sim_path_good(&c.path);
    c.count = 5;
    other = sim_add_requester(s, &c);
    sim_await_requesters(s, 10 * RT_S);
    sim_expect(s, greedy->answered >= 5 && greedy->answered <= 6,
               "%u of a burst of 5 were let through", greedy->answered);
    sim_expect(s, other->answered == 5, "one key's rate limits another's");
    sim_expect(s, session_refusal_total(WIRE_REFUSAL_RATE_RELAY) == greedy->refused,
               "it is not counted");
    sim_sleep(s, 3 * RT_S);
    sim_requester_default(s, s->nodes[0], &c);
    sim_path_good(&c.path);
    c.id = greedy->config.id;
    c.count = 3;
    sim_add_requester(s, &c);
    sim_await_requesters(s, 10 * RT_S);
    sim_end(s);
}

static uint32_t events_request(uint8_t out[64])
{
    static const uint8_t id[32] = {1};
    struct wire_writer w;
    bool fits;

    wire_writer_init(&w, out, 64);
    wire_write_map(&w, 2);
    wire_write_key(&w, "community_id");
    wire_write_bytes(&w, id, sizeof(id));
    wire_write_key(&w, "limit");
    wire_write_uint(&w, 5);
    return (uint32_t)wire_writer_len(&w, &fits);
}

/* DHT, fetch and community requests per key: each class has a rate of its own. */
void scenario_other_rates(struct sim *s)
{
    static const uint8_t find_value[] = {0xa1, 0x00, 0x58, 32, 1, 2, 3, 4, 5, 6, 7, 8,
                                         9,    10,   11,   12, 1, 2, 3, 4, 5, 6, 7, 8,
                                         1,    2,    3,    4,  5, 6, 7, 8, 1, 2, 3, 4};
    static const uint8_t list_shares[] = {0xa1, 0x6b, 'm', 'a', 'x', '_', 'e',
                                          'n',  't',  'r', 'i', 'e', 's', 0x05};
    struct sim_path path;
    struct sim_identity *id;
    struct sim_lone *l;
    uint8_t events[64];
    uint32_t dht = 0, fetch = 0, community = 0, events_len = events_request(events);

    s->config.rates.dht_per_minute = 12;
    s->config.rates.fetch_per_minute = 6;
    s->config.rates.community_per_minute = 9;
    sim_begin(s);
    sim_path_good(&path);
    id = sim_new_identity(s);
    id->dialect = sim_between(s, 0, 1) ? WIRE_DIALECT_B : WIRE_DIALECT_C;
    l = sim_add_lone(s, id, &path, SIM_TRICK_NONE);
    sim_await_ready(l, 1 * RT_S);
    for (uint32_t i = 0; i < 20; i++) {
        sim_lone_ask(l, WIRE_FIND_VALUE, find_value, sizeof(find_value));
        sim_expect(s, l->refusal == WIRE_REFUSAL_NONE || l->refusal == WIRE_REFUSAL_RATE_DHT,
                   "FindValue is refused for another reason");
        dht += l->refusal == WIRE_REFUSAL_NONE;
        sim_lone_ask(l, WIRE_LIST_PUBLIC_SHARES, list_shares, sizeof(list_shares));
        sim_expect(s, l->refusal == WIRE_REFUSAL_NONE || l->refusal == WIRE_REFUSAL_RATE_FETCH,
                   "ListPublicShares is refused for another reason");
        fetch += l->refusal == WIRE_REFUSAL_NONE;
        sim_lone_ask(l, WIRE_LIST_COMMUNITY_EVENTS, events, events_len);
        sim_expect(s,
                   l->refusal == WIRE_REFUSAL_COMMUNITY_NOT_FOUND ||
                       l->refusal == WIRE_REFUSAL_RATE_COMMUNITY,
                   "a request about a community is refused for another reason");
        community += l->refusal == WIRE_REFUSAL_COMMUNITY_NOT_FOUND;
    }
    sim_expect(s, dht == 12 && fetch == 6 && community == 9,
               "%u DHT, %u fetch and %u community requests were let through", dht, fetch,
               community);
    sim_end(s);
}

static uint32_t count_registered(const struct sim *s)
{
    uint32_t n = 0;

    for (uint32_t i = 0; i < s->node_count; i++)
        n += s->nodes[i]->is_registered;
    return n;
}

/* max_tunnels counts identities: a second link is accepted, a fourth identity is refused with a
 * reason. */
void scenario_max_tunnels(struct sim *s)
{
    struct sim_node_config n;

    s->config.max_tunnels = 3;
    sim_begin(s);
    for (uint32_t i = 0; i < 6; i++) {
        sim_node_default(s, &n);
        n.may_be_refused = true;
        sim_add_node(s, &n);
    }
    sim_await_nodes(s, 20 * RT_S);
    sim_expect(s, count_registered(s) == 3, "%u tunnels with max_tunnels 3", count_registered(s));
    for (uint32_t i = 0; i < 6; i++)
        sim_expect(s,
                   s->nodes[i]->is_registered || s->nodes[i]->refusal == WIRE_REFUSAL_TUNNELS_FULL,
                   "a node is refused for another reason");
    sim_expect(s, session_refusal_total(WIRE_REFUSAL_TUNNELS_FULL) == 3,
               "refusals are not counted");
    for (uint32_t i = 0; i < 6; i++)
        if (s->nodes[i]->is_registered) {
            n = s->nodes[i]->config;
            sim_add_node(s, &n);
            sim_await_nodes(s, 20 * RT_S);
            sim_expect(s, s->nodes[6]->is_registered, "a second link counts as a tunnel");
            sim_node_stop(s->nodes[6]);
            sim_node_stop(s->nodes[i]);
            break;
        }
    sim_sleep(s, 5 * RT_S);
    sim_node_default(s, &n);
    sim_add_node(s, &n);
    sim_await_nodes(s, 20 * RT_S);
    sim_expect(s, count_registered(s) == 3, "a tunnel that ended leaves no room");
    sim_end(s);
}

static bool is_last_done(void *ctx)
{
    const struct sim *s = ctx;

    return s->requesters[s->requester_count - 1]->is_done &&
           s->requesters[s->requester_count - 2]->is_done;
}

/* Readers that do not read 1 MiB answers, under a small memory_max: the bound holds, the longest
 * stalled go, an honest requester is served all the while. */
void scenario_slow_readers(struct sim *s)
{
    struct sim_node_config n;
    struct sim_requester_config c;
    uint32_t kept;

    s->memory_max = sim_between(s, 16, 22) * SIM_MIB; /* 16: the least an operator may set */
    sim_begin(s);
    for (uint32_t i = 0; i < 2; i++) {
        sim_node_default(s, &n);
        sim_path_good(&n.path);
        sim_add_node(s, &n);
    }
    sim_await_nodes(s, 5 * RT_S);
    for (uint32_t i = 0; i < 24; i++) {
        sim_requester_default(s, s->nodes[0], &c);
        sim_path_good(&c.path);
        c.read_bytes_s = i % 4 == 0 ? 20000 : SIM_NEVER;
        c.path.down_window = c.path.send_buffer = 65536;
        c.reply_min = c.reply_max = 1000000;
        c.may_be_cut = true;
        c.allowed = SIM_ALLOW(MEMORY) | SIM_ALLOW(QUEUE_TIMEOUT);
        sim_add_requester(s, &c);
    }
    kept = s->requester_count;
    for (uint32_t i = 0; i < 2; i++) {
        sim_requester_default(s, s->nodes[i], &c);
        sim_path_good(&c.path);
        c.count = 20;
        c.pause_max_ns = 3 * RT_S;
        c.reply_max = 100000;
        sim_add_requester(s, &c);
    }
    sim_await(s, 90 * RT_S, is_last_done, s, "the honest requesters are served");
    for (uint32_t i = kept; i < s->requester_count; i++)
        sim_expect(s, s->requesters[i]->answered == 20, "an honest requester got %u of 20 answers",
                   s->requesters[i]->answered);
    sim_expect(s, rt_metric_get(RT_METRIC_EVICTED_MEMORY) > 0, "no reader was closed for memory");
    sim_end(s);
}

#define UNREAD_ASKED 8000u

static bool has_all_answers(void *ctx)
{
    const struct sim_lone *l = ctx;

    return l->answers == UNREAD_ASKED;
}

/* One who asks and asks and reads nothing: after a while its requests stay where they are, and once
 * it reads, each has its answer, in order. */
void scenario_unread_answers(struct sim *s)
{
    uint64_t before = rt_metric_get(RT_METRIC_REQUESTS), served;
    struct sim_path path;
    struct sim_lone *l;

    sim_begin(s);
    sim_path_good(&path);
    path.down_window = path.send_buffer = 16384;
    l = sim_add_lone(s, sim_new_identity(s), &path, SIM_TRICK_NONE);
    sim_await_ready(l, 1 * RT_S);
    sim_link_read_rate(sim_client_link(l->client), SIM_NEVER);
    for (uint32_t i = 1; i <= UNREAD_ASKED; i++)
        sim_lone_send(l, 999, i, NULL, 0);
    sim_sleep(s, 5 * RT_S);
    served = rt_metric_get(RT_METRIC_REQUESTS) - before;
    sim_expect(s, served > 0 && served < UNREAD_ASKED / 2,
               "%u of %u requests of one who reads none", (uint32_t)served, UNREAD_ASKED);
    sim_link_read_rate(sim_client_link(l->client), 0);
    sim_await(s, 20 * RT_S, has_all_answers, l, "all answers, once they are read");
    sim_expect(s, l->req_id == UNREAD_ASKED, "the last answer is not the last request's");
    sim_end(s);
}
