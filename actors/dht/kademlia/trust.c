/* SPDX-License-Identifier: MPL-2.0 */
/*
 * Invariants, from dht_trust_begin on:
 *  - `keys` has exactly the keys of all chains, and refs is the number of chains with the key. Each
 *    key is in `fresh` or `known`.
 *  - A chain begins at the root's key and has each of its keys once. Its verdict is that of the
 *    records that its keys have now.
 */
#include "dht/kademlia/trust.h"

#include <stdlib.h>
#include <string.h>

#include "base/check.h"
#include "base/list.h"
#include "base/map.h"
#include "crypto/crypto.h"
#include "dht/dht_limits.h"
#include "dht/dht_metrics.h"
#include "wire_community.h"
#include "wire_limits.h"
#include "wire_value.h"

#define CHAIN_MAX (LIM_ROTATIONS_MAX + 1)
#define RECORD_MAX 512u /* bytes of our encoding of a rotation, the longer of the two */

struct tracked {
    struct rt_map_node node; /* by key */
    struct rt_list order;    /* in `fresh` or `known` */
    uint32_t refs;           /* chains that hold it */
    uint8_t key[32];
    bool has_rotation, has_revocation;
    struct wire_rotation rotation;
    struct wire_revocation revocation;
};

struct root {
    bool is_pinned;
    enum dht_trust_verdict verdict;
    uint32_t count;
    struct tracked *chain[CHAIN_MAX];
};

struct dht_trust {
    uint8_t hash_key[16];
    struct dht_trust_hooks hooks;
    bool has_begun;
    uint32_t root_count;
    struct root *roots;
    struct rt_map keys;
    struct rt_list fresh, known; /* never taken; taken, longest ago first */
    uint64_t taken_ns;           /* when one of `known` was taken last */
};

_Static_assert(LIM_TRUST_KEYS_MAX == LIM_TRUST_ROOTS_MAX * CHAIN_MAX, "every chain has its keys");
_Static_assert(LIM_TRUST_KEYS_MAX *(sizeof(struct tracked) + 2 * sizeof(void *)) +
                       LIM_TRUST_ROOTS_MAX * sizeof(struct root) <=
                   LIM_TRUST_BYTES_MAX,
               "keys, their place in the map, and roots");

struct dht_trust *dht_trust_new(const uint8_t hash_key[16], const struct dht_trust_hooks *hooks)
{
    struct dht_trust *t = calloc(1, sizeof(*t));

    RT_INSIST(t != NULL);
    memcpy(t->hash_key, hash_key, sizeof(t->hash_key));
    t->hooks = *hooks;
    rt_list_init(&t->fresh);
    rt_list_init(&t->known);
    return t;
}

static void free_tracked(void *ctx, struct rt_map_node *n)
{
    (void)ctx;
    free(RT_CONTAINER_OF(n, struct tracked, node));
}

void dht_trust_free(struct dht_trust **t)
{
    if (!*t)
        return;
    rt_map_fini(&(*t)->keys, free_tracked, NULL);
    free((*t)->roots);
    free(*t);
    *t = NULL;
}

uint32_t dht_trust_count(const struct dht_trust *t)
{
    return t->keys.count;
}

/* -- keys -- */

static uint64_t hash_of(const struct dht_trust *t, const uint8_t key[32])
{
    return rt_siphash(t->hash_key, key, 32);
}

static struct tracked *find(const struct dht_trust *t, const uint8_t key[32])
{
    struct rt_map_node *n = rt_map_find(&t->keys, hash_of(t, key));

    for (; n; n = rt_map_find_next(n)) {
        struct tracked *k = RT_CONTAINER_OF(n, struct tracked, node);

        if (memcmp(k->key, key, 32) == 0)
            return k;
    }
    return NULL;
}

static struct tracked *track(struct dht_trust *t, const uint8_t key[32])
{
    struct tracked *k = find(t, key);

    if (k)
        return k;
    k = calloc(1, sizeof(*k));
    RT_INSIST(k != NULL);
    memcpy(k->key, key, 32);
    rt_list_init(&k->order);
    rt_list_push_back(&t->fresh, &k->order);
    rt_map_put(&t->keys, &k->node, hash_of(t, key));
    return k;
}

static void drop_record(const struct dht_trust *t, const uint8_t dht_key[32])
{
    if (t->hooks.drop)
        t->hooks.drop(t->hooks.ctx, dht_key);
}

