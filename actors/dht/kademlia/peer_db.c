/* SPDX-License-Identifier: MPL-2.0 */
/*
 * Invariants:
 *  - A record is in one of the lists heard, known and seen. It is in `seen` exactly while it is
 *    alive, and in `heard` only while it is not on disk.
 *  - place[d] is the record's index in alive[d], or NOT_ALIVE. alive_count is the number of records
 *    that are alive in any dialect.
 */
#include "dht/kademlia/peer_db.h"

#include <stdlib.h>
#include <string.h>

#include "base/check.h"
#include "base/list.h"
#include "crypto/crypto.h"
#include "dht/address/addr.h"
#include "base/map.h"
#include "dht/dht_limits.h"

#define REPUTATION_MAX 10
#define SAVE_AGAIN_S 3600u
#define RETRY_S 600u
#define RETRY_DOUBLINGS 7u /* ten minutes to a day */
#define LOOK_AT 8u         /* candidates checked for one that is due */
#define OFFLINE_S 600u     /* without any success for this time, we are offline */
#define NOT_ALIVE UINT32_MAX

struct record {
    struct rt_map_node node;
    struct rt_list order; /* in one of the lists below */
    struct wire_peer_row row;
    uint8_t dialects;              /* spoken by the peer; 0: not known */
    uint8_t refused;               /* claimed by the peer but refused ... */
    uint64_t refused_until_s;      /* ... and not accepted as spoken until this time */
    uint8_t silent;                /* dialects with a silence since the last answer in them */
    uint8_t silent_alone;          /* silent ones; the peer has since answered in another */
    enum wire_dialect last;        /* C if spoken, else last spoken, or of the peer that named it */
    uint32_t place[WIRE_DIALECTS]; /* in `alive` of the dialect, or NOT_ALIVE */
    uint32_t failures;
    uint64_t retry_s;
    uint64_t saved_s; /* the seen time on disk; 0: not on disk */
};

/* Alive records of one dialect, in no order. */
struct alive {
    struct record **at;
    uint32_t count, capacity;
};

struct dht_peers {
    struct dht_peers_sink sink;
    uint8_t hash_key[16];
    uint64_t (*random)(void *ctx);
    void *random_ctx;
    struct rt_map by_addr;
    struct rt_list heard; /* candidates that were never reached: next to check first */
    struct rt_list known; /* candidates reached earlier, also before a restart: the same */
    struct rt_list seen;  /* alive: seen least recently first */
    bool heard_is_next;   /* candidates are taken from both in turn */
    struct alive alive[WIRE_DIALECTS];
    uint32_t alive_count;
    uint64_t success_s; /* when any peer was last reached */
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
    for (uint32_t d = 0; d < WIRE_DIALECTS; d++)
        free((void *)(*p)->alive[d].at);
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

static bool is_alive(const struct record *r)
{
    for (uint32_t d = 0; d < WIRE_DIALECTS; d++)
        if (r->place[d] != NOT_ALIVE)
            return true;
    return false;
}

static void alive_add(struct dht_peers *p, uint32_t d, struct record *r)
{
    struct alive *a = &p->alive[d];

    if (r->place[d] != NOT_ALIVE)
        return;
    if (a->count == a->capacity) {
        a->capacity = a->capacity ? 2 * a->capacity : 16;
        a->at = realloc((void *)a->at, a->capacity * sizeof(struct record *));
        RT_INSIST(a->at != NULL);
    }
    r->place[d] = a->count;
    a->at[a->count++] = r;
}

static void alive_remove(struct dht_peers *p, uint32_t d, struct record *r)
{
    struct alive *a = &p->alive[d];
    struct record *last;

    if (r->place[d] == NOT_ALIVE)
        return;
    RT_REQUIRE(r->place[d] < a->count && a->at[r->place[d]] == r);
    last = a->at[--a->count];
    a->at[r->place[d]] = last;
    last->place[d] = r->place[d];
    r->place[d] = NOT_ALIVE;
}

/* Makes r alive in exactly these dialects; none: not alive. */
static void set_alive(struct dht_peers *p, struct record *r, uint8_t dialects)
{
    p->alive_count -= is_alive(r);
    for (uint32_t d = 0; d < WIRE_DIALECTS; d++) {
        if (dialects & WIRE_DIALECT_BIT(d))
            alive_add(p, d, r);
        else
            alive_remove(p, d, r);
    }
    p->alive_count += is_alive(r);
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
    set_alive(p, r, 0);
    rt_list_unlink(&r->order);
    rt_map_remove(&p->by_addr, &r->node);
    free(r);
}

static struct record *first(const struct rt_list *list)
{
    return rt_list_empty(list) ? NULL : RT_CONTAINER_OF(list->next, struct record, order);
}

/* The record to evict: addresses that others named come first, so that a flood of them evicts no
 * reached peer. */
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
    RT_REQUIRE(p->by_addr.count < LIM_PEERS_MAX);
    r = calloc(1, sizeof(*r));
    RT_INSIST(r != NULL);
    r->row.addr.hop = *hop;
    r->last = WIRE_DIALECT_C;
    for (uint32_t d = 0; d < WIRE_DIALECTS; d++)
        r->place[d] = NOT_ALIVE;
    rt_list_init(&r->order);
    rt_map_put(&p->by_addr, &r->node, hash_of(p, hop));
    return r;
}

