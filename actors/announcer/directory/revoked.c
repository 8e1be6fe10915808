/* SPDX-License-Identifier: MPL-2.0 */
#include "announcer/directory/revoked.h"

#include <stdlib.h>
#include <string.h>

#include "announcer/announcer_limits.h"
#include "base/check.h"
#include "base/list.h"
#include "base/map.h"
#include "crypto/crypto.h"

struct revoked_key {
    struct rt_map_node by_key;
    struct rt_list by_age;
    uint8_t key[32];
};

struct revoked_keys {
    struct rt_map by_key;
    struct rt_list by_age; /* oldest first */
    uint8_t hash_key[16];
};

static struct revoked_key *find(const struct revoked_keys *r, const uint8_t key[32])
{
    struct rt_map_node *n = rt_map_find(&r->by_key, rt_siphash(r->hash_key, key, 32));

    while (n && memcmp(RT_CONTAINER_OF(n, struct revoked_key, by_key)->key, key, 32) != 0)
        n = rt_map_find_next(n);
    return n ? RT_CONTAINER_OF(n, struct revoked_key, by_key) : NULL;
}

static void drop_oldest(struct revoked_keys *r)
{
    struct revoked_key *k = RT_CONTAINER_OF(r->by_age.next, struct revoked_key, by_age);

    rt_map_remove(&r->by_key, &k->by_key);
    rt_list_unlink(&k->by_age);
    free(k);
}

bool revoked_add(struct revoked_keys *r, const uint8_t key[32], bool was_reached)
{
    bool is_full = r->by_key.count == LIM_RELAYS_REVOKED;
    struct revoked_key *k;

    if (find(r, key))
        return true;
    if (is_full && !was_reached)
        return false;
    if (is_full)
        drop_oldest(r);
    k = calloc(1, sizeof(*k));
    RT_INSIST(k != NULL);
    memcpy(k->key, key, sizeof(k->key));
    rt_list_init(&k->by_age);
    rt_map_put(&r->by_key, &k->by_key, rt_siphash(r->hash_key, key, 32));
    rt_list_push_back(&r->by_age, &k->by_age);
    return !is_full;
}

bool revoked_has(const struct revoked_keys *r, const uint8_t key[32])
{
    return find(r, key) != NULL;
}

struct revoked_keys *revoked_new(const uint8_t hash_key[16])
{
    struct revoked_keys *r = calloc(1, sizeof(*r));

    RT_INSIST(r != NULL);
    memcpy(r->hash_key, hash_key, sizeof(r->hash_key));
    rt_list_init(&r->by_age);
    return r;
}

void revoked_free(struct revoked_keys **revoked)
{
    struct revoked_keys *r = *revoked;

    *revoked = NULL;
    if (!r)
        return;
    while (!rt_list_empty(&r->by_age))
        drop_oldest(r);
    rt_map_fini(&r->by_key, NULL, NULL);
    free(r);
}
