/* SPDX-License-Identifier: MPL-2.0 */
/*
 * Plan: threads in real time. A slow disk does not block the senders: while a sync does not return,
 * all writes up to the limit of the queue are accepted, further ones are refused at once, and all
 * accepted ones are on disk after the sync returns. Writes that are queued when their threads end
 * are on disk after storage_stop.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
#include <string.h>
#include <time.h>

#include "base/budget.h"
#include "crypto/crypto.h"
#include "desk.h"
#include "fault_vfs.h"
#include "host/os_seams.h"
#include "host/thread_blocking.h"
#include "storage/storage_limits.h"
#include "storage/storage_metrics.h"

static struct rt_system *sys;
static struct storage_client client;
static struct rt_blocking *thread;

static int setup(void **state)
{
    struct relay_error err;

    if (scratch_setup(state) != 0)
        return -1;
    rt_budget_configure(UINT64_C(1) << 30);
    sys = rt_system_new(2, rt_os_seams());
    assert_int_equal(storage_open(scratch_data, rt_os_seams(), &desk_storage, &err), RT_ERR_OK);
    client = storage_start(desk_storage, rt_system_worker(sys, 1));
    assert_int_equal(rt_blocking_new(rt_system_worker(sys, 1), &thread), RT_ERR_OK);
    assert_int_equal(rt_blocking_start(thread, "storage"), RT_ERR_OK);
    return 0;
}

static void stop(void)
{
    rt_blocking_stop(thread);
    rt_blocking_join(thread);
    storage_stop(desk_storage);
    storage_close(&desk_storage);
}

static int teardown(void **state)
{
    rt_blocking_free(&thread);
    rt_system_free(&sys);
    assert_int_equal(rt_buf_live(), 0);
    return scratch_teardown(state);
}

/* Value n, which does not expire. */
static bool send_value(uint32_t n, uint32_t g)
{
    return storage_send(&client, rt_system_worker(sys, 0), desk_value_until(n, g, UINT32_MAX));
}

static void wait_for_batch(void)
{
    uint64_t before = rt_metric_get(RT_METRIC_STORAGE_BATCHES);

    for (int i = 0; i < 3000 && rt_metric_get(RT_METRIC_STORAGE_BATCHES) == before; i++)
        nanosleep(&(struct timespec){.tv_nsec = 10 * 1000000}, NULL);
    assert_true(rt_metric_get(RT_METRIC_STORAGE_BATCHES) > before);
}

static void a_slow_disk_does_not_block_senders(void **state)
{
    uint32_t sent = 0;

    (void)state;
    assert_true(send_value(0, 0));
    wait_for_batch();
    fault_vfs_hold();
    while (send_value(sent, 1))
        sent++;
    assert_int_equal(sent, LIM_STORAGE_QUEUED);
    for (int i = 0; i < 100; i++)
        assert_false(send_value(sent, 1));
    assert_int_equal(rt_metric_get(RT_METRIC_STORAGE_QUEUED), LIM_STORAGE_QUEUED);
    fault_vfs_release();
    stop();
    assert_int_equal(desk_check_rows(), LIM_STORAGE_QUEUED);
    assert_int_equal(desk_form(0), 1);
}

static void threads_end_with_writes_under_way(void **state)
{
    (void)state;
    for (uint32_t n = 0; n < 1000; n++)
        assert_true(send_value(n, 0));
    stop();
    assert_int_equal(desk_check_rows(), 1000);
    assert_int_equal(rt_metric_get(RT_METRIC_STORAGE_QUEUED), 0);
}

#define TEST(f) cmocka_unit_test_setup_teardown(f, setup, teardown)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(a_slow_disk_does_not_block_senders),
        TEST(threads_end_with_writes_under_way),
    };

    fault_vfs_install();
    if (rt_crypto_init() != RT_ERR_OK)
        return 1;
    return cmocka_run_group_tests_name("storage thread", tests, NULL, NULL);
}
