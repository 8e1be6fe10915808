/* SPDX-License-Identifier: MPL-2.0 */
/*
 * Plan: one worker, with a clock that the test sets.
 *  - The time of a turn is constant within it, and is read again after it was forgotten.
 *  - A turn of slow messages ends after about LIM_TURN_NS and continues in the next turn. A turn of
 *    fast ones ends after LIM_TURN_STEPS, timers included.
 *  - Jobs run after messages, in order, for about LIM_TURN_JOBS_NS. At least one runs per turn
 *    while messages keep arriving. A cancelled job does not run.
 *  - A timer fires in the turn in which it is due, once, not early. It does not fire if an earlier
 *    one disarms it. A timer that arms itself for now fires in the next turn.
 *  - Locals, loop, seams and the bound thread are returned as they were set.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
#include <pthread.h>
#include <string.h>

#include "actor/actor.h"
#include "actor/actor_limits.h"
#include "base/check.h"

#define KIND RT_NOTIFY_KIND(TEST, 1)

static struct {
    struct rt_system *sys;
    struct rt_worker *w;
    uint64_t now_ns, clock_reads;
    uint64_t cost_ns; /* of one message, one job */
    struct rt_actor actor;
    uint32_t messages, jobs, messages_at_job;
    bool is_endless; /* each message sends one */
} world;

static uint64_t mono(void *ctx)
{
    (void)ctx;
    world.clock_reads++;
    return world.now_ns;
}

static uint64_t wall(void *ctx)
{
    (void)ctx;
    return 77;
}

static void fill_random(void *ctx, void *out, size_t len)
{
    (void)ctx;
    memset(out, 0xab, len);
}

static void send_one(void)
{
    rt_send(world.w, rt_actor_addr(&world.actor), rt_msg_new(KIND, sizeof(struct rt_msg)));
}

static void on_msg(struct rt_actor *self, struct rt_msg *m)
{
    rt_msg_free(&m);
    assert_ptr_equal(self->worker, world.w);
    world.messages++;
    world.now_ns += world.cost_ns;
    if (world.is_endless)
        send_one();
}

static int setup(void **state)
{
    static const struct rt_seams seams = {mono, wall, fill_random, NULL};

    (void)state;
    memset(&world, 0, sizeof world);
    world.now_ns = 1000 * RT_S;
    world.sys = rt_system_new(1, &seams);
    world.w = rt_system_worker(world.sys, 0);
    rt_actor_start(&world.actor, world.w, on_msg);
    return 0;
}

static int teardown(void **state)
{
    (void)state;
    rt_system_free(&world.sys);
    return 0;
}

static void test_clock(void **state)
{
    uint64_t then = world.now_ns;

    (void)state;
    assert_false(rt_worker_turn(world.w));
    assert_int_equal(rt_now_ns(world.w), then);
    world.now_ns += RT_S;
    assert_int_equal(rt_now_ns(world.w), then);
    rt_worker_refresh_clock(world.w);
    assert_int_equal(rt_now_ns(world.w), then + RT_S);
    world.now_ns += RT_S;
    assert_int_equal(rt_now_ns(world.w), then + RT_S);
    assert_false(rt_worker_turn(world.w));
    assert_int_equal(rt_now_ns(world.w), then + 2 * RT_S);
    assert_int_equal(rt_wall_ns(world.w), 77);
}

static void test_turn_ends_by_time(void **state)
{
    uint64_t start = world.now_ns;

    (void)state;
    world.cost_ns = 10 * RT_US;
    for (int i = 0; i < 250; i++)
        send_one();
    assert_true(rt_worker_turn(world.w));
    assert_in_range(world.now_ns - start, LIM_TURN_NS, LIM_TURN_NS + 8 * world.cost_ns);
    assert_true(rt_worker_turn(world.w));
    assert_false(rt_worker_turn(world.w));
    assert_int_equal(world.messages, 250);
}

static void test_turn_ends_by_count(void **state)
{
    (void)state;
    world.is_endless = true;
    send_one();
    for (uint32_t turn = 1; turn <= 3; turn++) {
        assert_true(rt_worker_turn(world.w));
        assert_in_range(world.messages, turn * (LIM_TURN_STEPS - 2), turn * LIM_TURN_STEPS);
    }
}

static void test_clock_is_read_rarely(void **state)
{
    (void)state;
    for (int i = 0; i < 1000; i++)
        send_one();
    world.clock_reads = 0;
    assert_false(rt_worker_turn(world.w));
    assert_true(world.clock_reads < 200);
}

/* -- jobs -- */

