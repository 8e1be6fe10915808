/* SPDX-License-Identifier: MPL-2.0 */
/*
 * Plan, the actor over sessions the test plays. Who comes in is dialled back at the conventional
 * port, enters the table when it answers there, and is told our address; narrower scopes, our own
 * addresses and what refused within the hour are not dialled; a report comes once an hour. Peer
 * lists carry only what was reached, never who asks; offers are heard once in ten seconds, and only
 * a peer's own address by its own word is dialled, likewise an announcement's. Bootstrap dials,
 * looks itself up and dials whom it hears of; our own address named by others is reported. A
 * manifest is given out by its id. Look-ups collect checked, distinct values; publishing stores at
 * all it finds, and who says `rate limit` is left alone. Calls to addresses we may not dial are
 * refused. Stopping ends dialling and every question.
 */
#include "fake_dial.h"

#include "dht/dht.h"
#include "dht/dht_private.h"
#include "wire_dht.h"
#include "wire_envelope.h"

static struct rt_sign_key identity;
static struct rt_actor asker;
static struct rt_msg *answer; /* the last that came back */
static uint32_t seen_self_count;
static struct dht_boot_peer bootstrap;
static bool has_bootstrap;

static void on_answer(struct rt_actor *self, struct rt_msg *m)
{
    (void)self;
    rt_msg_free(&answer);
    answer = m;
}

static void where_we_are(void *ctx, struct dht_self *out)
{
    (void)ctx;
    out->bound_count = 1;
    out->bound[0] = test_hop(0x0b0000fe, 7001);
}

static void seen_self(void *ctx, struct rt_worker *w, const struct wire_peer_hop *hop)
{
    (void)ctx, (void)w, (void)hop;
    seen_self_count++;
}

static int begin(void **state)
{
    struct dht_config c = {.identity = &identity,
                           .hash_key = "dht-actor-test",
                           .value_bytes_max = LIM_VALUE_BYTES_MAX,
                           .bootstrap = &bootstrap,
                           .bootstrap_count = has_bootstrap,
                           .self = where_we_are,
                           .seen_self = seen_self};

    (void)state;
    world_begin();
    test_sign_key(1000, &identity);
    seen_self_count = 0;
    assert_int_equal(dht_init(world_system, &c), RT_ERR_OK);
    dht_set_transport(world_system, WIRE_TCP, &world_transport, NULL);
    rt_actor_start(&asker, world_worker(), on_answer);
    dht_start(world_system);
    world_run();
    return 0;
}

static int begin_with_bootstrap(void **state)
{
    memset(&bootstrap, 0, sizeof(bootstrap));
    bootstrap.hop = test_hop(0x0b000101, 7001);
    snprintf(bootstrap.text, sizeof(bootstrap.text), "11.0.1.1:7001");
    has_bootstrap = true;
    (void)begin(state);
    has_bootstrap = false;
    return 0;
}

static int end(void **state)
{
    (void)state;
    rt_msg_free(&answer);
    rt_actor_stop(&asker);
    dht_fini(world_system);
    world_end();
    return 0;
}

static void *ask(struct rt_msg *m)
{
    m->reply_to = rt_actor_addr(&asker);
    rt_msg_free(&answer);
    rt_send(world_worker(), dht_addr(world_worker()), m);
    world_pass(5 * RT_MS);
    return answer;
}

static struct sockaddr_storage from(uint32_t ip, uint16_t port)
{
    struct wire_peer_hop h = test_hop(ip, port);
    struct sockaddr_storage a;

    dht_hop_sockaddr(&h, &a);
    return a;
}

static void come_in(uint32_t ip, uint32_t number)
{
    struct sockaddr_storage a = from(ip, 50000);
    uint8_t key[32];

    test_key(number, key);
    dht_note_inbound(world_worker(), key, &a, 0);
    world_pass(RT_S);
}