static void forget(struct dht_trust *t, struct tracked *k)
{
    uint8_t dht_key[32];

    RT_REQUIRE(k->refs == 0);
    if (k->has_rotation) {
        wire_rotation_key(k->key, dht_key);
        drop_record(t, dht_key);
    }
    if (k->has_revocation) {
        wire_revocation_key(k->key, dht_key);
        drop_record(t, dht_key);
    }
    rt_list_unlink(&k->order);
    rt_map_remove(&t->keys, &k->node);
    free(k);
}

/* -- chains -- */

static struct root *find_root(const struct dht_trust *t, const uint8_t key[32])
{
    for (uint32_t i = 0; i < t->root_count; i++)
        if (memcmp(t->roots[i].chain[0]->key, key, 32) == 0)
            return &t->roots[i];
    return NULL;
}

static bool has_key(const struct root *r, const uint8_t key[32])
{
    for (uint32_t i = 0; i < r->count; i++)
        if (memcmp(r->chain[i]->key, key, 32) == 0)
            return true;
    return false;
}

/* The chain that begins at the root's key. */
static void follow(struct dht_trust *t, struct root *r)
{
    r->count = 1;
    r->verdict = DHT_TRUST_SOUND;
    for (;;) {
        const struct tracked *k = r->chain[r->count - 1];

        if (k->has_revocation)
            r->verdict = DHT_TRUST_REVOKED;
        if (!r->is_pinned || !k->has_rotation)
            return;
        if (r->count == CHAIN_MAX || has_key(r, k->rotation.new_pubkey)) {
            if (r->verdict == DHT_TRUST_SOUND)
                r->verdict = DHT_TRUST_TOO_LONG;
            return;
        }
        r->chain[r->count++] = track(t, k->rotation.new_pubkey);
    }
}

static const uint8_t *deciding_key(const struct root *r)
{
    for (uint32_t i = 0; i < r->count; i++)
        if (r->chain[i]->has_revocation)
            return r->chain[i]->key;
    return r->chain[r->count - 1]->key;
}

static void report(const struct dht_trust *t, const struct root *r)
{
    struct dht_trust_judgement j = {r->chain[0]->key, r->verdict, deciding_key(r)};

    if (t->hooks.judged && t->has_begun)
        t->hooks.judged(t->hooks.ctx, &j);
}

static void judge(struct dht_trust *t, struct root *r)
{
    const struct root before = *r;
    bool is_news;

    follow(t, r);
    is_news =
        r->verdict != before.verdict ||
        (r->verdict == DHT_TRUST_SOUND && r->chain[r->count - 1] != before.chain[before.count - 1]);
    if (r->verdict == DHT_TRUST_TOO_LONG && before.verdict != DHT_TRUST_TOO_LONG)
        rt_metric_inc(RT_METRIC_DHT_CHAINS_TOO_LONG);
    for (uint32_t i = 0; i < r->count; i++)
        r->chain[i]->refs++;
    for (uint32_t i = 0; i < before.count; i++) {
        RT_REQUIRE(before.chain[i]->refs > 0);
        if (--before.chain[i]->refs == 0)
            forget(t, before.chain[i]);
    }
    if (is_news)
        report(t, r);
}

void dht_trust_add(struct dht_trust *t, const uint8_t key[32], bool is_pinned)
{
    struct root *r = find_root(t, key);

    if (!r) {
        RT_REQUIRE(t->root_count < LIM_TRUST_ROOTS_MAX);
        t->roots = realloc(t->roots, (t->root_count + 1) * sizeof(*t->roots));
        RT_INSIST(t->roots != NULL);
        r = &t->roots[t->root_count++];
        *r = (struct root){.count = 1, .chain = {track(t, key)}};
        r->chain[0]->refs++;
    }
    r->is_pinned = r->is_pinned || is_pinned;
    judge(t, r);
}

/* -- records -- */

/* Checks the time before the signatures, because it is cheaper. */
static bool rotation_holds(const struct wire_rotation *r, uint64_t now_s)
{
    uint8_t covered[RECORD_MAX];
    struct wire_writer w;
    bool fits;
    size_t len;

    if (r->issued_at > now_s + LIM_HELLO_SKEW_S || !wire_rotation_is_valid(r))
        return false;
    wire_writer_init(&w, covered, sizeof(covered));
    wire_write_rotation_signed(&w, r);
    len = wire_writer_len(&w, &fits);
    RT_INSIST(fits);
    return rt_sign_verify(r->old_pubkey, covered, len, r->old_key_signature) &&
           rt_sign_verify(r->new_pubkey, covered, len, r->new_key_signature);
}

