/* SPDX-License-Identifier: MPL-2.0 */
/*
 * Plan: by hand: a timer that is due now, in the past, or at the end of time; one that is moved,
 * one that is disarmed twice, one that arms itself again while it fires.
 * Against a model, an array of due times, with random arms, moves, disarms and time steps from zero
 * to hours: each step fires exactly the timers that are due in the model, never early and at most
 * one tick late. The next expiry is never later than that of the model, and never in the past after
 * all due timers fired. Advancing to each next expiry fires all timers.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
#include <stdio.h>
#include <stdlib.h>
#include <time.h>

#include "actor/timer.h"

#define TICK (UINT64_C(1) << RT_WHEEL_TICK_BITS)
#define TIMERS 200u
#define STEPS 60000u

static uint64_t seed;

static uint64_t next_random(void)
{
    seed ^= seed << 13;
    seed ^= seed >> 7;
    seed ^= seed << 17;
    return seed;
}

static void never_called(struct relay_timer *t)
{
    (void)t;
    fail();
}

static void test_edges(void **state)
{
    struct rt_wheel wheel;
    struct relay_timer a = {.fire = never_called}, b = {.fire = never_called};
    uint64_t now = 1000 * TICK + 5;

    (void)state;
    rt_wheel_init(&wheel, now);
    assert_int_equal(rt_wheel_next_ns(&wheel), UINT64_MAX);
    assert_null(rt_wheel_take(&wheel, now));
    rt_wheel_disarm(&wheel, &a);
    assert_false(rt_timer_armed(&a));

    rt_wheel_arm(&wheel, &a, now, now);
    rt_wheel_arm(&wheel, &b, 0, now);
    assert_true(rt_wheel_is_due(&wheel));
    assert_true(rt_wheel_next_ns(&wheel) <= now);
    assert_null(rt_wheel_take(&wheel, now));
    rt_wheel_begin(&wheel);
    assert_ptr_equal(rt_wheel_take(&wheel, now), &a);
    rt_wheel_arm(&wheel, &a, now, now);
    assert_ptr_equal(rt_wheel_take(&wheel, now), &b);
    assert_null(rt_wheel_take(&wheel, now));
    rt_wheel_disarm(&wheel, &a);
    rt_wheel_disarm(&wheel, &a);
    assert_false(rt_wheel_is_due(&wheel));

    for (int i = 0; i < 50; i++) {
        rt_wheel_arm(&wheel, &a, now + (TICK << (i / 2)), now);
        rt_wheel_disarm(&wheel, &a);
        assert_int_equal(rt_wheel_next_ns(&wheel), UINT64_MAX);
    }

    rt_wheel_arm(&wheel, &a, UINT64_MAX, now);
    rt_wheel_arm(&wheel, &b, now + 1, now);
    assert_int_equal(rt_wheel_next_ns(&wheel), 1001 * TICK);
    assert_null(rt_wheel_take(&wheel, 1001 * TICK - 1));
    assert_ptr_equal(rt_wheel_take(&wheel, 1001 * TICK), &b);
    assert_false(rt_timer_armed(&b));
    assert_null(rt_wheel_take(&wheel, UINT64_MAX / 2));
    assert_true(rt_timer_armed(&a));
    rt_wheel_arm(&wheel, &a, UINT64_MAX / 2 + 3 * TICK, UINT64_MAX / 2);
    assert_ptr_equal(rt_wheel_take(&wheel, UINT64_MAX / 2 + 4 * TICK), &a);
    assert_int_equal(rt_wheel_next_ns(&wheel), UINT64_MAX);
}

static void test_order_within_a_tick(void **state)
{
    struct relay_timer timers[5];
    struct rt_wheel wheel;

    (void)state;
    rt_wheel_init(&wheel, 0);
    for (int i = 0; i < 5; i++) {
        timers[i] = (struct relay_timer){.fire = never_called};
        rt_wheel_arm(&wheel, &timers[i], 70 * TICK, 0);
    }
    for (int i = 0; i < 5; i++)
        assert_ptr_equal(rt_wheel_take(&wheel, 100 * TICK), &timers[i]);
}

/* -- the model -- */

struct model {
    struct rt_wheel wheel;
    struct relay_timer timers[TIMERS];
    uint64_t due_ns[TIMERS]; /* UINT64_MAX: not armed */
    uint64_t now_ns;
};

