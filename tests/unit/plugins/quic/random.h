/* SPDX-License-Identifier: MPL-2.0 */
/* The chance of a test: one state, seeded and printed by random_begin (RELAY_TEST_SEED sets it). */
#ifndef QUIC_TEST_RANDOM_H
#define QUIC_TEST_RANDOM_H

#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>

static uint64_t random_state;

static inline void random_begin(void)
{
    const char *text = getenv("RELAY_TEST_SEED");

    random_state = (text ? strtoull(text, NULL, 0) : 0x5eedu) | 1;
    printf("seed %llu\n", (unsigned long long)random_state);
}

static inline uint64_t any(uint64_t below)
{
    random_state ^= random_state << 13;
    random_state ^= random_state >> 7;
    random_state ^= random_state << 17;
    return (random_state * UINT64_C(0x2545f4914f6cdd1d) >> 16) % below;
}

#endif
