/* SPDX-License-Identifier: MPL-2.0 */
/* Invariant: a ranking is in descending order of count, and each crowd's place is its index. */
#include "dht/value_store/crowds.h"

#include "crypto/crypto.h"

static struct dht_crowd **crowds_of(const struct dht_ranking *r)
{
    return r->crowds.at;
}

static uint64_t hash_of(const struct dht_crowds *c, const struct dht_ranking *r, uint64_t net)
{
    uint64_t numbers[] = {(uintptr_t)r, net};

    return rt_siphash(c->hash_key, numbers, sizeof(numbers));
}

static void free_crowd(void *ctx, struct rt_map_node *n)
{
    (void)ctx;
    free(n);
}

void dht_crowds_free(struct dht_crowds *c)
{
    rt_map_fini(&c->all, free_crowd, NULL);
}

struct dht_crowd *dht_crowds_find(const struct dht_crowds *c, const struct dht_ranking *r,
                                  uint64_t net)
{
    struct rt_map_node *n = rt_map_find(&c->all, hash_of(c, r, net));

    for (; n; n = rt_map_find_next(n)) {
        struct dht_crowd *crowd = (struct dht_crowd *)n;

        if (crowd->ranking == r && crowd->net == net)
            return crowd;
    }
    return NULL;
}

struct dht_crowd *dht_crowds_largest(const struct dht_ranking *r)
{
    return r->crowds.count > 0 ? crowds_of(r)[0] : NULL;
}

static struct dht_crowd *add(struct dht_crowds *c, struct dht_ranking *r, uint64_t net)
{
    struct dht_crowd *crowd = calloc(1, sizeof(*crowd));

    RT_INSIST(crowd != NULL);
    crowd->ranking = r;
    crowd->net = net;
    crowd->place = r->crowds.count;
    rt_list_init(&crowd->by_renewal);
    rt_map_put(&c->all, &crowd->node, hash_of(c, r, net));
    dht_array_reserve(&r->crowds, sizeof(struct dht_crowd *));
    crowds_of(r)[r->crowds.count++] = crowd;
    return crowd;
}

/* The first place with at most this count. */
static uint32_t place_of(const struct dht_ranking *r, uint32_t count)
{
    uint32_t low = 0, high = r->crowds.count;

    while (low < high) {
        uint32_t middle = low + (high - low) / 2;

        if (crowds_of(r)[middle]->count > count)
            low = middle + 1;
        else
            high = middle;
    }
    return low;
}

static void move_to(struct dht_crowd *crowd, uint32_t place)
{
    struct dht_crowd **at = crowds_of(crowd->ranking), *other = at[place];

    at[crowd->place] = other;
    other->place = crowd->place;
    at[place] = crowd;
    crowd->place = place;
}

struct dht_crowd *dht_crowds_join(struct dht_crowds *c, struct dht_ranking *r, uint64_t net,
                                  struct rt_list *by_renewal)
{
    struct dht_crowd *crowd = dht_crowds_find(c, r, net);

    if (!crowd)
        crowd = add(c, r, net);
    move_to(crowd, place_of(r, crowd->count));
    crowd->count++;
    rt_list_init(by_renewal);
    rt_list_push_back(&crowd->by_renewal, by_renewal);
    return crowd;
}

void dht_crowds_quit(struct dht_crowds *c, struct dht_crowd *crowd, struct rt_list *by_renewal)
{
    struct dht_ranking *r = crowd->ranking;

    RT_REQUIRE(crowd->count > 0);
    rt_list_unlink(by_renewal);
    move_to(crowd, place_of(r, crowd->count - 1) - 1);
    crowd->count--;
    if (crowd->count > 0)
        return;
    RT_INSIST(crowd->place == r->crowds.count - 1);
    r->crowds.count--;
    dht_array_shrink(&r->crowds, sizeof(struct dht_crowd *));
    rt_map_remove(&c->all, &crowd->node);
    free(crowd);
}
