/* SPDX-License-Identifier: MPL-2.0 */
/* Starting the daemon's own threads: named, with a stack of 1 MiB in every C library, and with all
 * signals blocked, which are the main thread's business. */
#ifndef RT_THREAD_H
#define RT_THREAD_H

#include <pthread.h>

#include "base/err.h"

/* name: at most 15 bytes are used. */
RT_MUST_CHECK rt_err rt_thread_start(const char *name, void *(*run)(void *arg), void *arg,
                                     pthread_t *out);

#endif
