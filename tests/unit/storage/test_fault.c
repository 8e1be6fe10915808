/* SPDX-License-Identifier: MPL-2.0 */
/*
 * Plan: a disk that accepts no writes: a sqlite3_vfs fails writes and syncs.
 *  - A disk that is full, read-only or broken: one warning for the whole outage, no row on disk and
 *    none lost. The writer retries every LIM_STORAGE_RETRY_NS and not more often.
 *  - After the recovery every row is on disk within that time, in its last form, and one line is
 *    logged.
 *  - During the outage the limit of the queue holds. Writes above it are dropped, counted, and
 *    logged at the recovery.
 *  - A flush and a stop during the outage fail. A flush to a slow disk gives up after
 *    LIM_STORAGE_FLUSH_NS. Rows that were committed before are intact.
 *  - A start on a full disk loads all rows, and writes when there is space.
 *  - A single fault at each write or sync of a batch in turn: the next attempt succeeds, the rows
 *    are complete, and an integrity check finds no damage.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
#include <sqlite3.h>
#include <stdio.h>

#include "crypto/crypto.h"
#include "desk.h"
#include "fault_vfs.h"
#include "storage/storage_limits.h"
#include "storage/storage_metrics.h"

#define BEGUN "WARN  state cannot be written"
#define OVER "INFO  state is written again"

static int setup(void **state)
{
    fault_vfs_fail(0);
    return desk_setup(state);
}

static int teardown(void **state)
{
    fault_vfs_fail(0);
    fault_vfs_fail_shared(false);
    return desk_teardown(state);
}

static void send_values(uint32_t first, uint32_t count, uint32_t g)
{
    for (uint32_t n = first; n < first + count; n++)
        assert_true(desk_send(desk_value(n, g)));
}

static void outage(int code, const char *why)
{
    uint64_t failed;

    fault_vfs_fail(0);
    send_values(0, 100, 0);
    desk_sleep(RT_S);
    assert_int_equal(desk_rows(), 100);
    assert_int_equal(desk_logged("WARN"), 0);
    fault_vfs_fail(code);
    failed = rt_metric_get(RT_METRIC_STORAGE_FAILED);
    send_values(50, 100, 1);
    desk_sleep(RT_S);
    assert_int_equal(desk_logged(why), 1);
    for (uint32_t i = 0; i < 60; i++) {
        send_values(1000 + i * 200, 200, 0);
        desk_sleep(RT_S);
    }
    send_values(0, 10, 2);
    assert_in_range(rt_metric_get(RT_METRIC_STORAGE_FAILED) - failed, 12, 14);
    assert_int_equal(desk_logged("WARN") + desk_logged("ERROR"), 0);
    fault_vfs_fail(0);
    desk_sleep(LIM_STORAGE_RETRY_NS + 2 * RT_S);
    assert_int_equal(desk_logged(OVER), 1);
    assert_int_equal(desk_logged("WARN") + desk_logged("ERROR"), 0);
    assert_int_equal(rt_metric_get(RT_METRIC_STORAGE_QUEUED), 0);
    assert_int_equal(desk_check_rows(), 150 + 60 * 200);
    assert_int_equal(desk_form(5), 2);
    assert_int_equal(desk_form(20), 0);
    assert_int_equal(desk_form(120), 1);
    desk_sleep(60 * RT_S);
    assert_int_equal(desk_logged(OVER), 0);
}

static void full(void **state)
{
    (void)state;
    outage(SQLITE_FULL, "database or disk is full");
    scratch_sql("DELETE FROM relay_values");
    outage(SQLITE_FULL, BEGUN); /* a second outage is logged again */
}

static void read_only(void **state)
{
    (void)state;
    outage(SQLITE_READONLY, "attempt to write a readonly database");
}

static void broken(void **state)
{
    (void)state;
    outage(SQLITE_IOERR_WRITE, "disk I/O error");
}

static void the_limit_holds(void **state)
{
    uint64_t dropped = rt_metric_get(RT_METRIC_STORAGE_DROPPED);

    (void)state;
    fault_vfs_fail(SQLITE_FULL);
    send_values(0, LIM_STORAGE_QUEUED, 0);
    for (uint32_t i = 0; i < 5; i++) {
        assert_false(desk_send(desk_value(i, 1)));
        desk_sleep(10 * RT_S);
    }
    assert_int_equal(desk_logged(BEGUN), 1);
    assert_int_equal(desk_logged("WARN"), 0);
    assert_int_equal(rt_metric_get(RT_METRIC_STORAGE_DROPPED), dropped + 5);
    fault_vfs_fail(0);
    desk_sleep(10 * RT_S);
    assert_int_equal(desk_logged("dropped=5"), 1);
    assert_int_equal(desk_check_rows(), LIM_STORAGE_QUEUED);
    assert_int_equal(desk_form(0), 0);
    assert_true(desk_send(desk_value(0, 2)));
    desk_sleep(RT_S);
    assert_int_equal(desk_form(0), 2);
}

