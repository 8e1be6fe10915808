/* SPDX-License-Identifier: MPL-2.0 */
/*
 * The simulation's only source of chance: splitmix64, seeded. Not for anything secret.
 */
#ifndef SIM_PRNG_H
#define SIM_PRNG_H

#include <stdbool.h>
#include <stdint.h>

struct sim_prng {
    uint64_t state;
};

static inline uint64_t sim_mix(uint64_t z)
{
    z = (z ^ (z >> 30)) * UINT64_C(0xbf58476d1ce4e5b9);
    z = (z ^ (z >> 27)) * UINT64_C(0x94d049bb133111eb);
    return z ^ (z >> 31);
}

static inline uint64_t sim_prng_next(struct sim_prng *p)
{
    p->state += UINT64_C(0x9e3779b97f4a7c15);
    return sim_mix(p->state);
}

/* 0 .. n - 1; n > 0 */
static inline uint64_t sim_prng_below(struct sim_prng *p, uint64_t n)
{
    return sim_prng_next(p) % n;
}

/* lo .. hi, both included */
static inline uint64_t sim_prng_between(struct sim_prng *p, uint64_t lo, uint64_t hi)
{
    return lo + sim_prng_below(p, hi - lo + 1);
}

static inline bool sim_prng_chance(struct sim_prng *p, unsigned percent)
{
    return sim_prng_below(p, 100) < percent;
}

#endif
