/* SPDX-License-Identifier: MPL-2.0 */
/*
 * Plan: kill -9 during asynchronous writes. A child puts, replaces and drops values without pause,
 * in one transaction per SEND_AT_ONCE, and reports each confirmed transaction. It is killed ROUNDS
 * times, at random moments, always on the same database. After each round the database opens, its
 * structure is valid, and every row is complete. The rows are those of the last reported
 * transaction or of the next one.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "crypto/crypto.h"
#include "desk.h"

#define ROUNDS 50
#define ROWS 400u
#define SEND_AT_ONCE 150u

/* Write number i is of row i % ROWS; every 7th drops it, others put it in the form i / ROWS. */
static bool is_drop(uint32_t i)
{
    return i % 7 == 3;
}

static void child_main(uint32_t first, int fd)
{
    desk_start();
    for (uint32_t i = first;; i++) {
        if (!desk_send(is_drop(i) ? desk_drop(i % ROWS) : desk_value(i % ROWS, i / ROWS)))
            _exit(1);
        if (i % SEND_AT_ONCE != 0)
            continue;
        if (desk_flush() != RT_ERR_OK || write(fd, &i, sizeof(i)) != sizeof(i))
            _exit(2);
    }
}

/* The last write that was answered for. */
static uint32_t run_child(uint32_t first, unsigned delay_us)
{
    uint32_t told = 0, last = 0;
    int pipe_fd[2], status;
    pid_t child;

    assert_int_equal(pipe(pipe_fd), 0);
    child = fork();
    assert_true(child >= 0);
    if (child == 0)
        child_main(first, pipe_fd[1]);
    close(pipe_fd[1]);
    nanosleep(&(struct timespec){.tv_nsec = (long)delay_us * 1000}, NULL);
    kill(child, SIGKILL);
    assert_int_equal(waitpid(child, &status, 0), child);
    assert_true(WIFSIGNALED(status));
    while (read(pipe_fd[0], &told, sizeof(told)) == sizeof(told))
        last = told;
    close(pipe_fd[0]);
    return last;
}

/* Whether every row is as the writes up to `last` leave it. */
static bool is_as_of(uint32_t last)
{
    for (uint32_t row = 0; row < ROWS; row++) {
        uint32_t i = last - (last % ROWS + ROWS - row) % ROWS;
        bool is_there = i > 0 && i <= last && !is_drop(i);

        if (desk_form(row) != (is_there ? (int64_t)(i / ROWS) : -1))
            return false;
    }
    return true;
}

static void check(uint32_t told)
{
    assert_true(desk_check_rows() <= ROWS);
    if (!is_as_of(told) && !is_as_of(told + SEND_AT_ONCE))
        fail_msg("neither as write %u left it nor as %u", told, told + SEND_AT_ONCE);
}

static uint64_t lcg;

static uint32_t next_random(void)
{
    lcg = lcg * 6364136223846793005u + 1442695040888963407u;
    return (uint32_t)(lcg >> 33);
}

static void killed_while_writing(void **state)
{
    unsigned seed =
        getenv("TEST_SEED") ? (unsigned)strtoul(getenv("TEST_SEED"), NULL, 10) : (unsigned)getpid();
    uint32_t told = 0, first = 1, wrote = 0;

    (void)state;
    printf("seed %u\n", seed);
    lcg = seed;
    desk_stop();
    for (int round = 0; round < ROUNDS; round++) {
        uint32_t now = run_child(first, 1000 + next_random() % 80000);

        if (now) {
            told = now;
            first = told + 1;
            wrote++;
        }
        desk_start();
        check(told);
        desk_stop();
    }
    printf("%u of %d rounds got to a flush, %u writes told\n", wrote, ROUNDS, told);
    assert_true(wrote >= ROUNDS / 4);
    desk_start();
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(killed_while_writing, desk_setup, desk_teardown),
    };

    if (rt_crypto_init() != RT_ERR_OK)
        return 1;
    return cmocka_run_group_tests_name("storage kill", tests, NULL, NULL);
}
