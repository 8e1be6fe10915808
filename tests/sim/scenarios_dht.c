/* SPDX-License-Identifier: MPL-2.0 */
/* One or two relays of a network, under clients; whole networks are sim_net's. */
#include <string.h>

#include "base/budget.h"
#include "dht/dht_limits.h"
#include "scenarios.h"
#include "wire_announce.h"
#include "wire_dht.h"
#include "wire_value.h"

struct value {
    uint8_t key[32];
    uint32_t len;
    uint8_t bytes[200];
};

static void make_value(uint8_t number, struct value *out)
{
    struct wire_peer p = {.hop = {.ip = {10, 1, 1, number}, .port = 7001, .transport = WIRE_TCP}};
    uint8_t id[32] = {number};
    struct wire_writer w;
    bool fits;

    wire_providers_key(id, out->key);
    wire_writer_init(&w, out->bytes, sizeof(out->bytes));
    wire_write_providers(&w, id, &p, 1, SIM_WALL_START_S);
    out->len = (uint32_t)wire_writer_len(&w, &fits);
}

static void count_in(void *ctx, struct dht *d)
{
    *(uint32_t *)ctx = dht_table_count(d->membership.tables[WIRE_DIALECT_C]);
}

static void publish_in(void *ctx, struct dht *d)
{
    const struct value *v = ctx;
    struct dht_publish_request *a = dht_publish_request_new();

    a->dialects = WIRE_DIALECTS_ALL;
    memcpy(a->key, v->key, sizeof(a->key));
    a->value = rt_slice_copy(v->bytes, v->len);
    a->dialects = WIRE_DIALECTS_ALL;
    a->ttl_secs = LIM_VALUE_TTL_MIN_S;
    rt_send(d->context.worker, rt_actor_addr(&d->actor), &a->msg);
}

/* The answer has this key, and so a value, in its first bytes. */
static bool finds(struct sim_lone *l, const struct value *v)
{
    uint8_t question[WIRE_DHT_SMALL_MAX];
    size_t len = wire_find_value_encode(v->key, question, sizeof(question));

    sim_lone_ask(l, WIRE_FIND_VALUE, question, (uint32_t)len);
    sim_expect(l->sim, l->has_answer && !(l->flags & WIRE_FLAG_ERROR), "FindValue is refused");
    return memmem(l->payload, sizeof(l->payload), v->key, 32) != NULL;
}

static void store(struct sim_lone *l, const struct value *v)
{
    struct wire_store s = {.value = {v->bytes, v->len}, .ttl_secs = 1};
    uint8_t payload[512];
    struct wire_writer w;
    bool fits;

    memcpy(s.key, v->key, sizeof(s.key));
    wire_writer_init(&w, payload, sizeof(payload));
    wire_write_store(&w, &s);
    sim_lone_ask(l, WIRE_STORE, payload, (uint32_t)wire_writer_len(&w, &fits));
    sim_expect(l->sim, l->has_answer && !(l->flags & WIRE_FLAG_ERROR), "a store is refused");
}

/* They find each other, through the second one's bootstrap peer; a client's value is found where it
 * was stored, one that the second publishes at the first; no other peer enters a table. */
void scenario_network_of_two(struct sim *s)
{
    struct sim_path path;
    struct value ours, theirs;
    struct sim_lone *l;
    uint32_t nodes[2];

    s->relay_count = 2;
    s->config.ip = 0x0b000001;
    sim_begin(s);
    sim_path_good(&path);
    l = sim_add_lone(s, sim_new_identity(s), &path, SIM_TRICK_NONE);
    sim_await_ready(l, 20 * RT_S);
    sim_sleep(s, 30 * RT_S);
    for (uint32_t i = 0; i < 2; i++) {
        sim_relay_in_dht(s->relays[i], count_in, &nodes[i]);
        sim_expect(s, nodes[i] == 1, "relay %u knows %u nodes", i, nodes[i]);
    }
    make_value(1, &ours);
    make_value(2, &theirs);
    sim_expect(s, !finds(l, &ours) && !finds(l, &theirs), "a value before it was stored");
    store(l, &ours);
    sim_expect(s, finds(l, &ours), "a stored value is not found");
    sim_relay_in_dht(s->relays[1], publish_in, &theirs);
    sim_sleep(s, 10 * RT_S);
    sim_expect(s, finds(l, &theirs), "a published value is not found at the other relay");
    sim_end(s);
}

