/* SPDX-License-Identifier: MPL-2.0 */
/*
 * Each candidate is in by_key and in one list: waiting or under_way. nets has one entry for each
 * candidate under way, the network of the address that is being dialled.
 */
#include "announcer/directory/candidates.h"

#include <stdlib.h>
#include <string.h>

#include "announcer/announcer_limits.h"
#include "base/check.h"
#include "base/list.h"
#include "crypto/crypto.h"
#include "dht/address/addr.h"
#include "base/map.h"
#include "dht/dht_limits.h"

#define POSTPONED_MAX 3u        /* times that the DHT has no room for the dial */
#define LOOK_AT_MAX 16u         /* candidates inspected for one whose network has no dial */
#define UNREACHABLE_CELLS 1024u /* addresses by hash; a collision overwrites the older one */
#define UNREACHABLE_NS (60 * RT_S)
#define SPACE_NS (RT_S / LIM_RELAY_DIALS_PER_S)

struct candidate {
    struct rt_map_node by_key;
    struct rt_list node;
    uint8_t key[32];
    struct announcement_forms forms;
    uint32_t hop_count, next_hop, postponed;
    struct wire_peer_hop hops[LIM_RELAY_DIAL_ADDRS];
    bool is_under_way;
};

struct unreachable {
    uint64_t hash, until_ns;
    uint32_t times;
};

struct candidates {
    struct rt_map by_key;
    struct rt_list waiting, under_way;
    uint32_t under_way_count;
    uint64_t next_ns;                   /* rate limit: no dial before this */
    uint64_t nets[LIM_RELAY_DIALS_MAX]; /* networks of the dials under way */
    struct unreachable *unreachable;
    uint8_t hash_key[16];
};

/* -- unreachable addresses -- */

static uint64_t hop_hash(const struct candidates *c, const struct wire_peer_hop *hop)
{
    uint8_t bytes[DHT_HOP_BYTES];

    dht_hop_bytes(hop, bytes);
    return rt_siphash(c->hash_key, bytes, sizeof(bytes));
}

static bool is_unreachable(const struct candidates *c, const struct wire_peer_hop *hop,
                           uint64_t now_ns)
{
    uint64_t hash = hop_hash(c, hop);
    const struct unreachable *s = c->unreachable ? &c->unreachable[hash % UNREACHABLE_CELLS] : NULL;

    return s && s->hash == hash && s->until_ns > now_ns;
}

static void note_unreachable(struct candidates *c, const struct wire_peer_hop *hop, uint64_t now_ns)
{
    uint64_t hash = hop_hash(c, hop), for_ns;
    struct unreachable *s;

    if (!c->unreachable)
        c->unreachable = calloc(UNREACHABLE_CELLS, sizeof(*c->unreachable));
    RT_INSIST(c->unreachable != NULL);
    s = &c->unreachable[hash % UNREACHABLE_CELLS];
    if (s->hash != hash)
        *s = (struct unreachable){.hash = hash};
    for_ns = s->times < 6 ? UNREACHABLE_NS << s->times : LIM_REFUSED_NS;
    s->times++;
    s->until_ns = now_ns + (for_ns < LIM_REFUSED_NS ? for_ns : LIM_REFUSED_NS);
}

static void forget_unreachable(struct candidates *c, const struct wire_peer_hop *hop)
{
    uint64_t hash = hop_hash(c, hop);

    if (c->unreachable && c->unreachable[hash % UNREACHABLE_CELLS].hash == hash)
        c->unreachable[hash % UNREACHABLE_CELLS] = (struct unreachable){0};
}

/* -- candidates -- */

static struct candidate *find(const struct candidates *c, const uint8_t key[32])
{
    struct rt_map_node *n = rt_map_find(&c->by_key, rt_siphash(c->hash_key, key, 32));

    while (n && memcmp(RT_CONTAINER_OF(n, struct candidate, by_key)->key, key, 32) != 0)
        n = rt_map_find_next(n);
    return n ? RT_CONTAINER_OF(n, struct candidate, by_key) : NULL;
}

