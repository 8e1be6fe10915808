/* SPDX-License-Identifier: MPL-2.0 */
/*
 * Invariants:
 *  - `joined` is a ring of `count` new contacts from `first` on. is_walking: the store's walk is
 *    that of joined[first].
 *  - space_ns is at least LIM_REPUBLISH_SPACE_NS.
 */
#include "dht/kademlia/replicate_plan.h"

#include <stdlib.h>
#include <string.h>

#include "base/check.h"
#include "crypto/crypto.h"
#include "dht/address/addr.h"
#include "dht/dht_limits.h"

#define LOOK_AT 64u /* values checked in one call */
#define HOLDERS 2u  /* the number of closest nodes that hand a value over */
#define LIFE_LEFT_MIN_S (LIM_VALUE_TTL_MIN_S / 2)
#define SLOWEST 16u /* the largest multiple of the space between two pushes */
#define IDLE_NS (3600 * RT_S)

/* The sources of pushes take turns, so that none waits until another is empty. */
enum source { HANDOVER, FRESH, DUE, SOURCES };

struct dht_replicate_plan {
    uint8_t self[20];
    struct newcomer {
        struct wire_peer_hop node;
        uint8_t dialects;
    } joined[LIM_JOINED_WAITING];
    uint32_t first, count;
    bool is_walking;  /* through the values near joined[first] */
    enum source turn; /* the next to try */
    uint64_t next_ns;
    uint64_t space_ns;
};

struct dht_replicate_plan *dht_replicate_plan_new(const uint8_t self_id[20])
{
    struct dht_replicate_plan *r = calloc(1, sizeof(*r));

    RT_INSIST(r != NULL);
    memcpy(r->self, self_id, sizeof(r->self));
    r->space_ns = LIM_REPUBLISH_SPACE_NS;
    r->turn = DUE;
    return r;
}

void dht_replicate_plan_free(struct dht_replicate_plan **r)
{
    free(*r);
    *r = NULL;
}

static void next_joined(struct dht_replicate_plan *r)
{
    RT_REQUIRE(r->count > 0);
    r->first = (r->first + 1) % LIM_JOINED_WAITING;
    r->count--;
    r->is_walking = false;
}

void dht_replicate_plan_joined(struct dht_replicate_plan *r, const struct wire_peer_hop *node,
                               uint8_t dialects)
{
    if (r->count == LIM_JOINED_WAITING)
        next_joined(r);
    r->joined[(r->first + r->count++) % LIM_JOINED_WAITING] = (struct newcomer){*node, dialects};
}

/* True: the value lives long enough to be pushed. */
static bool is_lasting(const struct dht_value *v, uint64_t now_s)
{
    uint64_t left = v->expires_s > now_s ? v->expires_s - now_s : 0;

    return !v->is_revoked && left >= (v->kind == WIRE_VALUE_ANNOUNCEMENT ? 1 : LIFE_LEFT_MIN_S);
}

static void plan(const struct dht_value *v, uint64_t now_s, struct dht_push_plan *out)
{
    memcpy(out->key, v->key, sizeof(out->key));
    memcpy(out->sub, v->sub, sizeof(out->sub));
    out->value = v->value;
    out->dialects = v->dialects;
    out->ttl_secs = v->expires_s - now_s;
}

static bool is_target(const struct dht_push_plan *p, const uint8_t key[32])
{
    for (uint32_t i = 0; i < p->count; i++)
        if (memcmp(p->to[i].hop.pubkey_hint, key, 32) == 0)
            return true;
    return false;
}

/* Adds the closest nodes of a dialect that are not held back, if we are among the closest. False:
 * we are not, or there are no contacts. */
static bool add_closest(struct dht_table *const tables[WIRE_DIALECTS], enum wire_dialect dialect,
                        uint64_t now_ns, struct dht_push_plan *out)
{
    const struct dht_table *t = tables[dialect];
    struct wire_peer_hop closest[DHT_K];
    uint32_t count;

    if (!dht_table_self_is_among(t, out->key, DHT_K, NULL))
        return false;
    count = dht_table_closest(t, out->key, DHT_K, closest);
    for (uint32_t i = 0; i < count; i++)
        if (!dht_table_is_held(t, closest[i].pubkey_hint, now_ns) &&
            !is_target(out, closest[i].pubkey_hint))
            out->to[out->count++] = (struct dht_target){closest[i], dialect};
    return count > 0;
}

