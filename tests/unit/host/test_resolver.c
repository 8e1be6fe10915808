/* SPDX-License-Identifier: MPL-2.0 */
/*
 * Plan, without a name server: literal addresses of both families are returned with the port,
 * localhost as a loopback address, and an impossible name as an error. Every request is replied to
 * on the worker of the requester, also several at once. A request whose requester has stopped is
 * freed. A long name is cut.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
#include <arpa/inet.h>
#include <netinet/in.h>
#include <semaphore.h>
#include <string.h>
#include <unistd.h>

#include "base/check.h"
#include "host/loop_uv.h"
#include "host/os_seams.h"
#include "host/resolver.h"

#define KIND_ASK RT_NOTIFY_KIND(TEST, 1)
#define HANG_S 60

static const char *const hosts[] = {"192.0.2.7", "2001:db8::7", "localhost", "no such name"};
#define HOSTS (sizeof hosts / sizeof hosts[0])

static struct {
    struct rt_system *sys;
    struct rt_loop *loop;
    struct rt_actor asker;
    struct rt_resolve *answers[HOSTS];
    uint32_t answered;
    bool leaves; /* the asker, once it has asked */
    sem_t done;
} world;

static void on_answer(struct rt_resolve *q)
{
    for (size_t i = 0; i < HOSTS; i++) {
        if (strcmp(hosts[i], q->host) == 0)
            world.answers[i] = q;
    }
    if (++world.answered == HOSTS)
        sem_post(&world.done);
}

static void on_msg(struct rt_actor *self, struct rt_msg *m)
{
    assert_true(rt_worker_is_current(self->worker));
    if (m->kind == RT_RESOLVED) {
        on_answer(RT_MSG_CAST(m, struct rt_resolve, RT_RESOLVED));
        return;
    }
    rt_msg_free(&m);
    for (size_t i = 0; i < HOSTS; i++)
        rt_resolver_uv.resolve(rt_resolver_uv.ctx, self->worker,
                               rt_resolve_new(hosts[i], 7001, rt_actor_addr(self)));
    if (world.leaves) {
        rt_actor_stop(self);
        sem_post(&world.done);
    }
}

static void run(bool leaves)
{
    alarm(HANG_S);
    memset(&world, 0, sizeof world);
    world.leaves = leaves;
    assert_int_equal(sem_init(&world.done, 0, 0), 0);
    world.sys = rt_system_new(1, rt_os_seams());
    assert_int_equal(rt_loop_new(rt_system_worker(world.sys, 0), &world.loop), RT_ERR_OK);
    rt_actor_start(&world.asker, rt_system_worker(world.sys, 0), on_msg);
    rt_send_external(world.sys, rt_actor_addr(&world.asker),
                     rt_msg_new(KIND_ASK, sizeof(struct rt_msg)));
    assert_int_equal(rt_loop_start(world.loop, "test"), RT_ERR_OK);
    sem_wait(&world.done);
    rt_loop_stop(world.loop);
    rt_loop_join(world.loop);
    rt_loop_free(&world.loop);
    rt_system_free(&world.sys);
    alarm(0);
}

static void test_answers(void **state)
{
    struct in_addr v4;
    struct in6_addr v6;
    struct rt_resolve *q;

    (void)state;
    run(false);
    q = world.answers[0];
    assert_int_equal(q->err, RT_ERR_OK);
    assert_int_equal(q->count, 1);
    inet_pton(AF_INET, hosts[0], &v4);
    assert_int_equal(q->addrs[0].ss_family, AF_INET);
    assert_memory_equal(&((struct sockaddr_in *)&q->addrs[0])->sin_addr, &v4, sizeof v4);
    assert_int_equal(((struct sockaddr_in *)&q->addrs[0])->sin_port, htons(7001));
    q = world.answers[1];
    assert_int_equal(q->err, RT_ERR_OK);
    assert_int_equal(q->count, 1);
    inet_pton(AF_INET6, hosts[1], &v6);
    assert_int_equal(q->addrs[0].ss_family, AF_INET6);
    assert_memory_equal(&((struct sockaddr_in6 *)&q->addrs[0])->sin6_addr, &v6, sizeof v6);
    assert_int_equal(((struct sockaddr_in6 *)&q->addrs[0])->sin6_port, htons(7001));
    q = world.answers[2];
    assert_int_equal(q->err, RT_ERR_OK);
    assert_in_range(q->count, 1, RT_RESOLVE_ADDRS_MAX);
    q = world.answers[3];
    assert_true(q->err == RT_ERR_NOT_FOUND || q->err == RT_ERR_SYSTEM);
    assert_int_equal(q->count, 0);
    for (size_t i = 0; i < HOSTS; i++)
        rt_msg_free((struct rt_msg **)&world.answers[i]);
}

static void test_asker_is_gone(void **state)
{
    (void)state;
    run(true);
    assert_int_equal(world.answered, 0);
}

static void test_long_name(void **state)
{
    char name[400];
    struct rt_resolve *q;

    (void)state;
    memset(name, 'a', sizeof name - 1);
    name[sizeof name - 1] = '\0';
    q = rt_resolve_new(name, 1, (struct rt_addr){0});
    assert_int_equal(strlen(q->host), sizeof q->host - 1);
    rt_msg_free((struct rt_msg **)&q);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_answers),
        cmocka_unit_test(test_asker_is_gone),
        cmocka_unit_test(test_long_name),
    };

    return cmocka_run_group_tests_name("host/resolver", tests, NULL, NULL);
}
