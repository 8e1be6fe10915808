/* SPDX-License-Identifier: MPL-2.0 */
/* How the drivers are woken: an eventfd behind struct rt_waker. */
#ifndef RT_WAKE_FD_H
#define RT_WAKE_FD_H

#include "actor/actor.h"

struct rt_wake_fd {
    int fd; /* -1: none; readable while a wake-up is pending */
};

RT_MUST_CHECK rt_err rt_wake_fd_init(struct rt_wake_fd *wake);
void rt_wake_fd_fini(struct rt_wake_fd *wake);
/* Any thread. */
void rt_wake_fd_signal(struct rt_wake_fd *wake);
/* Makes it unreadable again. */
void rt_wake_fd_clear(struct rt_wake_fd *wake);
/* good for as long as wake is */
struct rt_waker rt_wake_fd_waker(struct rt_wake_fd *wake);

#endif
