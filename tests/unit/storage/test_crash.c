/* SPDX-License-Identifier: MPL-2.0 */
/*
 * Plan: kill -9 while a directory is created, opened and written, at times spread over a first
 * start. A child opens fresh directories and reports its identity when storage_open returns. Then
 * it creates secrets and reports each. After each kill the next open succeeds, all reported values
 * are unchanged, and a second open agrees with the first.
 * The machine keeps running, so this test cannot show the loss of the page cache. Synchronous FULL
 * covers it.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "crypto/crypto.h"
#include "scratch.h"

#define ROUNDS 120
#define SECRETS 8

struct told {
    uint8_t public_key[32], slot[32];
};

static void secret_name(char out[16], int i)
{
    snprintf(out, 16, "plugin:%d", i);
}

static void child_main(int fd)
{
    struct storage *s = scratch_open();
    struct told t;

    memcpy(t.public_key, storage_identity(s)->public_key, 32);
    memcpy(t.slot, storage_slot_secret(s), 32);
    if (write(fd, &t, sizeof(t)) != sizeof(t))
        _exit(1);
    for (int i = 0; i < SECRETS; i++) {
        struct relay_error err;
        uint8_t secret[64];
        char name[16];

        secret_name(name, i);
        if (storage_secret(s, name, secret, sizeof(secret), &err) != RT_ERR_OK ||
            write(fd, secret, sizeof(secret)) != sizeof(secret))
            _exit(1);
    }
    storage_close(&s);
    _exit(0);
}

/* All reports of the child before it was killed. */
static size_t run_child(unsigned delay_us, uint8_t *out, size_t cap, bool *was_killed)
{
    int pipe_fd[2], status;
    size_t len = 0;
    ssize_t n;
    pid_t child;

    assert_int_equal(pipe(pipe_fd), 0);
    child = fork();
    assert_true(child >= 0);
    if (child == 0)
        child_main(pipe_fd[1]);
    close(pipe_fd[1]);
    nanosleep(&(struct timespec){.tv_nsec = (long)delay_us * 1000}, NULL);
    kill(child, SIGKILL);
    assert_int_equal(waitpid(child, &status, 0), child);
    *was_killed = WIFSIGNALED(status);
    assert_true(*was_killed || WEXITSTATUS(status) == 0);
    while ((n = read(pipe_fd[0], out + len, cap - len)) > 0)
        len += (size_t)n;
    close(pipe_fd[0]);
    return len;
}

static void check(const uint8_t *told, size_t len)
{
    struct storage *s = scratch_open();
    struct relay_error err;
    struct told first, t;

    memcpy(first.public_key, storage_identity(s)->public_key, 32);
    memcpy(first.slot, storage_slot_secret(s), 32);
    if (len >= sizeof(t)) {
        memcpy(&t, told, sizeof(t));
        assert_memory_equal(&t, &first, sizeof(t));
        assert_false(storage_identity_is_new(s));
    }
    for (int i = 0; sizeof(t) + (size_t)(i + 1) * 64 <= len; i++) {
        uint8_t secret[64];
        char name[16];

        secret_name(name, i);
        assert_int_equal(storage_secret(s, name, secret, sizeof(secret), &err), RT_ERR_OK);
        assert_memory_equal(secret, told + sizeof(t) + (size_t)i * 64, 64);
    }
    storage_close(&s);
    s = scratch_open();
    assert_false(storage_identity_is_new(s));
    assert_memory_equal(storage_identity(s)->public_key, first.public_key, 32);
    assert_memory_equal(storage_slot_secret(s), first.slot, 32);
    storage_close(&s);
}

static void killed_at_any_time(void **state)
{
    unsigned seed =
        getenv("TEST_SEED") ? (unsigned)strtoul(getenv("TEST_SEED"), NULL, 10) : (unsigned)getpid();
    unsigned span_us = 30000, killed = 0, before_report = 0;
    uint64_t lcg = seed;

    (void)state;
    printf("seed %u\n", seed);
    for (int round = 0; round < ROUNDS; round++) {
        uint8_t told[sizeof(struct told) + SECRETS * 64];
        bool was_killed;
        size_t len;

        assert_int_equal(scratch_setup(NULL), 0);
        lcg = lcg * 6364136223846793005u + 1442695040888963407u;
        len = run_child((unsigned)(lcg >> 33) % span_us, told, sizeof(told), &was_killed);
        killed += was_killed;
        before_report += len == 0;
        /* Stay within the time of the child: shorter when it has ended, longer when it reported
         * nothing. */
        if (!was_killed)
            span_us = span_us * 4 / 5 + 500;
        else if (len == 0)
            span_us = span_us * 21 / 20;
        check(told, len);
        assert_int_equal(scratch_teardown(NULL), 0);
    }
    printf("%u of %d killed, %u before the identity was reported\n", killed, ROUNDS, before_report);
    assert_true(killed >= ROUNDS / 4);
}

/* The files after a crash between two steps of the creation: parts under the other name, in any
 * state.
 */
static void leftovers_of_a_creation(void **state)
{
    static const char *const names[] = {"relay.db.new", "relay.db.new-journal", "relay.lock"};
    struct storage *s;

    (void)state;
    for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++) {
        FILE *f;

        assert_int_equal(scratch_setup(NULL), 0);
        s = scratch_open();
        storage_close(&s);
        unlink(scratch_path("relay.db"));
        f = fopen(scratch_path(names[i]), "w");
        assert_non_null(f);
        fputs("half of something", f);
        fclose(f);
        s = scratch_open();
        assert_true(storage_identity_is_new(s));
        storage_close(&s);
        assert_int_equal(access(scratch_path("relay.db.new"), F_OK), -1);
        assert_int_equal(access(scratch_path("relay.db.new-journal"), F_OK), -1);
        assert_int_equal(scratch_teardown(NULL), 0);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(killed_at_any_time),
        cmocka_unit_test(leftovers_of_a_creation),
    };

    if (rt_crypto_init() != RT_ERR_OK)
        return 1;
    return cmocka_run_group_tests_name("storage crash", tests, NULL, NULL);
}
