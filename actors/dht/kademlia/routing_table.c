/* SPDX-License-Identifier: MPL-2.0 */
/*
 * Invariants:
 *  - An entry is in `all` at its place, in by_age, and in the bucket with the number of leading
 * bits that its id has in common with ours. A bucket has at most DHT_K entries.
 *  - An entry has an address of at least one transport, and each was authenticated with its key.
 *  - A bucket's list is in order of the last contact. by_age is, too, except for touched entries.
 */
#include "dht/kademlia/distance.h"
#include "dht/kademlia/routing_table.h"

#include <stdlib.h>
#include <string.h>

#include "base/check.h"
#include "base/list.h"
#include "base/seams.h"
#include "crypto/crypto.h"
#include "dht/address/addr.h"

#define BUCKETS 160u
#define FRESH_NS (300 * RT_S) /* a node seen since then is not pinged for a new one */
#define MOVED_NS (900 * RT_S) /* an address not confirmed since then is replaced by another */

struct entry {
    struct rt_list in_bucket; /* seen least recently first */
    struct rt_list by_age;    /* the same for the whole table */
    uint8_t id[20];
    bool has[2]; /* by transport */
    struct wire_peer_hop hops[2];
    uint64_t hop_seen_ns[2];
    uint64_t seen_ns;
    uint64_t held_until_ns;
    uint32_t failures;
    uint32_t place; /* in `all` */
};

struct bucket {
    struct rt_list entries;
    uint32_t count;
    bool has_waiting;
    struct wire_peer_hop waiting;
    uint64_t waiting_since_ns;
};

struct dht_table {
    uint8_t self[20];
    struct bucket *buckets[BUCKETS]; /* NULL: never used */
    uint64_t looked_up_ns[BUCKETS];
    struct rt_list by_age;
    struct entry **all;
    uint32_t count, capacity;
};

struct dht_table *dht_table_new(const uint8_t self_id[20])
{
    struct dht_table *t = calloc(1, sizeof(*t));

    RT_INSIST(t != NULL);
    memcpy(t->self, self_id, sizeof(t->self));
    rt_list_init(&t->by_age);
    return t;
}

void dht_table_free(struct dht_table **t)
{
    struct dht_table *old = *t;

    *t = NULL;
    if (!old)
        return;
    for (uint32_t i = 0; i < old->count; i++)
        free(old->all[i]);
    for (uint32_t i = 0; i < BUCKETS; i++)
        free(old->buckets[i]);
    free((void *)old->all);
    free(old);
}

uint32_t dht_table_count(const struct dht_table *t)
{
    return t->count;
}

/* -- entries -- */

static struct bucket *bucket_at(struct dht_table *t, const uint8_t id[20])
{
    uint32_t i = dht_common_bits(t->self, id);

    RT_REQUIRE(i < BUCKETS);
    if (!t->buckets[i]) {
        t->buckets[i] = calloc(1, sizeof(struct bucket));
        RT_INSIST(t->buckets[i] != NULL);
        rt_list_init(&t->buckets[i]->entries);
    }
    return t->buckets[i];
}

static struct entry *entry_of(const struct rt_list *n)
{
    return RT_CONTAINER_OF((struct rt_list *)(uintptr_t)n, struct entry, in_bucket);
}

static struct entry *find(const struct dht_table *t, const uint8_t id[20])
{
    uint32_t i = dht_common_bits(t->self, id);
    const struct bucket *b = i < BUCKETS ? t->buckets[i] : NULL;

    for (struct rt_list *n = b ? b->entries.next : NULL; b && n != &b->entries; n = n->next)
        if (memcmp(entry_of(n)->id, id, 20) == 0)
            return entry_of(n);
    return NULL;
}

static struct entry *find_key(const struct dht_table *t, const uint8_t key[32])
{
    uint8_t id[20];

    rt_node_id(key, id);
    return find(t, id);
}

static const struct wire_peer_hop *best_hop(const struct entry *e)
{
    RT_REQUIRE(e->has[WIRE_TCP] || e->has[WIRE_QUIC]);
    return &e->hops[e->has[WIRE_TCP] ? WIRE_TCP : WIRE_QUIC];
}

static bool lies_in(const struct entry *e, uint64_t net)
{
    return (e->has[WIRE_TCP] && dht_hop_net(&e->hops[WIRE_TCP], DHT_NET_BUCKET) == net) ||
           (e->has[WIRE_QUIC] && dht_hop_net(&e->hops[WIRE_QUIC], DHT_NET_BUCKET) == net);
}

