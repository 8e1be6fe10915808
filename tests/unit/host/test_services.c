/* SPDX-License-Identifier: MPL-2.0 */
/*
 * Plan: the table is complete. Counters, options, secrets and log lines have the name of the
 * transport, and two transports do not see those of each other. Without callbacks there are no
 * options and no secrets. A fifth transport is refused. Clock, loop, timers and buffers are those
 * of the worker.
 * Post, between real loops: each function runs once, on the thread of the right worker, in order,
 * with the state of that worker. A closed worker refuses, and the caller keeps the argument. If the
 * worker has lost its state or has ended, the function runs with NULL.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
#include <semaphore.h>
#include <sodium.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "base/budget.h"
#include "base/check.h"
#include "base/log.h"
#include "base/metric.h"
#include "host/loop_uv.h"
#include "host/os_seams.h"
#include "host/services.h"

#define HANG_S 60
#define POSTS 500u
#define KIND RT_NOTIFY_KIND(TEST, 1)

static const struct relay_events events = {.size = sizeof events};

static struct {
    struct rt_system *sys;
    struct rt_loop *loops[2];
} world;

static const char *option(void *ctx, const char *transport, const char *name)
{
    assert_string_equal(ctx, "context");
    return strcmp(transport, "one") == 0 && strcmp(name, "colour") == 0 ? "blue" : NULL;
}

static int secret(void *ctx, const char *transport, const char *name, void *out, size_t len)
{
    assert_string_equal(ctx, "context");
    if (strcmp(transport, "two") != 0 || strcmp(name, "cid") != 0)
        return -1;
    memset(out, 0x5e, len);
    return 0;
}

static void init_with(bool has_callbacks)
{
    alarm(HANG_S);
    world.sys = rt_system_new(2, rt_os_seams());
    for (uint16_t i = 0; i < 2; i++)
        assert_int_equal(rt_loop_new(rt_system_worker(world.sys, i), &world.loops[i]), RT_ERR_OK);
    rt_services_init(&(struct rt_services_config){.system = world.sys,
                                                  .worker_count = 2,
                                                  .events = &events,
                                                  .option = has_callbacks ? option : NULL,
                                                  .secret = has_callbacks ? secret : NULL,
                                                  .ctx = "context"});
}

static int setup(void **state)
{
    (void)state;
    init_with(true);
    return 0;
}

static int teardown(void **state)
{
    (void)state;
    rt_services_fini();
    rt_services_fini();
    for (int i = 0; i < 2; i++)
        rt_loop_free(&world.loops[i]);
    rt_system_free(&world.sys);
    alarm(0);
    return 0;
}

static void start(void)
{
    for (int i = 0; i < 2; i++)
        assert_int_equal(rt_loop_start(world.loops[i], "test"), RT_ERR_OK);
}

static void stop(void)
{
    for (int i = 0; i < 2; i++)
        rt_loop_stop(world.loops[i]);
    for (int i = 0; i < 2; i++)
        rt_loop_join(world.loops[i]);
}

static void no_notify(void)
{
}

static void test_names(void **state)
{
    const struct relay_host *one = rt_services_add("one"), *two = rt_services_add("two");
    char line[RT_LOG_LINE_MAX + 1];
    uint8_t bytes[4] = {0};

    (void)state;
    assert_ptr_not_equal(one, two);
    assert_ptr_equal(one->counter("hits"), rt_metric_named("one_hits"));
    assert_ptr_equal(two->counter("hits"), rt_metric_named("two_hits"));
    assert_ptr_not_equal(one->counter("hits"), two->counter("hits"));
    assert_string_equal(one->option("colour"), "blue");
    assert_null(two->option("colour"));
    assert_int_equal(one->secret("cid", bytes, 2), -1);
    assert_memory_equal(bytes, "\0\0\0\0", 4);
    assert_int_equal(two->secret("cid", bytes, 3), 0);
    assert_memory_equal(bytes, "\x5e\x5e\x5e\0", 4);
    rt_log_ring_start(no_notify);
    two->log(RELAY_LOG_WARN, "certificate made");
    line[rt_log_ring_take(line, RT_LOG_LINE_MAX)] = '\0';
    rt_log_ring_stop();
    assert_non_null(strstr(line, "WARN  certificate made transport=two\n"));
}

static void test_table_is_whole(void **state)
{
    const struct relay_host *host = rt_services_add("one");
    struct relay_worker *w = rt_system_worker(world.sys, 1);
    struct relay_timer timer = {.fire = (void (*)(struct relay_timer *))no_notify};
    uint8_t a[16] = {0}, b[16] = {0};
    struct relay_buf *buf;

    (void)state;
    assert_int_equal(host->size, sizeof *host);
    assert_int_equal(host->abi_minor, RELAY_ABI_MINOR);
    assert_int_equal(host->worker_count, 2);
    assert_ptr_equal(host->events, &events);
    assert_int_equal(host->now_ns(w), rt_now_ns(w));
    assert_true(host->wall_ns(w) > UINT64_C(1600000000) * RT_S);
    host->random(w, a, sizeof a);
    host->random(w, b, sizeof b);
    assert_memory_not_equal(a, b, sizeof a);
    assert_ptr_equal(host->loop(w), rt_worker_loop(w));
    assert_int_equal(host->worker_index(w), 1);
    host->timer_arm(w, &timer, rt_now_ns(w) + RT_S);
    assert_true(rt_timer_armed(&timer));
    host->timer_disarm(w, &timer);
    assert_false(rt_timer_armed(&timer));
    buf = host->buf_new(10);
    assert_non_null(buf);
    assert_int_equal(rt_buf_live(), 1);
    relay_buf_drop(&buf);
}

static void test_without_callbacks(void **state)
{
    const struct relay_host *host;
    uint8_t byte;

    (void)state;
    init_with(false);
    host = rt_services_add("one");
    assert_null(host->option("colour"));
    assert_int_equal(host->secret("cid", &byte, 1), -1);
}

static void test_transports_are_bounded(void **state)
{
    static const char *const names[] = {"a", "b", "c", "d", "e"};

    (void)state;
    for (unsigned i = 0; i < 5; i++)
        assert_int_equal(rt_services_add(names[i]) != NULL, i < RT_SERVICES_TRANSPORTS_MAX);
}

/* -- post -- */

