/* SPDX-License-Identifier: MPL-2.0 */
/*
 * Invariants:
 *  - `order` has the index of each candidate once, in the order of comes_before.
 *  - in_flight candidates are ASKED. A candidate that was asked keeps its index.
 *  - source and second of a candidate are DHT_LOOKUP_SEED or candidates that were asked.
 */
#include "dht/kademlia/lookup.h"

#include <stdlib.h>
#include <string.h>

#include "base/check.h"
#include "crypto/crypto.h"
#include "dht/address/addr.h"
#include "dht/kademlia/routing_table.h"
#include "dht/dht_limits.h"

#define CANDIDATES_MAX 128u

enum state {
    NEW,
    ASKED,
    ANSWERED,
    FAILED,
    GONE,    /* the same node as another */
    DOUBTED, /* nobody who is believed has named it */
};

struct candidate {
    struct wire_peer_hop hop; /* has_pubkey_hint: id is set */
    uint8_t id[20];
    enum state state;
    bool was_asked;          /* it may be a source: its place is not given away */
    uint32_t source, second; /* who named it, and who else; both may be the same */
    uint32_t hops;           /* from a seed */
    uint32_t tried, lies;    /* of those it named */
};

struct dht_lookup {
    uint8_t target[20];
    bool is_thorough;
    uint32_t count, capacity;
    struct candidate *at;
    uint8_t order[CANDIDATES_MAX]; /* indices, closest first */
    uint32_t in_flight, asked, answers, hops;
    uint32_t barren;  /* answers in a row that named nobody new */
    bool is_fruitful; /* the answer being taken in has */
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

/* Puts candidate i, which is not among the first `among` of the order, into its place. */
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

/* -- candidates come -- */

static struct candidate *find(struct dht_lookup *l, const struct wire_peer_hop *hop)
{
    for (uint32_t i = 0; i < l->count; i++)
        if (dht_hop_same(&l->at[i].hop, hop))
            return &l->at[i];
    return NULL;
}

static bool is_disbelieved(const struct dht_lookup *l, uint32_t source)
{
    const struct candidate *s = source == DHT_LOOKUP_SEED ? NULL : &l->at[source];

    return s && s->lies >= LIM_LOOKUP_LIES_MAX && 2 * s->lies > s->tried;
}

/* The same address once more: another one vouches for it, which counts where the first has lost its
 * word, and a key is news where there was none. */
static bool merge(struct dht_lookup *l, struct candidate *known, const struct wire_peer_hop *hop,
                  uint32_t source)
{
    if (known->state == DOUBTED) {
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
    if (l->count == CANDIDATES_MAX)
        return NULL;
    if (l->count == l->capacity) {
        l->capacity = l->capacity ? 2 * l->capacity : 32;
        l->at = realloc(l->at, l->capacity * sizeof(*l->at));
        RT_INSIST(l->at != NULL);
    }
    return &l->at[l->count];
}

/* The furthest one nobody has asked, if the newcomer is closer; it is out of the order then. */
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
    if (is_disbelieved(l, source))
        return false;
    if (known) {
        bool is_new = merge(l, known, hop, source);

        l->is_fruitful = l->is_fruitful || is_new;
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
    l->is_fruitful = true;
    return true;
}

/* -- whom to ask -- */

struct census {
    uint32_t count; /* candidates that count, so far */
    uint64_t nets[2 * DHT_K];
};

/* Whether c counts among the closest: alive as far as we know, and its network not over its share.
 */
static bool census_take(struct census *s, const struct candidate *c)
{
    uint64_t net = dht_hop_net(&c->hop, DHT_NET_BUCKET);
    bool is_public = dht_scope_of(&c->hop) == DHT_SCOPE_GLOBAL;
    uint32_t same = 0;

    if (c->state == FAILED || c->state == GONE || c->state == DOUBTED || s->count == 2 * DHT_K)
        return false;
    for (uint32_t i = 0; is_public && i < s->count; i++)
        same += s->nets[i] == net;
    if (same >= DHT_LOOKUP_NET_MAX)
        return false;
    s->nets[s->count++] = is_public ? net : UINT64_MAX;
    return true;
}

/* The closest unasked among the first `among` that count. */
static struct candidate *closest_new(const struct dht_lookup *l, uint32_t among)
{
    struct census s = {0};

    for (uint32_t p = 0; p < l->count && s.count < among; p++) {
        struct candidate *c = &l->at[l->order[p]];

        if (census_take(&s, c) && c->state == NEW)
            return c;
    }
    return NULL;
}

static struct candidate *next(const struct dht_lookup *l)
{
    if (l->answers >= DHT_K || l->asked >= LIM_LOOKUP_ASKED_MAX)
        return NULL;
    return closest_new(l, l->barren >= DHT_ALPHA && !l->is_thorough ? DHT_ALPHA : DHT_K);
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

/* -- what came of it -- */

static void judge(struct dht_lookup *l, const struct candidate *c, bool is_lie)
{
    struct candidate *s;

    if (c->source == DHT_LOOKUP_SEED)
        return;
    s = &l->at[c->source];
    s->tried++;
    s->lies += is_lie;
    if (!is_disbelieved(l, c->source))
        return;
    for (uint32_t i = 0; i < l->count; i++) {
        struct candidate *o = &l->at[i];

        if (o->source != c->source || o->state != NEW)
            continue;
        if (is_disbelieved(l, o->second))
            o->state = DOUBTED;
        else
            o->source = o->second;
    }
}

void dht_lookup_answered(struct dht_lookup *l, uint32_t candidate, const uint8_t key[32])
{
    struct candidate *c = &l->at[candidate];
    bool is_as_said = !c->hop.has_pubkey_hint || memcmp(c->hop.pubkey_hint, key, 32) == 0;

    RT_REQUIRE(candidate < l->count && c->state == ASKED && l->in_flight > 0);
    l->in_flight--;
    judge(l, c, !is_as_said);
    if (!is_as_said || !c->hop.has_pubkey_hint) {
        set_key(c, key);
        order_again(l, candidate);
    }
    c->state = ANSWERED;
    for (uint32_t i = 0; i < l->count; i++) {
        struct candidate *o = &l->at[i];

        if (o == c || !o->hop.has_pubkey_hint || memcmp(o->id, c->id, 20) != 0)
            continue;
        if (o->state == NEW)
            o->state = GONE;
        else if (o->state == ANSWERED)
            c->state = GONE; /* one node by two addresses: it counts once */
    }
    if (c->state == ANSWERED)
        l->answers++;
    if (c->hops > l->hops)
        l->hops = c->hops;
    l->is_fruitful = false;
}

void dht_lookup_answer_ends(struct dht_lookup *l, uint32_t candidate)
{
    (void)candidate;
    l->barren = l->is_fruitful ? 0 : l->barren + 1;
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
        if (census_take(&s, c))
            out[count++] = c->hop;
    }
    return count;
}

uint32_t dht_lookup_asked(const struct dht_lookup *l)
{
    return l->asked;
}

uint32_t dht_lookup_answers(const struct dht_lookup *l)
{
    return l->answers;
}

uint32_t dht_lookup_hops(const struct dht_lookup *l)
{
    return l->hops;
}
