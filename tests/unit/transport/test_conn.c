/* SPDX-License-Identifier: MPL-2.0 */
/*
 * Plan: a fake transport plugin records what the room asks of it, and the test plays the network:
 * bytes in pieces of any size, eof, output that leaves slowly or not, closed. Checked: frames come out
 * whole whatever the pieces; big ones are assembled with buffers in proportion to what has come;
 * oversize ends or is discarded; a held consumer hears nothing until released, in order, eof last; each
 * deadline ends exactly what it should, under a virtual clock; the half-open cap evicts the oldest of
 * the same prefix; memory that is short stops reading and later goes on, and stalled readers are
 * closed for it; nothing is left at the end.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
#include <arpa/inet.h>
#include <netinet/in.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/budget.h"
#include "base/limits.h"
#include "base/metric.h"
#include "transport/conn.h"

/* -- the world -- */

static uint64_t clock_ns;

static uint64_t fake_mono(void *ctx)
{
    (void)ctx;
    return clock_ns;
}

static void fake_random(void *ctx, void *out, size_t len)
{
    (void)ctx;
    memset(out, 7, len);
}

static const struct rt_seams seams = {fake_mono, fake_mono, fake_random, NULL};

/* -- the fake plugin -- */

struct relay_conn {
    void *user;
    bool is_paused, is_closed;
    enum relay_close how;
    uint32_t pauses;
    size_t sent_bytes;
    struct relay_vec held[8]; /* output that does not leave */
    uint32_t held_count;
    bool keeps_output;
};

static void fake_send(struct relay_conn *c, struct relay_vec *v)
{
    c->sent_bytes += relay_vec_len(v);
    if (c->keeps_output && c->held_count < 8) {
        c->held[c->held_count++] = *v;
        v->count = 0;
    } else {
        relay_vec_drop(v);
    }
}

static void fake_pause(struct relay_conn *c)
{
    c->is_paused = true;
    c->pauses++;
}

static void fake_resume(struct relay_conn *c)
{
    c->is_paused = false;
}

static void fake_close(struct relay_conn *c, enum relay_close how)
{
    c->is_closed = true;
    c->how = how;
    if (how == RELAY_CLOSE_ABORT)
        for (uint32_t i = 0; i < c->held_count; i++)
            relay_vec_drop(&c->held[i]);
    if (how == RELAY_CLOSE_ABORT)
        c->held_count = 0;
}

static void fake_peer(const struct relay_conn *c, struct sockaddr_storage *out)
{
    struct sockaddr_in *v4 = (struct sockaddr_in *)out;

    (void)c;
    v4->sin_family = AF_INET;
    v4->sin_port = htons(4242);
    v4->sin_addr.s_addr = htonl(0xc0000201);
}

static const struct relay_transport fake = {
    .name = "fake",
    .send = fake_send,
    .pause = fake_pause,
    .resume = fake_resume,
    .close = fake_close,
    .peer = fake_peer,
};

/* -- the consumer -- */

#define SEEN_MAX 64

struct consumer {
    struct rt_conn *conn;
    uint32_t frames, discarded, eofs, drains, endings, received;
    uint32_t lens[SEEN_MAX];
    uint8_t first[SEEN_MAX];
    bool was_owned[SEEN_MAX];
    bool holds;
    enum rt_conn_end how;
    uint32_t frames_at_eof;
    struct relay_slice taken;
};

static void on_frame(void *user, struct rt_frame *f)
{
    struct consumer *k = user;
    uint32_t i = k->frames++ % SEEN_MAX;

    k->lens[i] = f->len;
    k->first[i] = f->len ? f->ptr[0] : 0;
    k->was_owned[i] = f->owner != NULL;
    for (uint32_t n = 1; n < f->len; n++)
        assert_int_equal(f->ptr[n], (uint8_t)(f->ptr[0] + n));
    if (k->holds)
        rt_conn_hold(k->conn);
}

static void on_discarded(void *user, uint32_t len)
{
    struct consumer *k = user;

    k->lens[k->discarded++ % SEEN_MAX] = len;
}

static void on_eof(void *user)
{
    struct consumer *k = user;

    k->eofs++;
    k->frames_at_eof = k->frames;
}

