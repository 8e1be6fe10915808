/* SPDX-License-Identifier: MPL-2.0 */
/*
 * Looks up the records of all keys in the chains of bootstrap peers, one look-up at a time, and
 * logs changed verdicts. Each key gets two look-ups: rotation, then revocation. Our own store is
 * searched before the network. Records are published in dialect C only.
 */
#include <string.h>

#include "base/budget.h"
#include "base/check.h"
#include "base/log.h"
#include "dht/dht_limits.h"
#include "dht/dht_private.h"
#include "wire_community.h"

#define START_NS (10 * RT_S) /* the first look-up after the start: bootstrap peers are reached */
#define LOG_BURST 32u        /* lines a second: the holder of a stolen key can rotate at will */
#define RETRY_NS (60 * RT_S) /* no node answered, or too many look-ups wait */

/* -- log lines -- */

static void report_void(const struct dht_boot_peer *p, const struct dht_trust_judgement *j)
{
    char pin[65], key[65];

    rt_hex(j->root, 32, pin);
    rt_hex(j->key, 32, key);
    rt_log(
        RELAY_LOG_WARN,
        j->verdict == DHT_TRUST_REVOKED
            ? "the pinned key of a bootstrap peer, or a key it was rotated to, is revoked; the "
              "peer is refused until its new key is written as ADDR@KEY or the pin is removed"
            : "the pinned key of a bootstrap peer was rotated too often, or in a cycle; the peer "
              "is refused until its new key is written as ADDR@KEY or the pin is removed",
        "peer=%s pin=%s key=%s", p->text, pin, key);
}

static void report_rotated(const struct dht_boot_peer *p, const struct dht_trust_judgement *j)
{
    char pin[65], key[65];

    rt_hex(j->root, 32, pin);
    rt_hex(j->key, 32, key);
    rt_log(RELAY_LOG_INFO, "bootstrap peer's pinned key was rotated, its new key is accepted too",
           "peer=%s pin=%s key=%s", p->text, pin, key);
}

static void report_written(const struct dht_boot_peer *p, const struct dht_trust_judgement *j)
{
    char key[65];

    rt_hex(j->root, 32, key);
    rt_log(RELAY_LOG_WARN,
           "bootstrap peer's key is revoked but is accepted because it is written in the option; "
           "replace it with the peer's new key",
           "peer=%s key=%s", p->text, key);
}

/* Removes peers from look-ups if no entry accepts their key any more. */
static void drop_boot_hops(struct dht *d)
{
    for (uint32_t i = d->boot_hop_count; i-- > 0;)
        if (!dht_boot_accepts(d->boot, d->boot_hops[i].hop.pubkey_hint))
            d->boot_hops[i] = d->boot_hops[--d->boot_hop_count];
}

static void report(const struct dht_boot_peer *p, const struct dht_trust_judgement *j,
                   uint64_t now_ns)
{
    static struct rt_log_site site;
    bool is_written = p->hop.has_pubkey_hint;

    /* A configured key has successors only if another entry has pinned it. */
    if (is_written && (j->verdict != DHT_TRUST_REVOKED || memcmp(j->key, j->root, 32) != 0))
        return;
    if (!rt_log_allowed(&site, LOG_BURST, now_ns))
        return;
    if (is_written)
        report_written(p, j);
    else if (j->verdict == DHT_TRUST_SOUND)
        report_rotated(p, j);
    else
        report_void(p, j);
}

static void on_judged(void *ctx, const struct dht_trust_judgement *j)
{
    struct dht *d = ctx;

    for (uint32_t i = 0; i < dht_boot_count(d->boot); i++) {
        const struct dht_boot_peer *p = dht_boot_peer(d->boot, i);
        const uint8_t *key = dht_boot_key(d->boot, i);

        if (key && memcmp(key, j->root, 32) == 0)
            report(p, j, dht_now_ns(&d->context));
    }
    drop_boot_hops(d);
}

/* -- to the disk -- */

static void on_put(void *ctx, const uint8_t key[32], const uint8_t *value, size_t len)
{
    struct dht *d = ctx;
    struct relay_slice copy = rt_slice_copy(value, (uint32_t)len);

    /* Out of memory: the record is not saved and must be found again after a restart. */
    if (copy.owner && d->disk.put_identity)
        d->disk.put_identity(d->disk.ctx, key, relay_slice_take(&copy));
    relay_slice_drop(&copy);
}

