/* SPDX-License-Identifier: MPL-2.0 */
#include "host/thread.h"

#include <signal.h>
#include <stdio.h>

/* Bytes. The default depends on the C library: 8 MiB in glibc, 128 KiB in musl. */
#define STACK_SIZE (1024u * 1024u)

static int create(void *(*run)(void *arg), void *arg, pthread_t *out)
{
    pthread_attr_t attr;
    int failed = pthread_attr_init(&attr);

    if (failed)
        return failed;
    failed = pthread_attr_setstacksize(&attr, STACK_SIZE);
    if (!failed)
        failed = pthread_create(out, &attr, run, arg);
    pthread_attr_destroy(&attr);
    return failed;
}

rt_err rt_thread_start(const char *name, void *(*run)(void *arg), void *arg, pthread_t *out)
{
    sigset_t all, before;
    pthread_t thread;
    char short_name[16];
    int failed;

    sigfillset(&all);
    pthread_sigmask(SIG_SETMASK, &all, &before);
    failed = create(run, arg, &thread);
    pthread_sigmask(SIG_SETMASK, &before, NULL);
    if (failed)
        return RT_ERR_SYSTEM;
    snprintf(short_name, sizeof short_name, "%.15s", name);
    pthread_setname_np(thread, short_name);
    *out = thread;
    return RT_ERR_OK;
}