static void on_received(void *user)
{
    ((struct consumer *)user)->received++;
}

static void on_drained(void *user)
{
    ((struct consumer *)user)->drains++;
}

static void on_opened(void *user)
{
    (void)user;
}

static void on_ended(void *user, enum rt_conn_end how, enum relay_end end)
{
    struct consumer *k = user;

    (void)end;
    k->endings++;
    k->how = how;
    k->conn = NULL;
}

static const struct rt_conn_ops ops = {
    .opened = on_opened,
    .frame = on_frame,
    .discarded = on_discarded,
    .received = on_received,
    .eof = on_eof,
    .drained = on_drained,
    .ended = on_ended,
};

static struct consumer consumers[64];
static uint32_t consumer_count;

static void *on_accept(void *ctx, struct rt_conn *c, const struct rt_conn_ops **out_ops)
{
    struct consumer *k = &consumers[consumer_count++];

    (void)ctx;
    memset(k, 0, sizeof(*k));
    k->conn = c;
    *out_ops = &ops;
    return k;
}

/* -- fixture -- */

static struct rt_system *sys;
static struct rt_worker *worker;
static struct rt_door *door;

static int setup_with(uint32_t half_open_max, uint32_t per_prefix_max)
{
    struct rt_door_limits limits = {1000, half_open_max, per_prefix_max};
    uint8_t key[16] = {1};

    clock_ns = 1000 * RT_S;
    consumer_count = 0;
    rt_budget_configure(64u << 20);
    sys = rt_system_new(1, &seams);
    worker = rt_system_worker(sys, 0);
    if (rt_door_new(&limits, 1, key, &door) != RT_ERR_OK)
        return -1;
    return rt_conn_worker_init(worker, door, (struct rt_conn_acceptor){on_accept, NULL}) ==
                   RT_ERR_OK
               ? 0
               : -1;
}

static int setup(void **state)
{
    (void)state;
    return setup_with(100, 50);
}

static void turn(uint64_t advance_ns)
{
    clock_ns += advance_ns;
    rt_worker_refresh_clock(worker);
    while (rt_worker_turn(worker))
        ;
    while (rt_worker_next_timer(worker) <= clock_ns)
        rt_worker_turn(worker);
}

static struct relay_conn *admit(const char *ip)
{
    struct relay_conn *c = calloc(1, sizeof(*c));
    struct sockaddr_in v4 = {.sin_family = AF_INET};

    assert_int_equal(inet_pton(AF_INET, ip, &v4.sin_addr), 1);
    c->user = rt_conn_events.admit(worker, &fake, c, (const struct sockaddr *)&v4);
    if (!c->user) {
        free(c);
        return NULL;
    }
    return c;
}

static void plugin_closed(struct relay_conn *c, enum relay_end end)
{
    fake_close(c, RELAY_CLOSE_ABORT);
    rt_conn_events.closed(c->user, end, NULL);
    turn(0);
    free(c);
}

static int teardown(void **state)
{
    (void)state;
    turn(0);
    assert_int_equal(rt_conn_worker_count(worker), 0);
    rt_conn_worker_fini(worker);
    rt_door_free(&door);
    rt_system_free(&sys);
    return rt_buf_live() == 0 && rt_budget_used() == 0 ? 0 : -1;
}

/* Bytes of one frame whose body counts up from first. */
static size_t put_frame(uint8_t *out, uint32_t len, uint8_t first)
{
    out[0] = (uint8_t)(len >> 24);
    out[1] = (uint8_t)(len >> 16);
    out[2] = (uint8_t)(len >> 8);
    out[3] = (uint8_t)len;
    for (uint32_t i = 0; i < len; i++)
        out[4 + i] = (uint8_t)(first + i);
    return 4 + len;
}

/* Plays the network: hands over bytes in pieces of at most `piece`. Returns what could be delivered
 * before a pause; *out_wants is data's last answer. */
static size_t deliver(struct relay_conn *c, const uint8_t *bytes, size_t len, size_t piece,
                      bool *out_wants)
{
    size_t at = 0;
    bool wants = false;

    while (at < len && !c->is_paused && !c->is_closed) {
        uint8_t *room;
        size_t n = len - at < piece ? len - at : piece, cap;

        rt_conn_events.alloc(c->user, &room, &cap);
        assert_true(cap > 0);
        n = n < cap ? n : cap;
        memcpy(room, bytes + at, n);
        wants = rt_conn_events.data(c->user, n);
        at += n;
    }
    if (out_wants)
        *out_wants = wants;
    return at;
}