/* C first, because relays of this implementation get all values over a C session. *out_covered: the
 * dialects whose closest nodes are targets. */
static bool plan_republish(struct dht_table *const tables[WIRE_DIALECTS], const struct dht_value *v,
                           uint64_t now_ns, uint64_t now_s, struct dht_push_plan *out,
                           uint8_t *out_covered)
{
    uint8_t covered = 0;

    if (!is_lasting(v, now_s))
        return false;
    plan(v, now_s, out);
    for (int d = WIRE_DIALECT_C; d >= WIRE_DIALECT_A; d--)
        if (v->dialects & WIRE_DIALECT_BIT(d) &&
            add_closest(tables, (enum wire_dialect)d, now_ns, out))
            covered |= WIRE_DIALECT_BIT(d);
    *out_covered = covered;
    return out->count > 0;
}

/* -- handover -- */

/* Walks the values near us. All others have two closer holders in every dialect of the newcomer. */
static void begin_walk(struct dht_replicate_plan *r, struct dht_value_store *values,
                       struct dht_table *const tables[WIRE_DIALECTS], uint8_t dialects)
{
    uint32_t bits = 8;
    uint8_t mask;

    for (uint32_t d = 0; d < WIRE_DIALECTS; d++) {
        uint32_t reach = dht_table_reach(tables[d], HOLDERS + 1); /* the newcomer may be one */

        if (dialects & WIRE_DIALECT_BIT(d) && reach < bits)
            bits = reach;
    }
    mask = (uint8_t)(0xff00u >> bits);
    dht_value_store_walk(values, r->self[0] & mask, (uint8_t)(r->self[0] | (uint8_t)~mask));
    r->is_walking = true;
}

/* True: we hand the value over to the node. *out: the dialect of the session. */
static bool is_for(struct dht_table *const tables[WIRE_DIALECTS], const uint8_t node_id[20],
                   uint8_t dialects, const struct dht_value *v, enum wire_dialect *out)
{
    for (int d = WIRE_DIALECT_C; d >= WIRE_DIALECT_A; d--) {
        if (!(dialects & v->dialects & WIRE_DIALECT_BIT(d)) ||
            !dht_table_is_among(tables[d], v->key, DHT_K, node_id) ||
            !dht_table_self_is_among(tables[d], v->key, HOLDERS, node_id))
            continue;
        *out = (enum wire_dialect)d;
        return true;
    }
    return false;
}

/* True: the node is still a contact and not held back. */
static bool is_open(struct dht_table *const tables[WIRE_DIALECTS], const struct newcomer *n,
                    const uint8_t id[20], uint64_t now_ns)
{
    for (uint32_t d = 0; d < WIRE_DIALECTS; d++)
        if (n->dialects & WIRE_DIALECT_BIT(d) && dht_table_has(tables[d], id))
            return !dht_table_is_held(tables[d], n->node.pubkey_hint, now_ns);
    return false;
}

static bool next_handover(struct dht_replicate_plan *r, struct dht_value_store *values,
                          struct dht_table *const tables[WIRE_DIALECTS], uint64_t now_ns,
                          uint64_t now_s, struct dht_push_plan *out)
{
    const struct newcomer *n = &r->joined[r->first];
    enum wire_dialect dialect;
    struct dht_value v;
    uint8_t id[20];

    if (r->count == 0)
        return false;
    if (!r->is_walking)
        begin_walk(r, values, tables, n->dialects);
    rt_node_id(n->node.pubkey_hint, id);
    if (!is_open(tables, n, id, now_ns)) {
        next_joined(r); /* the hourly republishing covers it */
        return false;
    }
    for (uint32_t i = 0; i < LOOK_AT; i++) {
        if (!dht_value_store_walk_next(values, &v)) {
            next_joined(r);
            return false;
        }
        if (!is_lasting(&v, now_s) || !is_for(tables, id, n->dialects, &v, &dialect))
            continue;
        v.value = relay_slice_ref(v.value);
        plan(&v, now_s, out);
        out->count = 1;
        out->to[0] = (struct dht_target){n->node, dialect};
        return true;
    }
    return false;
}

/* -- fresh and due values -- */

static bool has_contact(struct dht_table *const tables[WIRE_DIALECTS], uint8_t dialects)
{
    for (uint32_t d = 0; d < WIRE_DIALECTS; d++)
        if (dialects & WIRE_DIALECT_BIT(d) && dht_table_count(tables[d]) > 0)
            return true;
    return false;
}