/* A node at that address that is in the table: it came in, was dialled and answered. */
static struct wire_peer_hop add_node(uint32_t ip, uint32_t number)
{
    struct wire_peer_hop h = test_node(ip, number);

    come_in(ip, number);
    assert_non_null(fake_to(&h));
    fake_ready(fake_to(&h), h.pubkey_hint);
    world_pass(5 * RT_MS);
    fake_answer(fake_to(&h), WIRE_PEX_OFFER, 0, "", 0); /* to our introduction */
    return h;
}

static struct dht_ask *ask_as(enum dht_op op, uint32_t ip, uint32_t number, const uint8_t key[32],
                              const uint8_t *payload, uint32_t len)
{
    struct dht_ask *a = dht_ask_new(op);
    struct sockaddr_storage addr = from(ip, 50000);
    uint8_t who[32];

    test_key(number, who);
    assert_true(dht_hop_of(&addr, who, &a->origin));
    a->max_peers = 255;
    if (key)
        memcpy(a->key, key, 32);
    if (len > 0)
        a->payload = rt_slice_copy(payload, len);
    return ask(&a->msg);
}

static void count_peer(void *ctx, const struct wire_peer *p)
{
    (void)p;
    ++*(uint32_t *)ctx;
}

static uint32_t peers_told(const struct dht_ask *a)
{
    uint8_t copy[8192];
    uint32_t count = 0;

    assert_int_equal(a->refusal, RT_REFUSAL_NONE);
    memcpy(copy, a->answer.ptr, a->answer.len);
    assert_int_equal(a->op == DHT_FIND_NODE
                         ? wire_find_node_answer_decode(copy, a->answer.len, count_peer, &count)
                         : wire_pex_offer_decode(copy, a->answer.len, count_peer, &count),
                     RT_ERR_OK);
    return count;
}

/* -- who enters -- */

static void test_inbound_is_dialled_back_and_enters(void **state)
{
    struct wire_peer_hop h = test_node(0x0b000201, 2);
    uint8_t copy[4096];
    uint32_t count = 0;
    struct dht_peers_ask *a;

    (void)state;
    come_in(0x0b000201, 2);
    assert_int_equal(fake_opened, 1);
    a = ask(&dht_peers_ask_new()->msg);
    assert_int_equal(a->count, 0);
    fake_ready(fake_to(&h), h.pubkey_hint);
    world_pass(5 * RT_MS);
    assert_int_equal(fake_to(&h)->type, WIRE_PEX_OFFER); /* we say where we are */
    memcpy(copy, fake_to(&h)->payload, fake_to(&h)->len);
    assert_int_equal(wire_pex_offer_decode(copy, fake_to(&h)->len, count_peer, &count), RT_ERR_OK);
    assert_int_equal(count, 1);
    a = dht_peers_ask_new();
    a->max = 10;
    a = ask(&a->msg);
    assert_int_equal(a->count, 1);
    assert_true(dht_hop_same(&a->peers[0], &h));
    assert_memory_equal(a->peers[0].pubkey_hint, h.pubkey_hint, 32);
    come_in(0x0b000201, 2); /* it is alive: nothing to find out */
    assert_int_equal(fake_opened, 1);
}

static void test_not_every_inbound_is_dialled(void **state)
{
    struct sockaddr_storage a;
    uint8_t key[32] = {1};

    (void)state;
    come_in(0xc0a80105, 3); /* private, and we are public */
    come_in(0x7f000001, 4);
    come_in(0x0b0000fe, 5); /* our own address */
    assert_int_equal(fake_opened, 0);
    come_in(0x0b000201, 6);
    assert_int_equal(fake_opened, 1);
    fake_end(fake_dials, RT_CONN_END_TRANSPORT, RELAY_END_REFUSED, 0);
    for (int i = 0; i < 58; i++) { /* refused for an hour, and told once an hour */
        world_pass(60 * RT_S);
        come_in(0x0b000201, 6);
    }
    assert_int_equal(fake_opened, 1);
    world_pass(300 * RT_S);
    come_in(0x0b000201, 6);
    assert_int_equal(fake_opened, 2);
    for (uint32_t i = 0; i < 1000; i++) { /* a crowd: 20 reports a second, 5 dials a second */
        a = from(0x0c000001 + (i << 8), 1);
        dht_note_inbound(world_worker(), key, &a, 0);
    }
    world_pass(RT_S);
    assert_true(fake_opened <= 2 + LIM_PROBES_PER_S + 1);
    world_pass(60 * RT_S);
    assert_true(fake_opened <= 2 + LIM_INBOUND_PER_S);
}