static void on_drop(void *ctx, const uint8_t key[32])
{
    struct dht *d = ctx;

    if (d->disk.drop_identity)
        d->disk.drop_identity(d->disk.ctx, key);
}

/* -- look-ups -- */

static void arm(struct dht *d, uint64_t at_ns)
{
    if (!d->context.is_stopped && (d->context.dialects & WIRE_DIALECT_BIT(WIRE_DIALECT_C)))
        rt_timer_arm(d->context.worker, &d->watch.timer, at_ns);
}

static void arm_next(struct dht *d)
{
    uint64_t due_ns = d->watch.step == DHT_WATCH_IDLE ? dht_trust_due_ns(d->trust) : 0,
             soon_ns = dht_now_ns(&d->context) + LIM_TRUST_SPACE_NS;

    if (due_ns != UINT64_MAX)
        arm(d, due_ns > soon_ns ? due_ns : soon_ns);
}

static void note(struct dht *d, struct relay_slice value)
{
    (void)dht_trust_note(d->trust, value.ptr, value.len, dht_now_s(&d->context));
}

static void on_searched(void *owner, struct lookup_run *r)
{
    struct dht *d = owner;

    for (uint32_t i = 0; i < r->value_count; i++)
        note(d, r->values[i]);
    if (dht_lookup_answers(r->lookup) == 0) {
        arm(d, dht_now_ns(&d->context) + RETRY_NS);
        return;
    }
    d->watch.step = d->watch.step == DHT_WATCH_ROTATION ? DHT_WATCH_REVOCATION : DHT_WATCH_IDLE;
    arm_next(d);
}

static void note_own(struct dht *d, const uint8_t dht_key[32])
{
    struct relay_slice value;
    uint64_t ttl_secs;

    if (!dht_value_store_find(d->values, dht_key, WIRE_DIALECT_C, dht_now_s(&d->context), &value,
                              &ttl_secs))
        return;
    note(d, value);
    relay_slice_drop(&value);
}

static void on_timer(struct relay_timer *t)
{
    struct dht *d = RT_CONTAINER_OF(t, struct dht, watch.timer);
    struct dht_watch *w = &d->watch;
    uint8_t dht_key[32];
    const struct lookup_run_ask ask = {.dialect = WIRE_DIALECT_C,
                                       .key = dht_key,
                                       .values_max = LOOKUP_RUN_VALUES_MAX,
                                       .done = on_searched,
                                       .owner = d};

    if (w->step == DHT_WATCH_IDLE) {
        if (!dht_trust_take(d->trust, dht_now_ns(&d->context), w->key)) {
            arm_next(d);
            return;
        }
        w->step = DHT_WATCH_ROTATION;
    }
    if (w->step == DHT_WATCH_ROTATION)
        wire_rotation_key(w->key, dht_key);
    else
        wire_revocation_key(w->key, dht_key);
    note_own(d, dht_key);
    if (!lookup_run_start(&d->lookups, &ask))
        arm(d, dht_now_ns(&d->context) + RETRY_NS);
}

/* -- life -- */

void dht_watch_init(struct dht *d)
{
    const struct dht_trust_hooks hooks = {on_put, on_drop, on_judged, d};

    d->trust = dht_trust_new(d->context.hash_key, &hooks);
    d->watch.timer.fire = on_timer;
}

void dht_watch_start(struct dht *d)
{
    dht_trust_begin(d->trust);
    arm(d, dht_now_ns(&d->context) + START_NS);
}

void dht_watch_stop(struct dht *d)
{
    rt_timer_disarm(d->context.worker, &d->watch.timer);
}

void dht_watch_wake(struct dht *d)
{
    if (d->context.is_started && d->watch.step == DHT_WATCH_IDLE)
        arm_next(d);
}

void dht_watch_heard(struct dht *d, struct relay_slice value)
{
    if (dht_trust_note(d->trust, value.ptr, value.len, dht_now_s(&d->context)))
        dht_watch_wake(d);
}
