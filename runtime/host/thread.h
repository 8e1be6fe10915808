/* SPDX-License-Identifier: MPL-2.0 */
/* Starts the daemon's own threads: named, with a stack of 1 MiB in every C library. All signals are
 * blocked, because the main thread handles them. */
#ifndef RT_THREAD_H
#define RT_THREAD_H

#include <pthread.h>

#include "base/err.h"

/* name: at most 15 bytes are used. */
RT_MUST_CHECK rt_err rt_thread_start(const char *name, void *(*run)(void *arg), void *arg,
                                     pthread_t *out);

#endif