static void test_lists_carry_only_what_was_reached(void **state)
{
    uint8_t target[32] = {1};

    (void)state;
    (void)add_node(0x0b000201, 2);
    (void)add_node(0x0b000301, 3);
    come_in(0x0b000401, 4); /* it does not answer */
    assert_int_equal(peers_told(ask_as(DHT_FIND_NODE, 0x0b000901, 9, target, NULL, 0)), 2);
    assert_int_equal(peers_told(ask_as(DHT_FIND_NODE, 0x0b000201, 2, target, NULL, 0)), 1);
    assert_int_equal(peers_told(ask_as(DHT_PEX_REQUEST, 0x0b000901, 9, NULL, NULL, 0)), 2);
    assert_int_equal(peers_told(ask_as(DHT_PEX_REQUEST, 0x0b000301, 3, NULL, NULL, 0)), 1);
}

static void offer(uint32_t ip, uint32_t number, const struct wire_peer *peers, uint32_t count)
{
    uint8_t bytes[8192];
    struct wire_writer w;
    bool fits;

    wire_writer_init(&w, bytes, sizeof(bytes));
    wire_write_pex_offer(&w, peers, count);
    (void)ask_as(DHT_PEX_OFFER, ip, number, NULL, bytes, (uint32_t)wire_writer_len(&w, &fits));
    world_pass(2 * RT_S);
}

static void test_offers(void **state)
{
    struct wire_peer own = {.hop = test_node(0x0b000201, 2)},
                     other = {.hop = test_node(0x0c000001, 3)};
    struct wire_peer_hop h;

    (void)state;
    own.hop.port = 9999; /* no conventional port: only its own word says so */
    offer(0x0b000201, 2, &other, 1);
    assert_null(fake_to(&other.hop)); /* a candidate, for a quieter hour */
    offer(0x0b000201, 2, &own, 1);
    assert_non_null(fake_to(&own.hop));
    for (uint32_t i = 0; i < 10; i++) { /* the third and later ones within ten seconds: unheard */
        h = own.hop;
        own.hop.port = (uint16_t)(10000 + i);
        offer(0x0b000201, 2, &own, 1);
    }
    assert_true(fake_opened <= 4);
    (void)h;
}

static void test_announcements_say_where_a_relay_is(void **state)
{
    struct wire_peer addr = {.hop = test_hop(0x0b000201, 9999)};
    struct rt_sign_key k;
    struct test_value v;
    struct dht_ask *a = dht_ask_new(DHT_STORE);
    struct sockaddr_storage at = from(0x0b000201, 50000);

    (void)state;
    test_sign_key(7, &k);
    test_announcement(&k, &addr, 1, world_wall_s(), 0, 0, &v);
    assert_true(dht_hop_of(&at, k.public_key, &a->origin));
    memcpy(a->key, v.key, 32);
    a->payload = rt_slice_copy(v.bytes, v.len);
    a->ttl_secs = 86400;
    a = ask(&a->msg);
    assert_int_equal(a->refusal, RT_REFUSAL_NONE);
    world_pass(RT_S);
    assert_non_null(fake_to(&addr.hop));
    fake_ready(fake_to(&addr.hop), k.public_key);
    assert_int_equal(peers_told(ask_as(DHT_FIND_NODE, 0x0b000901, 9, v.key, NULL, 0)), 1);
}