static void save(struct dht_peers *p, struct record *r)
{
    r->saved_s = r->row.last_seen_unix;
    if (p->sink.put)
        p->sink.put(p->sink.ctx, &r->row, r->dialects, r->last);
}

/* -- events -- */

static bool is_too_old(const struct record *r, uint64_t now_s)
{
    return r->row.last_seen_unix + LIM_PEER_FORGET_S < now_s;
}

bool dht_peers_load(struct dht_peers *p, const struct wire_peer_row *row, uint8_t dialects,
                    enum wire_dialect last, uint64_t now_s)
{
    struct record *r;

    if (row->last_seen_unix + LIM_PEER_FORGET_S < now_s || row->addr.has_relay_via ||
        p->by_addr.count >= LIM_PEERS_MAX || find(p, &row->addr.hop))
        return false;
    r = record_add(p, &row->addr.hop);
    r->row = *row;
    r->row.addr.raw = (struct wire_bytes){0};
    r->dialects = dialects;
    r->last = last;
    if (dialects == 0) /* another relay's row */
        r->last = row->has_capabilities && !row->capabilities.has_community_fields ? WIRE_DIALECT_A
                                                                                   : WIRE_DIALECT_C;
    if (r->row.last_seen_unix > now_s)
        r->row.last_seen_unix = now_s;
    r->saved_s = r->row.last_seen_unix;
    move_to(&p->known, r);
    return true;
}

static bool same_capabilities(const struct wire_capabilities *a, const struct wire_capabilities *b)
{
    return a->dht == b->dht && a->store == b->store && a->relay == b->relay &&
           a->content_seed == b->content_seed && a->mobile_light == b->mobile_light &&
           a->community_paged_browse == b->community_paged_browse &&
           a->community_search == b->community_search &&
           a->community_delta_sync == b->community_delta_sync &&
           a->has_community_fields == b->has_community_fields;
}

/* A peer that speaks several dialects runs this implementation. It is dialled in C if possible. */
static enum wire_dialect preferred(enum wire_dialect spoken, uint8_t dialects)
{
    return dialects & WIRE_DIALECT_BIT(WIRE_DIALECT_C) ? WIRE_DIALECT_C : spoken;
}

static void note_reply(struct record *r, enum wire_dialect dialect)
{
    r->silent &= (uint8_t)~WIRE_DIALECT_BIT(dialect);
    r->silent_alone = r->silent;
}