static bool revocation_holds(const struct wire_revocation *r, uint64_t now_s)
{
    uint8_t covered[RECORD_MAX];
    struct wire_writer w;
    bool fits;
    size_t len;

    if (r->issued_at > now_s + LIM_HELLO_SKEW_S)
        return false;
    wire_writer_init(&w, covered, sizeof(covered));
    wire_write_revocation_signed(&w, r);
    len = wire_writer_len(&w, &fits);
    RT_INSIST(fits);
    return rt_sign_verify(r->pubkey, covered, len, r->signature);
}

static bool rotation_wins(const struct tracked *k, const struct wire_rotation *r)
{
    const struct wire_rotation *held = &k->rotation;

    if (!k->has_rotation)
        return true;
    if (r->rotation_seq != held->rotation_seq)
        return r->rotation_seq > held->rotation_seq;
    if (r->issued_at != held->issued_at)
        return r->issued_at > held->issued_at;
    return memcmp(r->new_pubkey, held->new_pubkey, 32) > 0;
}

static bool revocation_wins(const struct tracked *k, const struct wire_revocation *r)
{
    return !k->has_revocation || r->issued_at < k->revocation.issued_at;
}

static void set_rotation(struct tracked *k, const struct wire_rotation *r)
{
    k->has_rotation = true;
    k->rotation = *r;
}

static void set_revocation(struct tracked *k, const struct wire_revocation *r)
{
    k->has_revocation = true;
    k->revocation = *r;
}

static void put_record(const struct dht_trust *t, const uint8_t dht_key[32],
                       const struct wire_writer *w)
{
    bool fits;
    size_t len = wire_writer_len(w, &fits);

    RT_INSIST(fits);
    if (t->hooks.put)
        t->hooks.put(t->hooks.ctx, dht_key, w->start, len);
}

static void put_rotation(const struct dht_trust *t, const struct wire_rotation *r)
{
    uint8_t bytes[RECORD_MAX], dht_key[32];
    struct wire_writer w;

    wire_writer_init(&w, bytes, sizeof(bytes));
    wire_write_rotation(&w, r);
    wire_rotation_key(r->old_pubkey, dht_key);
    put_record(t, dht_key, &w);
}

static void put_revocation(const struct dht_trust *t, const struct wire_revocation *r)
{
    uint8_t bytes[RECORD_MAX], dht_key[32];
    struct wire_writer w;

    wire_writer_init(&w, bytes, sizeof(bytes));
    wire_write_revocation(&w, r);
    wire_revocation_key(r->pubkey, dht_key);
    put_record(t, dht_key, &w);
}

/* A record as decoded; the structs hold no pointers. */
struct record {
    enum wire_value_kind kind; /* ROTATION or REVOCATION; any other: no record */
    struct wire_rotation rotation;
    struct wire_revocation revocation;
};

static struct record decode(const uint8_t *value, size_t len)
{
    struct record r = {.kind = wire_value_kind(value, len)};
    uint8_t *copy = NULL;
    rt_err err = RT_ERR_MALFORMED;

    if (len <= LIM_VALUE_MAX && (r.kind == WIRE_VALUE_ROTATION || r.kind == WIRE_VALUE_REVOCATION))
        copy = malloc(len);
    if (copy) {
        memcpy(copy, value, len);
        err = r.kind == WIRE_VALUE_ROTATION ? wire_rotation_decode(copy, len, &r.rotation)
                                            : wire_revocation_decode(copy, len, &r.revocation);
        free(copy);
    }
    if (err != RT_ERR_OK)
        r.kind = WIRE_VALUE_NONE;
    return r;
}

static void judge_again(struct dht_trust *t, const struct tracked *k)
{
    for (uint32_t i = 0; i < t->root_count; i++)
        if (has_key(&t->roots[i], k->key))
            judge(t, &t->roots[i]);
}

static bool note_rotation(struct dht_trust *t, const struct wire_rotation *r, uint64_t now_s)
{
    struct tracked *k = find(t, r->old_pubkey);

    if (!k || !rotation_wins(k, r) || !rotation_holds(r, now_s))
        return false;
    set_rotation(k, r);
    put_rotation(t, r);
    judge_again(t, k);
    return true;
}

