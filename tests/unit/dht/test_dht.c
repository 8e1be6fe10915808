/* SPDX-License-Identifier: MPL-2.0 */
/*
 * Plan: the actor over sessions that the test plays.
 *  - A peer that comes in is dialled at the conventional port. If it replies there, it enters the
 *    table and learns our address. Narrower scopes, our own addresses, and addresses that refused
 *    within the hour are not dialled. A peer is reported once an hour.
 *  - Peer lists contain only reached peers, and never the requester. Offers of one peer are
 *    accepted at intervals of ten seconds. Only the self-reported address of a peer or of an
 *    announcement is dialled.
 *  - Bootstrap dials, looks up our own id, and dials the nodes that it learns. Our own address is
 *    reported when others name it.
 *  - Calls to addresses that must not be dialled are refused. A stop ends dialling and all
 *    requests.
 */
#include "actor_world.h"

#include "dht/dht_limits.h"
#include "dht/dht_metrics.h"
#include "dht/dht_private.h"
#include "wire_dht.h"
#include "wire_envelope.h"

/* -- who enters -- */

static void test_inbound_is_dialled_back_and_enters(void **state)
{
    struct wire_peer_hop h = test_node(0x0b000201, 2);
    uint8_t copy[4096];
    uint32_t count = 0;
    struct dht_peers_request *a;

    (void)state;
    actor_come_in(0x0b000201, 2);
    assert_int_equal(fake_opened, 1);
    a = actor_ask(&dht_peers_request_new()->msg);
    assert_int_equal(a->count, 0);
    fake_ready(fake_to(&h), h.pubkey_hint);
    world_pass(5 * RT_MS);
    assert_int_equal(fake_to(&h)->type, WIRE_PEX_OFFER); /* we say where we are */
    memcpy(copy, fake_to(&h)->payload, fake_to(&h)->len);
    assert_int_equal(wire_pex_offer_decode(copy, fake_to(&h)->len, actor_count_peer, &count),
                     RT_ERR_OK);
    assert_int_equal(count, 1);
    a = dht_peers_request_new();
    a->max = 10;
    a = actor_ask(&a->msg);
    assert_int_equal(a->count, 1);
    assert_true(dht_hop_same(&a->peers[0], &h));
    assert_memory_equal(a->peers[0].pubkey_hint, h.pubkey_hint, 32);
    actor_come_in(0x0b000201, 2); /* it is alive: nothing to find out */
    assert_int_equal(fake_opened, 1);
}

static void test_not_every_inbound_is_dialled(void **state)
{
    struct sockaddr_storage a;
    uint8_t key[32] = {1};

    (void)state;
    actor_come_in(0xc0a80105, 3); /* private, and we are public */
    actor_come_in(0x7f000001, 4);
    actor_come_in(0x0b0000fe, 5); /* our own address */
    assert_int_equal(fake_opened, 0);
    actor_come_in(0x0b000201, 6);
    assert_int_equal(fake_opened, 1);
    fake_end(fake_dials, RT_CONN_END_TRANSPORT, RELAY_END_REFUSED, 0);
    for (int i = 0; i < 58; i++) { /* refused for an hour, and reported once an hour */
        world_pass(60 * RT_S);
        actor_come_in(0x0b000201, 6);
    }
    assert_int_equal(fake_opened, 1);
    world_pass(300 * RT_S);
    actor_come_in(0x0b000201, 6);
    assert_int_equal(fake_opened, 2);
    for (uint32_t i = 0; i < 1000; i++) { /* a crowd: 20 reports a second, 5 dials a second */
        a = actor_from(0x0c000001 + (i << 8), 1);
        dht_note_inbound(world_worker(), key, &a, WIRE_DIALECT_A, 1, 0);
    }
    world_pass(RT_S);
    assert_true(fake_opened <= 2 + LIM_PROBES_PER_S + 1);
    world_pass(60 * RT_S);
    assert_true(fake_opened <= 2 + LIM_INBOUND_PER_S);
}

static void test_lists_contain_only_reached_peers(void **state)
{
    uint8_t target[32] = {1};

    (void)state;
    (void)actor_add_node(0x0b000201, 2);
    (void)actor_add_node(0x0b000301, 3);
    actor_come_in(0x0b000401, 4); /* it does not answer */
    assert_int_equal(
        actor_peers_in_reply(actor_ask_as(DHT_FIND_NODE, 0x0b000901, 9, target, NULL, 0)), 2);
    assert_int_equal(
        actor_peers_in_reply(actor_ask_as(DHT_FIND_NODE, 0x0b000201, 2, target, NULL, 0)), 1);
    assert_int_equal(
        actor_peers_in_reply(actor_ask_as(DHT_PEX_REQUEST, 0x0b000901, 9, NULL, NULL, 0)), 2);
    assert_int_equal(
        actor_peers_in_reply(actor_ask_as(DHT_PEX_REQUEST, 0x0b000301, 3, NULL, NULL, 0)), 1);
}

