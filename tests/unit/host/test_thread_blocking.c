/* SPDX-License-Identifier: MPL-2.0 */
/*
 * Plan: a worker on a blocking thread wakes for each of many messages. Its timers do not fire early
 * while it sleeps. On stop it first handles the messages that it got before. new and free work
 * without a start.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
#include <semaphore.h>
#include <stdatomic.h>
#include <string.h>
#include <unistd.h>

#include "base/check.h"
#include "host/os_seams.h"
#include "host/thread_blocking.h"

#define KIND RT_NOTIFY_KIND(TEST, 1)
#define HANG_S 60

static struct {
    struct rt_system *sys;
    struct rt_worker *w;
    struct rt_blocking *thread;
    struct rt_actor actor;
    struct relay_timer timer;
    sem_t done;
    uint64_t armed_ns, fired_ns;
    _Atomic uint32_t handled;
} world;

static uint64_t os_now(void)
{
    return rt_os_seams()->mono_ns(NULL);
}

static int setup(void **state)
{
    (void)state;
    alarm(HANG_S);
    memset(&world, 0, sizeof world);
    assert_int_equal(sem_init(&world.done, 0, 0), 0);
    world.sys = rt_system_new(1, rt_os_seams());
    world.w = rt_system_worker(world.sys, 0);
    assert_int_equal(rt_blocking_new(world.w, &world.thread), RT_ERR_OK);
    return 0;
}

static int teardown(void **state)
{
    (void)state;
    rt_blocking_free(&world.thread);
    assert_null(world.thread);
    rt_blocking_free(&world.thread);
    rt_system_free(&world.sys);
    sem_destroy(&world.done);
    alarm(0);
    return 0;
}

static void send_one(void)
{
    rt_send_external(world.sys, rt_actor_addr(&world.actor),
                     rt_msg_new(KIND, sizeof(struct rt_msg)));
}

static void on_msg(struct rt_actor *self, struct rt_msg *m)
{
    assert_true(rt_worker_is_current(self->worker));
    rt_msg_free(&m);
    atomic_fetch_add(&world.handled, 1);
    sem_post(&world.done);
}

static void test_mail(void **state)
{
    (void)state;
    rt_actor_start(&world.actor, world.w, on_msg);
    assert_int_equal(rt_blocking_start(world.thread, "test"), RT_ERR_OK);
    for (int i = 0; i < 2000; i++) {
        send_one();
        sem_wait(&world.done);
    }
    rt_blocking_stop(world.thread);
    rt_blocking_join(world.thread);
    assert_int_equal(world.handled, 2000);
}

static void test_stop_handles_messages_sent_before(void **state)
{
    (void)state;
    rt_actor_start(&world.actor, world.w, on_msg);
    assert_int_equal(rt_blocking_start(world.thread, "test"), RT_ERR_OK);
    for (int i = 0; i < 20000; i++)
        send_one();
    rt_blocking_stop(world.thread);
    rt_blocking_join(world.thread);
    assert_int_equal(world.handled, 20000);
}

static void on_timer(struct relay_timer *t)
{
    (void)t;
    world.fired_ns = os_now();
    sem_post(&world.done);
}

static void arm_timer(struct rt_actor *self, struct rt_msg *m)
{
    rt_msg_free(&m);
    world.armed_ns = rt_now_ns(self->worker);
    rt_timer_arm(self->worker, &world.timer, world.armed_ns + 25 * RT_MS);
}

static void test_timer(void **state)
{
    (void)state;
    world.timer.fire = on_timer;
    rt_actor_start(&world.actor, world.w, arm_timer);
    assert_int_equal(rt_blocking_start(world.thread, "test"), RT_ERR_OK);
    for (int i = 0; i < 3; i++) {
        send_one();
        sem_wait(&world.done);
        assert_in_range(world.fired_ns - world.armed_ns, 25 * RT_MS, 525 * RT_MS);
    }
    rt_blocking_stop(world.thread);
    rt_blocking_join(world.thread);
}

static void test_never_started(void **state)
{
    (void)state;
    rt_blocking_join(world.thread);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(test_mail),
        TEST(test_stop_handles_messages_sent_before),
        TEST(test_timer),
        TEST(test_never_started),
    };

    return cmocka_run_group_tests_name("host/thread_blocking", tests, NULL, NULL);
}
