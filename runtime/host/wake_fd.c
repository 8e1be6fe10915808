/* SPDX-License-Identifier: MPL-2.0 */
#include "host/wake_fd.h"

#include <errno.h>
#include <sys/eventfd.h>
#include <unistd.h>

#include "base/check.h"

rt_err rt_wake_fd_init(struct rt_wake_fd *wake)
{
    wake->fd = eventfd(0, EFD_NONBLOCK | EFD_CLOEXEC);
    return wake->fd >= 0 ? RT_ERR_OK : RT_ERR_SYSTEM;
}

void rt_wake_fd_fini(struct rt_wake_fd *wake)
{
    if (wake->fd >= 0)
        close(wake->fd);
    wake->fd = -1;
}

void rt_wake_fd_signal(struct rt_wake_fd *wake)
{
    uint64_t one = 1;

    while (write(wake->fd, &one, sizeof one) < 0) {
        if (errno == EAGAIN)
            return; /* the counter is full: it is readable */
        RT_INSIST(errno == EINTR);
    }
}

void rt_wake_fd_clear(struct rt_wake_fd *wake)
{
    uint64_t count;

    while (read(wake->fd, &count, sizeof count) < 0 && errno == EINTR)
        ;
}

static void wake_by_fd(void *ctx)
{
    rt_wake_fd_signal(ctx);
}

struct rt_waker rt_wake_fd_waker(struct rt_wake_fd *wake)
{
    return (struct rt_waker){.wake = wake_by_fd, .ctx = wake};
}