/* The dialects in which a fresh value is pushed. */
static uint8_t fresh_dialects(const struct dht_value *v)
{
    return v->origin.is_push ? v->dialects & v->origin.unreached : v->dialects;
}

static bool next_fresh(struct dht_value_store *values,
                       struct dht_table *const tables[WIRE_DIALECTS], uint64_t now_s,
                       struct dht_push_plan *out)
{
    struct dht_value v;

    for (uint32_t i = 0; i < LOOK_AT && dht_value_store_next_fresh(values, now_s); i++) {
        if (!dht_value_store_take_fresh(values, now_s, &v))
            continue;
        v.dialects = fresh_dialects(&v);
        if (has_contact(tables, v.dialects)) {
            plan(&v, now_s, out);
            out->is_fresh = out->is_owed = true;
            return true;
        }
        dht_value_store_unreached(values, v.key, v.sub, false, now_s);
        relay_slice_drop(&v.value);
    }
    return false;
}

static bool next_due(struct dht_value_store *values, struct dht_table *const tables[WIRE_DIALECTS],
                     uint64_t now_ns, uint64_t now_s, struct dht_push_plan *out)
{
    struct dht_value v;
    uint8_t covered;

    for (uint32_t i = 0; i < LOOK_AT && dht_value_store_next_due(values) <= now_s; i++) {
        if (!dht_value_store_take_due(values, now_s, &v))
            continue;
        if (plan_republish(tables, &v, now_ns, now_s, out, &covered)) {
            if (!(fresh_dialects(&v) & ~covered))
                out->is_owed = dht_value_store_pushing(values, &v, now_s);
            return true;
        }
        relay_slice_drop(&v.value);
    }
    return false;
}

/* -- turns -- */

static bool next_of(struct dht_replicate_plan *r, enum source source,
                    struct dht_value_store *values, struct dht_table *const tables[WIRE_DIALECTS],
                    uint64_t now_ns, uint64_t now_s, struct dht_push_plan *out)
{
    switch (source) {
    case HANDOVER:
        return next_handover(r, values, tables, now_ns, now_s, out);
    case FRESH:
        return next_fresh(values, tables, now_s, out);
    case DUE:
        return next_due(values, tables, now_ns, now_s, out);
    case SOURCES:
        break;
    }
    return false;
}

bool dht_replicate_plan_next(struct dht_replicate_plan *r, struct dht_value_store *values,
                             struct dht_table *const tables[WIRE_DIALECTS], uint64_t now_ns,
                             uint64_t now_s, struct dht_push_plan *out)
{
    struct dht_push_plan found = {0};

    if (now_ns < r->next_ns)
        return false;
    for (uint32_t i = 0; i < SOURCES; i++) {
        enum source source = (r->turn + i) % SOURCES;

        if (!next_of(r, source, values, tables, now_ns, now_s, &found))
            continue;
        r->turn = (source + 1) % SOURCES;
        r->next_ns = now_ns + r->space_ns;
        *out = found;
        return true;
    }
    /* There may be more values to check: continue soon, so that one call stays short. */
    r->next_ns = now_ns + RT_MS;
    return false;
}

uint64_t dht_replicate_plan_next_ns(const struct dht_replicate_plan *r,
                                    const struct dht_value_store *values, uint64_t now_ns,
                                    uint64_t now_s)
{
    uint64_t due_s = dht_value_store_next_due(values);
    uint64_t at_ns = now_ns + IDLE_NS;

    if (r->count > 0 || due_s <= now_s || dht_value_store_next_fresh(values, now_s))
        at_ns = now_ns;
    else if (due_s - now_s < IDLE_NS / RT_S)
        at_ns = now_ns + (due_s - now_s) * RT_S;
    return at_ns > r->next_ns ? at_ns : r->next_ns;
}

void dht_replicate_plan_ended(struct dht_replicate_plan *r, bool is_limited)
{
    RT_REQUIRE(r->space_ns >= LIM_REPUBLISH_SPACE_NS);
    if (is_limited && r->space_ns < SLOWEST * LIM_REPUBLISH_SPACE_NS)
        r->space_ns *= 2;
    else if (!is_limited)
        r->space_ns -= (r->space_ns - LIM_REPUBLISH_SPACE_NS) / 8;
}
