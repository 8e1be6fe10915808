/* SPDX-License-Identifier: MPL-2.0 */
/*
 * Invariants:
 *  - `order` has the index of each candidate once, in the order of comes_before.
 *  - in_flight candidates are ASKED. A candidate that was asked keeps its index.
 *  - source and second of a candidate are DHT_LOOKUP_SEED or candidates that were asked.
 */
#include "dht/kademlia/distance.h"
#include "dht/kademlia/lookup.h"

#include <stdlib.h>
#include <string.h>

#include "base/check.h"
#include "crypto/crypto.h"
#include "dht/address/addr.h"
#include "dht/kademlia/routing_table.h"
#include "dht/dht_limits.h"

enum state {
    NEW,
    ASKED,
    ANSWERED,
    FAILED,
    DUPLICATE,  /* the same node as another candidate */
    DISTRUSTED, /* named by distrusted nodes only */
};

struct candidate {
    struct wire_peer_hop hop; /* has_pubkey_hint: id is set */
    uint8_t id[20];
    enum state state;
    bool was_asked;          /* it may be a source, so it is never replaced */
    uint32_t source, second; /* the first two nodes that named it, or twice the same */
    uint32_t hops;           /* from a seed */
    uint32_t checked, wrong; /* candidates that it named: asked, and wrong ones of these */
};

struct dht_lookup {
    uint8_t target[20];
    bool is_thorough;
    uint32_t count, capacity;
    struct candidate *at;
    uint8_t order[LIM_LOOKUP_CANDIDATES]; /* indices, closest first */
    uint32_t in_flight, asked, replies, hops;
    uint32_t fruitless; /* answers in a row that named no new candidate */
    bool has_new;       /* the current answer named a new candidate */
};

struct dht_lookup *dht_lookup_new(const uint8_t target[20], bool is_thorough)
{
    struct dht_lookup *l = calloc(1, sizeof(*l));

    RT_INSIST(l != NULL);
    memcpy(l->target, target, sizeof(l->target));
    l->is_thorough = is_thorough;
    return l;
}

void dht_lookup_free(struct dht_lookup **l)
{
    if (*l)
        free((*l)->at);
    free(*l);
    *l = NULL;
}

const uint8_t *dht_lookup_target(const struct dht_lookup *l)
{
    return l->target;
}

/* -- order -- */

static bool comes_before(const struct dht_lookup *l, const struct candidate *a,
                         const struct candidate *b)
{
    int d = 0;

    if (a->hop.has_pubkey_hint != b->hop.has_pubkey_hint)
        return a->hop.has_pubkey_hint;
    if (a->hop.has_pubkey_hint)
        d = dht_closer(l->target, a->id, b->id);
    return d != 0 ? d < 0 : a->hop.transport == WIRE_TCP && b->hop.transport == WIRE_QUIC;
}

/* Inserts candidate i into the first `among` elements of the order, which do not have it yet. */
static void order_in(struct dht_lookup *l, uint32_t among, uint32_t i)
{
    uint32_t p = among;

    for (; p > 0 && comes_before(l, &l->at[i], &l->at[l->order[p - 1]]); p--)
        l->order[p] = l->order[p - 1];
    l->order[p] = (uint8_t)i;
}

static void order_again(struct dht_lookup *l, uint32_t i)
{
    uint32_t p = 0;

    while (l->order[p] != i)
        p++;
    memmove(&l->order[p], &l->order[p + 1], l->count - 1 - p);
    order_in(l, l->count - 1, i);
}

static void set_key(struct candidate *c, const uint8_t key[32])
{
    c->hop.has_pubkey_hint = true;
    memcpy(c->hop.pubkey_hint, key, 32);
    rt_node_id(key, c->id);
}

/* -- adding candidates -- */

static struct candidate *find(struct dht_lookup *l, const struct wire_peer_hop *hop)
{
    for (uint32_t i = 0; i < l->count; i++)
        if (dht_hop_same(&l->at[i].hop, hop))
            return &l->at[i];
    return NULL;
}