uint64_t dht_peers_seen(struct dht_peers *p, const struct wire_peer_hop *hop,
                        enum wire_dialect dialect, uint8_t dialects,
                        const struct wire_capabilities *capabilities, uint64_t now_s)
{
    struct record *r = find(p, hop);
    bool is_news = !r || r->saved_s + SAVE_AGAIN_S <= now_s || !r->row.addr.hop.has_pubkey_hint;
    enum wire_dialect last = preferred(dialect, dialects);
    uint64_t before;

    RT_REQUIRE(hop->has_pubkey_hint);
    if (!r)
        r = record_add(p, hop);
    if (memcmp(r->row.addr.hop.pubkey_hint, hop->pubkey_hint, 32) != 0) {
        r->row.last_seen_unix = 0; /* another peer at this address */
        is_news = true;
    }
    is_news = is_news || r->dialects != dialects || r->last != last;
    before = r->saved_s ? r->row.last_seen_unix : 0; /* 0: only named by others */
    r->dialects = dialects;
    r->last = last;
    note_reply(r, dialect);
    r->row.addr.hop = *hop;
    r->row.last_seen_unix = now_s;
    if (capabilities && dialect == last) {
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
    set_alive(p, r, dialects);
    move_to(&p->seen, r);
    if (is_news)
        save(p, r);
    return before;
}

/* True: the second silence in this dialect, with a reply in another dialect in between. */
static bool note_silence(struct record *r, enum wire_dialect dialect)
{
    uint8_t bit = WIRE_DIALECT_BIT(dialect);
    bool is_alone = r->silent_alone & bit;

    if (dialect == WIRE_DIALECTS)
        return false;
    r->silent_alone &= (uint8_t)~bit;
    r->silent |= bit;
    return is_alone;
}

bool dht_peers_failed(struct dht_peers *p, const struct wire_peer_hop *hop,
                      enum wire_dialect dialect, uint64_t now_s)
{
    struct record *r = find(p, hop);
    bool is_refused;

    if (!r)
        return false;
    is_refused = note_silence(r, dialect);
    if (is_refused)
        dht_peers_refused(p, hop, dialect, now_s);
    set_alive(p, r, 0);
    if (p->success_s + OFFLINE_S >= now_s)
        r->row.reputation_score -= 2;
    if (r->row.reputation_score <= -REPUTATION_MAX) {
        record_drop(p, r);
        return is_refused;
    }
    r->retry_s = now_s + ((uint64_t)RETRY_S << r->failures);
    if (r->failures < RETRY_DOUBLINGS)
        r->failures++;
    move_to(r->saved_s ? &p->known : &p->heard, r);
    if (r->saved_s)
        save(p, r);
    return is_refused;
}

uint8_t dht_peers_spoken(const struct dht_peers *p, const struct wire_peer_hop *hop,
                         enum wire_dialect dialect, uint8_t claimed, uint64_t now_s)
{
    const struct record *r = find(p, hop);
    uint8_t refused = r && now_s < r->refused_until_s ? r->refused : 0;

    return (claimed & (uint8_t)~refused) | WIRE_DIALECT_BIT(dialect);
}

void dht_peers_refused(struct dht_peers *p, const struct wire_peer_hop *hop,
                       enum wire_dialect dialect, uint64_t now_s)
{
    struct record *r = find(p, hop);

    if (!r)
        return;
    if (now_s >= r->refused_until_s)
        r->refused = 0;
    r->refused |= WIRE_DIALECT_BIT(dialect);
    r->refused_until_s = now_s + LIM_REFUSED_NS / RT_S;
    r->dialects &= (uint8_t)~WIRE_DIALECT_BIT(dialect);
    set_alive(p, r, is_alive(r) ? r->dialects : 0);
    if (!is_alive(r) && r->saved_s)
        move_to(&p->known, r);
}

enum wire_dialect dht_peers_dialect(const struct dht_peers *p, const struct wire_peer_hop *hop)
{
    const struct record *r = find(p, hop);

    return r ? r->last : WIRE_DIALECT_C;
}

bool dht_peers_heard(struct dht_peers *p, const struct wire_peer_hop *hop,
                     enum wire_dialect dialect, uint64_t now_s)
{
    struct record *r = find(p, hop);

    if (r)
        return false;
    r = record_add(p, hop);
    r->row.last_seen_unix = now_s; /* neither saved nor passed on */
    r->last = dialect;
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

uint32_t dht_peers_sample(struct dht_peers *p, enum wire_dialect dialect, uint32_t max,
                          uint64_t now_s, struct wire_peer_hop *out)
{
    struct alive *a = &p->alive[dialect];
    uint32_t count = 0;

    /* A partial shuffle of the alive records. */
    for (uint32_t i = 0; i < a->count && i < 2 * max && count < max; i++) {
        uint32_t pick = i + (uint32_t)(p->random(p->random_ctx) % (a->count - i));
        struct record *r = a->at[pick];

        a->at[pick] = a->at[i];
        a->at[pick]->place[dialect] = pick;
        a->at[i] = r;
        r->place[dialect] = i;
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

    return r && is_alive(r);
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
