/* SPDX-License-Identifier: MPL-2.0 */
#include "dht/kademlia/clock_skew.h"

#include <string.h>

#include "base/seams.h"
#include "wire_limits.h"

#define REMEMBER_NS (3600 * RT_S)
#define REPORT_AGAIN_NS (3600 * RT_S)

static void forget_at(struct dht_clock_skew *s, uint32_t i)
{
    s->count--;
    memmove(&s->at[i], &s->at[i + 1], (s->count - i) * sizeof(s->at[0]));
}

static bool is_off(int64_t skew_s)
{
    return skew_s > (int64_t)LIM_HELLO_SKEW_S || skew_s < -(int64_t)LIM_HELLO_SKEW_S;
}

/* Counts the networks with a sample that is off in the direction of skew_s. *out_least: the
 * smallest of these samples. */
static uint32_t agreeing(const struct dht_clock_skew *s, int64_t skew_s, int64_t *out_least)
{
    uint32_t count = 0;
    int64_t least = skew_s;

    for (uint32_t i = 0; i < s->count; i++) {
        int64_t other = s->at[i].skew_s;

        if (!is_off(other) || (other < 0) != (skew_s < 0))
            continue;
        count++;
        if ((skew_s < 0 && other > least) || (skew_s > 0 && other < least))
            least = other;
    }
    *out_least = least;
    return count;
}

bool dht_clock_skew_note(struct dht_clock_skew *s, uint64_t net, int64_t skew_s, uint64_t now_ns,
                         int64_t *out_skew_s)
{
    int64_t least;

    for (uint32_t i = 0; i < s->count;) {
        if (s->at[i].net == net || s->at[i].at_ns + REMEMBER_NS < now_ns)
            forget_at(s, i);
        else
            i++;
    }
    if (s->count == DHT_CLOCK_SKEW_SAMPLES)
        forget_at(s, 0);
    s->at[s->count].net = net;
    s->at[s->count].skew_s = skew_s;
    s->at[s->count++].at_ns = now_ns;
    if (!is_off(skew_s) || (s->reported_ns != 0 && s->reported_ns + REPORT_AGAIN_NS > now_ns))
        return false;
    if (agreeing(s, skew_s, &least) < DHT_CLOCK_SKEW_ENOUGH ||
        agreeing(s, skew_s, &least) < s->count)
        return false;
    s->reported_ns = now_ns;
    *out_skew_s = least;
    return true;
}
