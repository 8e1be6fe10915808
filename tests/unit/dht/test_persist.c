/* SPDX-License-Identifier: MPL-2.0 */
/*
 * Plan: what the storage actor receives for each change of the DHT's state.
 *  - Each sink and each function sends one write of its kind, with the row's key and payload.
 *  - A peer's row key is ip:port:Tcp or ip:port:Quic; an IPv6 address has no brackets.
 *  - A value shares its buffer with the write.
 *  - Without a client nothing is sent and nothing leaks.
 */
#include "support.h"

#include "dht/persist.h"
#include "storage/gate.h"
#include "wire_state.h"

static struct rt_system *sys;
static struct rt_actor storage;
static struct storage_gate *gate;
static struct storage_write *last; /* that was received; the test's */
static uint32_t received;
static uint64_t now_ns = RT_S;
static struct dht_context context;
static struct persist persist;

static uint64_t mono(void *ctx)
{
    (void)ctx;
    return ++now_ns;
}

static void no_random(void *ctx, void *out, size_t len)
{
    (void)ctx;
    memset(out, 0, len);
}

static void forget(void)
{
    struct rt_msg *m = last ? &last->msg : NULL;

    last = NULL;
    rt_msg_free(&m);
}

static void on_write(struct rt_actor *self, struct rt_msg *m)
{
    (void)self;
    forget();
    received++;
    last = RT_MSG_CAST(m, struct storage_write, m->kind);
}

static struct rt_worker *worker(void)
{
    return rt_system_worker(sys, 0);
}

static int begin(void **state)
{
    struct rt_seams seams = {mono, mono, no_random, NULL};
    struct storage_client client;

    (void)state;
    sys = rt_system_new(1, &seams);
    context.worker = worker();
    gate = storage_gate_new();
    rt_actor_start(&storage, worker(), on_write);
    client = (struct storage_client){rt_actor_addr(&storage), gate};
    persist_init(&persist, &context);
    persist_set_storage(&persist, &client);
    received = 0;
    return 0;
}

static int end(void **state)
{
    (void)state;
    forget();
    rt_actor_stop(&storage);
    rt_system_free(&sys);
    storage_gate_drop(&gate);
    assert_int_equal(rt_buf_live(), 0);
    return 0;
}

/* The one write that was sent. */
static const struct storage_write *sent(enum storage_kind kind)
{
    while (rt_worker_turn(worker()))
        continue;
    assert_int_equal(received, 1);
    assert_int_equal(last->msg.kind, kind);
    received = 0;
    return last;
}

static void test_values(void **state)
{
    struct dht_value_store_sink sink = persist_value_sink(&persist);
    static const uint8_t key[32] = {1}, sub[32] = {2};
    struct dht_value v = {.key = {1},
                          .sub = {2},
                          .value = rt_slice_copy("value", 5),
                          .expires_s = 77,
                          .event = 8,
                          .origin = {.peer = 9, .net = 10}};
    const struct storage_write *w;

    (void)state;
    sink.put(sink.ctx, &v);
    w = sent(STORAGE_PUT_VALUE);
    assert_memory_equal(w->row_key, key, 32);
    assert_memory_equal(w->row_key + 32, sub, 32);
    assert_ptr_equal(w->payload.ptr, v.value.ptr);
    assert_int_equal(w->payload.len, 5);
    assert_int_equal(w->expires_s, 77);
    assert_int_equal(w->event, 8);
    assert_int_equal(w->origin_peer, 9);
    assert_int_equal(w->origin_net, 10);
    relay_slice_drop(&v.value);
    sink.drop(sink.ctx, key, sub);
    assert_memory_equal(sent(STORAGE_DROP_VALUE)->row_key + 32, sub, 32);
    sink.put_mark(sink.ctx, key, 500, 78);
    w = sent(STORAGE_PUT_MARK);
    assert_int_equal(w->event, 500);
    assert_int_equal(w->expires_s, 78);
}

static void test_peers(void **state)
{
    struct dht_peers_sink sink = persist_peer_sink(&persist);
    struct wire_peer_row row = {.addr = {.hop = test_hop(0x0b010203, 7001)}, .last_seen_unix = 5};
    struct wire_peer_row decoded;
    const struct storage_write *w;

    (void)state;
    sink.put(sink.ctx, &row, WIRE_DIALECTS_ALL, WIRE_DIALECT_B);
    w = sent(STORAGE_PUT_PEER);
    assert_string_equal((const char *)w->row_key, "11.1.2.3:7001:Tcp");
    assert_int_equal(w->dialects, WIRE_DIALECTS_ALL);
    assert_int_equal(w->last_dialect, WIRE_DIALECT_B);
    assert_int_equal(wire_peer_row_decode((uint8_t *)w->payload.ptr, w->payload.len, &decoded),
                     RT_ERR_OK);
    assert_int_equal(decoded.last_seen_unix, 5);
    row.addr.hop = (struct wire_peer_hop){
        .ip = {0x20, 1, 0xd, 0xb8, [15] = 1}, .is_ipv6 = true, .port = 9, .transport = WIRE_QUIC};
    sink.drop(sink.ctx, &row.addr.hop);
    assert_string_equal((const char *)sent(STORAGE_DROP_PEER)->row_key, "2001:db8::1:9:Quic");
}

static void test_pins_and_identity(void **state)
{
    static const uint8_t key[32] = {3};
    const struct storage_write *w;

    (void)state;
    persist_put_pins(&persist, rt_slice_copy("pins", 4));
    assert_int_equal(sent(STORAGE_PUT_PINS)->payload.len, 4);
    persist_put_identity(&persist, key, (const uint8_t *)"record", 6);
    w = sent(STORAGE_PUT_IDENTITY_RECORD);
    assert_memory_equal(w->row_key, key, 32);
    assert_memory_equal(w->payload.ptr, "record", 6);
    persist_drop_identity(&persist, key);
    assert_memory_equal(sent(STORAGE_DROP_IDENTITY_RECORD)->row_key, key, 32);
}

static void test_without_storage(void **state)
{
    static const uint8_t key[32] = {3};
    struct dht_value v = {.key = {3}};
    struct wire_peer_row row = {.addr = {.hop = test_hop(0x0b010203, 7001)}};
    struct dht_value_store_sink values;
    struct dht_peers_sink peers;

    (void)state;
    persist_init(&persist, &context);
    values = persist_value_sink(&persist);
    peers = persist_peer_sink(&persist);
    values.put(values.ctx, &v);
    values.drop(values.ctx, key, key);
    values.put_mark(values.ctx, key, 1, 2);
    peers.put(peers.ctx, &row, WIRE_DIALECTS_ALL, WIRE_DIALECT_A);
    peers.drop(peers.ctx, &row.addr.hop);
    persist_put_pins(&persist, rt_slice_copy("pins", 4));
    persist_put_identity(&persist, key, key, 32);
    persist_drop_identity(&persist, key);
    assert_false(rt_worker_turn(worker()));
    assert_int_equal(received, 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(test_values, begin, end),
        cmocka_unit_test_setup_teardown(test_peers, begin, end),
        cmocka_unit_test_setup_teardown(test_pins_and_identity, begin, end),
        cmocka_unit_test_setup_teardown(test_without_storage, begin, end),
    };

    return cmocka_run_group_tests(tests, test_setup, NULL);
}
