/* SPDX-License-Identifier: MPL-2.0 */
/*
 * Plan: an assertion that holds evaluates its expression once. One that fails prints kind,
 * expression and place to standard error and aborts; a child process does this, and the test reads
 * its output and status. Every error has a text, and so has a value that is not an error code.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
#include <signal.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/check.h"
#include "base/err.h"

static void test_true_evaluates_once(void **state)
{
    int n = 0;

    (void)state;
    RT_REQUIRE(++n == 1);
    RT_INSIST(++n == 2);
    assert_int_equal(n, 2);
}

static void fail_in_child(int is_require, int out_fd)
{
    volatile int zero = 0;

    dup2(out_fd, STDERR_FILENO);
    signal(SIGABRT, SIG_DFL);
    if (is_require)
        RT_REQUIRE(zero == 1);
    else
        RT_INSIST(zero == 2);
    _exit(0);
}

static void check_failure(int is_require, const char *kind, const char *expr)
{
    char text[512] = "";
    int pipe_fds[2], status;
    size_t used = 0;
    ssize_t n;
    pid_t child;

    assert_int_equal(pipe(pipe_fds), 0);
    child = fork();
    assert_true(child >= 0);
    if (child == 0)
        fail_in_child(is_require, pipe_fds[1]);
    close(pipe_fds[1]);
    while ((n = read(pipe_fds[0], text + used, sizeof text - 1 - used)) > 0)
        used += (size_t)n;
    close(pipe_fds[0]);
    assert_int_equal(waitpid(child, &status, 0), child);
    assert_true(WIFSIGNALED(status));
    assert_int_equal(WTERMSIG(status), SIGABRT);
    assert_non_null(strstr(text, kind));
    assert_non_null(strstr(text, expr));
    assert_non_null(strstr(text, "test_check.c:"));
}

static void test_false_says_where_and_aborts(void **state)
{
    (void)state;
    check_failure(1, "REQUIRE failed: ", "zero == 1");
    check_failure(0, "INSIST failed: ", "zero == 2");
}

struct outer {
    char first;
    int inner;
};

static void test_container_of(void **state)
{
    struct outer o;

    (void)state;
    assert_ptr_equal(RT_CONTAINER_OF(&o.inner, struct outer, inner), &o);
}

static void test_every_error_has_a_text(void **state)
{
    static const rt_err all[] = {
#define X(name, text) RT_ERR_##name,
        RT_ERR_LIST(X)
#undef X
    };

    (void)state;
    assert_string_equal(rt_err_text(RT_ERR_OK), "success");
    assert_string_equal(rt_err_text(RT_ERR_SYSTEM), "operating system error");
    for (size_t i = 0; i < sizeof all / sizeof all[0]; i++) {
        assert_int_equal(all[i], i);
        assert_true(strlen(rt_err_text(all[i])) > 0);
    }
    assert_string_equal(rt_err_text((rt_err)1000), "unknown error");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_true_evaluates_once),
        cmocka_unit_test(test_false_says_where_and_aborts),
        cmocka_unit_test(test_container_of),
        cmocka_unit_test(test_every_error_has_a_text),
    };

    return cmocka_run_group_tests_name("base/check, base/err", tests, NULL, NULL);
}
