/* SPDX-License-Identifier: MPL-2.0 */
/*
 * Plan: real loops and threads.
 *  - Two sleeping workers exchange a message thousands of times. A lost wake-up blocks until the
 *    alarm.
 *  - A stopping worker handles the messages that it got before.
 *  - A timer fires slightly late and never early, also if it was armed before the start.
 *  - A callback of the loop after a sleep reads the time of the wake-up. Messages from a closing
 *    callback are handled at once.
 *  - A worker that always has work still polls its loop.
 *  - Workers use SCHED_BATCH, unless the process was given a policy.
 *  - Freeing closes a loop that was never started.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
#include <pthread.h>
#include <sched.h>
#include <semaphore.h>
#include <sodium.h>
#include <stdatomic.h>
#include <string.h>
#include <unistd.h>
#include <uv.h>

#include "base/check.h"
#include "host/loop_uv.h"
#include "host/os_seams.h"

#define KIND RT_NOTIFY_KIND(TEST, 1)
#define ROUNDS 4000
#define HANG_S 60
#define LATE_NS (500 * RT_MS) /* a busy machine; the point is that it is not seconds */

static struct {
    struct rt_system *sys;
    struct rt_worker *w[2];
    struct rt_loop *loops[2];
    struct rt_actor actors[2];
    sem_t done;
    uint32_t rounds;
    _Atomic uint32_t handled;
    _Atomic bool is_enough;
    _Atomic int policy;
    struct relay_timer timer;
    uint64_t armed_ns, fired_ns;
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
    world.sys = rt_system_new(2, rt_os_seams());
    assert_int_equal(sem_init(&world.done, 0, 0), 0);
    for (uint16_t i = 0; i < 2; i++) {
        world.w[i] = rt_system_worker(world.sys, i);
        assert_int_equal(rt_loop_new(world.w[i], &world.loops[i]), RT_ERR_OK);
        assert_non_null(rt_worker_loop(world.w[i]));
    }
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

static int teardown(void **state)
{
    (void)state;
    for (int i = 0; i < 2; i++) {
        rt_loop_free(&world.loops[i]);
        assert_null(world.loops[i]);
        assert_null(rt_worker_loop(world.w[i]));
    }
    rt_system_free(&world.sys);
    sem_destroy(&world.done);
    alarm(0);
    return 0;
}

static void send_to(int i)
{
    rt_send_external(world.sys, rt_actor_addr(&world.actors[i]),
                     rt_msg_new(KIND, sizeof(struct rt_msg)));
}

static void on_ball(struct rt_actor *self, struct rt_msg *m)
{
    if (self->worker == world.w[0] && ++world.rounds == ROUNDS) {
        rt_msg_free(&m);
        sem_post(&world.done);
        return;
    }
    rt_send(self->worker, rt_actor_addr(&world.actors[self == &world.actors[0] ? 1 : 0]), m);
}

static void test_ball_between_sleepers(void **state)
{
    struct rt_msg *m = rt_msg_new(KIND, sizeof *m);

    (void)state;
    for (int i = 0; i < 2; i++)
        rt_actor_start(&world.actors[i], world.w[i], on_ball);
    m->reply_to = rt_actor_addr(&world.actors[1]);
    start();
    rt_send_external(world.sys, rt_actor_addr(&world.actors[0]), m);
    sem_wait(&world.done);
    stop();
    assert_int_equal(world.rounds, ROUNDS);
}

static void on_policy(struct rt_actor *self, struct rt_msg *m)
{
    (void)self;
    atomic_store(&world.policy, sched_getscheduler(0));
    rt_msg_free(&m);
    sem_post(&world.done);
}

/* A policy is a thread's, and is passed on to those that it starts. */
static void *start_under(void *policy)
{
    static const struct sched_param none;

    if (sched_setscheduler(0, *(const int *)policy, &none) == 0)
        start();
    return NULL;
}

/* The policy of a worker's thread that was started under the given one. */
static int policy_within(int policy)
{
    pthread_t starter;

    rt_actor_start(&world.actors[0], world.w[0], on_policy);
    assert_int_equal(pthread_create(&starter, NULL, start_under, &policy), 0);
    assert_int_equal(pthread_join(starter, NULL), 0);
    send_to(0);
    sem_wait(&world.done);
    stop();
    return atomic_load(&world.policy);
}

static void test_workers_do_not_interrupt_others(void **state)
{
    (void)state;
    assert_int_equal(policy_within(SCHED_OTHER), SCHED_BATCH);
}

static void test_another_policy_is_kept(void **state)
{
    (void)state;
    assert_int_equal(policy_within(SCHED_IDLE), SCHED_IDLE);
}

static void on_slow(struct rt_actor *self, struct rt_msg *m)
{
    uint64_t end = os_now() + RT_MS / 4;

    (void)self;
    while (os_now() < end)
        ;
    atomic_fetch_add(&world.handled, 1);
    rt_msg_free(&m);
}

static void test_stop_handles_messages_sent_before(void **state)
{
    (void)state;
    rt_actor_start(&world.actors[0], world.w[0], on_slow);
    start();
    for (int i = 0; i < 40; i++)
        send_to(0);
    rt_loop_stop(world.loops[0]);
    rt_loop_stop(world.loops[0]);
    stop();
    assert_int_equal(world.handled, 40);
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
    rt_timer_arm(self->worker, &world.timer, world.armed_ns + 30 * RT_MS);
}

static void test_timer(void **state)
{
    (void)state;
    world.timer.fire = on_timer;
    rt_actor_start(&world.actors[0], world.w[0], arm_timer);
    world.armed_ns = rt_now_ns(world.w[0]);
    rt_timer_arm(world.w[0], &world.timer, world.armed_ns + 20 * RT_MS);
    start();
    sem_wait(&world.done);
    assert_in_range(world.fired_ns - world.armed_ns, 20 * RT_MS, 20 * RT_MS + LATE_NS);
    for (int i = 0; i < 3; i++) {
        send_to(0);
        sem_wait(&world.done);
        assert_in_range(world.fired_ns - world.armed_ns, 30 * RT_MS, 30 * RT_MS + LATE_NS);
    }
    stop();
}

/* -- a pipe that the loop watches, as a plugin would a socket -- */

static struct {
    int fds[2];
    uv_poll_t poll;
    uint64_t seen_ns, real_ns;
} watched;

static void on_readable(uv_poll_t *handle, int status, int events)
{
    char byte;

    (void)events;
    assert_int_equal(status, 0);
    assert_int_equal(read(watched.fds[0], &byte, 1), 1);
    watched.seen_ns = rt_now_ns(handle->data);
    watched.real_ns = os_now();
    sem_post(&world.done);
}

static void watch(int i)
{
    assert_int_equal(pipe(watched.fds), 0);
    assert_int_equal(uv_poll_init(rt_worker_loop(world.w[i]), &watched.poll, watched.fds[0]), 0);
    watched.poll.data = world.w[i];
    assert_int_equal(uv_poll_start(&watched.poll, UV_READABLE, on_readable), 0);
}

static void unwatch(void)
{
    uv_close((uv_handle_t *)&watched.poll, NULL);
    close(watched.fds[1]);
}

static void test_time_in_a_callback_after_sleep(void **state)
{
    (void)state;
    watch(1);
    start();
    for (int i = 0; i < 2; i++) {
        uint64_t before;

        uv_sleep(120);
        before = os_now();
        assert_int_equal(write(watched.fds[1], "x", 1), 1);
        sem_wait(&world.done);
        assert_true(watched.seen_ns >= before);
        assert_true(watched.seen_ns <= watched.real_ns);
    }
    stop();
    unwatch();
}

static void on_endless(struct rt_actor *self, struct rt_msg *m)
{
    if (atomic_load(&world.is_enough))
        rt_msg_free(&m);
    else
        rt_send(self->worker, rt_actor_addr(self), m);
}

static void test_busy_worker_looks_at_its_loop(void **state)
{
    (void)state;
    watch(0);
    rt_actor_start(&world.actors[0], world.w[0], on_endless);
    start();
    send_to(0);
    for (int i = 0; i < 5; i++) {
        assert_int_equal(write(watched.fds[1], "x", 1), 1);
        sem_wait(&world.done);
    }
    atomic_store(&world.is_enough, true);
    stop();
    unwatch();
}

static void on_post(struct rt_actor *self, struct rt_msg *m)
{
    (void)self;
    rt_msg_free(&m);
    world.fired_ns = os_now();
    sem_post(&world.done);
}

static void on_closed(uv_handle_t *handle)
{
    (void)handle;
    world.armed_ns = os_now();
    rt_send(world.w[0], rt_actor_addr(&world.actors[0]), rt_msg_new(KIND, sizeof(struct rt_msg)));
}

static void close_it(struct rt_actor *self, struct rt_msg *m)
{
    (void)self;
    rt_msg_free(&m);
    uv_close((uv_handle_t *)&watched.poll, on_closed);
}

static void test_closing_callback_leaves_a_message(void **state)
{
    struct rt_actor closer;

    (void)state;
    watch(0);
    rt_actor_start(&world.actors[0], world.w[0], on_post);
    rt_actor_start(&closer, world.w[0], close_it);
    start();
    rt_send_external(world.sys, rt_actor_addr(&closer), rt_msg_new(KIND, sizeof(struct rt_msg)));
    sem_wait(&world.done);
    assert_true(world.fired_ns - world.armed_ns < LATE_NS);
    stop();
    close(watched.fds[1]);
}

static void test_never_started(void **state)
{
    struct rt_loop *none = NULL;

    (void)state;
    rt_loop_join(world.loops[0]);
    rt_loop_free(&none);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(test_ball_between_sleepers),
        TEST(test_stop_handles_messages_sent_before),
        TEST(test_timer),
        TEST(test_time_in_a_callback_after_sleep),
        TEST(test_busy_worker_looks_at_its_loop),
        TEST(test_closing_callback_leaves_a_message),
        TEST(test_workers_do_not_interrupt_others),
        TEST(test_another_policy_is_kept),
        TEST(test_never_started),
    };

    if (sodium_init() < 0)
        return 1;
    return cmocka_run_group_tests_name("host/loop_uv", tests, NULL, NULL);
}
