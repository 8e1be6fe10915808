/* SPDX-License-Identifier: MPL-2.0 */
/*
 * Plan: the storage actor on a worker that the test steps. A flush gets its reply and leaves an
 * empty log. A request to an actor that has stopped bounces.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "base/check.h"
#include "crypto/crypto.h"
#include "scratch.h"

struct asker {
    struct rt_actor actor;
    struct rt_msg *answer;
};

static struct rt_system *sys;
static struct rt_worker *worker;
static struct storage *storage;
static struct rt_addr storage_addr;
static struct asker asker;

static void on_reply(struct rt_actor *self, struct rt_msg *m)
{
    struct asker *a = RT_CONTAINER_OF(self, struct asker, actor);

    assert_null(a->answer);
    a->answer = m;
}

static int setup(void **state)
{
    if (scratch_setup(state) != 0)
        return -1;
    sys = rt_system_new(1, &scratch_seams);
    worker = rt_system_worker(sys, 0);
    asker = (struct asker){0};
    rt_actor_start(&asker.actor, worker, on_reply);
    storage = scratch_open();
    storage_addr = storage_start(storage, worker).addr;
    return 0;
}

static int teardown(void **state)
{
    rt_actor_stop(&asker.actor);
    storage_stop(storage);
    storage_close(&storage);
    rt_system_free(&sys);
    return scratch_teardown(state);
}

/* Sends m and returns what came back. */
static struct rt_msg *exchange(struct rt_msg *m)
{
    m->reply_to = rt_actor_addr(&asker.actor);
    rt_send(worker, storage_addr, m);
    asker.answer = NULL;
    for (int i = 0; i < 10 && !asker.answer; i++)
        (void)rt_worker_turn(worker);
    assert_non_null(asker.answer);
    m = asker.answer;
    asker.answer = NULL;
    return m;
}

static void flush(void **state)
{
    struct rt_msg *m = exchange(&storage_flush_new()->msg);
    struct stat st;

    (void)state;
    assert_int_equal(m->kind, STORAGE_FLUSHED);
    assert_int_equal(RT_MSG_CAST(m, struct storage_flush, STORAGE_FLUSHED)->result, RT_ERR_OK);
    rt_msg_free(&m);
    assert_int_equal(stat(scratch_path("relay.db-wal"), &st), 0);
    assert_int_equal(st.st_size, 0);
}

static void stopped(void **state)
{
    struct rt_msg *m;

    (void)state;
    storage_stop(storage);
    m = exchange(&storage_flush_new()->msg);
    assert_true(m->is_bounced);
    rt_msg_free(&m);
    storage_addr = storage_start(storage, worker).addr;
}

#define TEST(f) cmocka_unit_test_setup_teardown(f, setup, teardown)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(flush),
        TEST(stopped),
    };

    if (rt_crypto_init() != RT_ERR_OK)
        return 1;
    return cmocka_run_group_tests_name("storage actor", tests, NULL, NULL);
}
