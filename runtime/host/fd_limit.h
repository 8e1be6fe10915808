/* SPDX-License-Identifier: MPL-2.0 */
/* The limit of open file descriptors. */
#ifndef RT_FD_LIMIT_H
#define RT_FD_LIMIT_H

#include <stdint.h>

#include "base/err.h"

/* Raises the soft limit (RLIMIT_NOFILE) to the hard one. *out_limit: what holds now, also when it
 * could not be raised (RT_ERR_SYSTEM); UINT64_MAX: none. */
RT_MUST_CHECK rt_err rt_fd_limit_raise(uint64_t *out_limit);

#endif