static bool is_distrusted(const struct dht_lookup *l, uint32_t source)
{
    const struct candidate *s = source == DHT_LOOKUP_SEED ? NULL : &l->at[source];

    return s && s->wrong >= LIM_LOOKUP_LIES_MAX && 2 * s->wrong > s->checked;
}

/* A known address was named again. The second source counts if the first one becomes distrusted.
 * The key counts if there was none. True: the candidate can be asked because of this, or has a key
 * now. */
static bool merge(struct dht_lookup *l, struct candidate *known, const struct wire_peer_hop *hop,
                  uint32_t source)
{
    if (known->state == DISTRUSTED) {
        known->state = NEW;
        known->source = known->second = source;
        return true;
    }
    if (known->source == known->second)
        known->second = source;
    if (known->state != NEW || known->hop.has_pubkey_hint || !hop->has_pubkey_hint)
        return false;
    set_key(known, hop->pubkey_hint);
    order_again(l, (uint32_t)(known - l->at));
    return true;
}

static struct candidate *make_room(struct dht_lookup *l)
{
    if (l->count == LIM_LOOKUP_CANDIDATES)
        return NULL;
    if (l->count == l->capacity) {
        l->capacity = l->capacity ? 2 * l->capacity : 32;
        l->at = realloc(l->at, l->capacity * sizeof(*l->at));
        RT_INSIST(l->at != NULL);
    }
    return &l->at[l->count];
}

/* Removes the furthest unasked candidate from the order, if the newcomer is closer. NULL: none. */
static struct candidate *displace(struct dht_lookup *l, const struct candidate *newcomer)
{
    for (uint32_t p = l->count; p-- > 0;) {
        struct candidate *c = &l->at[l->order[p]];

        if (c->was_asked)
            continue;
        if (c->state == NEW && !comes_before(l, newcomer, c))
            return NULL;
        memmove(&l->order[p], &l->order[p + 1], l->count - 1 - p);
        return c;
    }
    return NULL;
}

bool dht_lookup_add(struct dht_lookup *l, const struct wire_peer_hop *hop, uint32_t source)
{
    struct candidate c = {.hop = *hop, .source = source, .second = source}, *known = find(l, hop),
                     *place;

    RT_REQUIRE(source == DHT_LOOKUP_SEED || (source < l->count && l->at[source].was_asked));
    if (is_distrusted(l, source))
        return false;
    if (known) {
        bool is_new = merge(l, known, hop, source);

        l->has_new = l->has_new || is_new;
        return is_new;
    }
    if (hop->has_pubkey_hint)
        set_key(&c, hop->pubkey_hint);
    c.hops = source == DHT_LOOKUP_SEED ? 1 : l->at[source].hops + 1;
    place = make_room(l);
    if (place)
        l->count++;
    else
        place = displace(l, &c);
    if (!place)
        return false;
    *place = c;
    order_in(l, l->count - 1, (uint32_t)(place - l->at));
    l->has_new = true;
    return true;
}

/* -- the next candidate -- */

struct census {
    uint32_t count; /* candidates that count so far */
    uint64_t nets[2 * DHT_K];
};

/* True: c counts among the closest, because it may be alive and its network is below its share. */
static bool count_in(struct census *s, const struct candidate *c)
{
    uint64_t net = dht_hop_net(&c->hop, DHT_NET_BUCKET);
    bool is_public = dht_scope_of(&c->hop) == DHT_SCOPE_GLOBAL;
    uint32_t same = 0;

    if (c->state == FAILED || c->state == DUPLICATE || c->state == DISTRUSTED ||
        s->count == 2 * DHT_K)
        return false;
    for (uint32_t i = 0; is_public && i < s->count; i++)
        same += s->nets[i] == net;
    if (same >= DHT_LOOKUP_NET_MAX)
        return false;
    s->nets[s->count++] = is_public ? net : UINT64_MAX;
    return true;
}

/* The closest unasked candidate among the first `among` that count. NULL: none. */
static struct candidate *closest_new(const struct dht_lookup *l, uint32_t among)
{
    struct census s = {0};

    for (uint32_t p = 0; p < l->count && s.count < among; p++) {
        struct candidate *c = &l->at[l->order[p]];

        if (count_in(&s, c) && c->state == NEW)
            return c;
    }
    return NULL;
}