/* -- tests -- */

static void test_frames_whole_whatever_the_pieces(void **state)
{
    static const uint32_t lens[] = {1, 300, 0, 5, 70000, 2, 65536, 100000, 1};
    static uint8_t bytes[400000];
    size_t len = 0;

    (void)state;
    for (size_t i = 0; i < sizeof(lens) / sizeof(lens[0]); i++)
        len += put_frame(bytes + len, lens[i], (uint8_t)(i * 11));
    for (size_t piece = 1; piece < 200000; piece = piece * 3 + 1) {
        struct relay_conn *c = admit("127.0.0.1");
        struct consumer *k = &consumers[consumer_count - 1];
        bool wants;

        rt_conn_set_frame_max(k->conn, LIM_FRAME_MAX, LIM_FRAME_MAX);
        assert_int_equal(deliver(c, bytes, len, piece, &wants), len);
        assert_false(wants);
        assert_int_equal(k->frames, sizeof(lens) / sizeof(lens[0]));
        for (uint32_t i = 0; i < k->frames; i++) {
            assert_int_equal(k->lens[i], lens[i]);
            if (lens[i])
                assert_int_equal(k->first[i], (uint8_t)(i * 11));
        }
        plugin_closed(c, RELAY_END_PEER);
        assert_int_equal(k->endings, 1);
    }
}

static void test_small_frames_need_no_buffer(void **state)
{
    struct relay_conn *c = admit("127.0.0.1");
    uint8_t bytes[600];
    size_t len = put_frame(bytes, 500, 1);
    bool wants;

    (void)state;
    deliver(c, bytes, 4, 4, &wants);
    assert_true(wants);
    assert_int_equal(rt_buf_live(), 0);
    deliver(c, bytes + 4, len - 4, 500, &wants);
    assert_false(wants);
    assert_int_equal(consumers[0].frames, 1);
    assert_false(consumers[0].was_owned[0]);
    plugin_closed(c, RELAY_END_PEER);
}

static void test_buffers_grow_with_what_has_come(void **state)
{
    static uint8_t bytes[1100000];
    struct relay_conn *c = admit("127.0.0.1");
    size_t len = put_frame(bytes, 1000000, 9), at = 0;

    (void)state;
    rt_conn_set_frame_max(consumers[0].conn, LIM_FRAME_MAX, LIM_FRAME_MAX);
    while (at + 1000 < len) {
        at += deliver(c, bytes + at, 1000, 1000, NULL);
        assert_true(rt_budget_used() <= 17000 + 4 * at);
    }
    deliver(c, bytes + at, len - at, 4000, NULL);
    assert_int_equal(consumers[0].frames, 1);
    assert_int_equal(consumers[0].lens[0], 1000000);
    assert_true(consumers[0].was_owned[0]);
    plugin_closed(c, RELAY_END_PEER);
}

static void test_oversize_ends_and_too_big_to_keep_is_discarded(void **state)
{
    static uint8_t bytes[200000];
    struct relay_conn *c = admit("127.0.0.1");
    struct consumer *k = &consumers[0];
    size_t len;

    (void)state;
    rt_conn_set_frame_max(k->conn, 100000, 1000);
    len = put_frame(bytes, 100000, 1);
    len += put_frame(bytes + len, 7, 3);
    assert_int_equal(deliver(c, bytes, len, 5000, NULL), len);
    assert_int_equal(k->discarded, 1);
    assert_int_equal(k->frames, 1);
    assert_int_equal(k->lens[0], 7);
    assert_int_equal(rt_buf_live(), 0);
    put_frame(bytes, 100001, 1);
    deliver(c, bytes, 4, 4, NULL);
    assert_int_equal(k->endings, 0);
    turn(0);
    assert_int_equal(k->endings, 1);
    assert_int_equal(k->how, RT_CONN_END_OVERSIZE);
    assert_true(c->is_closed);
    plugin_closed(c, RELAY_END_LOCAL);
    assert_int_equal(k->endings, 1);
}