static void offer(uint32_t ip, uint32_t number, const struct wire_peer *peers, uint32_t count)
{
    uint8_t bytes[8192];
    struct wire_writer w;
    bool fits;

    wire_writer_init(&w, bytes, sizeof(bytes));
    wire_write_pex_offer(&w, peers, count);
    (void)actor_ask_as(DHT_PEX_OFFER, ip, number, NULL, bytes,
                       (uint32_t)wire_writer_len(&w, &fits));
    world_pass(2 * RT_S);
}

static void test_offers(void **state)
{
    struct wire_peer own = {.hop = test_node(0x0b000201, 2)},
                     other = {.hop = test_node(0x0c000001, 3)};
    uint64_t dropped = rt_metric_get(RT_METRIC_DHT_OFFERS_DROPPED);
    struct wire_peer_hop h;

    (void)state;
    own.hop.port = 9999; /* no conventional port: only its own word says so */
    offer(0x0b000201, 2, &other, 1);
    assert_null(fake_to(&other.hop)); /* a candidate, for a quieter hour */
    offer(0x0b000201, 2, &own, 1);
    assert_non_null(fake_to(&own.hop));
    for (uint32_t i = 0; i < 10; i++) { /* the third and later ones within ten seconds: discarded */
        h = own.hop;
        own.hop.port = (uint16_t)(10000 + i);
        offer(0x0b000201, 2, &own, 1);
    }
    assert_true(fake_opened <= 4);
    assert_true(rt_metric_get(RT_METRIC_DHT_OFFERS_DROPPED) > dropped);
    (void)h;
}

static void test_announcements_say_where_a_relay_is(void **state)
{
    struct wire_peer addr = {.hop = test_hop(0x0b000201, 9999)};
    struct rt_sign_key k;
    struct test_value v;
    struct dht_request *a = dht_request_new(DHT_STORE);
    struct sockaddr_storage at = actor_from(0x0b000201, 50000);

    (void)state;
    test_sign_key(7, &k);
    test_announcement(&k, &addr, 1, world_wall_s(), 0, 0, &v);
    assert_true(dht_hop_of(&at, k.public_key, &a->origin));
    memcpy(a->key, v.key, 32);
    a->payload = rt_slice_copy(v.bytes, v.len);
    a->ttl_secs = 86400;
    a = actor_ask(&a->msg);
    assert_int_equal(a->refusal, WIRE_REFUSAL_NONE);
    world_pass(RT_S);
    assert_non_null(fake_to(&addr.hop));
    fake_ready(fake_to(&addr.hop), k.public_key);
    assert_int_equal(
        actor_peers_in_reply(actor_ask_as(DHT_FIND_NODE, 0x0b000901, 9, v.key, NULL, 0)), 1);
}

/* -- joining -- */

static void test_bootstrap_looks_itself_up(void **state)
{
    struct wire_peer_hop boot = actor_bootstrap.hop;
    struct wire_peer named[3] = {{.hop = test_node(0x0b000301, 3)},
                                 {.hop = test_node(0xc0a80001, 4)}, /* private: not for us */
                                 {.hop = test_hop(0x0b0000fe, 7001)}};
    uint8_t key[32], bytes[1024], id[20], target[20];
    struct wire_writer w;
    bool fits;

    (void)state;
    named[2].hop.has_pubkey_hint = true; /* ourselves, as another relay knows us */
    memcpy(named[2].hop.pubkey_hint, actor_identity.public_key, 32);
    test_key(2, key);
    assert_non_null(fake_to(&boot));
    fake_ready(fake_to(&boot), key);
    world_pass(5 * RT_MS);
    if (fake_to(&boot)->type == WIRE_PEX_OFFER)
        fake_reply(fake_to(&boot), WIRE_PEX_OFFER, 0, "", 0);
    assert_int_equal(fake_to(&boot)->type, WIRE_FIND_NODE);
    rt_node_id(actor_identity.public_key, id);
    assert_int_equal(wire_find_node_decode(fake_to(&boot)->payload, fake_to(&boot)->len, target),
                     RT_ERR_OK);
    assert_memory_equal(target, id, 20);
    wire_writer_init(&w, bytes, sizeof(bytes));
    wire_write_find_node_reply(&w, named, 3);
    fake_reply(fake_to(&boot), WIRE_FIND_NODE, 0, bytes, (uint32_t)wire_writer_len(&w, &fits));
    world_pass(5 * RT_MS);
    assert_non_null(fake_to(&named[0].hop));
    assert_null(fake_to(&named[1].hop));
    assert_null(fake_to(&named[2].hop));
    assert_int_equal(actor_seen_self_count, 1);
}

