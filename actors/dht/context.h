/* SPDX-License-Identifier: MPL-2.0 */
/*
 * The values that all parts of the actor share: the worker with its clock and random numbers, the
 * relay's identity, and the phase of the actor. Contains no part. The actor writes it, parts read
 * it. Thread: worker 0.
 */
#ifndef DHT_CONTEXT_H
#define DHT_CONTEXT_H

#include "actor/actor.h"
#include "crypto/crypto.h"

struct dht_context {
    struct rt_worker *worker;
    struct rt_addr address; /* of the actor */
    const struct rt_sign_key *identity;
    uint8_t self_id[20];  /* node id of the identity */
    uint8_t hash_key[16]; /* secret, and the same after a restart */
    uint8_t dialects;     /* of the networks that this relay joins */
    bool is_started;      /* dht_start was called */
    bool is_stopped;      /* DHT_STOP arrived: no more dials, look-ups or pushes */
};

/* Monotonic, nanoseconds. */
static inline uint64_t dht_now_ns(const struct dht_context *c)
{
    return rt_now_ns(c->worker);
}

/* Unix seconds. */
static inline uint64_t dht_now_s(const struct dht_context *c)
{
    return rt_wall_ns(c->worker) / RT_S;
}

/* A random number, in the form that pure files take as a source; ctx: const struct dht_context. */
static inline uint64_t dht_random(void *ctx)
{
    const struct dht_context *c = ctx;
    uint64_t n;

    rt_random(c->worker, &n, sizeof(n));
    return n;
}

#endif
