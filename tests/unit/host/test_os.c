/* SPDX-License-Identifier: MPL-2.0 */
/*
 * Plan: the clocks run forward and show the current date. Random bytes differ. The loopback
 * interface is found and marked, and a small array is not overrun. The descriptor limit is raised
 * to the hard limit and returned. The wake-up descriptor is readable from signal to clear.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
#include <netinet/in.h>
#include <poll.h>
#include <sodium.h>
#include <string.h>
#include <sys/resource.h>
#include <time.h>

#include "host/fd_limit.h"
#include "host/interfaces.h"
#include "host/os_seams.h"
#include "host/wake_fd.h"

static void test_seams(void **state)
{
    const struct rt_seams *seams = rt_os_seams();
    uint64_t last = seams->mono_ns(seams->ctx), wall = seams->wall_ns(seams->ctx);
    uint8_t a[32] = {0}, b[32] = {0};

    (void)state;
    for (int i = 0; i < 1000; i++) {
        uint64_t now = seams->mono_ns(seams->ctx);

        assert_true(now >= last);
        last = now;
    }
    assert_in_range(wall / RT_S, (uint64_t)time(NULL) - 5, (uint64_t)time(NULL) + 5);
    seams->random(seams->ctx, a, sizeof a);
    seams->random(seams->ctx, b, sizeof b);
    assert_memory_not_equal(a, b, sizeof a);
}

static void test_interfaces(void **state)
{
    struct rt_interface found[64];
    size_t count = 0, one = 0;
    int loopbacks = 0;

    (void)state;
    assert_int_equal(rt_interfaces_list(found, 64, &count), RT_ERR_OK);
    assert_in_range(count, 1, 64);
    for (size_t i = 0; i < count; i++) {
        const struct sockaddr_in *v4 = (const struct sockaddr_in *)&found[i].addr;

        assert_true(found[i].name[0] != '\0');
        assert_true(v4->sin_family == AF_INET || v4->sin_family == AF_INET6);
        if (v4->sin_family == AF_INET && v4->sin_addr.s_addr == htonl(INADDR_LOOPBACK)) {
            assert_true(found[i].is_loopback);
            assert_false(found[i].is_link_local);
            loopbacks++;
        }
    }
    assert_int_equal(loopbacks, 1);
    assert_int_equal(rt_interfaces_list(found, 1, &one), RT_ERR_OK);
    assert_int_equal(one, 1);
    assert_int_equal(rt_interfaces_list(found, 0, &one), RT_ERR_OK);
    assert_int_equal(one, 0);
}

static void test_fd_limit(void **state)
{
    struct rlimit limit, lower;
    uint64_t now = 0;

    (void)state;
    assert_int_equal(getrlimit(RLIMIT_NOFILE, &limit), 0);
    lower = (struct rlimit){.rlim_cur = limit.rlim_max / 2, .rlim_max = limit.rlim_max};
    assert_int_equal(setrlimit(RLIMIT_NOFILE, &lower), 0);
    assert_int_equal(rt_fd_limit_raise(&now), RT_ERR_OK);
    assert_int_equal(now, limit.rlim_max == RLIM_INFINITY ? UINT64_MAX : limit.rlim_max);
    assert_int_equal(getrlimit(RLIMIT_NOFILE, &lower), 0);
    assert_int_equal(lower.rlim_cur, limit.rlim_max);
    assert_int_equal(rt_fd_limit_raise(&now), RT_ERR_OK);
}

static bool is_readable(int fd)
{
    struct pollfd p = {.fd = fd, .events = POLLIN};

    return poll(&p, 1, 0) == 1;
}

static void test_wake_fd(void **state)
{
    struct rt_wake_fd wake;
    struct rt_waker waker;

    (void)state;
    assert_int_equal(rt_wake_fd_init(&wake), RT_ERR_OK);
    waker = rt_wake_fd_waker(&wake);
    rt_wake_fd_clear(&wake);
    assert_false(is_readable(wake.fd));
    rt_wake_fd_signal(&wake);
    waker.wake(waker.ctx);
    assert_true(is_readable(wake.fd));
    rt_wake_fd_clear(&wake);
    assert_false(is_readable(wake.fd));
    rt_wake_fd_fini(&wake);
    rt_wake_fd_fini(&wake);
    assert_int_equal(wake.fd, -1);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_seams),
        cmocka_unit_test(test_interfaces),
        cmocka_unit_test(test_fd_limit),
        cmocka_unit_test(test_wake_fd),
    };

    if (sodium_init() < 0)
        return 1;
    return cmocka_run_group_tests_name("host: the operating system", tests, NULL, NULL);
}
