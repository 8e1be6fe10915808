/* SPDX-License-Identifier: MPL-2.0 */
#include "announcer/relay_list.h"

#include <stdlib.h>
#include <string.h>

#include "announcer/announcement.h"
#include "base/check.h"
#include "base/limits.h"
#include "base/list.h"
#include "dht/addr.h"
#include "base/map.h"

#define DRAWN 16u            /* entries looked at to find who gives way */
#define AGAIN_NS (60 * RT_S) /* after a silence */
#define FAILURES_MAX 2u      /* in a row */
#define WORTH_DIALLING_S 120u

struct relay {
    struct rt_map_node by_key;
    struct rt_list by_due; /* the next to be asked first */
    uint32_t place;        /* in `at` */
    uint8_t key[32];
    uint64_t issued_at, expires_at;
    uint64_t addrs_hash;
    uint64_t net;
    uint64_t due_ns; /* to be asked */
    uint32_t failures;
    struct wire_peer_hop reached;
    struct relay_slice bytes;
};

struct relay_list {
    struct rt_map by_key;
    struct rt_list by_due;
    struct relay **at; /* count of them, in no order; grows up to LIM_RELAYS_MAX */
    uint32_t count, room;
    uint64_t evicted, lost;
    uint8_t hash_key[16];
    uint64_t (*random)(void *ctx);
    void *random_ctx;
};

/* -- entries -- */

static struct relay *find(const struct relay_list *l, const uint8_t key[32])
{
    struct rt_map_node *n = rt_map_find(&l->by_key, rt_siphash(l->hash_key, key, 32));

    while (n && memcmp(RT_CONTAINER_OF(n, struct relay, by_key)->key, key, 32) != 0)
        n = rt_map_find_next(n);
    return n ? RT_CONTAINER_OF(n, struct relay, by_key) : NULL;
}

static void drop(struct relay_list *l, struct relay *r)
{
    struct relay *last = l->at[--l->count];

    l->at[r->place] = last;
    last->place = r->place;
    rt_map_remove(&l->by_key, &r->by_key);
    rt_list_unlink(&r->by_due);
    relay_slice_drop(&r->bytes);
    free(r);
}

static struct relay *add(struct relay_list *l, const uint8_t key[32])
{
    struct relay *r = calloc(1, sizeof(*r));

    if (l->count == l->room) {
        l->room = l->room ? 2 * l->room : 16;
        l->at = realloc((void *)l->at, l->room * sizeof(struct relay *));
    }
    RT_INSIST(r && l->at);
    memcpy(r->key, key, 32);
    rt_list_init(&r->by_due);
    rt_map_put(&l->by_key, &r->by_key, rt_siphash(l->hash_key, key, 32));
    r->place = l->count;
    l->at[l->count++] = r;
    return r;
}

static uint32_t draw(struct relay_list *l, uint32_t below)
{
    return (uint32_t)(l->random(l->random_ctx) % below);
}

/* Makes room for one from that network. */
static void make_room(struct relay_list *l, uint64_t net, uint64_t now_s)
{
    struct relay *drawn[DRAWN], *victim = NULL;
    uint32_t most = 0;

    for (uint32_t i = 0; i < DRAWN; i++) {
        drawn[i] = l->at[draw(l, l->count)];
        if (drawn[i]->expires_at <= now_s) {
            drop(l, drawn[i]);
            return;
        }
    }
    for (uint32_t i = 0; i < DRAWN; i++) {
        uint32_t of_net = drawn[i]->net == net;

        for (uint32_t k = 0; k < DRAWN; k++)
            of_net += drawn[k]->net == drawn[i]->net && drawn[k] != drawn[i];
        if (!victim || of_net > most || (of_net == most && drawn[i]->due_ns < victim->due_ns)) {
            victim = drawn[i];
            most = of_net;
        }
    }
    drop(l, victim);
    l->evicted++;
}

static void ask_later(struct relay_list *l, struct relay *r, uint64_t now_ns)
{
    r->due_ns = now_ns + LIM_RELAY_CHECK_NS;
    rt_list_unlink(&r->by_due);
    rt_list_push_back(&l->by_due, &r->by_due);
}

/* -- announcements -- */

struct addrs_hash {
    const uint8_t *key;
    uint64_t sum;
};

static void add_addr(void *ctx, const struct wire_peer *p)
{
    struct addrs_hash *h = ctx;
    struct wire_peer_hop hop = p->hop;
    uint8_t bytes[DHT_HOP_BYTES];

    dht_hop_normalise(&hop);
    dht_hop_bytes(&hop, bytes);
    h->sum += rt_siphash(h->key, bytes, sizeof(bytes)); /* in whatever order */
}

static uint64_t addrs_hash(const struct relay_list *l, const struct wire_announcement *a)
{
    struct addrs_hash h = {.key = l->hash_key};

    wire_peers_each(&a->addrs, add_addr, &h);
    return h.sum;
}

static void take(struct relay_list *l, struct relay *r, const struct wire_announcement *a,
                 struct relay_slice bytes)
{
    relay_slice_drop(&r->bytes);
    r->bytes = bytes;
    r->issued_at = a->issued_at;
    r->expires_at = a->expires_at;
    r->addrs_hash = addrs_hash(l, a);
}

