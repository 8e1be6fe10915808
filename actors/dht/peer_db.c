/* SPDX-License-Identifier: MPL-2.0 */
#include "dht/peer_db.h"

#include <stdlib.h>
#include <string.h>

#include "base/check.h"
#include "base/limits.h"
#include "base/list.h"
#include "crypto/crypto.h"
#include "dht/addr.h"
#include "base/map.h"

#define REPUTATION_MAX 10
#define SAVE_AGAIN_S 3600u
#define RETRY_S 600u
#define RETRY_DOUBLINGS 7u /* ten minutes to a day */
#define LOOK_AT 8u         /* candidates looked at for one whose time has come */
#define OFFLINE_S 600u     /* nobody reached for so long: the fault is ours */
#define NOT_ALIVE UINT32_MAX

struct record {
    struct rt_map_node node;
    struct rt_list order; /* in one of the lists below */
    struct wire_peer_row row;
    uint32_t place; /* in `alive`, or NOT_ALIVE */
    uint32_t failures;
    uint64_t retry_s;
    uint64_t saved_s; /* the seen time on disk; 0: it is not there */
};

struct dht_peers {
    struct dht_peers_sink sink;
    uint8_t hash_key[16];
    uint64_t (*random)(void *ctx);
    void *random_ctx;
    struct rt_map by_addr;
    struct rt_list heard; /* candidates nobody here ever reached: next to be looked at first */
    struct rt_list known; /* candidates that we, or an earlier run, once reached: likewise */
    struct rt_list seen;  /* alive: seen least recently first */
    bool heard_is_next;   /* candidates are taken from both in turn */
    struct record **alive;
    uint32_t alive_count, alive_capacity;
    uint64_t success_s; /* when anybody was last reached */
};

struct dht_peers *dht_peers_new(const uint8_t hash_key[16], uint64_t (*random)(void *ctx),
                                void *random_ctx)
{
    struct dht_peers *p = calloc(1, sizeof(*p));

    RT_INSIST(p != NULL);
    memcpy(p->hash_key, hash_key, sizeof(p->hash_key));
    p->random = random;
    p->random_ctx = random_ctx;
    rt_list_init(&p->heard);
    rt_list_init(&p->known);
    rt_list_init(&p->seen);
    return p;
}

static void free_node(void *ctx, struct rt_map_node *n)
{
    (void)ctx;
    free((struct record *)n);
}

void dht_peers_free(struct dht_peers **p)
{
    if (!*p)
        return;
    rt_map_fini(&(*p)->by_addr, free_node, NULL);
    free((void *)(*p)->alive);
    free(*p);
    *p = NULL;
}

void dht_peers_set_sink(struct dht_peers *p, const struct dht_peers_sink *sink)
{
    p->sink = *sink;
}

/* -- records -- */

static uint64_t hash_of(const struct dht_peers *p, const struct wire_peer_hop *hop)
{
    uint8_t bytes[DHT_HOP_BYTES];

    dht_hop_bytes(hop, bytes);
    return rt_siphash(p->hash_key, bytes, sizeof(bytes));
}

static struct record *find(const struct dht_peers *p, const struct wire_peer_hop *hop)
{
    struct rt_map_node *n = rt_map_find(&p->by_addr, hash_of(p, hop));

    while (n && !dht_hop_same(&((struct record *)n)->row.addr.hop, hop))
        n = rt_map_find_next(n);
    return (struct record *)n;
}

static void set_alive(struct dht_peers *p, struct record *r)
{
    if (r->place != NOT_ALIVE)
        return;
    if (p->alive_count == p->alive_capacity) {
        p->alive_capacity = p->alive_capacity ? 2 * p->alive_capacity : 16;
        p->alive = realloc((void *)p->alive, p->alive_capacity * sizeof(struct record *));
        RT_INSIST(p->alive != NULL);
    }
    r->place = p->alive_count;
    p->alive[p->alive_count++] = r;
}

static void set_dead(struct dht_peers *p, struct record *r)
{
    struct record *last;

    if (r->place == NOT_ALIVE)
        return;
    last = p->alive[--p->alive_count];
    p->alive[r->place] = last;
    last->place = r->place;
    r->place = NOT_ALIVE;
}

static void move_to(struct rt_list *list, struct record *r)
{
    rt_list_unlink(&r->order);
    rt_list_push_back(list, &r->order);
}