static struct candidate *next(const struct dht_lookup *l)
{
    if (l->replies >= DHT_K || l->asked >= LIM_LOOKUP_ASKED_MAX)
        return NULL;
    return closest_new(l, l->fruitless >= DHT_ALPHA && !l->is_thorough ? DHT_ALPHA : DHT_K);
}

bool dht_lookup_next(struct dht_lookup *l, uint32_t *out_candidate, struct wire_peer_hop *out_hop)
{
    struct candidate *c = l->in_flight < DHT_ALPHA ? next(l) : NULL;

    if (!c)
        return false;
    c->state = ASKED;
    c->was_asked = true;
    l->in_flight++;
    l->asked++;
    *out_candidate = (uint32_t)(c - l->at);
    *out_hop = c->hop;
    return true;
}

/* -- results -- */

static void judge(struct dht_lookup *l, const struct candidate *c, bool is_wrong)
{
    struct candidate *s;

    if (c->source == DHT_LOOKUP_SEED)
        return;
    s = &l->at[c->source];
    s->checked++;
    s->wrong += is_wrong;
    if (!is_distrusted(l, c->source))
        return;
    for (uint32_t i = 0; i < l->count; i++) {
        struct candidate *o = &l->at[i];

        if (o->source != c->source || o->state != NEW)
            continue;
        if (is_distrusted(l, o->second))
            o->state = DISTRUSTED;
        else
            o->source = o->second;
    }
}

void dht_lookup_answered(struct dht_lookup *l, uint32_t candidate, const uint8_t key[32])
{
    struct candidate *c = &l->at[candidate];
    bool has_named_key;

    RT_REQUIRE(candidate < l->count && c->state == ASKED && l->in_flight > 0);
    has_named_key = !c->hop.has_pubkey_hint || memcmp(c->hop.pubkey_hint, key, 32) == 0;
    l->in_flight--;
    judge(l, c, !has_named_key);
    if (!has_named_key || !c->hop.has_pubkey_hint) {
        set_key(c, key);
        order_again(l, candidate);
    }
    c->state = ANSWERED;
    for (uint32_t i = 0; i < l->count; i++) {
        struct candidate *o = &l->at[i];

        if (o == c || !o->hop.has_pubkey_hint || memcmp(o->id, c->id, 20) != 0)
            continue;
        if (o->state == NEW)
            o->state = DUPLICATE;
        else if (o->state == ANSWERED)
            c->state = DUPLICATE; /* one node at two addresses counts once */
    }
    if (c->state == ANSWERED)
        l->replies++;
    if (c->hops > l->hops)
        l->hops = c->hops;
    l->has_new = false;
}

void dht_lookup_reply_ends(struct dht_lookup *l, uint32_t candidate)
{
    (void)candidate;
    l->fruitless = l->has_new ? 0 : l->fruitless + 1;
}

void dht_lookup_failed(struct dht_lookup *l, uint32_t candidate)
{
    struct candidate *c = &l->at[candidate];

    RT_REQUIRE(candidate < l->count && c->state == ASKED && l->in_flight > 0);
    l->in_flight--;
    c->state = FAILED;
    judge(l, c, true);
}

bool dht_lookup_is_done(const struct dht_lookup *l)
{
    return l->in_flight == 0 && !next(l);
}

uint32_t dht_lookup_closest(const struct dht_lookup *l, uint32_t max, bool with_unasked,
                            struct wire_peer_hop *out)
{
    struct census s = {0};
    uint32_t count = 0;

    for (uint32_t p = 0; p < l->count && count < max; p++) {
        const struct candidate *c = &l->at[l->order[p]];

        if (c->state == ASKED || (c->state == NEW && (!with_unasked || !c->hop.has_pubkey_hint)))
            continue;
        if (count_in(&s, c))
            out[count++] = c->hop;
    }
    return count;
}

uint32_t dht_lookup_asked(const struct dht_lookup *l)
{
    return l->asked;
}

uint32_t dht_lookup_replies(const struct dht_lookup *l)
{
    return l->replies;
}

uint32_t dht_lookup_hops(const struct dht_lookup *l)
{
    return l->hops;
}
