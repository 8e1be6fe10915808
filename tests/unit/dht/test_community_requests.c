/* SPDX-License-Identifier: MPL-2.0 */
/*
 * Plan: requests about communities through the actor. A community is joined while a live record is
 * held. Pages contain the stored records. Without a record every request is refused. A search
 * answers with its hit. After LIM_SEARCH_NS it answers with the hits so far. Waiting searches are
 * bounded, in all and per network, answered in turn, and freed with the actor.
 */
#include "actor_world.h"

#include "dht/dht_limits.h"
#include "dht/dht_metrics.h"
#include "wire_browse.h"
#include "wire_community.h"

static const uint8_t community[32] = {7, 7, 7};

static void store(const struct test_value *v)
{
    struct dht_request *a = dht_request_new(DHT_STORE);
    struct sockaddr_storage addr = actor_from(0x0b000901, 50000);
    uint8_t who[32];

    test_key(9, who);
    assert_true(dht_hop_of(&addr, who, &a->origin));
    a->dialect = WIRE_DIALECT_C;
    a->peer_dialects = WIRE_DIALECT_BIT(WIRE_DIALECT_C);
    memcpy(a->key, v->key, 32);
    a->payload = rt_slice_copy(v->bytes, v->len);
    a = actor_ask(&a->msg);
    assert_non_null(a);
    assert_int_equal(a->refusal, WIRE_REFUSAL_NONE);
}

static void finish(struct wire_writer *w, struct test_value *out)
{
    bool fits;

    out->len = (uint32_t)wire_writer_len(w, &fits);
    assert_true(fits);
}

static void store_member(void)
{
    struct wire_member_record x = {
        .announce_seq = 5, .issued_at = world_wall_s(), .expires_at = world_wall_s() + 3600};
    struct rt_sign_key key;
    struct test_value v;
    uint8_t covered[512];
    struct wire_writer w;
    bool fits;

    test_sign_key(1, &key);
    memcpy(x.community_id, community, 32);
    memcpy(x.member_node_pubkey, key.public_key, 32);
    wire_writer_init(&w, covered, sizeof(covered));
    wire_write_member_record_signed(&w, &x);
    rt_sign(&key, covered, wire_writer_len(&w, &fits), x.signature);
    wire_member_record_key(x.community_id, x.member_node_pubkey, v.key);
    wire_writer_init(&w, v.bytes, sizeof(v.bytes));
    wire_write_member_record(&w, &x);
    finish(&w, &v);
    store(&v);
}

static void store_share(uint32_t number, const char *title, uint64_t updated_at)
{
    struct wire_share_record x = {.latest_seq = 3, .updated_at = updated_at};
    struct rt_sign_key key;
    struct test_value v;
    uint8_t covered[512];
    struct wire_writer w;
    bool fits;

    test_sign_key(number, &key);
    memcpy(x.community_id, community, 32);
    memcpy(x.share_pubkey, key.public_key, 32);
    rt_sha256(key.public_key, 32, x.share_id);
    x.title = (struct wire_bytes){(const uint8_t *)title, (uint32_t)strlen(title)};
    wire_writer_init(&w, covered, sizeof(covered));
    wire_write_share_record_signed(&w, &x);
    rt_sign(&key, covered, wire_writer_len(&w, &fits), x.signature);
    wire_share_record_key(x.community_id, x.share_id, v.key);
    wire_writer_init(&w, v.bytes, sizeof(v.bytes));
    wire_write_share_record(&w, &x);
    finish(&w, &v);
    store(&v);
}

/* query NULL: none. */
static struct relay_slice request(const char *query, uint64_t since_unix)
{
    uint8_t bytes[256];
    struct wire_writer w;
    bool fits;

    wire_writer_init(&w, bytes, sizeof(bytes));
    wire_write_map(&w, 2 + (query != NULL) + (since_unix > 0));
    wire_write_key(&w, "community_id");
    wire_write_int_array(&w, community, 32);
    wire_write_key(&w, "limit");
    wire_write_uint(&w, 50);
    if (query) {
        wire_write_key(&w, "query");
        wire_write_text(&w, query, strlen(query));
    }
    if (since_unix > 0) {
        wire_write_key(&w, "since_unix");
        wire_write_uint(&w, since_unix);
    }
    return rt_slice_copy(bytes, (uint32_t)wire_writer_len(&w, &fits));
}

static struct dht_request *ask_since(enum dht_op op, const char *query, uint64_t since_unix)
{
    struct dht_request *a = dht_request_new(op);

    a->dialect = WIRE_DIALECT_C;
    memcpy(a->key, community, 32);
    a->payload = request(query, since_unix);
    return actor_ask(&a->msg);
}

static struct dht_request *ask(enum dht_op op)
{
    return ask_since(op, op == DHT_COMMUNITY_SEARCH ? "HOLI" : NULL, 0);
}

