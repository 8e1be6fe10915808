/* SPDX-License-Identifier: MPL-2.0 */
#include "process.h"

#include <fcntl.h>
#include <malloc.h>
#include <signal.h>
#include <unistd.h>

#include "base/log.h"
#include "host/fd_limit.h"
#include "wire_limits.h"

/* Frame buffers go up to LIM_FRAME_MAX and come and go with every large frame: from the heap, as
 * mapping and unmapping them would cost more than copying. Measured with 3,840 answers of 256 KiB
 * and 1 MB: 113 system calls for memory instead of 490, against at most 10 MB more resident. */
#define MMAP_THRESHOLD (2 * (int)LIM_FRAME_MAX)
/* Free memory at the top of the heap beyond this goes back to the system. */
#define TRIM_THRESHOLD (4 * (int)LIM_FRAME_MAX)

#define REQUESTERS_MIN 64u /* connections a relay full of tunnels must still have room for */
#define CONNECTIONS_LIMIT (1u << 20)

/* The parent process may have closed descriptors 0 to 2. The next opened files would then get these
 * numbers, and the log would be written into one of them. */
static void occupy_standard_fds(void)
{
    int fd;

    do {
        fd = open("/dev/null", O_RDWR);
    } while (fd >= 0 && fd <= STDERR_FILENO);
    if (fd >= 0)
        close(fd);
}

/* Other C libraries have no such settings. */
static void tune_heap(uint16_t workers)
{
#ifdef __GLIBC__
    mallopt(M_MMAP_THRESHOLD, MMAP_THRESHOLD);
    mallopt(M_TRIM_THRESHOLD, TRIM_THRESHOLD);
    mallopt(M_ARENA_MAX, workers + 1);
#else
    (void)workers;
#endif
}

void process_prepare(uint16_t workers)
{
    occupy_standard_fds();
    signal(SIGPIPE, SIG_IGN);
    signal(SIGUSR1, SIG_IGN); /* until there are counters to report */
    tune_heap(workers);
}

uint32_t process_connections_max(uint32_t max_tunnels)
{
    uint64_t limit = 0, max;
    rt_err e = rt_fd_limit_raise(&limit);

    max = limit / 5 * 4;
    if (max > CONNECTIONS_LIMIT)
        max = CONNECTIONS_LIMIT;
    if (e)
        rt_log(RELAY_LOG_WARN, "the limit of open files could not be raised", "limit=%llu",
               (unsigned long long)limit);
    if (max < max_tunnels + REQUESTERS_MIN)
        rt_log(
            RELAY_LOG_WARN,
            "the limit of open files is too low for max_tunnels: raise the hard limit (ulimit -Hn, "
            "LimitNOFILE=) or lower max_tunnels",
            "limit=%llu needed=%u max_tunnels=%u connections_max=%llu", (unsigned long long)limit,
            (max_tunnels + REQUESTERS_MIN) / 4 * 5 + 5, max_tunnels, (unsigned long long)max);
    return (uint32_t)max;
}
