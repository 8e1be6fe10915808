/* SPDX-License-Identifier: MPL-2.0 */
#include "dht/republish.h"

#include <stdlib.h>
#include <string.h>

#include "base/check.h"
#include "base/limits.h"
#include "crypto/crypto.h"
#include "dht/addr.h"

#define JOINED_MAX 64u /* nodes that wait for their values; the oldest gives way */
#define LOOK_AT 64u    /* values looked at in one go */
#define HANDERS 2u     /* so many of the closest hand a value over */
#define LIFE_LEFT_MIN_S (LIM_VALUE_TTL_MIN_S / 2)
#define SLOWEST 16u /* times the usual space between two pushes */
#define IDLE_NS (3600 * RT_S)

struct dht_republish {
    uint8_t self[20];
    struct wire_peer_hop joined[JOINED_MAX];
    uint32_t first, count;
    bool is_walking; /* through what may be of interest to joined[first] */
    uint64_t next_ns;
    uint64_t space_ns;
};

struct dht_republish *dht_republish_new(const uint8_t self_id[20])
{
    struct dht_republish *r = calloc(1, sizeof(*r));

    RT_INSIST(r != NULL);
    memcpy(r->self, self_id, sizeof(r->self));
    r->space_ns = LIM_REPUBLISH_SPACE_NS;
    return r;
}

void dht_republish_free(struct dht_republish **r)
{
    free(*r);
    *r = NULL;
}

static void next_joined(struct dht_republish *r)
{
    r->first = (r->first + 1) % JOINED_MAX;
    r->count--;
    r->is_walking = false;
}

void dht_republish_joined(struct dht_republish *r, const struct wire_peer_hop *node)
{
    if (r->count == JOINED_MAX)
        next_joined(r);
    r->joined[(r->first + r->count++) % JOINED_MAX] = *node;
}

static bool is_worth_it(const struct dht_value *v, uint64_t now_s)
{
    uint64_t left = v->expires_s > now_s ? v->expires_s - now_s : 0;

    return left >= (v->kind == WIRE_VALUE_ANNOUNCEMENT ? 1 : LIFE_LEFT_MIN_S);
}

static void plan(const struct dht_value *v, uint64_t now_s, struct dht_push_plan *out)
{
    memcpy(out->key, v->key, sizeof(out->key));
    out->value = v->value;
    out->ttl_secs = v->expires_s - now_s;
}

/* The closest to the value that are not to be left alone. */
static bool plan_republish(const struct dht_table *t, const struct dht_value *v, uint64_t now_ns,
                           uint64_t now_s, struct dht_push_plan *out)
{
    struct wire_peer_hop closest[DHT_K];
    uint32_t count;

    if (!is_worth_it(v, now_s) || !dht_table_self_is_among(t, v->key, DHT_K, NULL))
        return false;
    count = dht_table_closest(t, v->key, DHT_K, closest);
    out->count = 0;
    for (uint32_t i = 0; i < count; i++)
        if (!dht_table_is_held(t, closest[i].pubkey_hint, now_ns))
            out->to[out->count++] = closest[i];
    plan(v, now_s, out);
    return out->count > 0;
}

/* -- handover -- */

/* Keys further from us than this have two closer holders. */
static void begin_walk(struct dht_republish *r, struct dht_values *values,
                       const struct dht_table *t)
{
    uint32_t bits = dht_table_reach(t, HANDERS + 1); /* the newcomer may be one of them */
    uint8_t mask = bits >= 8 ? 0xff : (uint8_t)(0xff00u >> bits);

    dht_values_walk(values, r->self[0] & mask, (uint8_t)(r->self[0] | (uint8_t)~mask));
    r->is_walking = true;
}

static bool is_for(const struct dht_table *t, const uint8_t node_id[20], const struct dht_value *v)
{
    return dht_table_is_among(t, v->key, DHT_K, node_id) &&
           dht_table_self_is_among(t, v->key, HANDERS, node_id);
}

static bool next_handover(struct dht_republish *r, struct dht_values *values,
                          const struct dht_table *t, uint64_t now_ns, uint64_t now_s,
                          struct dht_push_plan *out)
{
    const struct wire_peer_hop *node = &r->joined[r->first];
    struct dht_value v;
    uint8_t id[20];

    if (r->count == 0)
        return false;
    if (!r->is_walking)
        begin_walk(r, values, t);
    rt_node_id(node->pubkey_hint, id);
    if (dht_table_is_held(t, node->pubkey_hint, now_ns) || !dht_table_has(t, id)) {
        next_joined(r); /* the hourly round will come to it */
        return false;
    }
    for (uint32_t i = 0; i < LOOK_AT; i++) {
        if (!dht_values_walk_next(values, &v)) {
            next_joined(r);
            return false;
        }
        if (!is_worth_it(&v, now_s) || !is_for(t, id, &v))
            continue;
        v.value = relay_slice_ref(v.value);
        plan(&v, now_s, out);
        out->count = 1;
        out->to[0] = *node;
        return true;
    }
    return false;
}

/* -- both -- */

static bool next_due(struct dht_values *values, const struct dht_table *t, uint64_t now_ns,
                     uint64_t now_s, struct dht_push_plan *out)
{
    struct dht_value v;

    for (uint32_t i = 0; i < LOOK_AT && dht_values_next_due(values) <= now_s; i++) {
        if (!dht_values_take_due(values, now_s, &v))
            continue;
        if (plan_republish(t, &v, now_ns, now_s, out))
            return true;
        relay_slice_drop(&v.value);
    }
    return false;
}

bool dht_republish_next(struct dht_republish *r, struct dht_values *values,
                        const struct dht_table *table, uint64_t now_ns, uint64_t now_s,
                        struct dht_push_plan *out)
{
    struct dht_push_plan found;

    if (now_ns < r->next_ns)
        return false;
    if (!next_handover(r, values, table, now_ns, now_s, &found) &&
        !next_due(values, table, now_ns, now_s, &found)) {
        /* There may be more to look through: soon again, but not in one go. */
        r->next_ns = now_ns + RT_MS;
        return false;
    }
    r->next_ns = now_ns + r->space_ns;
    *out = found;
    return true;
}

uint64_t dht_republish_next_ns(const struct dht_republish *r, const struct dht_values *values,
                               uint64_t now_ns, uint64_t now_s)
{
    uint64_t due_s = dht_values_next_due(values);
    uint64_t at_ns = now_ns + IDLE_NS;

    if (r->count > 0 || due_s <= now_s)
        at_ns = now_ns;
    else if (due_s - now_s < IDLE_NS / RT_S)
        at_ns = now_ns + (due_s - now_s) * RT_S;
    return at_ns > r->next_ns ? at_ns : r->next_ns;
}

void dht_republish_ended(struct dht_republish *r, bool is_limited)
{
    if (is_limited && r->space_ns < SLOWEST * LIM_REPUBLISH_SPACE_NS)
        r->space_ns *= 2;
    else if (!is_limited)
        r->space_ns -= (r->space_ns - LIM_REPUBLISH_SPACE_NS) / 8;
}