static void flush_and_stop(void **state)
{
    (void)state;
    send_values(0, 10, 0);
    assert_int_equal(desk_flush(), RT_ERR_OK);
    fault_vfs_fail(SQLITE_FULL);
    send_values(10, 10, 0);
    assert_int_equal(desk_flush(), RT_ERR_SYSTEM);
    assert_int_equal(desk_logged("state could not be flushed"), 1);
    desk_stop();
    assert_int_equal(desk_logged("state could not be written and is lost rows=10"), 1);
    fault_vfs_fail(0);
    assert_int_equal(desk_check_rows(), 10);
    desk_start();
    send_values(10, 10, 1);
    assert_int_equal(desk_flush(), RT_ERR_OK);
    assert_int_equal(desk_check_rows(), 20);
}

static void flush_is_bounded(void **state)
{
    uint32_t rows = 3 * LIM_STORAGE_BATCH_ROWS;

    (void)state;
    fault_vfs_fail(SQLITE_FULL);
    send_values(0, rows, 0);
    desk_sleep(RT_S);
    assert_int_equal(desk_logged(BEGUN), 1);
    fault_vfs_fail(0);
    desk_slow_disk(RT_S);
    assert_int_equal(desk_flush(), RT_ERR_TIMEOUT);
    assert_int_equal(desk_logged("the disk is too slow, 8192 rows wait"), 1);
    assert_int_equal(desk_check_rows(), LIM_STORAGE_BATCH_ROWS);
    desk_slow_disk(0);
    assert_int_equal(desk_flush(), RT_ERR_OK);
    assert_int_equal(desk_check_rows(), rows);
}

static void count_value(void *ctx, const struct storage_value *v)
{
    (void)v;
    ++*(uint32_t *)ctx;
}

static void start_on_a_full_disk(void **state)
{
    struct relay_error err = {""};
    uint32_t count = 0;

    (void)state;
    send_values(0, 100, 0);
    desk_turns();
    desk_stop();
    fault_vfs_fail(SQLITE_FULL);
    fault_vfs_fail_shared(true);
    desk_start();
    assert_int_equal(storage_each_value(desk_storage, count_value, &count, &err), RT_ERR_OK);
    assert_int_equal(count, 100);
    send_values(100, 50, 0);
    desk_sleep(20 * RT_S);
    assert_int_equal(desk_logged(BEGUN), 1);
    fault_vfs_fail(0);
    fault_vfs_fail_shared(false);
    desk_sleep(6 * RT_S);
    assert_int_equal(desk_logged(OVER), 1);
    desk_stop();
    assert_int_equal(desk_check_rows(), 150);
    desk_start();
}

static void one_fault_anywhere(void **state)
{
    static const int codes[] = {SQLITE_FULL, SQLITE_IOERR_WRITE, SQLITE_IOERR_FSYNC};
    uint32_t hits = 0, g = 0;

    (void)state;
    for (int i = 0; i < 3; i++) {
        bool has_hit = true;

        for (uint32_t at = 1; has_hit; at += at < 30 ? 1 : 17) {
            uint32_t before = fault_vfs_failed();

            fault_vfs_fail_at(at, codes[i]);
            send_values(0, 200, ++g);
            desk_sleep(LIM_STORAGE_RETRY_NS + 2 * RT_S);
            has_hit = fault_vfs_failed() > before;
            hits += has_hit;
            fault_vfs_fail_at(0, 0);
            assert_int_equal(desk_check_rows(), 200);
            assert_int_equal(desk_form(0), g);
            assert_int_equal(desk_form(199), g);
            assert_int_equal(desk_logged(BEGUN), desk_logged(OVER));
        }
    }
    printf("%u faults\n", hits);
    assert_true(hits > 60);
    desk_stop();
    desk_start(); /* looks the whole file over */
}

#define TEST(f) cmocka_unit_test_setup_teardown(f, setup, teardown)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(full),
        TEST(read_only),
        TEST(broken),
        TEST(the_limit_holds),
        TEST(flush_and_stop),
        TEST(flush_is_bounded),
        TEST(start_on_a_full_disk),
        TEST(one_fault_anywhere),
    };

    fault_vfs_install();
    if (rt_crypto_init() != RT_ERR_OK)
        return 1;
    return cmocka_run_group_tests_name("storage faults", tests, NULL, NULL);
}
