/* SPDX-License-Identifier: MPL-2.0 */
/*
 * Clients of one dialect each. Plan: every contact named to them serves their dialect. A value that
 * a client has stored at one relay, of those that serve all dialects, is soon held by the nodes
 * closest to it in each dialect; a newer version follows at the next hour, not before. As long as a
 * client goes on to store its value at one relay, those nodes hold it.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/check.h"
#include "dht/dht_limits.h"
#include "dht/dht_metrics.h"
#include "net_dialects.h"
#include "net_values.h"
#include "wire_dht.h"

#define QUESTIONS 24u /* of each client to each relay */
#define PUSHED_S 20u  /* look-ups and STOREs of one value */

/* A client at one relay; it sends what `next` makes, one after the other's answer. */
struct asker {
    struct network *net;
    struct sim_identity id;
    struct sim_client *client;
    uint16_t (*next)(struct asker *a, struct wire_writer *w); /* a request's type; 0: none */
    void (*answer)(struct asker *a, struct wire_envelope *e); /* or NULL */
    const void *user;
    uint32_t sent, answers, errors, named, foreign;
    bool is_gone;
};

static void ask_next(struct asker *a)
{
    uint8_t payload[1024], head[WIRE_ENVELOPE_HEAD_MAX];
    struct wire_writer w;
    uint16_t type;
    bool fits;
    size_t len;

    wire_writer_init(&w, payload, sizeof(payload));
    type = a->next(a, &w);
    if (type == 0)
        return;
    len = wire_writer_len(&w, &fits);
    RT_REQUIRE(fits);
    sim_client_send(a->client, head,
                    wire_envelope_bare_head(head, type, ++a->sent, 0, (uint32_t)len), payload, len);
}

static void on_ready(void *user)
{
    ask_next(user);
}

static void on_frame(void *user, uint8_t *body, uint32_t len)
{
    struct asker *a = user;
    struct wire_envelope e;

    net_expect(a->net, wire_envelope_decode(body, len, &e) == RT_ERR_OK && e.req_id == a->sent,
               "a client got an answer that is not its own");
    a->answers++;
    if (e.flags & WIRE_FLAG_ERROR)
        a->errors++;
    else if (a->answer)
        a->answer(a, &e);
    ask_next(a);
}

static void on_gone(void *user)
{
    struct asker *a = user;

    a->is_gone = true;
    a->client = NULL;
}

static const struct sim_client_ops ops = {on_ready, on_frame, on_gone};

static void begin(struct asker *a, struct network *n, uint32_t number, uint32_t relay,
                  enum wire_dialect dialect)
{
    struct sim_path path;

    sim_path_good(&path);
    a->net = n;
    sim_identity_init(&a->id, number);
    a->id.dialect = dialect;
    a->client = sim_client_new(n->world, &a->id, sim_relay_target(n->members[relay].relay), &path,
                               SIM_TRICK_NONE, &ops, a);
}

/* -- who is named -- */

static void write_find_node(struct asker *a, struct wire_writer *w)
{
    uint8_t target[20], bytes[WIRE_DHT_SMALL_MAX];

    for (int i = 0; i < 20; i++)
        target[i] = (uint8_t)sim_prng_next(a->net->prng);
    wire_write_raw(w, bytes, wire_find_node_encode(target, bytes, sizeof(bytes)));
}

static uint16_t next_question(struct asker *a, struct wire_writer *w)
{
    if (a->sent == QUESTIONS)
        return 0;
    if (a->sent % 4 == 3) {
        wire_write_pex_request(w, LIM_PEX_MAX);
        return WIRE_PEX_REQUEST;
    }
    write_find_node(a, w);
    return WIRE_FIND_NODE;
}

static void note_named(void *ctx, const struct wire_peer *p)
{
    struct asker *a = ctx;
    const struct net_member *m = net_member_of(a->net, p->hop.pubkey_hint);

    a->named++;
    a->foreign += !m || !(m->dialects & WIRE_DIALECT_BIT(a->id.dialect));
}

static void take_named(struct asker *a, struct wire_envelope *e)
{
    uint8_t *payload = (uint8_t *)(uintptr_t)e->payload.ptr;
    rt_err err = e->type == WIRE_FIND_NODE
                     ? wire_find_node_reply_decode(payload, e->payload.len, note_named, a)
                     : wire_pex_offer_decode(payload, e->payload.len, note_named, a);

    net_expect(a->net, err == RT_ERR_OK, "an answer does not decode");
}

static bool is_answered(void *ctx)
{
    const struct asker *a = ctx;

    return a->answers == QUESTIONS || a->is_gone;
}

void net_ask_all(struct network *n)
{
    uint32_t named[WIRE_DIALECTS] = {0}, number = 1;

    for (uint32_t i = 0; i < n->count; i++) {
        if (!n->members[i].relay || n->members[i].dialects != WIRE_DIALECTS_ALL)
            continue;
        for (enum wire_dialect d = WIRE_DIALECT_A; d < WIRE_DIALECTS; d++) {
            struct asker a = {.next = next_question, .answer = take_named};

            begin(&a, n, number++, i, d);
            (void)sim_run(n->world, sim_now(n->world) + 60 * RT_S, is_answered, &a);
            net_expect(n, a.answers == QUESTIONS && a.errors == 0, "%u answers, %u errors in %s",
                       a.answers, a.errors, wire_dialect_name(d));
            net_expect(n, a.named > 0 && a.foreign == 0, "%u of %u named in %s do not speak it",
                       a.foreign, a.named, wire_dialect_name(d));
            named[d] += a.named;
            sim_client_close(&a.client);
        }
    }
    printf("asked: clients=%u named A=%u B=%u C=%u, none of another dialect\n", number - 1,
           named[0], named[1], named[2]);
    net_run(n, 10);
}

