/* SPDX-License-Identifier: MPL-2.0 */
/*
 * Whether this host's clock is wrong (protocol: a hello more than 300 s off is refused, by
 * everybody and from everybody). Hellos say what time it is elsewhere; a stranger may say anything,
 * so that only several networks together say something. Pure.
 */
#ifndef DHT_CLOCK_SKEW_H
#define DHT_CLOCK_SKEW_H

#include <stdbool.h>
#include <stdint.h>

#define DHT_CLOCK_SKEW_SAMPLES 8u
#define DHT_CLOCK_SKEW_ENOUGH 2u /* networks that must agree, if none says our clock is right */

struct dht_clock_skew {
    uint32_t count;
    struct {
        uint64_t net;
        int64_t skew_s;
        uint64_t at_ns;
    } at[DHT_CLOCK_SKEW_SAMPLES]; /* the newest of each network, newest last */
    uint64_t said_ns;             /* when it was reported last; 0: never */
};

/* A zeroed one knows nothing. skew_s: theirs minus ours, from a peer of this network. True: say now
 * that our clock is off by *out_skew_s; at most once an hour. */
bool dht_clock_skew_note(struct dht_clock_skew *s, uint64_t net, int64_t skew_s, uint64_t now_ns,
                         int64_t *out_skew_s);

#endif
