/* SPDX-License-Identifier: MPL-2.0 */
/*
 * Plan: each watched signal that is sent to the process arrives as a callback of the loop, also
 * while one of our threads runs (they block all signals). SIGPIPE is ignored. After the stop there
 * are no callbacks, and the loop closes without a leak.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
#include <semaphore.h>
#include <signal.h>
#include <unistd.h>

#include "host/signals.h"
#include "host/thread.h"

static const int watched[] = {SIGINT, SIGTERM, SIGUSR1};

struct seen {
    int last, count;
};

static void on_signal(void *ctx, int signum)
{
    struct seen *seen = ctx;

    seen->last = signum;
    seen->count++;
}

static void *block_check(void *arg)
{
    sigset_t now;

    pthread_sigmask(SIG_SETMASK, NULL, &now);
    for (size_t i = 0; i < 3; i++)
        assert_true(sigismember(&now, watched[i]));
    sem_wait(arg);
    return NULL;
}

static void test_signals(void **state)
{
    struct rt_signals *signals = NULL;
    struct seen seen = {0};
    sigset_t mask;
    pthread_t thread;
    uv_loop_t loop;
    sem_t end;

    (void)state;
    assert_int_equal(sem_init(&end, 0, 0), 0);
    assert_int_equal(uv_loop_init(&loop), 0);
    assert_int_equal(rt_signals_start(&loop, on_signal, &seen, &signals), RT_ERR_OK);
    assert_int_equal(rt_thread_start("a name longer than fifteen", block_check, &end, &thread),
                     RT_ERR_OK);
    pthread_sigmask(SIG_SETMASK, NULL, &mask);
    assert_false(sigismember(&mask, SIGTERM));
    for (int i = 0; i < 3; i++) {
        kill(getpid(), watched[i]);
        while (seen.count == i)
            uv_run(&loop, UV_RUN_ONCE);
        assert_int_equal(seen.count, i + 1);
        assert_int_equal(seen.last, watched[i]);
    }
    kill(getpid(), SIGPIPE);
    rt_signals_stop(&signals);
    assert_null(signals);
    rt_signals_stop(&signals);
    uv_run(&loop, UV_RUN_DEFAULT);
    assert_int_equal(uv_loop_close(&loop), 0);
    assert_int_equal(seen.count, 3);
    sem_post(&end);
    pthread_join(thread, NULL);
    sem_destroy(&end);
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(test_signals)};

    return cmocka_run_group_tests_name("host/signals, host/thread", tests, NULL, NULL);
}
