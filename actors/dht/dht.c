/* SPDX-License-Identifier: MPL-2.0 */
#include <stdlib.h>
#include <string.h>

#include "base/check.h"
#include "base/limits.h"
#include "dht/dht_msg.h"
#include "dht/values.h"
#include "wire_value.h"

#define EXPIRE_EVERY_NS (3600 * RT_S)

struct dht {
    struct rt_actor actor;
    struct dht_values *values;
    struct relay_timer expire_timer;
    uint8_t scratch[DHT_SCRATCH_BYTES];
};

/* What every worker knows of the actor: its address; its own worker also the actor. */
struct dht_local {
    struct rt_addr addr;
    struct dht *dht;
};

static void ask_fini(struct rt_msg *m)
{
    relay_slice_drop(&((struct dht_ask *)m)->value);
}

struct dht_ask *dht_ask_new(enum dht_op op)
{
    struct dht_ask *a = rt_msg_new(DHT_ASK, sizeof(*a));

    a->msg.fini = ask_fini;
    a->op = op;
    return a;
}

static uint64_t now_s(const struct dht *d)
{
    return rt_now_ns(d->actor.worker) / RT_S;
}

static void store(struct dht *d, struct dht_ask *a)
{
    struct dht_rank rank;

    a->refusal = dht_value_check(a->key, a->value.ptr, a->value.len, d->scratch, &rank);
    if (a->refusal == RT_REFUSAL_NONE)
        a->refusal = dht_values_store(d->values, a->key, &rank, a->value.ptr, a->value.len,
                                      a->ttl_secs, now_s(d));
    relay_slice_drop(&a->value);
}

static void find_manifest(struct dht *d, struct dht_ask *a)
{
    uint8_t key[32];

    wire_manifest_key(a->key, key);
    if (!dht_values_find(d->values, key, now_s(d), &a->value, &a->ttl_secs))
        a->refusal = RT_REFUSAL_MANIFEST_NOT_FOUND;
}

static void on_msg(struct rt_actor *self, struct rt_msg *m)
{
    struct dht *d = RT_CONTAINER_OF(self, struct dht, actor);
    struct dht_ask *a = (struct dht_ask *)m;

    if (m->kind != DHT_ASK || m->is_bounced) {
        rt_msg_free(&m);
        return;
    }
    switch (a->op) {
    case DHT_FIND_VALUE:
        (void)dht_values_find(d->values, a->key, now_s(d), &a->value, &a->ttl_secs);
        break;
    case DHT_STORE:
        store(d, a);
        break;
    case DHT_MANIFEST:
        find_manifest(d, a);
        break;
    }
    rt_msg_answer(self->worker, m, DHT_TOLD);
}

static void on_expire(struct relay_timer *t)
{
    struct dht *d = RT_CONTAINER_OF(t, struct dht, expire_timer);

    dht_values_expire(d->values, now_s(d));
    rt_timer_arm(d->actor.worker, t, rt_now_ns(d->actor.worker) + EXPIRE_EVERY_NS);
}

rt_err dht_init(struct rt_system *sys)
{
    static const struct dht_values_limits limits = {LIM_VALUES_MAX, LIM_VALUE_BYTES_MAX};
    struct rt_worker *home = rt_system_worker(sys, 0);
    struct dht *d = calloc(1, sizeof(*d));
    uint8_t hash_key[16];

    RT_INSIST(d != NULL);
    rt_random(home, hash_key, sizeof(hash_key));
    d->values = dht_values_new(&limits, hash_key);
    rt_actor_start(&d->actor, home, on_msg);
    d->expire_timer.fire = on_expire;
    rt_timer_arm(home, &d->expire_timer, rt_now_ns(home) + EXPIRE_EVERY_NS);
    for (uint16_t i = 0; i < rt_system_count(sys); i++) {
        struct dht_local *l = calloc(1, sizeof(*l));

        RT_INSIST(l != NULL);
        l->addr = rt_actor_addr(&d->actor);
        l->dht = i == 0 ? d : NULL;
        rt_worker_set_local(rt_system_worker(sys, i), RT_LOCAL_DHT, l);
    }
    return RT_ERR_OK;
}

struct rt_addr dht_addr(const struct rt_worker *w)
{
    const struct dht_local *l = rt_worker_local(w, RT_LOCAL_DHT);

    return l->addr;
}

void dht_fini(struct rt_system *sys)
{
    for (uint16_t i = 0; i < rt_system_count(sys); i++) {
        struct rt_worker *w = rt_system_worker(sys, i);
        struct dht_local *l = rt_worker_local(w, RT_LOCAL_DHT);

        if (l && l->dht) {
            rt_timer_disarm(w, &l->dht->expire_timer);
            rt_actor_stop(&l->dht->actor);
            dht_values_free(&l->dht->values);
            free(l->dht);
        }
        free(l);
        rt_worker_set_local(w, RT_LOCAL_DHT, NULL);
    }
}