static void test_held_consumer_hears_nothing_until_released(void **state)
{
    struct relay_conn *c = admit("127.0.0.1");
    struct consumer *k = &consumers[0];
    uint8_t bytes[2000];
    size_t len = 0, at;

    (void)state;
    k->holds = true;
    for (uint8_t i = 0; i < 5; i++)
        len += put_frame(bytes + len, 100, i);
    at = deliver(c, bytes, len - 50, len, NULL);
    assert_int_equal(at, len - 50);
    assert_int_equal(k->frames, 1);
    assert_true(c->is_paused);
    rt_conn_events.eof(c->user);
    assert_int_equal(k->eofs, 0);
    for (uint32_t i = 2; i <= 4; i++) {
        rt_conn_release(k->conn);
        assert_int_equal(k->frames, i - 1);
        turn(0);
        assert_int_equal(k->frames, i);
        assert_int_equal(k->first[i - 1], i - 1);
    }
    assert_int_equal(k->eofs, 0);
    rt_conn_release(k->conn);
    turn(0);
    assert_false(c->is_paused);
    assert_int_equal(k->frames, 4);
    assert_int_equal(k->eofs, 1);
    assert_int_equal(k->frames_at_eof, 4);
    plugin_closed(c, RELAY_END_PEER);
}

static void test_hold_without_more_data_costs_no_pause(void **state)
{
    struct relay_conn *c = admit("127.0.0.1");
    struct consumer *k = &consumers[0];
    uint8_t bytes[200];
    size_t len = put_frame(bytes, 100, 1);

    (void)state;
    k->holds = true;
    for (int i = 0; i < 3; i++) {
        deliver(c, bytes, len, len, NULL);
        rt_conn_release(k->conn);
        turn(0);
    }
    assert_int_equal(k->frames, 3);
    assert_int_equal(c->pauses, 0);
    plugin_closed(c, RELAY_END_PEER);
}

static void test_handshake_deadline(void **state)
{
    struct relay_conn *a = admit("127.0.0.1"), *b = admit("127.0.0.1");

    (void)state;
    rt_conn_events.opened(a->user);
    turn(LIM_HANDSHAKE_NS - 10 * RT_MS);
    rt_conn_authenticated(consumers[1].conn, 300 * RT_S);
    assert_int_equal(consumers[0].endings, 0);
    turn(20 * RT_MS);
    assert_int_equal(consumers[0].endings, 1);
    assert_int_equal(consumers[0].how, RT_CONN_END_HANDSHAKE_TIMEOUT);
    turn(250 * RT_S);
    assert_int_equal(consumers[1].endings, 0);
    turn(51 * RT_S);
    assert_int_equal(consumers[1].endings, 1);
    assert_int_equal(consumers[1].how, RT_CONN_END_IDLE_TIMEOUT);
    plugin_closed(a, RELAY_END_LOCAL);
    plugin_closed(b, RELAY_END_LOCAL);
}

static void test_frame_deadline_and_idle_restart(void **state)
{
    struct relay_conn *c = admit("127.0.0.1");
    struct consumer *k = &consumers[0];
    uint8_t bytes[200];
    size_t len = put_frame(bytes, 100, 1);

    (void)state;
    rt_conn_authenticated(k->conn, 60 * RT_S);
    for (int i = 0; i < 5; i++) {
        turn(59 * RT_S);
        deliver(c, bytes, len, len, NULL);
    }
    assert_int_equal(k->endings, 0);
    deliver(c, bytes, 50, 50, NULL);
    turn(LIM_FRAME_NS - RT_S);
    deliver(c, bytes + 50, 10, 10, NULL);
    assert_int_equal(k->endings, 0);
    turn(2 * RT_S);
    assert_int_equal(k->endings, 1);
    assert_int_equal(k->how, RT_CONN_END_FRAME_TIMEOUT);
    plugin_closed(c, RELAY_END_LOCAL);
}