/* True: the bucket has room for one more node of this network. except does not count. */
static bool net_has_room(const struct bucket *b, const struct wire_peer_hop *hop,
                         const struct entry *except)
{
    uint64_t net = dht_hop_net(hop, DHT_NET_BUCKET);
    uint32_t count = 0;

    if (dht_scope_of(hop) == DHT_SCOPE_LOOPBACK)
        return true;
    for (const struct rt_list *n = b->entries.next; n != &b->entries; n = n->next)
        count += entry_of(n) != except && lies_in(entry_of(n), net);
    return count < DHT_NET_MAX;
}

static void set_hop(struct entry *e, const struct wire_peer_hop *hop, uint64_t now_ns)
{
    e->has[hop->transport] = true;
    e->hops[hop->transport] = *hop;
    e->hop_seen_ns[hop->transport] = now_ns;
}

static void entry_add(struct dht_table *t, struct bucket *b, const struct wire_peer_hop *hop,
                      const uint8_t id[20], uint64_t now_ns)
{
    struct entry *e = calloc(1, sizeof(*e));

    RT_REQUIRE(b->count < DHT_K);
    RT_INSIST(e != NULL);
    if (t->count == t->capacity) {
        t->capacity = t->capacity ? 2 * t->capacity : 16;
        t->all = realloc((void *)t->all, t->capacity * sizeof(struct entry *));
        RT_INSIST(t->all != NULL);
    }
    memcpy(e->id, id, sizeof(e->id));
    e->seen_ns = now_ns;
    set_hop(e, hop, now_ns);
    rt_list_init(&e->in_bucket);
    rt_list_init(&e->by_age);
    rt_list_push_back(&b->entries, &e->in_bucket);
    rt_list_push_back(&t->by_age, &e->by_age);
    b->count++;
    e->place = t->count;
    t->all[t->count++] = e;
}

static void entry_drop(struct dht_table *t, struct bucket *b, struct entry *e)
{
    struct entry *last;

    RT_REQUIRE(e->place < t->count && t->all[e->place] == e && b->count > 0);
    last = t->all[--t->count];
    t->all[e->place] = last;
    last->place = e->place;
    rt_list_unlink(&e->in_bucket);
    rt_list_unlink(&e->by_age);
    b->count--;
    free(e);
}

/* -- seen and failed -- */

static void seen_again(struct dht_table *t, struct bucket *b, struct entry *e,
                       const struct wire_peer_hop *hop, uint64_t now_ns)
{
    enum wire_transport tr = hop->transport;

    if (e->in_bucket.prev == &b->entries)
        b->has_waiting = false; /* the pinged node is alive */
    if (!e->has[tr] || dht_hop_same(&e->hops[tr], hop) ||
        (e->hop_seen_ns[tr] + MOVED_NS < now_ns && net_has_room(b, hop, e)))
        set_hop(e, hop, now_ns);
    e->seen_ns = now_ns;
    e->failures = 0;
    rt_list_unlink(&e->in_bucket);
    rt_list_push_back(&b->entries, &e->in_bucket);
    rt_list_unlink(&e->by_age);
    rt_list_push_back(&t->by_age, &e->by_age);
}

enum dht_seen dht_table_seen(struct dht_table *t, const struct wire_peer_hop *hop, uint64_t now_ns,
                             struct wire_peer_hop *out_ping)
{
    struct bucket *b;
    struct entry *e, *oldest;
    uint8_t id[20];

    RT_REQUIRE(hop->has_pubkey_hint);
    rt_node_id(hop->pubkey_hint, id);
    if (memcmp(id, t->self, sizeof(id)) == 0)
        return DHT_SEEN_REFUSED;
    b = bucket_at(t, id);
    e = find(t, id);
    if (e) {
        seen_again(t, b, e, hop, now_ns);
        return DHT_SEEN_KNOWN;
    }
    if (!net_has_room(b, hop, NULL))
        return DHT_SEEN_REFUSED;
    if (b->count < DHT_K) {
        entry_add(t, b, hop, id, now_ns);
        return DHT_SEEN_ADDED;
    }
    oldest = entry_of(b->entries.next);
    if (oldest->seen_ns + FRESH_NS > now_ns)
        return DHT_SEEN_REFUSED;
    *out_ping = *best_hop(oldest);
    if (b->has_waiting)
        out_ping->port = 0;
    b->has_waiting = true;
    b->waiting = *hop;
    b->waiting_since_ns = now_ns;
    return DHT_SEEN_WAITS;
}

/* Adds the waiting node to a bucket with a free place, if its network has room. */
static bool admit_waiting(struct dht_table *t, struct bucket *b, struct wire_peer_hop *out_new)
{
    uint8_t id[20];

    if (!b->has_waiting)
        return false;
    b->has_waiting = false;
    rt_node_id(b->waiting.pubkey_hint, id);
    if (find(t, id) || !net_has_room(b, &b->waiting, NULL))
        return false;
    entry_add(t, b, &b->waiting, id, b->waiting_since_ns);
    *out_new = b->waiting;
    return true;
}

