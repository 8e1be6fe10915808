/* SPDX-License-Identifier: MPL-2.0 */
#include "announcer/directory/rendezvous.h"

#include <string.h>

#include "wire_announce.h"
#include "wire_limits.h"

#define AHEAD_MIN_S (LIM_HELLO_SKEW_S + 60u)
#define AHEAD_SPREAD_S 240u
#define STEP_FIRST_NS (10 * RT_S)
#define RETRY_FIRST_NS (2 * RT_S)
#define RETRY_MAX_NS (60 * RT_S)

void rendezvous_init(struct rendezvous *r, uint32_t interval_s, uint64_t random)
{
    *r = (struct rendezvous){
        .interval_ns = interval_s * RT_S,
        .ahead_s = AHEAD_MIN_S + random % AHEAD_SPREAD_S,
    };
}

void rendezvous_add(struct rendezvous_keys *k, const uint8_t relay_pubkey[32], uint64_t bucket)
{
    for (uint8_t which = 0; which < WIRE_RENDEZVOUS_SLOTS_PER_RELAY; which++) {
        uint8_t *key = k->at[k->count];
        bool is_new = true;

        wire_rendezvous_key(bucket, wire_rendezvous_slot(relay_pubkey, bucket, which), key);
        for (uint32_t i = 0; i < k->count; i++)
            is_new = is_new && memcmp(k->at[i], key, 32) != 0;
        k->count += is_new;
    }
}

static bool is_near_the_hour(const struct rendezvous *r, uint64_t wall_s)
{
    return WIRE_RENDEZVOUS_BUCKET_S - wall_s % WIRE_RENDEZVOUS_BUCKET_S <= r->ahead_s;
}

bool rendezvous_due(struct rendezvous *r, const uint8_t relay_pubkey[32], uint64_t now_ns,
                    uint64_t wall_s, struct rendezvous_keys *out)
{
    uint64_t bucket = wire_rendezvous_bucket(wall_s);
    bool is_current_due;

    out->count = 0;
    if (now_ns < r->hold_ns)
        return false;
    is_current_due = now_ns >= r->next_ns || (bucket != r->bucket && bucket != r->ahead);
    r->is_ahead_due = is_near_the_hour(r, wall_s) && (r->ahead != bucket + 1 || is_current_due);
    if (is_current_due) {
        r->bucket = bucket;
        rendezvous_add(out, relay_pubkey, bucket);
    }
    if (r->is_ahead_due) {
        r->ahead = bucket + 1;
        rendezvous_add(out, relay_pubkey, bucket + 1);
    }
    return out->count > 0;
}

static uint64_t doubled(uint64_t step_ns, uint64_t first_ns, uint64_t max_ns)
{
    step_ns = step_ns < first_ns ? first_ns : 2 * step_ns;
    return step_ns < max_ns ? step_ns : max_ns;
}

void rendezvous_done(struct rendezvous *r, uint32_t stored, uint64_t now_ns, uint64_t random)
{
    if (stored == 0) {
        r->step_ns = doubled(r->step_ns, RETRY_FIRST_NS, RETRY_MAX_NS);
        r->next_ns = r->hold_ns = now_ns + r->step_ns;
        r->ahead = r->is_ahead_due ? 0 : r->ahead;
        return;
    }
    if (r->hold_ns > 0)
        r->step_ns = 0; /* the network is back and may grow: start again */
    r->hold_ns = 0;
    r->step_ns = doubled(r->step_ns, STEP_FIRST_NS, r->interval_ns);
    r->next_ns = now_ns + r->step_ns - random % (r->step_ns / 10);
}

uint64_t rendezvous_next_ns(const struct rendezvous *r, uint64_t now_ns)
{
    uint64_t next_ns = r->next_ns > r->hold_ns ? r->next_ns : r->hold_ns;

    return next_ns < now_ns + RENDEZVOUS_POLL_NS ? next_ns : now_ns + RENDEZVOUS_POLL_NS;
}

void rendezvous_current(const struct rendezvous *r, const uint8_t relay_pubkey[32], uint64_t wall_s,
                        struct rendezvous_keys *out)
{
    uint64_t bucket = wire_rendezvous_bucket(wall_s);

    out->count = 0;
    rendezvous_add(out, relay_pubkey, bucket);
    if (r->ahead == bucket + 1)
        rendezvous_add(out, relay_pubkey, bucket + 1);
}