/* -- fresh values -- */

static uint16_t next_store(struct asker *a, struct wire_writer *w)
{
    const struct net_value *v = a->user;
    struct wire_store s = {.value = {v->bytes, v->len}, .ttl_secs = LIM_VALUE_TTL_MIN_S};

    if (a->sent == 1)
        return 0;
    memcpy(s.key, v->key, sizeof(s.key));
    wire_write_store(w, &s);
    return WIRE_STORE;
}

static bool is_stored(void *ctx)
{
    const struct asker *a = ctx;

    return a->answers == 1 || a->is_gone;
}

/* A client stores the value at the relay. */
static void store(struct network *n, uint32_t number, uint32_t relay, enum wire_dialect dialect,
                  const struct net_value *v)
{
    struct asker a = {.next = next_store, .user = v};

    begin(&a, n, number, relay, dialect);
    (void)sim_run(n->world, sim_now(n->world) + 60 * RT_S, is_stored, &a);
    net_expect(n, a.answers == 1 && a.errors == 0, "a client's value is refused");
    sim_client_close(&a.client);
}

static uint64_t pushed(void)
{
    return rt_metric_get(RT_METRIC_DHT_PUSHED);
}

/* Each dialect that accepts the value has it at the nodes closest to it. */
static void expect_held(struct network *n, uint32_t value, const char *when)
{
    for (enum wire_dialect d = WIRE_DIALECT_A; d < WIRE_DIALECTS; d++) {
        uint32_t serving = net_count_serving(n, WIRE_DIALECT_BIT(d)), all, closest;
        uint32_t wanted = serving < DHT_K ? serving : DHT_K;

        if (!(n->values[value].dialects & WIRE_DIALECT_BIT(d)))
            continue;
        net_holders_in(n, value, WIRE_DIALECT_BIT(d), &all, &closest);
        printf("fresh %s: value=%u in %s holders=%u closest=%u of %u\n", when, value,
               wire_dialect_name(d), all, closest, wanted);
        net_expect(n, closest * 10 >= wanted * 9, "%s %u of the %u closest in %s hold value %u",
                   when, closest, wanted, wire_dialect_name(d), value);
    }
    net_expect(n, net_count_strays(n, value) == 0, "value %u is where it is refused", value);
}

void net_scenario_fresh(struct network *n, uint32_t size)
{
    static const enum wire_value_kind kinds[] = {WIRE_VALUE_SHARE_HEAD, WIRE_VALUE_MEMBER_RECORD,
                                                 WIRE_VALUE_MEMBERS};
    static const enum wire_dialect from[] = {WIRE_DIALECT_C, WIRE_DIALECT_B, WIRE_DIALECT_A};
    uint32_t all, closest, newer, relay;
    struct net_value v;
    uint64_t before;

    net_populate(n, size, &net_mix_common);
    relay = net_draw_exact(n, WIRE_DIALECTS_ALL);
    for (uint32_t i = 0; i < 3; i++) {
        net_value_make(kinds[i], 100 + i, 1, SIM_WALL_START_S, &v);
        store(n, 1 + i, relay, from[i], &v);
        net_run(n, PUSHED_S);
        expect_held(n, net_note_value(n, &v), "after a STORE");
    }
    before = pushed();
    net_value_make(kinds[1], 101, 2, SIM_WALL_START_S + 1, &v);
    store(n, 2, relay, from[1], &v);
    newer = net_note_value(n, &v);
    net_run(n, LIM_REPUBLISH_S - 300);
    net_holders_in(n, newer, WIRE_DIALECTS_ALL, &all, &closest);
    printf("fresh within the hour: newer=%u pushes=%llu\n", all,
           (unsigned long long)(pushed() - before));
    net_expect(n, all == 1 && pushed() == before, "%u hold the newer version within the hour", all);
    net_run(n, 600);
    expect_held(n, newer, "an hour later");
}

/* A client stores the same value every quarter of an hour, for longer than a copy lives. */
void net_scenario_renewed(struct network *n, uint32_t size)
{
    uint64_t end_ns;
    struct net_value v;
    uint32_t value, relay;

    net_populate(n, size, &net_mix_common);
    relay = net_draw_exact(n, WIRE_DIALECTS_ALL);
    net_value_make(WIRE_VALUE_SHARE_HEAD, 100, 1, SIM_WALL_START_S, &v);
    value = net_note_value(n, &v);
    end_ns = sim_now(n->world) + (LIM_VALUE_TTL_MIN_S + LIM_REPUBLISH_S) * RT_S;
    while (sim_now(n->world) < end_ns) {
        store(n, 1, relay, WIRE_DIALECT_C, &v);
        net_run(n, 900);
    }
    expect_held(n, value, "after a day");
}
