/* SPDX-License-Identifier: MPL-2.0 */
/*
 * Plan: two workers, stepped by the test.
 *  - A message is never handled inside its send. Order is kept, also between workers and from
 *    outside. The other worker is woken once until it drains.
 *  - A stale address: its actor stopped before or after the send, was never started, or its place
 *    has another actor now. A request to it bounces once, as its reply with is_bounced set. Any
 *    other message is freed, and so is a bounce to a stale address.
 *  - A reply is the block of the request. A reply without an address is freed.
 *  - Messages still queued when the system is freed are freed.
 *  - A queue keeps the order of arrival, also after it was empty, and frees its content.
 *  - Every message is finished exactly once (counted).
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
#include <string.h>

#include "actor/actor.h"
#include "actor/actor_metrics.h"
#include "base/check.h"

#define KIND_TELL RT_NOTIFY_KIND(TEST, 1)
#define KIND_REQUEST RT_REQUEST_KIND(TEST, 2)
#define KIND_REPLY RT_REPLY_KIND(TEST, 2)
#define SEEN_MAX 64

struct note {
    struct rt_msg msg;
    int n;
};

struct listener {
    struct rt_actor actor;
    int seen[SEEN_MAX], count;
    uint16_t last_kind;
    bool is_last_bounced;
    struct rt_addr last_reply_to;
    bool answers; /* KIND_REQUEST */
};

static struct {
    struct rt_system *sys;
    struct rt_worker *w[2];
    struct listener a, b; /* on worker 0 and 1 */
    int wakes[2];
    int made, finished;
    uint64_t stale, bounced;
} world;

static uint64_t zero_clock(void *ctx)
{
    (void)ctx;
    return 1;
}

static void no_random(void *ctx, void *out, size_t len)
{
    (void)ctx;
    memset(out, 0, len);
}

static void count_wake(void *ctx)
{
    ++*(int *)ctx;
}

static void note_fini(struct rt_msg *m)
{
    (void)m;
    world.finished++;
}

static struct rt_msg *note(uint16_t kind, int n, struct rt_addr reply_to)
{
    struct note *m = rt_msg_new(kind, sizeof *m);

    m->msg.fini = note_fini;
    m->msg.reply_to = reply_to;
    m->n = n;
    world.made++;
    return &m->msg;
}

static void on_msg(struct rt_actor *self, struct rt_msg *m)
{
    struct listener *l = RT_CONTAINER_OF(self, struct listener, actor);

    assert_true(l->count < SEEN_MAX);
    l->seen[l->count++] = ((struct note *)m)->n;
    l->last_kind = m->kind;
    l->is_last_bounced = m->is_bounced;
    l->last_reply_to = m->reply_to;
    if (l->answers && m->kind == KIND_REQUEST)
        rt_msg_reply(self->worker, m);
    else
        rt_msg_free(&m);
}

static void run_all(void)
{
    bool is_more = true;

    while (is_more) {
        is_more = rt_worker_turn(world.w[0]);
        is_more |= rt_worker_turn(world.w[1]);
        is_more |= world.wakes[0] > 0 || world.wakes[1] > 0;
        world.wakes[0] = world.wakes[1] = 0;
    }
}

static int setup(void **state)
{
    static const struct rt_seams seams = {zero_clock, zero_clock, no_random, NULL};

    (void)state;
    memset(&world, 0, sizeof world);
    world.sys = rt_system_new(2, &seams);
    for (uint16_t i = 0; i < 2; i++) {
        world.w[i] = rt_system_worker(world.sys, i);
        rt_worker_set_waker(world.w[i],
                            (struct rt_waker){.wake = count_wake, .ctx = &world.wakes[i]});
    }
    rt_actor_start(&world.a.actor, world.w[0], on_msg);
    rt_actor_start(&world.b.actor, world.w[1], on_msg);
    world.stale = rt_metric_get(RT_METRIC_MSG_STALE);
    world.bounced = rt_metric_get(RT_METRIC_MSG_BOUNCED);
    return 0;
}

static int teardown(void **state)
{
    (void)state;
    rt_system_free(&world.sys);
    assert_null(world.sys);
    assert_int_equal(world.made, world.finished);
    return 0;
}

static void expect_stale(uint64_t stale, uint64_t bounced)
{
    assert_int_equal(rt_metric_get(RT_METRIC_MSG_STALE) - world.stale, stale);
    assert_int_equal(rt_metric_get(RT_METRIC_MSG_BOUNCED) - world.bounced, bounced);
}

static struct rt_addr addr_a(void)
{
    return rt_actor_addr(&world.a.actor);
}