enum dht_failed dht_table_failed(struct dht_table *t, const struct wire_peer_hop *hop,
                                 struct wire_peer_hop *out_new)
{
    enum wire_transport tr = hop->transport;
    struct bucket *b;
    struct entry *e;

    RT_REQUIRE(hop->has_pubkey_hint);
    e = find_key(t, hop->pubkey_hint);
    if (!e || !e->has[tr] || !dht_hop_same(&e->hops[tr], hop))
        return DHT_FAILED_UNKNOWN;
    b = bucket_at(t, e->id);
    if (++e->failures < DHT_FAILURES_MAX && !b->has_waiting)
        return DHT_FAILED_KEPT;
    if (e->has[tr == WIRE_TCP ? WIRE_QUIC : WIRE_TCP]) {
        e->has[tr] = false;
        e->failures = 0;
        return DHT_FAILED_KEPT;
    }
    entry_drop(t, b, e);
    return admit_waiting(t, b, out_new) ? DHT_FAILED_REPLACED : DHT_FAILED_DROPPED;
}

bool dht_table_leave(struct dht_table *t, const uint8_t key[32])
{
    struct entry *e;
    struct bucket *b;
    uint8_t id[20];

    rt_node_id(key, id);
    b = bucket_at(t, id);
    if (b->has_waiting && memcmp(b->waiting.pubkey_hint, key, 32) == 0)
        b->has_waiting = false;
    e = find(t, id);
    if (e)
        entry_drop(t, b, e);
    return e != NULL;
}

void dht_table_hold(struct dht_table *t, const uint8_t key[32], uint64_t until_ns)
{
    struct entry *e = find_key(t, key);

    if (e)
        e->held_until_ns = until_ns;
}

bool dht_table_is_held(const struct dht_table *t, const uint8_t key[32], uint64_t now_ns)
{
    const struct entry *e = find_key(t, key);

    return e && e->held_until_ns > now_ns;
}

bool dht_table_has(const struct dht_table *t, const uint8_t id[20])
{
    return find(t, id) != NULL;
}

/* -- the closest -- */

struct gather {
    const uint8_t *target;
    uint32_t max, count;
    const struct entry *found[2 * DHT_K]; /* fewer than max, plus one bucket */
};

/* Adds a bucket's entries in order. Callers add buckets in order of distance. */
static void gather(struct gather *g, const struct bucket *b)
{
    uint32_t from = g->count;

    if (!b)
        return;
    for (const struct rt_list *n = b->entries.next; n != &b->entries; n = n->next) {
        const struct entry *e = entry_of(n);
        uint32_t i = g->count;

        if (e->failures > 0)
            continue;
        while (i > from && dht_closer(g->target, e->id, g->found[i - 1]->id) < 0) {
            g->found[i] = g->found[i - 1];
            i--;
        }
        g->found[i] = e;
        g->count++;
    }
    if (g->count > g->max)
        g->count = g->max;
}

static bool bit(const uint8_t id[20], uint32_t i)
{
    return id[i / 8] >> (7 - i % 8) & 1;
}

/*
 * Gathers buckets in order of distance to target. The bucket of the target's id comes first, then
 * the deeper ones, then the others. Among the deeper ones, a bucket whose bit differs between
 * target and us is nearer than all that are deeper than it; any other is further.
 */
static void gather_closest(const struct dht_table *t, struct gather *g)
{
    uint32_t own = dht_common_bits(t->self, g->target);

    if (own < BUCKETS)
        gather(g, t->buckets[own]);
    for (uint32_t i = own + 1; i < BUCKETS && g->count < g->max; i++)
        if (bit(t->self, i) != bit(g->target, i))
            gather(g, t->buckets[i]);
    for (uint32_t i = BUCKETS; i-- > own + 1 && g->count < g->max;)
        if (bit(t->self, i) == bit(g->target, i))
            gather(g, t->buckets[i]);
    for (uint32_t i = own; i-- > 0 && g->count < g->max;)
        gather(g, t->buckets[i]);
}

uint32_t dht_table_closest(const struct dht_table *t, const uint8_t target[20], uint32_t max,
                           struct wire_peer_hop *out)
{
    struct gather g = {.target = target, .max = max};

    RT_REQUIRE(max <= DHT_K);
    gather_closest(t, &g);
    for (uint32_t i = 0; i < g.count; i++)
        out[i] = *best_hop(g.found[i]);
    return g.count;
}