/* The number of entries of the reply. The list is the second pair of the map. */
static uint32_t entries_of(const struct dht_request *a)
{
    uint8_t copy[4096];
    struct wire_reader r;
    struct wire_seq s;
    uint32_t count = 0;

    assert_non_null(a);
    assert_int_equal(a->refusal, WIRE_REFUSAL_NONE);
    assert_true(a->reply.len <= sizeof(copy));
    memcpy(copy, a->reply.ptr, a->reply.len);
    wire_reader_init(&r, copy, a->reply.len);
    (void)wire_read_map(&r);
    for (uint32_t i = 0; i < 3; i++)
        wire_skip(&r);
    for (s = wire_read_array(&r); wire_seq_next(&r, &s); count++)
        wire_skip(&r);
    assert_int_equal(r.err, RT_ERR_OK);
    return count;
}

static void test_joined_while_a_record_is_live(void **state)
{
    (void)state;
    assert_false(ask(DHT_COMMUNITY_STATUS)->is_joined);
    store_member();
    assert_true(ask(DHT_COMMUNITY_STATUS)->is_joined);
    world_pass(3590 * RT_S);
    assert_true(ask(DHT_COMMUNITY_STATUS)->is_joined);
    world_pass(20 * RT_S);
    assert_false(ask(DHT_COMMUNITY_STATUS)->is_joined);
}

static void test_pages_of_stored_records(void **state)
{
    static const enum dht_op ops[] = {DHT_COMMUNITY_MEMBERS, DHT_COMMUNITY_SHARES,
                                      DHT_COMMUNITY_SEARCH, DHT_COMMUNITY_EVENTS};
    static const uint32_t with_member[] = {1, 0, 0, 1}, with_share[] = {1, 1, 1, 2};

    (void)state;
    for (int i = 0; i < 4; i++)
        assert_int_equal(ask(ops[i])->refusal, WIRE_REFUSAL_COMMUNITY_NOT_FOUND);
    store_member();
    for (int i = 0; i < 4; i++)
        assert_int_equal(entries_of(ask(ops[i])), with_member[i]);
    store_share(2, "Holiday", world_wall_s());
    for (int i = 0; i < 4; i++)
        assert_int_equal(entries_of(ask(ops[i])), with_share[i]);
    assert_int_equal(entries_of(ask_since(DHT_COMMUNITY_SEARCH, "work", 0)), 0);
}

static void test_shares_since_a_time(void **state)
{
    uint64_t now_s = world_wall_s();

    (void)state;
    store_share(2, "Holiday", now_s - 10);
    assert_int_equal(entries_of(ask_since(DHT_COMMUNITY_SHARES, NULL, now_s - 10)), 1);
    assert_int_equal(entries_of(ask_since(DHT_COMMUNITY_SHARES, NULL, now_s - 9)), 0);
    store_share(2, "Holiday", now_s);
    assert_int_equal(entries_of(ask_since(DHT_COMMUNITY_SHARES, NULL, now_s)), 1);
}

static void test_malformed_payload_is_refused(void **state)
{
    struct dht_request *a = dht_request_new(DHT_COMMUNITY_SEARCH);

    (void)state;
    a->payload = rt_slice_copy("?", 1);
    assert_int_equal(((struct dht_request *)actor_ask(&a->msg))->refusal,
                     WIRE_REFUSAL_PAYLOAD_MALFORMED);
}

/* -- many searches at once -- */

#define MAP_WITH_CURSOR 0xa3 /* three pairs */

static uint32_t found_count, full_count, cut_count;

static void on_reply_to_requester(struct rt_actor *self, struct rt_msg *m)
{
    const struct dht_request *a = (const struct dht_request *)m;

    (void)self;
    if (!m->is_bounced) {
        full_count += a->refusal == WIRE_REFUSAL_SEARCHES_FULL;
        found_count += a->refusal == WIRE_REFUSAL_NONE && entries_of(a) == 1;
        cut_count += a->refusal == WIRE_REFUSAL_NONE && a->reply.ptr[0] == MAP_WITH_CURSOR;
    }
    rt_msg_free(&m);
}

/* Sends count searches, per_net from each network, beginning with net; each has a different key. */
static void send_searches_of(struct rt_actor *from, uint32_t net, uint32_t count, uint32_t per_net)
{
    for (uint32_t i = 0; i < count; i++) {
        struct sockaddr_storage addr = actor_from(0x0b100001 + ((net + i / per_net) << 8), 50000);
        struct dht_request *a = dht_request_new(DHT_COMMUNITY_SEARCH);
        uint8_t key[32];

        test_key(1000 + i, key);
        assert_true(dht_hop_of(&addr, key, &a->origin));
        a->payload = request("holi", 0);
        a->msg.reply_to = rt_actor_addr(from);
        rt_send(world_worker(), dht_addr(world_worker()), &a->msg);
    }
}

