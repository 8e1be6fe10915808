/* SPDX-License-Identifier: MPL-2.0 */
/* The seams as the operating system fills them. */
#ifndef RT_OS_SEAMS_H
#define RT_OS_SEAMS_H

#include "base/seams.h"

/* CLOCK_MONOTONIC, CLOCK_REALTIME, libsodium's generator (which must be initialized). Any thread;
 * good for the life of the process. */
const struct rt_seams *rt_os_seams(void);

#endif