static void drop(struct candidates *c, struct candidate *one)
{
    RT_INSIST(c->by_key.count > 0);
    rt_map_remove(&c->by_key, &one->by_key);
    rt_list_unlink(&one->node);
    forms_drop(&one->forms);
    free(one);
}

struct pick {
    const struct candidates *candidates;
    struct candidate *one;
    uint64_t now_ns;
    enum wire_transport transport;
};

static void pick_hop(void *ctx, const struct wire_peer *p)
{
    struct pick *k = ctx;
    struct wire_peer_hop hop = p->hop;

    dht_hop_normalise(&hop);
    if (hop.transport != k->transport || k->one->hop_count == LIM_RELAY_DIAL_ADDRS ||
        dht_scope_of(&hop) == DHT_SCOPE_NONE || is_unreachable(k->candidates, &hop, k->now_ns))
        return;
    hop.has_pubkey_hint = true;
    memcpy(hop.pubkey_hint, k->one->key, 32);
    k->one->hops[k->one->hop_count++] = hop;
}

/* TCP first: every relay has it, and every client dials it. */
static void pick_hops(const struct candidates *c, struct candidate *one,
                      const struct wire_announcement *a, uint64_t now_ns)
{
    struct pick k = {c, one, now_ns, WIRE_TCP};

    wire_peers_each(&a->addrs, pick_hop, &k);
    k.transport = WIRE_QUIC;
    wire_peers_each(&a->addrs, pick_hop, &k);
}

static struct candidate *add(struct candidates *c, const uint8_t key[32])
{
    struct candidate *one = calloc(1, sizeof(*one));

    RT_INSIST(one != NULL);
    memcpy(one->key, key, 32);
    rt_list_init(&one->node);
    rt_map_put(&c->by_key, &one->by_key, rt_siphash(c->hash_key, one->key, 32));
    rt_list_push_back(&c->waiting, &one->node);
    return one;
}

bool candidates_has(const struct candidates *c, const struct wire_announcement *a)
{
    const struct candidate *one = find(c, a->relay_pubkey);

    if (!one)
        return false;
    switch (forms_judge(&one->forms, a, announcement_addrs_hash(c->hash_key, a))) {
    case FORMS_NEWER:
        return false;
    case FORMS_MOVED:
        return one->is_under_way; /* all announcements must name the dialled address */
    case FORMS_OLD:
        break;
    }
    return true;
}

bool candidates_offer(struct candidates *c, const struct wire_announcement *a,
                      struct relay_slice bytes, uint64_t now_ns)
{
    uint64_t addrs_hash = announcement_addrs_hash(c->hash_key, a);
    struct candidate *one = find(c, a->relay_pubkey);

    if (candidates_has(c, a) || (!one && c->by_key.count == LIM_RELAY_CANDIDATES)) {
        relay_slice_drop(&bytes);
        return false;
    }
    if (one && forms_judge(&one->forms, a, addrs_hash) == FORMS_NEWER) {
        forms_put(&one->forms, a, addrs_hash, bytes);
        return true;
    }
    if (one)
        drop(c, one);
    one = add(c, a->relay_pubkey);
    forms_put(&one->forms, a, addrs_hash, bytes);
    pick_hops(c, one, a, now_ns);
    if (one->hop_count > 0)
        return true;
    drop(c, one);
    return false;
}

bool candidates_drop(struct candidates *c, const uint8_t key[32])
{
    struct candidate *one = find(c, key);

    if (one && !one->is_under_way)
        drop(c, one);
    return one != NULL;
}

/* -- dialling -- */

/* Advances to the first remaining address that may be dialled now. False: none. */
static bool find_hop(const struct candidates *c, struct candidate *one, uint64_t now_ns)
{
    while (one->next_hop < one->hop_count && is_unreachable(c, &one->hops[one->next_hop], now_ns))
        one->next_hop++;
    return one->next_hop < one->hop_count;
}

static uint64_t net_of(const struct candidate *one)
{
    return dht_hop_net(&one->hops[one->next_hop], DHT_NET_PROBE);
}

static bool is_net_busy(const struct candidates *c, uint64_t net)
{
    for (uint32_t i = 0; i < c->under_way_count; i++)
        if (c->nets[i] == net)
            return true;
    return false;
}