static void test_send_deadline_is_by_size(void **state)
{
    struct relay_conn *c = admit("127.0.0.1");
    struct consumer *k = &consumers[0];
    struct relay_vec v = {.count = 1};

    (void)state;
    rt_conn_authenticated(k->conn, 0);
    c->keeps_output = true;
    v.slice[0] = relay_slice_own(rt_buf_new(1u << 20), NULL, 1u << 20);
    v.slice[0].ptr = v.slice[0].owner->bytes;
    rt_conn_send(k->conn, &v);
    assert_int_equal(rt_conn_unsent(k->conn), 1u << 20);
    rt_conn_events.sent(c->user, 1000);
    turn(59 * RT_S);
    assert_int_equal(k->endings, 0);
    turn(2 * RT_S);
    assert_int_equal(k->endings, 1);
    assert_int_equal(k->how, RT_CONN_END_SEND_TIMEOUT);
    plugin_closed(c, RELAY_END_LOCAL);
}

static void test_drained_output_has_no_deadline(void **state)
{
    struct relay_conn *c = admit("127.0.0.1");
    struct consumer *k = &consumers[0];
    struct relay_slice body = relay_slice_view("abc", 3);

    (void)state;
    rt_conn_authenticated(k->conn, 0);
    rt_conn_send2(k->conn, "head", 4, &body);
    assert_int_equal(c->sent_bytes, 7);
    rt_conn_events.sent(c->user, 0);
    assert_int_equal(k->drains, 1);
    turn(1000 * RT_S);
    assert_int_equal(k->endings, 0);
    plugin_closed(c, RELAY_END_PEER);
}

static void test_close_is_silent_and_bounded(void **state)
{
    struct relay_conn *c = admit("127.0.0.1");
    struct consumer *k = &consumers[0];

    (void)state;
    rt_conn_close(k->conn, RELAY_CLOSE_GRACEFUL);
    assert_true(c->is_closed);
    assert_int_equal(c->how, RELAY_CLOSE_GRACEFUL);
    turn(LIM_SEND_NS_PER_MIB + RT_S);
    assert_int_equal(c->how, RELAY_CLOSE_ABORT);
    plugin_closed(c, RELAY_END_LOCAL);
    assert_int_equal(k->endings, 0);
}

static void test_half_open_cap_evicts_own_prefix_first(void **state)
{
    struct relay_conn *crowd[4], *honest, *late;
    uint64_t before = rt_metric_get(RT_METRIC_EVICTED_HALF_OPEN);

    (void)state;
    teardown(NULL);
    setup_with(5, 50);
    honest = admit("192.0.2.9");
    for (int i = 0; i < 4; i++)
        crowd[i] = admit("198.51.100.1");
    late = admit("198.51.100.1");
    turn(0);
    assert_int_equal(consumers[0].endings, 0);
    assert_int_equal(consumers[1].endings, 1);
    assert_int_equal(consumers[1].how, RT_CONN_END_EVICTED);
    assert_int_equal(consumers[2].endings, 0);
    assert_int_equal(rt_metric_get(RT_METRIC_EVICTED_HALF_OPEN), before + 1);
    rt_conn_authenticated(consumers[0].conn, 0);
    plugin_closed(honest, RELAY_END_PEER);
    for (int i = 0; i < 4; i++)
        plugin_closed(crowd[i], RELAY_END_PEER);
    plugin_closed(late, RELAY_END_PEER);
}

static void test_prefix_limit_counts_live_connections(void **state)
{
    struct relay_conn *c[3];
    uint64_t before = rt_metric_get(RT_METRIC_REFUSED_PREFIX);

    (void)state;
    teardown(NULL);
    setup_with(100, 2);
    c[0] = admit("203.0.113.5");
    c[1] = admit("203.0.113.5");
    assert_null(admit("203.0.113.5"));
    assert_int_equal(rt_metric_get(RT_METRIC_REFUSED_PREFIX), before + 1);
    c[2] = admit("203.0.113.6");
    assert_non_null(c[2]);
    plugin_closed(c[0], RELAY_END_PEER);
    c[0] = admit("203.0.113.5");
    assert_non_null(c[0]);
    for (int i = 0; i < 3; i++)
        plugin_closed(c[i], RELAY_END_PEER);
    for (int i = 0; i < 3; i++)
        c[i] = admit("127.0.0.1");
    for (int i = 0; i < 3; i++) {
        assert_non_null(c[i]);
        plugin_closed(c[i], RELAY_END_PEER);
    }
}