bool dht_table_self_is_among(const struct dht_table *t, const uint8_t target[20], uint32_t k,
                             const uint8_t *without)
{
    uint32_t own = dht_common_bits(t->self, target), closer = 0;

    if (own == BUCKETS)
        return true;
    if (t->buckets[own])
        closer = t->buckets[own]->count;
    for (uint32_t i = own + 1; i < BUCKETS; i++)
        if (t->buckets[i] && bit(t->self, i) != bit(target, i))
            closer += t->buckets[i]->count;
    if (without && find(t, without) && dht_closer(target, without, t->self) < 0)
        closer--;
    return closer < k;
}

bool dht_table_is_among(const struct dht_table *t, const uint8_t target[20], uint32_t k,
                        const uint8_t id[20])
{
    struct gather g = {.target = target, .max = k};
    uint32_t self_is_closer = dht_closer(target, t->self, id) < 0;

    RT_REQUIRE(k <= DHT_K);
    gather_closest(t, &g);
    for (uint32_t i = 0; i < g.count; i++)
        if (memcmp(g.found[i]->id, id, 20) == 0)
            return i + self_is_closer < k;
    return false;
}

uint32_t dht_table_reach(const struct dht_table *t, uint32_t k)
{
    uint32_t bits = 0;

    /* All nodes of bucket i are closer than we are to a key with exactly i bits in common with us.
     */
    while (bits < BUCKETS && t->buckets[bits] && t->buckets[bits]->count >= k)
        bits++;
    return bits;
}

/* -- sampling and upkeep -- */

uint32_t dht_table_sample(struct dht_table *t, uint32_t max, const uint8_t *skip,
                          uint64_t (*draw)(void *ctx), void *ctx, struct wire_peer_hop *out)
{
    uint32_t count = 0;

    /* A partial shuffle of `all`. */
    for (uint32_t i = 0; i < t->count && count < max; i++) {
        uint32_t pick = i + (uint32_t)(draw(ctx) % (t->count - i));
        struct entry *e = t->all[pick];
        const struct wire_peer_hop *hop = best_hop(e);

        t->all[pick] = t->all[i];
        t->all[pick]->place = pick;
        t->all[i] = e;
        e->place = i;
        if (!skip || memcmp(hop->pubkey_hint, skip, 32) != 0)
            out[count++] = *hop;
    }
    return count;
}

bool dht_table_stalest(const struct dht_table *t, uint64_t before_ns, struct wire_peer_hop *out)
{
    const struct entry *e = RT_CONTAINER_OF(t->by_age.next, struct entry, by_age);

    if (rt_list_empty(&t->by_age) || e->seen_ns >= before_ns)
        return false;
    *out = *best_hop(e);
    return true;
}

void dht_table_touch(struct dht_table *t, const uint8_t key[32])
{
    struct entry *e = find_key(t, key);

    if (!e)
        return;
    rt_list_unlink(&e->by_age);
    rt_list_push_back(&t->by_age, &e->by_age);
}

void dht_table_looked_up(struct dht_table *t, const uint8_t target[20], uint64_t now_ns)
{
    uint32_t i = dht_common_bits(t->self, target);

    if (i < BUCKETS)
        t->looked_up_ns[i] = now_ns + 1; /* 0: never */
}

bool dht_table_refresh(const struct dht_table *t, uint64_t before_ns, const uint8_t random[20],
                       uint8_t out_target[20])
{
    uint32_t deepest = BUCKETS;

    while (deepest > 0 && (!t->buckets[deepest - 1] || t->buckets[deepest - 1]->count == 0))
        deepest--;
    for (uint32_t i = 0; i < deepest; i++) {
        if (t->looked_up_ns[i] > before_ns)
            continue;
        memcpy(out_target, random, 20);
        for (uint32_t k = 0; k <= i; k++) {
            uint8_t mask = (uint8_t)(0x80u >> k % 8);
            bool wanted = bit(t->self, k) != (k == i);

            out_target[k / 8] =
                (uint8_t)(wanted ? out_target[k / 8] | mask : out_target[k / 8] & ~mask);
        }
        return true;
    }
    return false;
}

void dht_table_filter(struct dht_table *t, bool (*keep)(void *ctx, const struct wire_peer_hop *hop),
                      void *ctx)
{
    for (uint32_t i = t->count; i-- > 0;) {
        struct entry *e = t->all[i];

        for (int tr = 0; tr < 2; tr++)
            e->has[tr] = e->has[tr] && keep(ctx, &e->hops[tr]);
        if (!e->has[WIRE_TCP] && !e->has[WIRE_QUIC])
            entry_drop(t, bucket_at(t, e->id), e);
    }
}
