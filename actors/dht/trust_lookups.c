/* SPDX-License-Identifier: MPL-2.0 */
/*
 * Invariant: at most one look-up is under way, or the timer is armed for the next one. A look-up
 * without a reply is repeated for the same key and step.
 */
#include "dht/trust_lookups.h"

#include "base/budget.h"
#include "base/check.h"
#include "dht/dht_limits.h"
#include "wire_community.h"

#define START_NS (10 * RT_S) /* the first look-up after the start: bootstrap peers are reached */
#define RETRY_NS (60 * RT_S) /* no node answered, or too many look-ups wait */

/* -- look-ups -- */

static void arm(struct trust_lookups *t, uint64_t at_ns)
{
    if (!t->context->is_stopped && (t->context->dialects & WIRE_DIALECT_BIT(WIRE_DIALECT_C)))
        rt_timer_arm(t->context->worker, &t->timer, at_ns);
}

static void arm_next(struct trust_lookups *t)
{
    uint64_t due_ns = t->step == TRUST_LOOKUP_IDLE ? dht_trust_due_ns(t->trust) : 0,
             soon_ns = dht_now_ns(t->context) + LIM_TRUST_SPACE_NS;

    if (due_ns != UINT64_MAX)
        arm(t, due_ns > soon_ns ? due_ns : soon_ns);
}

static void note(struct trust_lookups *t, struct relay_slice value)
{
    (void)dht_trust_note(t->trust, value.ptr, value.len, dht_now_s(t->context));
}

static void on_searched(void *owner, struct lookup_run *r)
{
    struct trust_lookups *t = owner;

    for (uint32_t i = 0; i < r->value_count; i++)
        note(t, r->values[i]);
    if (dht_lookup_replies(r->lookup) == 0) {
        arm(t, dht_now_ns(t->context) + RETRY_NS);
        return;
    }
    t->step = t->step == TRUST_LOOKUP_ROTATION ? TRUST_LOOKUP_REVOCATION : TRUST_LOOKUP_IDLE;
    arm_next(t);
}

static void note_own(struct trust_lookups *t, const uint8_t dht_key[32])
{
    struct relay_slice value;
    uint64_t ttl_secs;

    if (!dht_value_store_find(t->values, dht_key, WIRE_DIALECT_C, dht_now_s(t->context), &value,
                              &ttl_secs))
        return;
    note(t, value);
    relay_slice_drop(&value);
}

static void on_timer(struct relay_timer *timer)
{
    struct trust_lookups *t = RT_CONTAINER_OF(timer, struct trust_lookups, timer);
    uint8_t dht_key[32];
    const struct lookup_run_request request = {.dialect = WIRE_DIALECT_C,
                                               .key = dht_key,
                                               .values_max = LOOKUP_RUN_VALUES_MAX,
                                               .done = on_searched,
                                               .owner = t};

    if (t->step == TRUST_LOOKUP_IDLE) {
        if (!dht_trust_take(t->trust, dht_now_ns(t->context), t->key)) {
            arm_next(t);
            return;
        }
        t->step = TRUST_LOOKUP_ROTATION;
    }
    if (t->step == TRUST_LOOKUP_ROTATION)
        wire_rotation_key(t->key, dht_key);
    else
        wire_revocation_key(t->key, dht_key);
    note_own(t, dht_key);
    if (!lookup_run_start(t->lookups, &request))
        arm(t, dht_now_ns(t->context) + RETRY_NS);
}

/* -- life -- */

void trust_lookups_init(struct trust_lookups *t, struct dht_context *context,
                        struct lookup_runs *lookups, struct dht_value_store *values,
                        const struct dht_trust_hooks *hooks)
{
    *t = (struct trust_lookups){.context = context,
                                .lookups = lookups,
                                .values = values,
                                .trust = dht_trust_new(context->hash_key, hooks)};
    t->timer.fire = on_timer;
}

void trust_lookups_fini(struct trust_lookups *t)
{
    dht_trust_free(&t->trust);
}

void trust_lookups_start(struct trust_lookups *t)
{
    dht_trust_begin(t->trust);
    arm(t, dht_now_ns(t->context) + START_NS);
}

void trust_lookups_stop(struct trust_lookups *t)
{
    rt_timer_disarm(t->context->worker, &t->timer);
}

void trust_lookups_wake(struct trust_lookups *t)
{
    if (t->context->is_started && t->step == TRUST_LOOKUP_IDLE)
        arm_next(t);
}

void trust_lookups_heard(struct trust_lookups *t, struct relay_slice value)
{
    if (dht_trust_note(t->trust, value.ptr, value.len, dht_now_s(t->context)))
        trust_lookups_wake(t);
}