/* -- joining -- */

static void test_bootstrap_looks_itself_up(void **state)
{
    struct wire_peer_hop boot = bootstrap.hop;
    struct wire_peer named[3] = {{.hop = test_node(0x0b000301, 3)},
                                 {.hop = test_node(0xc0a80001, 4)}, /* private: not for us */
                                 {.hop = test_hop(0x0b0000fe, 7001)}};
    uint8_t key[32], bytes[1024], id[20], target[20];
    struct wire_writer w;
    bool fits;

    (void)state;
    named[2].hop.has_pubkey_hint = true; /* ourselves, as another relay knows us */
    memcpy(named[2].hop.pubkey_hint, identity.public_key, 32);
    test_key(2, key);
    assert_non_null(fake_to(&boot));
    fake_ready(fake_to(&boot), key);
    world_pass(5 * RT_MS);
    if (fake_to(&boot)->type == WIRE_PEX_OFFER)
        fake_answer(fake_to(&boot), WIRE_PEX_OFFER, 0, "", 0);
    assert_int_equal(fake_to(&boot)->type, WIRE_FIND_NODE);
    rt_node_id(identity.public_key, id);
    assert_int_equal(wire_find_node_decode(fake_to(&boot)->payload, fake_to(&boot)->len, target),
                     RT_ERR_OK);
    assert_memory_equal(target, id, 20);
    wire_writer_init(&w, bytes, sizeof(bytes));
    wire_write_find_node_answer(&w, named, 3);
    fake_answer(fake_to(&boot), WIRE_FIND_NODE, 0, bytes, (uint32_t)wire_writer_len(&w, &fits));
    world_pass(5 * RT_MS);
    assert_non_null(fake_to(&named[0].hop));
    assert_null(fake_to(&named[1].hop));
    assert_null(fake_to(&named[2].hop));
    assert_int_equal(seen_self_count, 1);
}

static void test_our_own_address_never_enters(void **state)
{
    struct wire_peer_hop boot = bootstrap.hop;
    struct dht_peers_ask *a = dht_peers_ask_new();

    (void)state;
    fake_ready(fake_to(&boot), identity.public_key); /* we are our own bootstrap peer */
    world_pass(5 * RT_MS);
    a->max = 10;
    a = ask(&a->msg);
    assert_int_equal(a->count, 0);
    come_in(0x0b000101, 5);
    world_pass(RT_S);
    assert_int_equal(fake_opened, 1); /* and it is known for ours from now on */
}

/* -- values -- */

static void store_own(const struct test_value *v)
{
    struct dht_ask *a = ask_as(DHT_STORE, 0x0b000901, 9, v->key, v->bytes, v->len);

    assert_int_equal(a->refusal, RT_REFUSAL_NONE);
}

static void test_manifest_by_its_id(void **state)
{
    static const uint8_t empty_list[] = {0x80};
    uint8_t room[4096], id[32], copy[4096];
    struct wire_manifest m = {.version = 1, .seq = 3, .created_at = NOW_S};
    struct wire_writer w;
    struct test_value v;
    struct dht_ask *a;
    bool fits;

    (void)state;
    m.communities.raw = m.items.raw = m.recommended_shares.raw =
        (struct wire_bytes){empty_list, sizeof(empty_list)};
    assert_int_equal(wire_manifest_id(&m, room, sizeof(room), id), RT_ERR_OK);
    wire_manifest_key(id, v.key);
    wire_writer_init(&w, v.bytes, sizeof(v.bytes));
    wire_write_manifest(&w, &m);
    v.len = (uint32_t)wire_writer_len(&w, &fits);
    a = ask_as(DHT_MANIFEST, 0x0b000901, 9, id, NULL, 0);
    assert_int_equal(a->refusal, RT_REFUSAL_MANIFEST_NOT_FOUND);
    store_own(&v);
    a = ask_as(DHT_MANIFEST, 0x0b000901, 9, id, NULL, 0);
    assert_int_equal(a->refusal, RT_REFUSAL_NONE);
    memcpy(copy, a->answer.ptr, a->answer.len);
    assert_non_null(memmem(copy, a->answer.len, v.bytes, v.len));
}