enum relay_verdict relay_list_judge(const struct relay_list *l, const struct wire_announcement *a,
                                    uint64_t now_s)
{
    const struct relay *r;

    if (!announcement_is_sound(a, now_s))
        return RELAY_IGNORE;
    r = find(l, a->relay_pubkey);
    if (r && a->issued_at <= r->issued_at)
        return RELAY_IGNORE;
    if (r && r->addrs_hash == addrs_hash(l, a))
        return RELAY_RENEW;
    return a->expires_at - now_s >= WORTH_DIALLING_S ? RELAY_DIAL : RELAY_IGNORE;
}

void relay_list_put(struct relay_list *l, const struct wire_announcement *a,
                    struct relay_slice bytes, const struct wire_peer_hop *at, uint64_t now_ns,
                    uint64_t now_s)
{
    struct relay *r = find(l, a->relay_pubkey);
    uint64_t net = dht_hop_net(at, DHT_NET_BUCKET);

    if (!r && l->count == LIM_RELAYS_MAX)
        make_room(l, net, now_s);
    if (!r)
        r = add(l, a->relay_pubkey);
    take(l, r, a, bytes);
    r->net = net;
    r->reached = *at;
    r->reached.has_pubkey_hint = true;
    memcpy(r->reached.pubkey_hint, r->key, 32);
    r->failures = 0;
    ask_later(l, r, now_ns);
}

void relay_list_renew(struct relay_list *l, const struct wire_announcement *a,
                      struct relay_slice bytes)
{
    struct relay *r = find(l, a->relay_pubkey);

    if (r && a->issued_at > r->issued_at && r->addrs_hash == addrs_hash(l, a))
        take(l, r, a, bytes);
    else
        relay_slice_drop(&bytes);
}

/* -- asking -- */

static struct relay *first_due(const struct relay_list *l)
{
    const struct rt_list *n = l->by_due.next;

    return n == &l->by_due ? NULL : RT_CONTAINER_OF(n, struct relay, by_due);
}

bool relay_list_next(struct relay_list *l, uint64_t now_ns, struct wire_peer_hop *out)
{
    struct relay *r = first_due(l);

    if (!r || r->due_ns > now_ns)
        return false;
    *out = r->reached;
    ask_later(l, r, now_ns);
    return true;
}

uint64_t relay_list_next_ns(const struct relay_list *l)
{
    const struct relay *r = first_due(l);

    return r ? r->due_ns : UINT64_MAX;
}

void relay_list_asked(struct relay_list *l, const uint8_t key[32], bool is_there, uint64_t now_ns)
{
    struct relay *r = find(l, key);

    if (!r)
        return;
    if (is_there) {
        r->failures = 0;
        ask_later(l, r, now_ns);
        return;
    }
    if (++r->failures == FAILURES_MAX) {
        drop(l, r);
        l->lost++;
        return;
    }
    r->due_ns = now_ns + AGAIN_NS;
    rt_list_unlink(&r->by_due);
    rt_list_push_front(&l->by_due, &r->by_due);
}

/* -- telling -- */

uint32_t relay_list_sample(struct relay_list *l, uint32_t max, size_t bytes_max, uint64_t now_s,
                           struct relay_slice *out, bool *out_is_cut)
{
    uint32_t taken = 0;

    *out_is_cut = false;
    while (taken < max && taken < l->count) {
        struct relay *r = l->at[taken + draw(l, l->count - taken)];

        if (r->expires_at <= now_s) {
            drop(l, r);
            continue;
        }
        if (r->bytes.len > bytes_max) {
            *out_is_cut = true;
            break;
        }
        bytes_max -= r->bytes.len;
        /* Those taken stand in front. */
        l->at[r->place] = l->at[taken];
        l->at[r->place]->place = r->place;
        l->at[taken] = r;
        r->place = taken;
        out[taken++] = relay_slice_view(r->bytes.ptr, r->bytes.len);
    }
    return taken;
}

void relay_list_at(const struct relay_list *l, uint32_t place, struct relay_list_view *out)
{
    const struct relay *r;

    RT_REQUIRE(place < l->count);
    r = l->at[place];
    *out = (struct relay_list_view){.issued_at = r->issued_at,
                                    .reached = r->reached,
                                    .bytes = relay_slice_view(r->bytes.ptr, r->bytes.len)};
    memcpy(out->key, r->key, sizeof(out->key));
}

uint32_t relay_list_count(const struct relay_list *l)
{
    return l->count;
}

uint64_t relay_list_evicted(const struct relay_list *l)
{
    return l->evicted;
}

uint64_t relay_list_lost(const struct relay_list *l)
{
    return l->lost;
}

/* -- life -- */

struct relay_list *relay_list_new(const uint8_t hash_key[16], uint64_t (*random)(void *ctx),
                                  void *random_ctx)
{
    struct relay_list *l = calloc(1, sizeof(*l));

    RT_INSIST(l != NULL);
    memcpy(l->hash_key, hash_key, sizeof(l->hash_key));
    l->random = random;
    l->random_ctx = random_ctx;
    rt_list_init(&l->by_due);
    return l;
}

void relay_list_free(struct relay_list **list)
{
    struct relay_list *l = *list;

    *list = NULL;
    if (!l)
        return;
    while (l->count > 0)
        drop(l, l->at[0]);
    rt_map_fini(&l->by_key, NULL, NULL);
    free((void *)l->at);
    free(l);
}
