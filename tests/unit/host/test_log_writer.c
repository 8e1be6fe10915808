/* SPDX-License-Identifier: MPL-2.0 */
/*
 * Plan: standard error is a pipe. Lines of several threads all arrive, in order per thread, and so
 * does a line that was logged just before the stop. If the reader stops, first the pipe and then
 * the ring fill: rt_log returns within milliseconds, and further lines are dropped and counted.
 * When the reader continues, one line reports the loss. Stopping gives up on a reader that never
 * reads.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
#include <fcntl.h>
#include <inttypes.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/base_metrics.h"
#include "base/log.h"
#include "host/log_writer.h"
#include "host/os_seams.h"

#define THREADS 3
#define LINES 300
#define TEXT_MAX (8u << 20)
#define HANG_S 60

static struct {
    int read_fd, saved_fd;
    char *text;
    size_t len;
    pthread_t reader;
} out;

static uint64_t os_now(void)
{
    return rt_os_seams()->mono_ns(NULL);
}

static int setup(void **state)
{
    int fds[2];

    (void)state;
    alarm(HANG_S);
    assert_int_equal(pipe(fds), 0);
    out.saved_fd = dup(STDERR_FILENO);
    dup2(fds[1], STDERR_FILENO);
    close(fds[1]);
    out.read_fd = fds[0];
    out.text = calloc(1, TEXT_MAX);
    out.len = 0;
    assert_int_equal(rt_log_writer_start(), RT_ERR_OK);
    return 0;
}

static int teardown(void **state)
{
    (void)state;
    rt_log_writer_stop();
    close(out.read_fd);
    free(out.text);
    alarm(0);
    return 0;
}

static void *read_all(void *arg)
{
    ssize_t n;

    (void)arg;
    while ((n = read(out.read_fd, out.text + out.len, TEXT_MAX - 1 - out.len)) > 0)
        out.len += (size_t)n;
    return NULL;
}

static void restore_stderr(void)
{
    dup2(out.saved_fd, STDERR_FILENO);
    close(out.saved_fd);
}

static void *log_many(void *arg)
{
    for (int i = 0; i < LINES; i++)
        rt_log(RELAY_LOG_INFO, "thread", "who=%d n=%d.", (int)(uintptr_t)arg, i);
    return NULL;
}

static void test_all_arrives(void **state)
{
    pthread_t threads[THREADS];
    int next[THREADS] = {0}, who, n;
    char *line, *save = NULL;

    (void)state;
    assert_int_equal(pthread_create(&out.reader, NULL, read_all, NULL), 0);
    for (uintptr_t i = 0; i < THREADS; i++)
        assert_int_equal(pthread_create(&threads[i], NULL, log_many, (void *)i), 0);
    for (int i = 0; i < THREADS; i++)
        pthread_join(threads[i], NULL);
    rt_log(RELAY_LOG_INFO, "the last", NULL);
    rt_log_writer_stop();
    restore_stderr();
    pthread_join(out.reader, NULL);
    for (line = strtok_r(out.text, "\n", &save); line; line = strtok_r(NULL, "\n", &save)) {
        char *at = strstr(line, "INFO  thread who=");

        if (!at) {
            assert_non_null(strstr(line, "INFO  the last"));
            assert_null(strtok_r(NULL, "\n", &save));
            break;
        }
        assert_int_equal(sscanf(at, "INFO  thread who=%d n=%d.", &who, &n), 2);
        assert_int_equal(n, next[who]++);
    }
    assert_non_null(line);
    for (int i = 0; i < THREADS; i++)
        assert_int_equal(next[i], LINES);
}

/* Fills pipe and ring, and then more; returns how many lines were lost. */
static uint64_t overflow(uint64_t *out_slowest_ns)
{
    uint64_t before = rt_metric_get(RT_METRIC_LOG_DROPPED), lost = 0;

    *out_slowest_ns = 0;
    for (int i = 0; lost < 1000 && i < 100000; i++) {
        uint64_t start = os_now(), took;

        rt_log(RELAY_LOG_INFO, "flood", "n=%d pad=%0200d", i, 0);
        took = os_now() - start;
        *out_slowest_ns = took > *out_slowest_ns ? took : *out_slowest_ns;
        lost = rt_metric_get(RT_METRIC_LOG_DROPPED) - before;
    }
    return lost;
}

static void test_reader_stands_still(void **state)
{
    uint64_t slowest_ns, lost = overflow(&slowest_ns), told = 0;
    char *at;

    (void)state;
    assert_true(lost >= 1000);
    assert_true(slowest_ns < 500 * RT_MS);
    assert_int_equal(pthread_create(&out.reader, NULL, read_all, NULL), 0);
    rt_log_writer_stop();
    restore_stderr();
    pthread_join(out.reader, NULL);
    at = strstr(out.text, "WARN  log lines lost, the writer was too slow lines=");
    assert_non_null(at);
    assert_int_equal(sscanf(at + 26, "%*[^=]=%" SCNu64, &told), 1);
    assert_int_equal(told, rt_metric_get(RT_METRIC_LOG_DROPPED));
    assert_true(strstr(out.text, "flood n=0 ") != NULL);
    assert_int_equal(out.text[out.len - 1], '\n');
}

static void test_stop_gives_up(void **state)
{
    uint64_t slowest_ns, start;

    (void)state;
    assert_true(overflow(&slowest_ns) >= 1000);
    start = os_now();
    rt_log_writer_stop();
    assert_true(os_now() - start < 5 * RT_S);
    restore_stderr();
}

static void test_stop_twice(void **state)
{
    (void)state;
    rt_log_writer_stop();
    rt_log_writer_stop();
    restore_stderr();
    assert_int_equal(fcntl(out.read_fd, F_SETFL, O_NONBLOCK), 0);
    assert_int_equal(read(out.read_fd, out.text, TEXT_MAX), 0);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(test_all_arrives),
        TEST(test_reader_stands_still),
        TEST(test_stop_gives_up),
        TEST(test_stop_twice),
    };

    return cmocka_run_group_tests_name("host/log_writer", tests, NULL, NULL);
}