/* Answers the session's question with this value under this key (len 0: none) and no peers. */
static void give_value(struct dial *d, const uint8_t key[32], const uint8_t *value, uint32_t len)
{
    struct wire_store s = {.value = {value, len}, .ttl_secs = 100};
    uint8_t bytes[6000];
    struct wire_writer w;
    bool fits;

    assert_int_equal(d->type, WIRE_FIND_VALUE);
    memcpy(s.key, key, 32);
    wire_writer_init(&w, bytes, sizeof(bytes));
    wire_write_find_value_answer(&w, len ? &s : NULL, NULL, 0);
    fake_answer(d, WIRE_FIND_VALUE, 0, bytes, (uint32_t)wire_writer_len(&w, &fits));
    world_pass(5 * RT_MS);
}

static void test_lookup_collects_checked_distinct_values(void **state)
{
    struct wire_peer p[3] = {{.hop = test_node(0x0b000001, 1)},
                             {.hop = test_node(0x0b000002, 2)},
                             {.hop = test_node(0x0b000003, 3)}};
    struct wire_peer_hop nodes[4];
    struct test_value own, good, other;
    struct dht_lookup_ask *a = dht_lookup_ask_new();

    (void)state;
    test_set(WIRE_VALUE_PROVIDERS, 5, &p[0], 1, NOW_S, &own);
    test_set(WIRE_VALUE_PROVIDERS, 5, &p[1], 1, NOW_S, &good);
    test_set(WIRE_VALUE_PROVIDERS, 6, &p[2], 1, NOW_S, &other);
    for (uint32_t i = 0; i < 4; i++)
        nodes[i] = add_node(0x0b000201 + (i << 8), 20 + i);
    store_own(&own);
    memcpy(a->key, own.key, 32);
    a->values_max = 10;
    a->msg.reply_to = rt_actor_addr(&asker);
    rt_msg_free(&answer);
    rt_send(world_worker(), dht_addr(world_worker()), &a->msg);
    world_pass(5 * RT_MS);
    for (uint32_t round = 0, asked = 0; asked < 4 && round < 8; round++) {
        struct dial *d = NULL;

        for (uint32_t i = 0; i < 4 && !d; i++)
            if (fake_to(&nodes[i]) && fake_to(&nodes[i])->has_request)
                d = fake_to(&nodes[i]);
        assert_non_null(d);
        if (asked == 0)
            give_value(d, own.key, good.bytes, good.len);
        else if (asked == 1)
            give_value(d, own.key, good.bytes, good.len); /* the same again */
        else if (asked == 2)
            give_value(d, own.key, other.bytes, other.len); /* under a key not its own */
        else
            give_value(d, other.key, other.bytes, other.len); /* an answer to another question */
        asked++;
    }
    world_pass(10 * RT_MS);
    a = (struct dht_lookup_ask *)answer;
    assert_non_null(a);
    assert_int_equal(a->count, 2); /* ours and the good one */
    assert_memory_equal(a->values[0].ptr, own.bytes, own.len);
    assert_memory_equal(a->values[1].ptr, good.bytes, good.len);
}