struct numbered_job {
    struct rt_job job;
    uint32_t number;
};

static void run_job(struct rt_job *job)
{
    struct numbered_job *n = RT_CONTAINER_OF(job, struct numbered_job, job);

    assert_int_equal(n->number, world.jobs);
    world.jobs++;
    world.messages_at_job = world.messages;
    world.now_ns += world.cost_ns;
}

static void queue_jobs(struct numbered_job *jobs, uint32_t count)
{
    for (uint32_t i = 0; i < count; i++) {
        jobs[i] = (struct numbered_job){.job.run = run_job, .number = i};
        rt_list_init(&jobs[i].job.node);
        rt_job_queue(world.w, &jobs[i].job);
    }
}

static void test_jobs_come_last(void **state)
{
    struct numbered_job jobs[3];

    (void)state;
    queue_jobs(jobs, 3);
    for (int i = 0; i < 50; i++)
        send_one();
    assert_false(rt_worker_turn(world.w));
    assert_int_equal(world.jobs, 3);
    assert_int_equal(world.messages_at_job, 50);
}

static void test_jobs_end_by_time(void **state)
{
    static struct numbered_job jobs[100];
    uint64_t start = world.now_ns;
    uint32_t turns = 1;

    (void)state;
    world.cost_ns = 300 * RT_US;
    queue_jobs(jobs, 100);
    assert_true(rt_worker_turn(world.w));
    assert_in_range(world.now_ns - start, LIM_TURN_JOBS_NS, LIM_TURN_JOBS_NS + world.cost_ns);
    while (rt_worker_turn(world.w))
        turns++;
    assert_int_equal(world.jobs, 100);
    assert_in_range(turns + 1, 14, 15);
}

static void test_jobs_end_by_count(void **state)
{
    static struct numbered_job jobs[LIM_TURN_JOBS + 1];

    (void)state;
    queue_jobs(jobs, LIM_TURN_JOBS + 1);
    assert_true(rt_worker_turn(world.w));
    assert_int_equal(world.jobs, LIM_TURN_JOBS);
    assert_false(rt_worker_turn(world.w));
    assert_int_equal(world.jobs, LIM_TURN_JOBS + 1);
}

static void test_jobs_do_not_starve(void **state)
{
    struct numbered_job jobs[2];

    (void)state;
    world.is_endless = true;
    world.cost_ns = 5 * RT_MS;
    send_one();
    queue_jobs(jobs, 2);
    assert_true(rt_worker_turn(world.w));
    assert_int_equal(world.jobs, 1);
    assert_true(rt_worker_turn(world.w));
    assert_int_equal(world.jobs, 2);
}

static void test_job_cancel(void **state)
{
    struct numbered_job jobs[2];

    (void)state;
    queue_jobs(jobs, 2);
    rt_job_cancel(world.w, &jobs[1].job);
    rt_job_cancel(world.w, &jobs[1].job);
    assert_false(rt_worker_turn(world.w));
    assert_int_equal(world.jobs, 1);
    jobs[1].number = 1;
    rt_job_queue(world.w, &jobs[1].job);
    assert_false(rt_worker_turn(world.w));
    assert_int_equal(world.jobs, 2);
}

/* -- timers -- */

struct alarm_clock {
    struct relay_timer timer;
    uint32_t fired;
    uint64_t fired_ns;
    bool is_again;
    struct relay_timer *victim;
};

static void ring(struct relay_timer *t)
{
    struct alarm_clock *a = RT_CONTAINER_OF(t, struct alarm_clock, timer);

    assert_false(rt_timer_armed(t));
    a->fired++;
    a->fired_ns = rt_now_ns(world.w);
    world.now_ns += world.cost_ns;
    if (a->is_again)
        rt_timer_arm(world.w, t, rt_now_ns(world.w));
    if (a->victim)
        rt_timer_disarm(world.w, a->victim);
}

static void test_timer_fires_in_time(void **state)
{
    struct alarm_clock a = {.timer.fire = ring};
    uint64_t due = world.now_ns + 250 * RT_MS;

    (void)state;
    assert_int_equal(rt_worker_next_timer(world.w), UINT64_MAX);
    rt_timer_arm(world.w, &a.timer, due);
    while (a.fired == 0) {
        assert_true(rt_worker_next_timer(world.w) > world.now_ns);
        world.now_ns = rt_worker_next_timer(world.w);
        assert_false(rt_worker_turn(world.w));
    }
    assert_in_range(a.fired_ns, due, due + 2 * RT_MS);
    world.now_ns += RT_S;
    assert_false(rt_worker_turn(world.w));
    assert_int_equal(a.fired, 1);
    assert_int_equal(rt_worker_next_timer(world.w), UINT64_MAX);
}

