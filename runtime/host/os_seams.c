/* SPDX-License-Identifier: MPL-2.0 */
#include "host/os_seams.h"

#include <sodium.h>
#include <time.h>

static uint64_t read_clock(clockid_t id)
{
    struct timespec now;

    clock_gettime(id, &now);
    return (uint64_t)now.tv_sec * RT_S + (uint64_t)now.tv_nsec;
}

static uint64_t os_mono_ns(void *ctx)
{
    (void)ctx;
    return read_clock(CLOCK_MONOTONIC);
}

static uint64_t os_wall_ns(void *ctx)
{
    (void)ctx;
    return read_clock(CLOCK_REALTIME);
}

static void os_random(void *ctx, void *out, size_t len)
{
    (void)ctx;
    randombytes_buf(out, len);
}

const struct rt_seams *rt_os_seams(void)
{
    static const struct rt_seams seams = {
        .mono_ns = os_mono_ns, .wall_ns = os_wall_ns, .random = os_random};

    return &seams;
}
