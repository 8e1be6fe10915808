/* SPDX-License-Identifier: MPL-2.0 */
/*
 * Detects a wrong clock of this host. Hellos more than LIM_HELLO_SKEW_S off are refused, by every
 * peer (protocol: Hello). A hello has the peer's time. A single peer can lie, so only the peers of
 * several networks together are believed. Pure.
 */
#ifndef DHT_CLOCK_SKEW_H
#define DHT_CLOCK_SKEW_H

#include <stdbool.h>
#include <stdint.h>

#define DHT_CLOCK_SKEW_SAMPLES 8u
#define DHT_CLOCK_SKEW_ENOUGH 2u /* networks that must agree, without any that disagrees */

struct dht_clock_skew {
    uint32_t count;
    struct {
        uint64_t net;
        int64_t skew_s;
        uint64_t at_ns;
    } at[DHT_CLOCK_SKEW_SAMPLES]; /* the newest of each network, newest last */
    uint64_t reported_ns;         /* when the skew was last reported; 0: never */
};

/* Adds a sample to s, which begins zeroed. net: the network of the peer. skew_s: its time minus
 * ours. True: report that our clock is off by *out_skew_s, the smallest sample; at most once an
 * hour. */
bool dht_clock_skew_note(struct dht_clock_skew *s, uint64_t net, int64_t skew_s, uint64_t now_ns,
                         int64_t *out_skew_s);

#endif
