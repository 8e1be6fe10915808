/* SPDX-License-Identifier: MPL-2.0 */
/*
 * Plan: a started thread gets its argument and blocks signals that its creator does not block. The
 * stack has the size given in thread.h, which is not the default of any C library. The creator's
 * signal mask does not change.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
#include <pthread.h>
#include <signal.h>

#include "host/thread.h"

#define PROMISED_STACK (1024u * 1024u)

struct seen {
    size_t stack_size;
    sigset_t mask;
};

static void *look(void *arg)
{
    struct seen *seen = arg;
    pthread_attr_t attr;

    if (pthread_getattr_np(pthread_self(), &attr) == 0) {
        pthread_attr_getstacksize(&attr, &seen->stack_size);
        pthread_attr_destroy(&attr);
    }
    pthread_sigmask(SIG_SETMASK, NULL, &seen->mask);
    return seen;
}

static void test_start(void **state)
{
    struct seen seen = {0};
    sigset_t mine;
    pthread_t thread;
    void *returned;

    (void)state;
    assert_int_equal(rt_thread_start("test", look, &seen, &thread), RT_ERR_OK);
    assert_int_equal(pthread_join(thread, &returned), 0);
    assert_ptr_equal(returned, &seen);
    assert_in_range(seen.stack_size, PROMISED_STACK, 2 * PROMISED_STACK);
    assert_true(sigismember(&seen.mask, SIGTERM));
    assert_true(sigismember(&seen.mask, SIGUSR1));
    pthread_sigmask(SIG_SETMASK, NULL, &mine);
    assert_false(sigismember(&mine, SIGTERM));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_start),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