static void send_searches(struct rt_actor *from, uint32_t count)
{
    send_searches_of(from, 0, count, LIM_SEARCHES_PER_NET);
}

/* Shares for three slices, and one hit. */
static void store_many(void)
{
    char title[3001];

    memset(title, 't', sizeof(title) - 1);
    title[sizeof(title) - 1] = '\0';
    store_share(2, "Holiday", world_wall_s());
    for (uint32_t i = 0; i < 25; i++)
        store_share(100 + i, title, world_wall_s());
}

static void test_searches_that_wait_are_bounded(void **state)
{
    struct rt_actor asker;

    (void)state;
    found_count = full_count = cut_count = 0;
    store_many();
    rt_actor_start(&asker, world_worker(), on_reply_to_requester);
    send_searches(&asker, LIM_SEARCHES_QUEUED + 3);
    world_pass(5 * RT_MS);
    assert_int_equal(full_count, 3);
    assert_int_equal(found_count, LIM_SEARCHES_QUEUED);
    send_searches(&asker, 1);
    world_pass(5 * RT_MS);
    assert_int_equal(found_count, LIM_SEARCHES_QUEUED + 1);
    assert_int_equal(cut_count, 0);
    rt_actor_stop(&asker);
}

/* One network with many keys does not fill the queue. */
static void test_one_network_does_not_fill_the_queue(void **state)
{
    uint64_t crowded = rt_metric_get(RT_METRIC_SEARCHES_CROWDED);
    struct rt_actor asker;

    (void)state;
    found_count = full_count = cut_count = 0;
    store_many();
    rt_actor_start(&asker, world_worker(), on_reply_to_requester);
    send_searches_of(&asker, 0, 3 * LIM_SEARCHES_QUEUED, 3 * LIM_SEARCHES_QUEUED);
    send_searches_of(&asker, 1, 1, 1); /* a client of another network */
    world_pass(5 * RT_MS);
    assert_int_equal(found_count, LIM_SEARCHES_PER_NET + 1);
    assert_int_equal(full_count, 3 * LIM_SEARCHES_QUEUED - LIM_SEARCHES_PER_NET);
    assert_int_equal(rt_metric_get(RT_METRIC_SEARCHES_CROWDED), crowded + full_count);
    send_searches(&asker, 1); /* the places in the queue are free again */
    world_pass(5 * RT_MS);
    assert_int_equal(found_count, LIM_SEARCHES_PER_NET + 2);
    rt_actor_stop(&asker);
}

/* A turn runs LIM_TURN_JOBS slices. The unfinished search is then past its deadline. */
static void test_search_that_takes_too_long_is_cut(void **state)
{
    struct rt_actor asker;

    (void)state;
    found_count = cut_count = 0;
    store_many();
    rt_actor_start(&asker, world_worker(), on_reply_to_requester);
    send_searches(&asker, LIM_SEARCHES_QUEUED);
    (void)rt_worker_turn(world_worker());
    world_now_ns += LIM_SEARCH_NS;
    world_pass(5 * RT_MS);
    assert_int_equal(cut_count, 1);
    assert_true(found_count >= LIM_SEARCHES_QUEUED - 1);
    rt_actor_stop(&asker);
}

/* The actor ends while searches wait. No memory leaks. */
static void test_searches_that_wait_are_freed_with_the_actor(void **state)
{
    struct rt_actor asker;

    (void)state;
    found_count = 0;
    store_many();
    rt_actor_start(&asker, world_worker(), on_reply_to_requester);
    send_searches(&asker, LIM_SEARCHES_QUEUED);
    (void)rt_worker_turn(world_worker());
    rt_actor_stop(&asker);
    assert_int_equal(found_count, 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(test_joined_while_a_record_is_live, actor_begin, actor_end),
        cmocka_unit_test_setup_teardown(test_pages_of_stored_records, actor_begin, actor_end),
        cmocka_unit_test_setup_teardown(test_shares_since_a_time, actor_begin, actor_end),
        cmocka_unit_test_setup_teardown(test_malformed_payload_is_refused, actor_begin, actor_end),
        cmocka_unit_test_setup_teardown(test_searches_that_wait_are_bounded, actor_begin,
                                        actor_end),
        cmocka_unit_test_setup_teardown(test_one_network_does_not_fill_the_queue, actor_begin,
                                        actor_end),
        cmocka_unit_test_setup_teardown(test_search_that_takes_too_long_is_cut, actor_begin,
                                        actor_end),
        cmocka_unit_test_setup_teardown(test_searches_that_wait_are_freed_with_the_actor,
                                        actor_begin, actor_end),
    };

    return cmocka_run_group_tests(tests, test_setup, NULL);
}
