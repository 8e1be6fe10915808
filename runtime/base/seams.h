/* SPDX-License-Identifier: MPL-2.0 */
/*
 * The seams through which time and randomness reach the daemon. Production fills them from the OS
 * (runtime/host), tests and the simulation with a virtual clock and a seeded generator. Nothing
 * below main may read a clock or draw a random byte in another way.
 */
#ifndef RT_SEAMS_H
#define RT_SEAMS_H

#include <stddef.h>
#include <stdint.h>

#define RT_US UINT64_C(1000)
#define RT_MS UINT64_C(1000000)
#define RT_S UINT64_C(1000000000)

struct rt_seams {
    uint64_t (*mono_ns)(void *ctx); /* never goes back; its zero has no meaning */
    uint64_t (*wall_ns)(void *ctx); /* since 1970-01-01 UTC */
    void (*random)(void *ctx, void *out, size_t len);
    void *ctx;
};

#endif