static void record_drop(struct dht_peers *p, struct record *r)
{
    if (r->saved_s && p->sink.drop)
        p->sink.drop(p->sink.ctx, &r->row.addr.hop);
    set_dead(p, r);
    rt_list_unlink(&r->order);
    rt_map_remove(&p->by_addr, &r->node);
    free(r);
}

static struct record *first(const struct rt_list *list)
{
    return rt_list_empty(list) ? NULL : RT_CONTAINER_OF(list->next, struct record, order);
}

/* What others only say gives way first, so that no flood of it costs us what we know. */
static struct record *least_worth(const struct dht_peers *p)
{
    struct record *r = first(&p->heard);

    if (!r)
        r = first(&p->known);
    return r ? r : first(&p->seen);
}

static struct record *record_add(struct dht_peers *p, const struct wire_peer_hop *hop)
{
    struct record *r;

    if (p->by_addr.count >= LIM_PEERS_MAX)
        record_drop(p, least_worth(p));
    r = calloc(1, sizeof(*r));
    RT_INSIST(r != NULL);
    r->row.addr.hop = *hop;
    r->place = NOT_ALIVE;
    rt_list_init(&r->order);
    rt_map_put(&p->by_addr, &r->node, hash_of(p, hop));
    return r;
}

static void save(struct dht_peers *p, struct record *r)
{
    r->saved_s = r->row.last_seen_unix;
    if (p->sink.put)
        p->sink.put(p->sink.ctx, &r->row);
}

/* -- what happens to them -- */

static bool is_too_old(const struct record *r, uint64_t now_s)
{
    return r->row.last_seen_unix + LIM_PEER_FORGET_S < now_s;
}

bool dht_peers_load(struct dht_peers *p, const struct wire_peer_row *row, uint64_t now_s)
{
    struct record *r;

    if (row->last_seen_unix + LIM_PEER_FORGET_S < now_s || row->addr.has_relay_via ||
        p->by_addr.count >= LIM_PEERS_MAX || find(p, &row->addr.hop))
        return false;
    r = record_add(p, &row->addr.hop);
    r->row = *row;
    r->row.addr.raw = (struct wire_bytes){0};
    if (r->row.last_seen_unix > now_s)
        r->row.last_seen_unix = now_s;
    r->saved_s = r->row.last_seen_unix;
    move_to(&p->known, r);
    return true;
}

static bool same_capabilities(const struct wire_capabilities *a, const struct wire_capabilities *b)
{
    return a->dht == b->dht && a->store == b->store && a->relay == b->relay &&
           a->content_seed == b->content_seed && a->mobile_light == b->mobile_light;
}

uint64_t dht_peers_seen(struct dht_peers *p, const struct wire_peer_hop *hop,
                        const struct wire_capabilities *capabilities, uint64_t now_s)
{
    struct record *r = find(p, hop);
    bool is_news = !r || r->saved_s + SAVE_AGAIN_S <= now_s || !r->row.addr.hop.has_pubkey_hint;
    uint64_t before;

    RT_REQUIRE(hop->has_pubkey_hint);
    if (!r)
        r = record_add(p, hop);
    if (memcmp(r->row.addr.hop.pubkey_hint, hop->pubkey_hint, 32) != 0) {
        r->row.last_seen_unix = 0; /* somebody else */
        is_news = true;
    }
    before = r->row.last_seen_unix;
    r->row.addr.hop = *hop;
    r->row.last_seen_unix = now_s;
    if (capabilities) {
        is_news = is_news || !r->row.has_capabilities ||
                  !same_capabilities(&r->row.capabilities, capabilities);
        r->row.has_capabilities = r->row.has_capabilities_seen_at = true;
        r->row.capabilities = *capabilities;
        r->row.capabilities_seen_at = now_s;
    }
    if (r->row.reputation_score < REPUTATION_MAX)
        r->row.reputation_score++;
    r->failures = 0;
    p->success_s = now_s;
    set_alive(p, r);
    move_to(&p->seen, r);
    if (is_news)
        save(p, r);
    return before;
}

