/* SPDX-License-Identifier: MPL-2.0 */
/*
 * Plan: the directory is created with its parents, with modes 0700 and 0600 for every umask. Wider
 * modes of an existing one cause a warning and are kept. A second process, and a second open in
 * this process, are refused with the process id of the holder, and accepted after the holder has
 * ended. A directory without write permission, a path that is a file, and one that cannot be
 * created: one sentence each.
 *
 * If the test runs as root, which may write anywhere, it opens as an ordinary user.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "crypto/crypto.h"
#include "scratch.h"
#include "storage/dir.h"

#define UNPRIVILEGED_UID 65534

static void modes(void **state)
{
    mode_t old = umask(0);
    struct storage *s = scratch_open();

    (void)state;
    assert_int_equal(scratch_mode(scratch_data), 0700);
    assert_int_equal(scratch_mode(scratch_path("relay.db")), 0600);
    assert_int_equal(scratch_mode(scratch_path("relay.db-wal")), 0600);
    assert_int_equal(scratch_mode(scratch_path("relay.lock")), 0600);
    storage_close(&s);
    umask(old);
}

static void parents(void **state)
{
    struct storage *s;

    (void)state;
    snprintf(scratch_data, sizeof(scratch_data), "%s/a/b/c/", scratch_dir);
    s = scratch_open();
    storage_close(&s);
    snprintf(scratch_data, sizeof(scratch_data), "%s/a", scratch_dir);
    assert_int_equal(scratch_mode(scratch_data), 0700);
}

/* The output on stderr while a directory with wider modes is opened. */
static void wider_modes_are_warned_of(void **state)
{
    struct storage *s = scratch_open();
    char log[96], text[2048];
    int saved, fd;
    ssize_t n;

    (void)state;
    storage_close(&s);
    assert_int_equal(chmod(scratch_data, 0755), 0);
    assert_int_equal(chmod(scratch_path("relay.db"), 0644), 0);
    snprintf(log, sizeof(log), "%s/log", scratch_dir);
    fd = open(log, O_RDWR | O_CREAT | O_TRUNC, 0600);
    assert_true(fd >= 0);
    fflush(stderr);
    saved = dup(STDERR_FILENO);
    dup2(fd, STDERR_FILENO);
    s = scratch_open();
    fflush(stderr);
    dup2(saved, STDERR_FILENO);
    close(saved);
    n = pread(fd, text, sizeof(text) - 1, 0);
    close(fd);
    assert_true(n >= 0);
    text[n] = '\0';
    assert_non_null(strstr(text, "WARN"));
    assert_non_null(strstr(text, "mode=0755 expected=0700"));
    assert_non_null(strstr(text, "mode=0644 expected=0600"));
    storage_close(&s);
    assert_int_equal(scratch_mode(scratch_data), 0755);
    assert_int_equal(scratch_mode(scratch_path("relay.db")), 0644);
}

static void second_open(void **state)
{
    struct storage *s = scratch_open();
    char pid[32];

    (void)state;
    snprintf(pid, sizeof(pid), "process %ld", (long)getpid());
    scratch_refused(RT_ERR_REFUSED, (const char *[]){"another relay", pid, "--data-dir", NULL});
    storage_close(&s);
    s = scratch_open();
    storage_close(&s);
}

static void second_process(void **state)
{
    char pid[32], ready;
    int pipe_fd[2], status;
    pid_t child;
    struct storage *s;

    (void)state;
    assert_int_equal(pipe(pipe_fd), 0);
    child = fork();
    assert_true(child >= 0);
    if (child == 0) {
        s = scratch_open();
        (void)!write(pipe_fd[1], "r", 1);
        pause();
        _exit(0);
    }
    assert_int_equal(read(pipe_fd[0], &ready, 1), 1);
    snprintf(pid, sizeof(pid), "process %ld", (long)child);
    scratch_refused(RT_ERR_REFUSED, (const char *[]){pid, NULL});
    kill(child, SIGKILL);
    waitpid(child, &status, 0);
    close(pipe_fd[0]);
    close(pipe_fd[1]);
    s = scratch_open();
    storage_close(&s);
}

/* As a user who owns nothing here, if this is root. */
static void refused_as_user(const char *const words[])
{
    bool is_root = geteuid() == 0;

    if (is_root)
        assert_int_equal(seteuid(UNPRIVILEGED_UID), 0);
    scratch_refused(RT_ERR_SYSTEM, words);
    if (is_root) {
        assert_int_equal(seteuid(0), 0);
        prctl(PR_SET_DUMPABLE, 1); /* lost with the user; the leak checker attaches at exit */
    }
}

static void unwritable(void **state)
{
    struct storage *s = scratch_open();

    (void)state;
    storage_close(&s);
    unlink(scratch_path("relay.lock"));
    assert_int_equal(chmod(scratch_dir, 0755), 0);
    assert_int_equal(chmod(scratch_data, 0555), 0);
    refused_as_user((const char *[]){"cannot write to the data directory", "Permission denied",
                                     "--data-dir", NULL});
    assert_int_equal(chmod(scratch_data, 0), 0);
    refused_as_user((const char *[]){"data directory", "Permission denied", NULL});
    snprintf(scratch_data, sizeof(scratch_data), "%s/new", scratch_dir);
    assert_int_equal(chmod(scratch_dir, 0555), 0);
    refused_as_user((const char *[]){"cannot make the data directory", "Permission denied", NULL});
}

static void database_not_writable(void **state)
{
    struct storage *s = scratch_open();

    (void)state;
    storage_close(&s);
    assert_int_equal(chmod(scratch_dir, 0755), 0);
    assert_int_equal(chmod(scratch_data, 0777), 0);
    assert_int_equal(chmod(scratch_path("relay.lock"), 0666), 0);
    assert_int_equal(chmod(scratch_path("relay.db"), 0444), 0);
    refused_as_user((const char *[]){"relay.db cannot be written", NULL});
    assert_int_equal(chmod(scratch_path("relay.db"), 0), 0);
    refused_as_user((const char *[]){"relay.db cannot be used", NULL});
}

static void not_a_directory(void **state)
{
    FILE *f = fopen(scratch_data, "w");

    (void)state;
    fclose(f);
    scratch_refused(RT_ERR_SYSTEM, (const char *[]){"Not a directory", NULL});
    snprintf(scratch_data, sizeof(scratch_data), "%s/data/below", scratch_dir);
    scratch_refused(RT_ERR_SYSTEM, (const char *[]){"cannot make", "Not a directory", NULL});
    snprintf(scratch_data, sizeof(scratch_data), "%s", "");
    scratch_refused(RT_ERR_SYSTEM, (const char *[]){"is empty", NULL});
}

static void database_is_a_directory(void **state)
{
    struct storage *s = scratch_open();

    (void)state;
    storage_close(&s);
    unlink(scratch_path("relay.db"));
    assert_int_equal(mkdir(scratch_path("relay.db"), 0700), 0);
    scratch_refused(RT_ERR_SYSTEM, (const char *[]){"relay.db cannot be used", NULL});
}

#define TEST(f) cmocka_unit_test_setup_teardown(f, scratch_setup, scratch_teardown)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(modes),
        TEST(parents),
        TEST(wider_modes_are_warned_of),
        TEST(second_open),
        TEST(second_process),
        TEST(unwritable),
        TEST(database_not_writable),
        TEST(not_a_directory),
        TEST(database_is_a_directory),
    };

    if (rt_crypto_init() != RT_ERR_OK)
        return 1;
    return cmocka_run_group_tests_name("storage directory", tests, NULL, NULL);
}