static void test_timer_again_waits_a_turn(void **state)
{
    struct alarm_clock a = {.timer.fire = ring, .is_again = true};

    (void)state;
    rt_timer_arm(world.w, &a.timer, world.now_ns);
    assert_int_equal(a.fired, 0);
    for (uint32_t i = 1; i <= 3; i++) {
        assert_true(rt_worker_turn(world.w));
        assert_int_equal(a.fired, i);
        assert_true(rt_worker_next_timer(world.w) <= world.now_ns);
    }
    a.is_again = false;
    assert_false(rt_worker_turn(world.w));
}

static void test_timer_disarms_another(void **state)
{
    struct alarm_clock b = {.timer.fire = ring};
    struct alarm_clock a = {.timer.fire = ring, .victim = &b.timer};

    (void)state;
    rt_timer_arm(world.w, &a.timer, world.now_ns + RT_S);
    rt_timer_arm(world.w, &b.timer, world.now_ns + RT_S);
    world.now_ns += 2 * RT_S;
    assert_false(rt_worker_turn(world.w));
    assert_int_equal(a.fired, 1);
    assert_int_equal(b.fired, 0);
}

static void test_timers_leave_time(void **state)
{
    static struct alarm_clock alarms[500];
    uint32_t fired = 0;

    (void)state;
    world.cost_ns = 20 * RT_US;
    for (int i = 0; i < 500; i++) {
        alarms[i] = (struct alarm_clock){.timer.fire = ring};
        rt_timer_arm(world.w, &alarms[i].timer, world.now_ns + (uint64_t)i * RT_US);
    }
    send_one();
    world.now_ns += RT_S;
    assert_true(rt_worker_turn(world.w));
    for (int i = 0; i < 500; i++)
        fired += alarms[i].fired;
    assert_in_range(fired, 50, 60);
    while (rt_worker_turn(world.w))
        ;
    for (int i = 0; i < 500; i++)
        assert_int_equal(alarms[i].fired, 1);
    assert_int_equal(world.messages, 1);
}

/* -- belongings -- */

static void *is_current_elsewhere(void *arg)
{
    return rt_worker_is_current(arg) ? arg : NULL;
}

static void test_locals_loop_and_seams(void **state)
{
    static struct rt_local_key one, two;
    int x, y;
    uint8_t bytes[3] = {0};
    pthread_t thread;
    void *result;

    (void)state;
    assert_int_equal(rt_system_count(world.sys), 1);
    assert_int_equal(rt_worker_index(world.w), 0);
    assert_ptr_equal(rt_worker_system(world.w), world.sys);
    assert_null(rt_worker_local(world.w, &one));
    rt_worker_set_local(world.w, &one, &x);
    rt_worker_set_local(world.w, &two, &y);
    assert_ptr_equal(rt_worker_local(world.w, &one), &x);
    assert_ptr_equal(rt_worker_local(world.w, &two), &y);
    rt_worker_set_loop(world.w, &x);
    assert_ptr_equal(rt_worker_loop(world.w), &x);
    rt_random(world.w, bytes, 2);
    assert_memory_equal(bytes, "\xab\xab\0", 3);
    assert_true(rt_worker_seams(world.w)->mono_ns == mono);
    assert_true(rt_worker_is_current(world.w));
    rt_worker_bind_thread(world.w);
    assert_true(rt_worker_is_current(world.w));
    assert_int_equal(pthread_create(&thread, NULL, is_current_elsewhere, world.w), 0);
    pthread_join(thread, &result);
    assert_null(result);
    rt_worker_unbind_thread(world.w);
    assert_int_equal(pthread_create(&thread, NULL, is_current_elsewhere, world.w), 0);
    pthread_join(thread, &result);
    assert_ptr_equal(result, world.w);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(test_clock),
        TEST(test_turn_ends_by_time),
        TEST(test_turn_ends_by_count),
        TEST(test_clock_is_read_rarely),
        TEST(test_jobs_come_last),
        TEST(test_jobs_end_by_time),
        TEST(test_jobs_end_by_count),
        TEST(test_jobs_do_not_starve),
        TEST(test_job_cancel),
        TEST(test_timer_fires_in_time),
        TEST(test_timer_again_waits_a_turn),
        TEST(test_timer_disarms_another),
        TEST(test_timers_leave_time),
        TEST(test_locals_loop_and_seams),
    };

    return cmocka_run_group_tests_name("actor/worker", tests, NULL, NULL);
}