struct plugin_state {
    struct rt_worker *worker;
    uint32_t next; /* posts seen */
};

static struct {
    const struct relay_host *host;
    struct plugin_state states[2];
    uint32_t args[POSTS];
    uint32_t orphans; /* run with NULL */
    sem_t done;
} posts;

static void on_post(void *state, void *arg)
{
    struct plugin_state *s = state;

    if (!s) {
        posts.orphans++;
        return;
    }
    assert_true(rt_worker_is_current(s->worker));
    assert_int_equal(*(uint32_t *)arg, s->next);
    if (++s->next == POSTS)
        sem_post(&posts.done);
}

/* Runs on worker 0 and posts to worker 1. */
static void post_all(struct rt_actor *self, struct rt_msg *m)
{
    (void)self;
    rt_msg_free(&m);
    for (uint32_t i = 0; i < POSTS; i++)
        assert_true(posts.host->post(1, "two", on_post, &posts.args[i]));
}

static void prepare_posts(void)
{
    memset(&posts, 0, sizeof posts);
    assert_int_equal(sem_init(&posts.done, 0, 0), 0);
    assert_non_null(rt_services_add("one"));
    posts.host = rt_services_add("two");
    for (uint16_t i = 0; i < 2; i++) {
        posts.states[i].worker = rt_system_worker(world.sys, i);
        rt_services_set_state("two", i, &posts.states[i]);
    }
    for (uint32_t i = 0; i < POSTS; i++)
        posts.args[i] = i;
}

static void test_post(void **state)
{
    struct rt_actor poster;

    (void)state;
    prepare_posts();
    rt_actor_start(&poster, rt_system_worker(world.sys, 0), post_all);
    start();
    rt_send_external(world.sys, rt_actor_addr(&poster), rt_msg_new(KIND, sizeof(struct rt_msg)));
    sem_wait(&posts.done);
    stop();
    assert_int_equal(posts.states[1].next, POSTS);
    assert_int_equal(posts.states[0].next, 0);
    assert_int_equal(posts.orphans, 0);
}

static void test_post_to_a_closed_worker(void **state)
{
    (void)state;
    prepare_posts();
    start();
    rt_services_close_worker(1);
    assert_false(posts.host->post(1, "two", on_post, &posts.args[0]));
    assert_true(posts.host->post(0, "two", on_post, &posts.args[0]));
    stop();
    assert_int_equal(posts.states[0].next, 1);
    assert_int_equal(posts.states[1].next, 0);
    assert_int_equal(posts.orphans, 0);
}

static void test_post_without_state(void **state)
{
    (void)state;
    prepare_posts();
    rt_services_set_state("two", 1, NULL);
    assert_true(posts.host->post(1, "two", on_post, &posts.args[0]));
    start();
    stop();
    assert_int_equal(posts.orphans, 1);
    /* Not run by any turn: by the system's end. */
    assert_true(posts.host->post(0, "two", on_post, &posts.args[0]));
    rt_services_fini();
    assert_int_equal(posts.orphans, 1);
    for (int i = 0; i < 2; i++)
        rt_loop_free(&world.loops[i]);
    rt_system_free(&world.sys);
    assert_int_equal(posts.orphans, 2);
    assert_int_equal(posts.states[0].next, 0);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(test_names),
        TEST(test_table_is_whole),
        cmocka_unit_test_teardown(test_without_callbacks, teardown),
        TEST(test_transports_are_bounded),
        TEST(test_post),
        TEST(test_post_to_a_closed_worker),
        TEST(test_post_without_state),
    };

    if (sodium_init() < 0)
        return 1;
    return cmocka_run_group_tests_name("host/services", tests, NULL, NULL);
}