static struct rt_addr addr_b(void)
{
    return rt_actor_addr(&world.b.actor);
}

static void test_order_and_waking(void **state)
{
    struct rt_addr none = {0};

    (void)state;
    for (int i = 0; i < 10; i++) {
        rt_send(world.w[0], addr_a(), note(KIND_TELL, i, none));
        rt_send(world.w[0], addr_b(), note(KIND_TELL, 100 + i, none));
    }
    assert_int_equal(world.a.count, 0);
    assert_int_equal(world.wakes[0], 0);
    assert_int_equal(world.wakes[1], 1);
    assert_false(rt_worker_turn(world.w[0]));
    assert_false(rt_worker_turn(world.w[1]));
    assert_int_equal(world.a.count, 10);
    assert_int_equal(world.b.count, 10);
    for (int i = 0; i < 10; i++) {
        assert_int_equal(world.a.seen[i], i);
        assert_int_equal(world.b.seen[i], 100 + i);
    }
    rt_send_external(world.sys, addr_b(), note(KIND_TELL, 7, none));
    rt_send_external(world.sys, addr_b(), note(KIND_TELL, 8, none));
    assert_int_equal(world.wakes[1], 2);
    run_all();
    assert_int_equal(world.b.seen[10], 7);
    assert_int_equal(world.b.seen[11], 8);
    expect_stale(0, 0);
}

static void test_reply(void **state)
{
    (void)state;
    world.b.answers = true;
    rt_send(world.w[0], addr_b(), note(KIND_REQUEST, 5, addr_a()));
    run_all();
    assert_int_equal(world.b.count, 1);
    assert_int_equal(world.a.count, 1);
    assert_int_equal(world.a.seen[0], 5);
    assert_int_equal(world.a.last_kind, KIND_REPLY);
    assert_false(world.a.is_last_bounced);
    assert_true(rt_addr_equal(world.a.last_reply_to, addr_b()));
    assert_int_equal(world.made, world.finished);
}

static void test_reply_without_an_address(void **state)
{
    (void)state;
    world.b.answers = true;
    rt_send(world.w[0], addr_b(), note(KIND_REQUEST, 5, (struct rt_addr){0}));
    run_all();
    assert_int_equal(world.b.count, 1);
    assert_int_equal(world.finished, 1);
    expect_stale(0, 0);
}

static void test_bounce(void **state)
{
    struct rt_addr gone = addr_b();

    (void)state;
    /* Sent while it lived: stopped before it looks. */
    rt_send(world.w[0], gone, note(KIND_REQUEST, 1, addr_a()));
    rt_actor_stop(&world.b.actor);
    assert_true(rt_addr_is_none(addr_b()));
    run_all();
    assert_int_equal(world.a.count, 1);
    assert_int_equal(world.a.last_kind, KIND_REPLY);
    assert_true(world.a.is_last_bounced);
    assert_true(rt_addr_equal(world.a.last_reply_to, addr_a()));
    expect_stale(1, 1);
    /* Sent after. */
    rt_send(world.w[0], gone, note(KIND_REQUEST, 2, addr_a()));
    rt_send(world.w[0], gone, note(KIND_TELL, 3, addr_a()));
    rt_send(world.w[0], gone, note(KIND_REQUEST, 4, (struct rt_addr){0}));
    run_all();
    assert_int_equal(world.a.count, 2);
    assert_int_equal(world.a.seen[1], 2);
    expect_stale(4, 2);
    assert_int_equal(world.made, world.finished);
}

static void test_bounce_to_a_stale_address(void **state)
{
    struct rt_addr b = addr_b(), a = addr_a();

    (void)state;
    rt_send(world.w[0], b, note(KIND_REQUEST, 1, a));
    rt_actor_stop(&world.a.actor);
    rt_actor_stop(&world.b.actor);
    run_all();
    expect_stale(2, 1);
    assert_int_equal(world.finished, 1);
}

static void test_bounce_on_the_same_worker(void **state)
{
    (void)state;
    /* Without an address, and to places never used. */
    rt_send(world.w[0], (struct rt_addr){0}, note(KIND_REQUEST, 1, addr_a()));
    rt_send(world.w[0], (struct rt_addr){.index = 1u << 30, .generation = 1},
            note(KIND_REQUEST, 2, addr_a()));
    rt_send(world.w[0], (struct rt_addr){.index = 5, .generation = 1},
            note(KIND_REQUEST, 3, addr_a()));
    run_all();
    assert_int_equal(world.a.count, 3);
    assert_true(world.a.is_last_bounced);
    expect_stale(3, 3);
}