static uint64_t random_delay(void)
{
    /* All magnitudes alike, from a fraction of a tick to days. */
    return next_random() % (UINT64_C(1) << (10 + next_random() % 40));
}

/* Takes all there is; checks each against the model. */
static void take_all(struct model *m)
{
    struct relay_timer *t;
    uint64_t earliest = UINT64_MAX;

    rt_wheel_begin(&m->wheel);
    while ((t = rt_wheel_take(&m->wheel, m->now_ns))) {
        size_t i = (size_t)(t - m->timers);

        assert_true(i < TIMERS);
        assert_false(rt_timer_armed(t));
        assert_true(m->due_ns[i] <= m->now_ns);
        m->due_ns[i] = UINT64_MAX;
    }
    for (uint32_t i = 0; i < TIMERS; i++) {
        assert_int_equal(rt_timer_armed(&m->timers[i]), m->due_ns[i] != UINT64_MAX);
        /* Not fired: only timers within the current tick. */
        if (m->due_ns[i] <= m->now_ns)
            assert_true(m->now_ns - m->due_ns[i] < TICK && m->now_ns % TICK != 0);
        if (m->due_ns[i] < earliest)
            earliest = m->due_ns[i];
    }
    assert_false(rt_wheel_is_due(&m->wheel));
    if (earliest == UINT64_MAX) {
        assert_int_equal(rt_wheel_next_ns(&m->wheel), UINT64_MAX);
    } else {
        assert_true(rt_wheel_next_ns(&m->wheel) > m->now_ns);
        assert_true(rt_wheel_next_ns(&m->wheel) < earliest + TICK);
    }
}

static void random_step(struct model *m)
{
    uint32_t i = (uint32_t)(next_random() % TIMERS);

    switch (next_random() % 4) {
    case 0:
    case 1:
        m->due_ns[i] = m->now_ns + random_delay();
        if (next_random() % 8 == 0)
            m->due_ns[i] = m->now_ns - next_random() % (3 * TICK);
        rt_wheel_arm(&m->wheel, &m->timers[i], m->due_ns[i], m->now_ns);
        break;
    case 2:
        m->due_ns[i] = UINT64_MAX;
        rt_wheel_disarm(&m->wheel, &m->timers[i]);
        break;
    default:
        if (next_random() % 2 == 0) {
            m->now_ns += random_delay() >> 4;
        } else {
            uint64_t next_ns = rt_wheel_next_ns(&m->wheel);

            if (next_ns != UINT64_MAX && next_ns > m->now_ns)
                m->now_ns = next_ns;
        }
        take_all(m);
    }
}

static void test_against_a_model(void **state)
{
    static struct model m;
    uint32_t sleeps = 0, armed = 0;

    (void)state;
    m.now_ns = next_random() >> 8;
    rt_wheel_init(&m.wheel, m.now_ns);
    for (uint32_t i = 0; i < TIMERS; i++) {
        m.timers[i].fire = never_called;
        m.due_ns[i] = UINT64_MAX;
    }
    for (uint32_t i = 0; i < STEPS; i++)
        random_step(&m);
    for (uint32_t i = 0; i < TIMERS; i++)
        armed += rt_timer_armed(&m.timers[i]);
    /* A driver that sleeps from expiry to expiry: looks per timer are bounded by the levels. */
    take_all(&m);
    while (rt_wheel_next_ns(&m.wheel) != UINT64_MAX) {
        m.now_ns = rt_wheel_next_ns(&m.wheel);
        take_all(&m);
        sleeps++;
    }
    assert_true(sleeps <= armed * RT_WHEEL_LEVELS);
    for (uint32_t i = 0; i < TIMERS; i++)
        assert_false(rt_timer_armed(&m.timers[i]));
}

int main(int argc, char **argv)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_edges),
        cmocka_unit_test(test_order_within_a_tick),
        cmocka_unit_test(test_against_a_model),
    };

    seed = argc > 1 ? strtoull(argv[1], NULL, 10) : (uint64_t)time(NULL);
    seed += seed == 0;
    printf("seed=%llu\n", (unsigned long long)seed);
    return cmocka_run_group_tests_name("actor/timer", tests, NULL, NULL);
}