static void test_short_memory_stops_reading_and_goes_on(void **state)
{
    static uint8_t bytes[300000];
    struct relay_conn *c = admit("127.0.0.1");
    struct consumer *k = &consumers[0];
    size_t len = put_frame(bytes, 200000, 5), at;
    size_t hog;

    (void)state;
    rt_conn_set_frame_max(k->conn, LIM_FRAME_MAX, LIM_FRAME_MAX);
    rt_conn_authenticated(k->conn, 0);
    at = deliver(c, bytes, 20000, 1000, NULL);
    hog = rt_budget_max() - rt_budget_used();
    assert_true(rt_budget_take(hog));
    at += deliver(c, bytes + at, len - at, 1000, NULL);
    assert_true(at < len);
    assert_true(c->is_paused);
    turn(200 * RT_MS);
    assert_true(c->is_paused);
    rt_budget_give(hog);
    turn(200 * RT_MS);
    assert_false(c->is_paused);
    deliver(c, bytes + at, len - at, 1000, NULL);
    assert_int_equal(k->frames, 1);
    plugin_closed(c, RELAY_END_PEER);
}

static void test_pressed_memory_closes_the_longest_stalled(void **state)
{
    struct relay_conn *slow[3];
    size_t hog;

    (void)state;
    for (uint32_t i = 0; i < 3; i++) {
        struct relay_vec v = {.count = 1};

        slow[i] = admit("127.0.0.1");
        rt_conn_authenticated(consumers[i].conn, 0);
        slow[i]->keeps_output = true;
        v.slice[0] = relay_slice_own(rt_buf_new(4u << 20), NULL, 4u << 20);
        v.slice[0].ptr = v.slice[0].owner->bytes;
        rt_conn_send(consumers[i].conn, &v);
        turn(RT_MS);
        rt_conn_events.sent(slow[i]->user, 4u << 20);
    }
    rt_conn_events.sent(slow[0]->user, 3u << 20); /* progress: now slow[1] is the longest stalled */
    hog = rt_budget_max() - rt_budget_used();
    assert_true(rt_budget_take(hog));
    turn(100 * RT_MS);
    assert_int_equal(consumers[1].endings, 1);
    assert_int_equal(consumers[1].how, RT_CONN_END_MEMORY);
    assert_int_equal(consumers[0].endings, 0);
    assert_int_equal(consumers[2].endings, 0);
    rt_budget_give(hog);
    for (int i = 0; i < 3; i++)
        plugin_closed(slow[i], RELAY_END_LOCAL);
}

static void test_close_all_tells_everybody(void **state)
{
    struct relay_conn *a = admit("127.0.0.1"), *b = admit("127.0.0.2");

    (void)state;
    rt_conn_authenticated(consumers[0].conn, 0);
    rt_conn_worker_close_all(worker);
    turn(0);
    assert_int_equal(consumers[0].how, RT_CONN_END_SHUTDOWN);
    assert_int_equal(consumers[1].how, RT_CONN_END_SHUTDOWN);
    assert_int_equal(a->how, RELAY_CLOSE_GRACEFUL);
    plugin_closed(a, RELAY_END_LOCAL);
    plugin_closed(b, RELAY_END_LOCAL);
}

int main(void)
{
#define T(name) cmocka_unit_test_setup_teardown(name, setup, teardown)
    const struct CMUnitTest tests[] = {
        T(test_frames_whole_whatever_the_pieces),
        T(test_small_frames_need_no_buffer),
        T(test_buffers_grow_with_what_has_come),
        T(test_oversize_ends_and_too_big_to_keep_is_discarded),
        T(test_held_consumer_hears_nothing_until_released),
        T(test_hold_without_more_data_costs_no_pause),
        T(test_handshake_deadline),
        T(test_frame_deadline_and_idle_restart),
        T(test_send_deadline_is_by_size),
        T(test_drained_output_has_no_deadline),
        T(test_close_is_silent_and_bounded),
        T(test_half_open_cap_evicts_own_prefix_first),
        T(test_prefix_limit_counts_live_connections),
        T(test_short_memory_stops_reading_and_goes_on),
        T(test_pressed_memory_closes_the_longest_stalled),
        T(test_close_all_tells_everybody),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
