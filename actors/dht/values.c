/* SPDX-License-Identifier: MPL-2.0 */
#include "dht/values.h"

#include <stdlib.h>
#include <string.h>

#include "base/budget.h"
#include "base/check.h"
#include "base/limits.h"
#include "base/list.h"
#include "crypto/crypto.h"

#define BUCKETS_MIN 1024u
#define HOUR_S 3600u
#define HOURS (LIM_VALUE_TTL_MAX_S / HOUR_S + 2u)

struct entry {
    struct entry *next; /* in its hash bucket */
    struct rt_list by_hour;
    uint8_t key[32];
    struct dht_rank rank;
    uint64_t expires_s;
    struct relay_slice value;
};

struct dht_values {
    struct dht_values_limits limits;
    uint8_t hash_key[16];
    struct entry **buckets;
    uint32_t bucket_count; /* a power of two */
    uint32_t count;
    uint64_t bytes;
    uint64_t hour; /* every list before this hour has been emptied */
    struct rt_list hours[HOURS];
};

struct dht_values *dht_values_new(const struct dht_values_limits *limits,
                                  const uint8_t hash_key[16])
{
    struct dht_values *v = calloc(1, sizeof(*v));

    RT_INSIST(v != NULL);
    v->limits = *limits;
    memcpy(v->hash_key, hash_key, sizeof(v->hash_key));
    v->bucket_count = BUCKETS_MIN;
    v->buckets = calloc(v->bucket_count, sizeof(struct entry *));
    RT_INSIST(v->buckets != NULL);
    for (uint32_t i = 0; i < HOURS; i++)
        rt_list_init(&v->hours[i]);
    return v;
}

static struct entry **slot_of(struct dht_values *v, const uint8_t key[32])
{
    uint64_t h = rt_siphash(v->hash_key, key, 32);
    struct entry **at = &v->buckets[h & (v->bucket_count - 1)];

    while (*at && memcmp((*at)->key, key, 32) != 0)
        at = &(*at)->next;
    return at;
}

static void entry_drop(struct dht_values *v, struct entry **at)
{
    struct entry *e = *at;

    *at = e->next;
    rt_list_unlink(&e->by_hour);
    v->count--;
    v->bytes -= e->value.len;
    relay_slice_drop(&e->value);
    free(e);
}

void dht_values_free(struct dht_values **v)
{
    if (!*v)
        return;
    for (uint32_t i = 0; i < (*v)->bucket_count; i++)
        while ((*v)->buckets[i])
            entry_drop(*v, &(*v)->buckets[i]);
    free((void *)(*v)->buckets);
    free(*v);
    *v = NULL;
}

static void grow(struct dht_values *v)
{
    uint32_t old_count = v->bucket_count;
    struct entry **old = v->buckets;
    struct entry **bigger = calloc((size_t)old_count * 2, sizeof(struct entry *));

    if (!bigger)
        return;
    v->buckets = bigger;
    v->bucket_count = old_count * 2;
    for (uint32_t i = 0; i < old_count; i++) {
        while (old[i]) {
            struct entry *e = old[i];
            struct entry **at;

            old[i] = e->next;
            e->next = NULL;
            at = slot_of(v, e->key);
            *at = e;
        }
    }
    free((void *)old);
}

static void set_expiry(struct dht_values *v, struct entry *e, uint64_t ttl_secs, uint64_t now_s)
{
    if (ttl_secs < LIM_VALUE_TTL_MIN_S)
        ttl_secs = LIM_VALUE_TTL_MIN_S;
    if (ttl_secs > LIM_VALUE_TTL_MAX_S)
        ttl_secs = LIM_VALUE_TTL_MAX_S;
    e->expires_s = now_s + ttl_secs;
    rt_list_unlink(&e->by_hour);
    rt_list_push_back(&v->hours[e->expires_s / HOUR_S % HOURS], &e->by_hour);
}

/* Whether a new value takes the held one's place. */
static bool replaces(const struct dht_rank *now, const struct dht_rank *held)
{
    if (now->kind == WIRE_VALUE_SHARE_HEAD || now->kind != held->kind)
        return true;
    return now->first > held->first || (now->first == held->first && now->second > held->second);
}

static bool is_same(const struct entry *e, const uint8_t *value, uint32_t len)
{
    return e->value.len == len && memcmp(e->value.ptr, value, len) == 0;
}

static struct entry *entry_add(struct dht_values *v, const uint8_t key[32])
{
    struct entry *e = calloc(1, sizeof(*e));
    struct entry **at;

    if (!e)
        return NULL;
    if (v->count >= v->bucket_count)
        grow(v);
    at = slot_of(v, key);
    memcpy(e->key, key, sizeof(e->key));
    rt_list_init(&e->by_hour);
    *at = e;
    v->count++;
    return e;
}

enum rt_refusal dht_values_store(struct dht_values *v, const uint8_t key[32],
                                 const struct dht_rank *rank, const uint8_t *value, uint32_t len,
                                 uint64_t ttl_secs, uint64_t now_s)
{
    struct entry *e = *slot_of(v, key);
    struct relay_slice copy;

    if (e && e->expires_s > now_s && is_same(e, value, len)) {
        set_expiry(v, e, ttl_secs, now_s);
        return RT_REFUSAL_NONE;
    }
    if (e && e->expires_s > now_s && !replaces(rank, &e->rank))
        return RT_REFUSAL_NONE;
    if ((!e && v->count >= v->limits.count_max) ||
        v->bytes - (e ? e->value.len : 0) + len > v->limits.bytes_max)
        return RT_REFUSAL_STORE_FULL;
    copy = rt_slice_copy(value, len);
    if (!copy.owner)
        return RT_REFUSAL_MEMORY;
    if (!e)
        e = entry_add(v, key);
    if (!e) {
        relay_slice_drop(&copy);
        return RT_REFUSAL_MEMORY;
    }
    v->bytes += len;
    v->bytes -= e->value.len;
    relay_slice_drop(&e->value);
    e->value = copy;
    e->rank = *rank;
    set_expiry(v, e, ttl_secs, now_s);
    return RT_REFUSAL_NONE;
}

bool dht_values_find(struct dht_values *v, const uint8_t key[32], uint64_t now_s,
                     struct relay_slice *out_value, uint64_t *out_ttl_secs)
{
    const struct entry *e = *slot_of(v, key);

    if (!e || e->expires_s <= now_s)
        return false;
    *out_value = relay_slice_ref(e->value);
    *out_ttl_secs = e->expires_s - now_s;
    return true;
}

static void expire_list(struct dht_values *v, struct rt_list *list, uint64_t now_s)
{
    for (struct rt_list *n = list->next, *next; n != list; n = next) {
        struct entry *e = RT_CONTAINER_OF(n, struct entry, by_hour);

        next = n->next;
        if (e->expires_s <= now_s)
            entry_drop(v, slot_of(v, e->key));
    }
}

void dht_values_expire(struct dht_values *v, uint64_t now_s)
{
    uint64_t hour = now_s / HOUR_S;

    if (v->hour == 0 || hour - v->hour > HOURS)
        v->hour = hour > HOURS ? hour - HOURS : 0;
    for (; v->hour < hour; v->hour++)
        expire_list(v, &v->hours[v->hour % HOURS], now_s);
}

uint32_t dht_values_count(const struct dht_values *v)
{
    return v->count;
}

uint64_t dht_values_bytes(const struct dht_values *v)
{
    return v->bytes;
}
