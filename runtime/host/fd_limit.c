/* SPDX-License-Identifier: MPL-2.0 */
#include "host/fd_limit.h"

#include <sys/resource.h>

rt_err rt_fd_limit_raise(uint64_t *out_limit)
{
    struct rlimit limit;
    rlim_t before;
    rt_err err = RT_ERR_OK;

    if (getrlimit(RLIMIT_NOFILE, &limit) != 0)
        return RT_ERR_SYSTEM;
    before = limit.rlim_cur;
    limit.rlim_cur = limit.rlim_max;
    if (limit.rlim_cur != before && setrlimit(RLIMIT_NOFILE, &limit) != 0) {
        limit.rlim_cur = before;
        err = RT_ERR_SYSTEM;
    }
    *out_limit = limit.rlim_cur == RLIM_INFINITY ? UINT64_MAX : (uint64_t)limit.rlim_cur;
    return err;
}