static bool note_revocation(struct dht_trust *t, const struct wire_revocation *r, uint64_t now_s)
{
    struct tracked *k = find(t, r->pubkey);

    if (!k || !revocation_wins(k, r) || !revocation_holds(r, now_s))
        return false;
    set_revocation(k, r);
    put_revocation(t, r);
    judge_again(t, k);
    return true;
}

bool dht_trust_note(struct dht_trust *t, const uint8_t *value, size_t len, uint64_t now_s)
{
    struct record r = decode(value, len);

    if (r.kind == WIRE_VALUE_ROTATION)
        return note_rotation(t, &r.rotation, now_s);
    return r.kind == WIRE_VALUE_REVOCATION && note_revocation(t, &r.revocation, now_s);
}

/* The struct of the record's key, if dht_key is the DHT key of the record. */
static struct tracked *track_loaded(struct dht_trust *t, const struct record *r,
                                    const uint8_t dht_key[32])
{
    const uint8_t *key =
        r->kind == WIRE_VALUE_ROTATION ? r->rotation.old_pubkey : r->revocation.pubkey;
    uint8_t expected[32];

    if (r->kind == WIRE_VALUE_NONE)
        return NULL;
    if (r->kind == WIRE_VALUE_ROTATION)
        wire_rotation_key(key, expected);
    else
        wire_revocation_key(key, expected);
    if (memcmp(dht_key, expected, 32) != 0 ||
        (t->keys.count >= LIM_TRUST_KEYS_MAX && !find(t, key)))
        return NULL;
    return track(t, key);
}

void dht_trust_load(struct dht_trust *t, const uint8_t key[32], const uint8_t *value, size_t len)
{
    struct record r = decode(value, len);
    struct tracked *k = track_loaded(t, &r, key);

    RT_REQUIRE(!t->has_begun);
    if (!k)
        drop_record(t, key);
    else if (r.kind == WIRE_VALUE_ROTATION)
        set_rotation(k, &r.rotation);
    else
        set_revocation(k, &r.revocation);
}

void dht_trust_begin(struct dht_trust *t)
{
    RT_REQUIRE(!t->has_begun);
    for (uint32_t i = 0; i < t->root_count; i++)
        judge(t, &t->roots[i]);
    for (struct rt_list *n = t->fresh.next, *next; n != &t->fresh; n = next) {
        struct tracked *k = RT_CONTAINER_OF(n, struct tracked, order);

        next = n->next;
        if (k->refs == 0)
            forget(t, k);
    }
    t->has_begun = true;
    for (uint32_t i = 0; i < t->root_count; i++)
        if (t->roots[i].verdict != DHT_TRUST_SOUND)
            report(t, &t->roots[i]);
}

/* -- verdicts -- */

enum dht_trust_verdict dht_trust_verdict(const struct dht_trust *t, const uint8_t root[32])
{
    const struct root *r = find_root(t, root);

    return r ? r->verdict : DHT_TRUST_SOUND;
}

bool dht_trust_accepts(const struct dht_trust *t, const uint8_t root[32], const uint8_t key[32])
{
    const struct root *r = find_root(t, root);

    return r && r->verdict == DHT_TRUST_SOUND && has_key(r, key);
}

const uint8_t *dht_trust_newest(const struct dht_trust *t, const uint8_t root[32])
{
    const struct root *r = find_root(t, root);

    return r ? r->chain[r->count - 1]->key : root;
}

/* -- look-ups -- */

static uint64_t known_due_ns(const struct dht_trust *t)
{
    if (rt_list_empty(&t->known))
        return UINT64_MAX;
    return t->taken_ns + LIM_TRUST_LOOKUP_NS / t->keys.count;
}

uint64_t dht_trust_due_ns(const struct dht_trust *t)
{
    return rt_list_empty(&t->fresh) ? known_due_ns(t) : 0;
}

/* Known keys are served first, so that an endless chain of new keys delays no other look-up. */
bool dht_trust_take(struct dht_trust *t, uint64_t now_ns, uint8_t out_key[32])
{
    struct rt_list *n;

    if (known_due_ns(t) <= now_ns) {
        n = rt_list_pop_front(&t->known);
        t->taken_ns = now_ns;
    } else {
        n = rt_list_pop_front(&t->fresh);
    }
    if (!n)
        return false;
    if (rt_list_empty(&t->known))
        t->taken_ns = now_ns; /* the day begins with the first key */
    memcpy(out_key, RT_CONTAINER_OF(n, struct tracked, order)->key, 32);
    rt_list_push_back(&t->known, n);
    return true;
}