/* How many relays it lists: the answer's first bytes say so. */
static uint32_t lists(struct sim_lone *l, uint16_t max_count)
{
    uint8_t question[32], head[32];
    struct wire_writer w;
    size_t len;
    bool fits;

    wire_writer_init(&w, question, sizeof(question));
    wire_write_relay_list_request(&w, max_count);
    sim_lone_ask(l, WIRE_RELAY_LIST_REQUEST, question, (uint32_t)wire_writer_len(&w, &fits));
    sim_expect(l->sim, l->has_answer && l->type == WIRE_RELAY_LIST_RESPONSE,
               "a relay list is refused");
    for (uint32_t count = 0; count < 4; count++) {
        wire_writer_init(&w, head, sizeof(head));
        wire_write_relay_list_head(&w, count);
        len = wire_writer_len(&w, &fits);
        if (memcmp(l->payload, head, len) == 0)
            return count;
    }
    sim_fail(l->sim->world, "an answer that is no short relay list");
}

/* They announce themselves: each lists itself from the start and the other soon, and no more than
 * it is asked for; the last words of both do not keep them from ending. */
void scenario_announced(struct sim *s)
{
    struct sim_path path;
    struct sim_lone *l;

    s->relay_count = 2;
    s->config.ip = 0x0b000001;
    s->config.announces = true;
    sim_begin(s);
    sim_path_good(&path);
    l = sim_add_lone(s, sim_new_identity(s), &path, SIM_TRICK_NONE);
    sim_await_ready(l, 20 * RT_S);
    sim_expect(s, lists(l, 64) >= 1, "it does not list itself");
    sim_sleep(s, 60 * RT_S);
    sim_expect(s, lists(l, 64) == 2, "it does not list the other");
    sim_expect(s, lists(l, 1) == 1 && lists(l, 0) == 0, "it lists more than it is asked for");
    sim_end(s);
}

static uint64_t register_once(struct sim *s, const struct sim_identity *id)
{
    struct sim_node_config c;
    struct sim_node *n;

    sim_node_default(s, &c);
    sim_path_good(&c.path);
    if (id)
        c.id = id;
    n = sim_add_node(s, &c);
    sim_await_nodes(s, 20 * RT_S);
    sim_node_stop(n);
    return n->slot_id;
}

static bool finds_again(struct sim *s, const struct value *v)
{
    struct sim_path path;
    struct sim_lone *l;
    bool is_found;

    sim_path_good(&path);
    l = sim_add_lone(s, sim_new_identity(s), &path, SIM_TRICK_NONE);
    sim_await_ready(l, 20 * RT_S);
    is_found = finds(l, v);
    if (!is_found)
        store(l, v);
    sim_lone_close(l);
    return is_found;
}

/* A relay that starts again has its identity, its slot ids and the values that were stored. */
void scenario_restart(struct sim *s)
{
    struct sim_target before;
    struct value v;
    uint64_t slot_id;

    s->config.ip = 0x0b000001;
    sim_begin(s);
    before = *sim_relay_target(s->relays[0]);
    make_value(1, &v);
    slot_id = register_once(s, NULL);
    sim_expect(s, !finds_again(s, &v), "a value before it was stored");
    for (uint32_t i = 0; i < 2; i++) {
        sim_restart(s);
        sim_expect(s, memcmp(&before, sim_relay_target(s->relays[0]), sizeof(before)) == 0,
                   "a relay has another identity after a restart");
        sim_expect(s, register_once(s, s->nodes[0]->config.id) == slot_id,
                   "a node has another slot after a restart");
        sim_expect(s, finds_again(s, &v), "a value is lost by a restart");
    }
    sim_end(s);
}