static void test_our_own_address_never_enters(void **state)
{
    struct wire_peer_hop boot = actor_bootstrap.hop;
    struct dht_peers_request *a = dht_peers_request_new();

    (void)state;
    fake_ready(fake_to(&boot), actor_identity.public_key); /* we are our own bootstrap peer */
    world_pass(5 * RT_MS);
    a->max = 10;
    a = actor_ask(&a->msg);
    assert_int_equal(a->count, 0);
    actor_come_in(0x0b000101, 5);
    world_pass(RT_S);
    assert_int_equal(fake_opened, 1); /* and it is known for ours from now on */
}

/* -- calls and the end -- */

static void test_calls_go_only_where_we_may_dial(void **state)
{
    static const uint32_t ips[] = {0x7f000001, 0xc0a80101, 0x0b0000fe, 0xe0000001};

    (void)state;
    for (uint32_t i = 0; i < 4; i++) {
        struct dht_call_request *a = dht_call_request_new();

        a->to = test_hop(ips[i], 7001);
        a->timeout_ns = RT_S;
        a = actor_ask(&a->msg);
        assert_int_equal(a->outcome, DHT_CALL_NO_TRANSPORT);
    }
    assert_int_equal(fake_opened, 0);
}

static void test_calls_come_back(void **state)
{
    struct dht_call_request *a = dht_call_request_new();
    struct wire_peer_hop to = test_hop(0x0b000201, 4000);
    uint8_t key[32];

    (void)state;
    test_key(3, key);
    a->to = to;
    a->type = WIRE_RELAY_LIST_REQUEST;
    a->timeout_ns = RT_S;
    a->payload = rt_slice_copy("q", 1);
    (void)actor_ask(&a->msg);
    fake_ready(fake_to(&to), key);
    world_pass(5 * RT_MS);
    while (fake_to(&to)->type == WIRE_PEX_OFFER)
        fake_reply(fake_to(&to), WIRE_PEX_OFFER, 0, "", 0);
    fake_reply(fake_to(&to), WIRE_RELAY_LIST_RESPONSE, WIRE_FLAG_ERROR, "no", 2);
    world_pass(5 * RT_MS);
    a = (struct dht_call_request *)actor_reply;
    assert_non_null(a);
    assert_int_equal(a->outcome, DHT_CALL_REPLIED);
    assert_true(a->is_error);
    assert_memory_equal(a->reply.ptr, "no", 2);
    assert_memory_equal(a->peer_key, key, 32);
}

static void test_stop_ends_every_question(void **state)
{
    struct dht_lookup_request *a = dht_lookup_request_new();
    struct rt_msg *stop;

    (void)state;
    (void)actor_add_node(0x0b000201, 20);
    a->values_max = 1;
    (void)actor_ask(&a->msg);
    assert_null(actor_reply);
    stop = rt_msg_new(DHT_STOP, sizeof(*stop));
    rt_send(world_worker(), dht_addr(world_worker()), stop);
    world_pass(10 * RT_MS);
    assert_non_null(actor_reply);
    assert_int_equal(actor_reply->kind, DHT_LOOKUP_REPLY);
    assert_int_equal(fake_count, 0);
    actor_come_in(0x0b000301, 21);
    world_pass(3600 * RT_S);
    assert_int_equal(fake_count, 0);
}

int main(void)
{
#define TEST(f) cmocka_unit_test_setup_teardown(f, actor_begin, actor_end)
    const struct CMUnitTest tests[] = {
        TEST(test_inbound_is_dialled_back_and_enters),
        TEST(test_not_every_inbound_is_dialled),
        TEST(test_lists_contain_only_reached_peers),
        TEST(test_offers),
        TEST(test_announcements_say_where_a_relay_is),
        cmocka_unit_test_setup_teardown(test_bootstrap_looks_itself_up, actor_begin_with_bootstrap,
                                        actor_end),
        cmocka_unit_test_setup_teardown(test_our_own_address_never_enters,
                                        actor_begin_with_bootstrap, actor_end),
        TEST(test_calls_go_only_where_we_may_dial),
        TEST(test_calls_come_back),
        TEST(test_stop_ends_every_question),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