bool candidates_next(struct candidates *c, uint64_t now_ns, struct wire_peer_hop *out)
{
    if (now_ns < c->next_ns || c->under_way_count == LIM_RELAY_DIALS_MAX)
        return false;
    for (uint32_t busy = 0; busy < LOOK_AT_MAX;) {
        struct rt_list *n = rt_list_pop_front(&c->waiting);
        struct candidate *one = n ? RT_CONTAINER_OF(n, struct candidate, node) : NULL;

        if (!one)
            return false;
        if (!find_hop(c, one, now_ns)) { /* unreachable since, through another candidate */
            drop(c, one);
            continue;
        }
        if (is_net_busy(c, net_of(one))) {
            busy++;
            rt_list_push_back(&c->waiting, n);
            continue;
        }
        RT_INSIST(!one->is_under_way);
        rt_list_push_back(&c->under_way, n);
        one->is_under_way = true;
        c->nets[c->under_way_count++] = net_of(one);
        c->next_ns = now_ns + SPACE_NS;
        *out = one->hops[one->next_hop];
        return true;
    }
    return false;
}

uint64_t candidates_next_ns(const struct candidates *c, uint64_t now_ns)
{
    if (rt_list_empty(&c->waiting) || c->next_ns <= now_ns)
        return UINT64_MAX;
    return c->next_ns;
}

static void free_net(struct candidates *c, uint64_t net)
{
    uint32_t i = 0;

    while (c->nets[i] != net)
        RT_INSIST(++i < c->under_way_count);
    c->nets[i] = c->nets[--c->under_way_count];
}

/* Queues the candidate for its next address; drops it when none is left. */
static void try_next(struct candidates *c, struct candidate *one, bool is_same_address,
                     uint64_t now_ns)
{
    if (!is_same_address)
        one->next_hop++;
    if (!find_hop(c, one, now_ns)) {
        drop(c, one);
        return;
    }
    one->is_under_way = false;
    rt_list_unlink(&one->node);
    rt_list_push_back(&c->waiting, &one->node);
}

bool candidates_dial_ended(struct candidates *c, const struct wire_peer_hop *hop,
                           enum candidate_result result, uint64_t now_ns,
                           struct announcement_forms *out_forms)
{
    struct candidate *one = find(c, hop->pubkey_hint);

    if (!one || !one->is_under_way)
        return false;
    free_net(c, net_of(one));
    switch (result) {
    case CANDIDATE_REACHED:
        forget_unreachable(c, hop);
        *out_forms = one->forms;
        one->forms = (struct announcement_forms){0};
        drop(c, one);
        return true;
    case CANDIDATE_UNREACHABLE:
        note_unreachable(c, hop, now_ns);
        try_next(c, one, false, now_ns);
        return false;
    case CANDIDATE_NOT_DIALLABLE:
        try_next(c, one, false, now_ns);
        return false;
    case CANDIDATE_POSTPONED:
        break;
    }
    try_next(c, one, ++one->postponed < POSTPONED_MAX, now_ns);
    return false;
}

uint32_t candidates_count(const struct candidates *c)
{
    return c->by_key.count;
}

/* -- life -- */

struct candidates *candidates_new(const uint8_t hash_key[16])
{
    struct candidates *c = calloc(1, sizeof(*c));

    RT_INSIST(c != NULL);
    memcpy(c->hash_key, hash_key, sizeof(c->hash_key));
    rt_list_init(&c->waiting);
    rt_list_init(&c->under_way);
    return c;
}

void candidates_free(struct candidates **candidates)
{
    struct candidates *c = *candidates;

    *candidates = NULL;
    if (!c)
        return;
    while (!rt_list_empty(&c->waiting))
        drop(c, RT_CONTAINER_OF(c->waiting.next, struct candidate, node));
    while (!rt_list_empty(&c->under_way))
        drop(c, RT_CONTAINER_OF(c->under_way.next, struct candidate, node));
    rt_map_fini(&c->by_key, NULL, NULL);
    free(c->unreachable);
    free(c);
}
