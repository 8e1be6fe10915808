/* SPDX-License-Identifier: MPL-2.0 */
/*
 * Plan: one thread: push requests a wake-up once, until the wake flag is lowered. A drain returns
 * messages in the order of arrival.
 * Stress: several producer threads push numbered messages, with pauses. One consumer drains, and
 * sleeps on a semaphore when a drain after lowering the flag finds nothing. No message is lost, the
 * numbers of each sender are in order, and no wake-up is missed (a missed one blocks until the
 * alarm). There are far fewer wake-ups than messages.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
#include <pthread.h>
#include <sched.h>
#include <semaphore.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include "actor/inbox.h"

#define PRODUCERS 3u
#define MESSAGES 60000u /* of each producer */
#define HANG_S 60u

struct numbered {
    struct rt_msg msg;
    uint32_t producer, number;
};

static struct {
    struct rt_inbox inbox;
    sem_t mail;
    _Atomic uint32_t wakes;
} shared;

static struct numbered *numbered_new(uint32_t producer, uint32_t number)
{
    struct numbered *m = calloc(1, sizeof *m);

    assert_non_null(m);
    m->producer = producer;
    m->number = number;
    return m;
}

static void test_alone(void **state)
{
    struct rt_inbox in;
    struct rt_msg *m, *last;

    (void)state;
    rt_inbox_init(&in);
    assert_null(rt_inbox_drain(&in, &last));
    assert_true(rt_inbox_push(&in, &numbered_new(0, 0)->msg));
    assert_false(rt_inbox_push(&in, &numbered_new(0, 1)->msg));
    assert_false(rt_inbox_push(&in, &numbered_new(0, 2)->msg));
    m = rt_inbox_drain(&in, &last);
    for (uint32_t i = 0; i < 3; i++) {
        struct rt_msg *next = m->next;

        assert_int_equal(((struct numbered *)m)->number, i);
        assert_int_equal(m == last, i == 2);
        free(m);
        m = next;
    }
    assert_null(m);
    assert_false(rt_inbox_push(&in, &numbered_new(0, 3)->msg));
    rt_inbox_lower(&in);
    assert_true(rt_inbox_push(&in, &numbered_new(0, 4)->msg));
    rt_inbox_lower(&in);
    rt_inbox_raise(&in);
    assert_false(rt_inbox_push(&in, &numbered_new(0, 5)->msg));
    m = rt_inbox_drain(&in, &last);
    assert_int_equal(((struct numbered *)m)->number, 3);
    while (m) {
        struct rt_msg *next = m->next;

        free(m);
        m = next;
    }
}

static void *produce(void *arg)
{
    uint32_t producer = (uint32_t)(uintptr_t)arg;

    for (uint32_t i = 0; i < MESSAGES; i++) {
        if (rt_inbox_push(&shared.inbox, &numbered_new(producer, i)->msg)) {
            atomic_fetch_add_explicit(&shared.wakes, 1, memory_order_relaxed);
            sem_post(&shared.mail);
        }
        /* Now and then the consumer catches up and sleeps, where a wake-up can be missed. */
        if (i % (97 + 64 * producer) == 0)
            sched_yield();
    }
    return NULL;
}

/* Checks the order and frees; returns how many. */
static uint32_t consume(struct rt_msg *m, uint32_t next[PRODUCERS])
{
    uint32_t count = 0;

    while (m) {
        struct numbered *n = (struct numbered *)m;

        assert_true(n->producer < PRODUCERS);
        assert_int_equal(n->number, next[n->producer]++);
        m = m->next;
        free(n);
        count++;
    }
    return count;
}

static void test_many_producers(void **state)
{
    uint32_t next[PRODUCERS] = {0}, total = 0;
    pthread_t threads[PRODUCERS];
    struct rt_msg *last;

    (void)state;
    alarm(HANG_S);
    rt_inbox_init(&shared.inbox);
    assert_int_equal(sem_init(&shared.mail, 0, 0), 0);
    for (uintptr_t i = 0; i < PRODUCERS; i++)
        assert_int_equal(pthread_create(&threads[i], NULL, produce, (void *)i), 0);
    while (total < PRODUCERS * MESSAGES) {
        uint32_t count = consume(rt_inbox_drain(&shared.inbox, &last), next);

        total += count;
        if (count > 0)
            continue;
        rt_inbox_lower(&shared.inbox);
        count = consume(rt_inbox_drain(&shared.inbox, &last), next);
        total += count;
        if (count > 0)
            rt_inbox_raise(&shared.inbox);
        else
            sem_wait(&shared.mail);
    }
    for (uint32_t i = 0; i < PRODUCERS; i++)
        pthread_join(threads[i], NULL);
    alarm(0);
    assert_null(rt_inbox_drain(&shared.inbox, &last));
    for (uint32_t i = 0; i < PRODUCERS; i++)
        assert_int_equal(next[i], MESSAGES);
    print_message("%u messages, %u wake-ups\n", total, (unsigned)shared.wakes);
    assert_true(shared.wakes < total);
    sem_destroy(&shared.mail);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_alone),
        cmocka_unit_test(test_many_producers),
    };

    return cmocka_run_group_tests_name("actor/inbox", tests, NULL, NULL);
}
