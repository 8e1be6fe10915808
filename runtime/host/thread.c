/* SPDX-License-Identifier: MPL-2.0 */
#include "host/thread.h"

#include <signal.h>
#include <stdio.h>

rt_err rt_thread_start(const char *name, void *(*run)(void *arg), void *arg, pthread_t *out)
{
    sigset_t all, before;
    pthread_t thread;
    char short_name[16];
    int failed;

    sigfillset(&all);
    pthread_sigmask(SIG_SETMASK, &all, &before);
    failed = pthread_create(&thread, NULL, run, arg);
    pthread_sigmask(SIG_SETMASK, &before, NULL);
    if (failed)
        return RT_ERR_SYSTEM;
    snprintf(short_name, sizeof short_name, "%.15s", name);
    pthread_setname_np(thread, short_name);
    *out = thread;
    return RT_ERR_OK;
}