static void test_publish_stores_at_all_and_leaves_the_limited_alone(void **state)
{
    struct wire_peer p = {.hop = test_node(0x0b000001, 1)};
    struct dht_publish_ask *a = dht_publish_ask_new();
    struct wire_peer_hop nodes[2] = {add_node(0x0b000201, 20), add_node(0x0b000301, 21)};
    struct test_value v;

    (void)state;
    test_set(WIRE_VALUE_PROVIDERS, 5, &p, 1, NOW_S, &v);
    memcpy(a->key, v.key, 32);
    a->value = rt_slice_copy(v.bytes, v.len);
    a->ttl_secs = 86400;
    a->msg.reply_to = rt_actor_addr(&asker);
    rt_msg_free(&answer);
    rt_send(world_worker(), dht_addr(world_worker()), &a->msg);
    for (uint32_t step = 0; step < 10 && !answer; step++) {
        world_pass(5 * RT_MS);
        for (uint32_t i = 0; i < 2; i++) {
            struct dial *d = fake_to(&nodes[i]);

            if (!d || !d->has_request)
                continue;
            if (d->type == WIRE_FIND_NODE) {
                uint8_t bytes[64];
                struct wire_writer w;
                bool fits;

                wire_writer_init(&w, bytes, sizeof(bytes));
                wire_write_find_node_answer(&w, NULL, 0);
                fake_answer(d, WIRE_FIND_NODE, 0, bytes, (uint32_t)wire_writer_len(&w, &fits));
            } else if (i == 0) {
                assert_int_equal(d->type, WIRE_STORE);
                fake_answer(d, WIRE_STORE, 0, "", 0);
            } else {
                fake_answer(d, WIRE_STORE, WIRE_FLAG_ERROR, "dht rate limit exceeded", 23);
            }
        }
    }
    a = (struct dht_publish_ask *)answer;
    assert_non_null(a);
    assert_int_equal(a->refusal, RT_REFUSAL_NONE);
    assert_int_equal(a->stored, 1);
}

struct pushes {
    struct wire_peer_hop nodes[2];
    uint32_t limited, stored;
    uint64_t at_ns[3];
};

/* Both nodes do what they are asked, but for the first, which takes no store. */
static void serve(struct pushes *p)
{
    for (uint32_t i = 0; i < 2; i++) {
        struct dial *d = fake_to(&p->nodes[i]);

        if (d && !d->is_ready)
            fake_ready(d, p->nodes[i].pubkey_hint);
        if (!d || !d->has_request)
            continue;
        if (d->type != WIRE_STORE) { /* pings, and look-ups of our own */
            fake_answer(d, d->type, WIRE_FLAG_ERROR, "", 0);
        } else if (i == 0) {
            p->limited++;
            fake_answer(d, WIRE_STORE, WIRE_FLAG_ERROR, "dht rate limit exceeded", 23);
        } else {
            assert_true(p->stored < 3);
            p->at_ns[p->stored++] = world_now_ns;
            fake_answer(d, WIRE_STORE, 0, "", 0);
        }
    }
}

/* An hour after they were stored three values go to both nodes, a quarter of a second apart. The
 * first node says `rate limit`: the others go to the second alone, at half the pace. */
static void test_republishing_slows_down_when_told(void **state)
{
    struct pushes r = {.nodes = {add_node(0x0b000201, 20), add_node(0x0b000301, 21)}};
    struct wire_peer p = {.hop = test_node(0x0b000001, 1)};
    struct test_value v;

    (void)state;
    for (uint8_t i = 0; i < 3; i++) {
        test_set(WIRE_VALUE_PROVIDERS, i, &p, 1, NOW_S, &v);
        store_own(&v);
    }
    for (uint32_t i = 0; i < LIM_REPUBLISH_S - 5; i++) {
        world_pass(RT_S);
        serve(&r);
    }
    assert_int_equal(r.stored, 0);
    for (uint32_t i = 0; i < 2000 && r.stored < 3; i++) {
        world_pass(10 * RT_MS);
        serve(&r);
    }
    assert_int_equal(r.stored, 3);
    assert_int_equal(r.limited, 1);
    assert_true(r.at_ns[2] - r.at_ns[1] >= 400 * RT_MS && r.at_ns[2] - r.at_ns[1] < RT_S);
}