void dht_peers_failed(struct dht_peers *p, const struct wire_peer_hop *hop, uint64_t now_s)
{
    struct record *r = find(p, hop);

    if (!r)
        return;
    set_dead(p, r);
    if (p->success_s + OFFLINE_S >= now_s)
        r->row.reputation_score -= 2;
    if (r->row.reputation_score <= -REPUTATION_MAX) {
        record_drop(p, r);
        return;
    }
    r->retry_s = now_s + ((uint64_t)RETRY_S << r->failures);
    if (r->failures < RETRY_DOUBLINGS)
        r->failures++;
    move_to(r->saved_s ? &p->known : &p->heard, r);
    if (r->saved_s)
        save(p, r);
}

bool dht_peers_heard(struct dht_peers *p, const struct wire_peer_hop *hop, uint64_t now_s)
{
    struct record *r = find(p, hop);

    if (r)
        return false;
    r = record_add(p, hop);
    r->row.last_seen_unix = now_s; /* of hearsay: it is never saved nor passed on as such */
    move_to(&p->heard, r);
    return true;
}

static struct record *due_of(struct rt_list *list, uint64_t now_s)
{
    for (uint32_t i = 0; i < LOOK_AT && !rt_list_empty(list); i++) {
        struct record *r = first(list);

        move_to(list, r);
        if (r->retry_s <= now_s)
            return r;
    }
    return NULL;
}

bool dht_peers_candidate(struct dht_peers *p, uint64_t now_s, struct wire_peer_hop *out)
{
    struct rt_list *lists[] = {&p->known, &p->heard};
    struct record *r = due_of(lists[p->heard_is_next], now_s);

    if (!r)
        r = due_of(lists[!p->heard_is_next], now_s);
    p->heard_is_next = !p->heard_is_next;
    if (!r)
        return false;
    r->retry_s = now_s + RETRY_S;
    *out = r->row.addr.hop;
    return true;
}

uint32_t dht_peers_sample(struct dht_peers *p, uint32_t max, uint64_t now_s,
                          struct wire_peer_hop *out)
{
    uint32_t count = 0;

    /* A shuffle of `alive`, as far as it is needed. */
    for (uint32_t i = 0; i < p->alive_count && i < 2 * max && count < max; i++) {
        uint32_t pick = i + (uint32_t)(p->random(p->random_ctx) % (p->alive_count - i));
        struct record *r = p->alive[pick];

        p->alive[pick] = p->alive[i];
        p->alive[pick]->place = pick;
        p->alive[i] = r;
        r->place = i;
        if (r->row.last_seen_unix + LIM_PEER_FRESH_S >= now_s)
            out[count++] = r->row.addr.hop;
    }
    return count;
}

static void expire_some(struct dht_peers *p, struct rt_list *list, uint64_t now_s, uint32_t max)
{
    for (; max > 0 && !rt_list_empty(list); max--) {
        struct record *r = first(list);

        move_to(list, r);
        if (is_too_old(r, now_s))
            record_drop(p, r);
    }
}

void dht_peers_expire(struct dht_peers *p, uint64_t now_s, uint32_t max)
{
    for (; max > 0 && first(&p->seen) && is_too_old(first(&p->seen), now_s); max--)
        record_drop(p, first(&p->seen));
    expire_some(p, &p->known, now_s, max / 2);
    expire_some(p, &p->heard, now_s, max - max / 2);
}

void dht_peers_filter(struct dht_peers *p, bool (*keep)(void *ctx, const struct wire_peer_hop *hop),
                      void *ctx)
{
    struct rt_list *lists[] = {&p->heard, &p->known, &p->seen};

    for (int i = 0; i < 3; i++) {
        for (struct rt_list *n = lists[i]->next, *next; n != lists[i]; n = next) {
            struct record *r = RT_CONTAINER_OF(n, struct record, order);

            next = n->next;
            if (!keep(ctx, &r->row.addr.hop))
                record_drop(p, r);
        }
    }
}

bool dht_peers_is_alive(const struct dht_peers *p, const struct wire_peer_hop *hop)
{
    const struct record *r = find(p, hop);

    return r && r->place != NOT_ALIVE;
}

int32_t dht_peers_reputation(const struct dht_peers *p, const struct wire_peer_hop *hop)
{
    const struct record *r = find(p, hop);

    return r ? r->row.reputation_score : 0;
}

uint32_t dht_peers_count(const struct dht_peers *p)
{
    return p->by_addr.count;
}

uint32_t dht_peers_alive(const struct dht_peers *p)
{
    return p->alive_count;
}