static void test_a_place_has_one_actor(void **state)
{
    struct rt_addr first = addr_b();
    struct listener tenant = {0};

    (void)state;
    for (int i = 0; i < 1000; i++) {
        rt_actor_stop(&world.b.actor);
        rt_actor_start(&world.b.actor, world.w[1], on_msg);
        assert_false(rt_addr_equal(addr_b(), first));
    }
    assert_int_equal(addr_b().index, first.index);
    rt_send(world.w[0], first, note(KIND_REQUEST, 1, addr_a()));
    run_all();
    assert_int_equal(world.b.count, 0);
    assert_true(world.a.is_last_bounced);
    rt_actor_start(&tenant.actor, world.w[1], on_msg);
    assert_int_not_equal(tenant.actor.index, world.b.actor.index);
    rt_actor_stop(&tenant.actor);
}

static void stop_on_msg(struct rt_actor *self, struct rt_msg *m)
{
    rt_actor_stop(self);
    rt_msg_free(&m);
}

static void test_stop_while_more_waits(void **state)
{
    struct rt_actor quitter;
    struct rt_addr addr;

    (void)state;
    rt_actor_start(&quitter, world.w[0], stop_on_msg);
    addr = rt_actor_addr(&quitter);
    for (int i = 0; i < 3; i++)
        rt_send(world.w[0], addr, note(KIND_REQUEST, i, addr_a()));
    run_all();
    assert_int_equal(world.a.count, 2);
    assert_int_equal(world.a.seen[0], 1);
    assert_int_equal(world.a.seen[1], 2);
}

static void test_free_frees_queued_messages(void **state)
{
    (void)state;
    for (int i = 0; i < 5; i++) {
        rt_send(world.w[0], addr_a(), note(KIND_TELL, i, addr_b()));
        rt_send(world.w[0], addr_b(), note(KIND_REQUEST, i, addr_a()));
        rt_send_external(world.sys, addr_a(), note(KIND_REQUEST, i, addr_b()));
    }
    assert_int_equal(world.finished, 0);
}

static void test_many_actors(void **state)
{
    static struct listener crowd[1000];

    (void)state;
    memset(crowd, 0, sizeof crowd);
    for (int i = 0; i < 1000; i++)
        rt_actor_start(&crowd[i].actor, world.w[1], on_msg);
    for (int i = 0; i < 1000; i++)
        rt_send(world.w[0], rt_actor_addr(&crowd[i].actor),
                note(KIND_TELL, i, (struct rt_addr){0}));
    run_all();
    for (int i = 0; i < 1000; i++) {
        assert_int_equal(crowd[i].count, 1);
        assert_int_equal(crowd[i].seen[0], i);
        rt_actor_stop(&crowd[i].actor);
    }
}

static void test_queue_keeps_order(void **state)
{
    struct rt_queue q;
    struct rt_msg *m;

    (void)state;
    rt_queue_init(&q);
    assert_true(rt_queue_is_empty(&q));
    assert_null(rt_queue_pop(&q));
    for (int round = 0; round < 2; round++) {
        for (int i = 0; i < 3; i++)
            rt_queue_push(&q, note(KIND_TELL, i, (struct rt_addr){0}));
        for (int i = 0; i < 3; i++) {
            m = rt_queue_pop(&q);
            assert_int_equal(((struct note *)m)->n, i);
            assert_null(m->next);
            rt_msg_free(&m);
        }
        assert_true(rt_queue_is_empty(&q));
    }
    for (int i = 0; i < 3; i++)
        rt_queue_push(&q, note(KIND_TELL, i, (struct rt_addr){0}));
    rt_queue_clear(&q);
    assert_true(rt_queue_is_empty(&q));
    assert_int_equal(world.finished, 9);
}

static void test_msg_free_allows_null(void **state)
{
    struct rt_msg *m = NULL;

    (void)state;
    rt_msg_free(&m);
    m = note(KIND_TELL, 0, (struct rt_addr){0});
    rt_msg_free(&m);
    assert_null(m);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(test_order_and_waking),           TEST(test_reply),
        TEST(test_reply_without_an_address),   TEST(test_bounce),
        TEST(test_bounce_to_a_stale_address),  TEST(test_bounce_on_the_same_worker),
        TEST(test_a_place_has_one_actor),      TEST(test_stop_while_more_waits),
        TEST(test_free_frees_queued_messages), TEST(test_many_actors),
        TEST(test_msg_free_allows_null),       TEST(test_queue_keeps_order),
    };

    return cmocka_run_group_tests_name("actor/msg", tests, NULL, NULL);
}