static void test_false_values_are_not_published(void **state)
{
    struct dht_publish_ask *a = dht_publish_ask_new();

    (void)state;
    a->value = rt_slice_copy("x", 1);
    a = ask(&a->msg);
    assert_int_equal(a->refusal, RT_REFUSAL_STORE_VALUE);
    assert_int_equal(a->stored, 0);
}

/* -- calls and the end -- */

static void test_calls_go_only_where_we_may_dial(void **state)
{
    static const uint32_t ips[] = {0x7f000001, 0xc0a80101, 0x0b0000fe, 0xe0000001};

    (void)state;
    for (uint32_t i = 0; i < 4; i++) {
        struct dht_call_ask *a = dht_call_ask_new();

        a->to = test_hop(ips[i], 7001);
        a->timeout_ns = RT_S;
        a = ask(&a->msg);
        assert_int_equal(a->outcome, DHT_CALL_NO_TRANSPORT);
    }
    assert_int_equal(fake_opened, 0);
}

static void test_calls_come_back(void **state)
{
    struct dht_call_ask *a = dht_call_ask_new();
    struct wire_peer_hop to = test_hop(0x0b000201, 4000);
    uint8_t key[32];

    (void)state;
    test_key(3, key);
    a->to = to;
    a->type = WIRE_RELAY_LIST_REQUEST;
    a->timeout_ns = RT_S;
    a->payload = rt_slice_copy("q", 1);
    (void)ask(&a->msg);
    fake_ready(fake_to(&to), key);
    world_pass(5 * RT_MS);
    while (fake_to(&to)->type == WIRE_PEX_OFFER)
        fake_answer(fake_to(&to), WIRE_PEX_OFFER, 0, "", 0);
    fake_answer(fake_to(&to), WIRE_RELAY_LIST_RESPONSE, WIRE_FLAG_ERROR, "no", 2);
    world_pass(5 * RT_MS);
    a = (struct dht_call_ask *)answer;
    assert_non_null(a);
    assert_int_equal(a->outcome, DHT_CALL_ANSWERED);
    assert_true(a->is_error);
    assert_memory_equal(a->answer.ptr, "no", 2);
    assert_memory_equal(a->peer_key, key, 32);
}

static void test_stop_ends_every_question(void **state)
{
    struct dht_lookup_ask *a = dht_lookup_ask_new();
    struct rt_msg *stop;

    (void)state;
    (void)add_node(0x0b000201, 20);
    a->values_max = 1;
    (void)ask(&a->msg);
    assert_null(answer);
    stop = rt_msg_new(DHT_STOP, sizeof(*stop));
    rt_send(world_worker(), dht_addr(world_worker()), stop);
    world_pass(10 * RT_MS);
    assert_non_null(answer);
    assert_int_equal(answer->kind, DHT_LOOKED_UP);
    assert_int_equal(fake_count, 0);
    come_in(0x0b000301, 21);
    world_pass(3600 * RT_S);
    assert_int_equal(fake_count, 0);
}

int main(void)
{
#define TEST(f) cmocka_unit_test_setup_teardown(f, begin, end)
    const struct CMUnitTest tests[] = {
        TEST(test_inbound_is_dialled_back_and_enters),
        TEST(test_not_every_inbound_is_dialled),
        TEST(test_lists_carry_only_what_was_reached),
        TEST(test_offers),
        TEST(test_announcements_say_where_a_relay_is),
        cmocka_unit_test_setup_teardown(test_bootstrap_looks_itself_up, begin_with_bootstrap, end),
        cmocka_unit_test_setup_teardown(test_our_own_address_never_enters, begin_with_bootstrap,
                                        end),
        TEST(test_manifest_by_its_id),
        TEST(test_lookup_collects_checked_distinct_values),
        TEST(test_publish_stores_at_all_and_leaves_the_limited_alone),
        TEST(test_republishing_slows_down_when_told),
        TEST(test_false_values_are_not_published),
        TEST(test_calls_go_only_where_we_may_dial),
        TEST(test_calls_come_back),
        TEST(test_stop_ends_every_question),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
