/* SPDX-License-Identifier: MPL-2.0 */
/* Invariants: a merged set is in descending order of time, and its meta has one element for each of
 * its entries, in the same order. During a merge, `at` has at most PEERS_MAX items, each peer once.
 */
#include "dht/value_store/peer_set.h"

#include <stdlib.h>
#include <string.h>

#include "base/budget.h"
#include "dht/address/addr.h"
#include "dht/dht_limits.h"
#include "wire_limits.h"

#define HEAD_BYTES 160u /* an empty set with its key takes less */
#define PEERS_MAX (LIM_MEMBERS_MAX + LIM_SET_PER_PEER)

struct item {
    struct wire_peer peer;
    struct dht_set_entry by;
    uint32_t bytes; /* encoded */
};

struct merge {
    uint32_t max, count;
    struct item *at; /* PEERS_MAX of them, newest first */
    /* the incoming value */
    uint64_t origin, time_s;
    uint32_t fresh;   /* its new entries ... */
    uint32_t to_skip; /* ... and the number of these, from the first, above the share */
    const struct dht_set_meta *held_meta;
};

static rt_err decode(enum wire_value_kind kind, uint8_t *buf, uint32_t len,
                     struct wire_peer_set *out)
{
    return kind == WIRE_VALUE_PROVIDERS ? wire_providers_decode(buf, len, out)
                                        : wire_members_decode(buf, len, out);
}

static void encode(enum wire_value_kind kind, struct wire_writer *w, const uint8_t id[32],
                   const struct wire_peer *peers, uint32_t count, uint64_t updated_at)
{
    if (kind == WIRE_VALUE_PROVIDERS)
        wire_write_providers(w, id, peers, count, updated_at);
    else
        wire_write_members(w, id, peers, count, updated_at);
}

static bool same_hop(const struct wire_peer_hop *a, const struct wire_peer_hop *b)
{
    return dht_hop_same(a, b) && a->has_pubkey_hint == b->has_pubkey_hint &&
           (!a->has_pubkey_hint || memcmp(a->pubkey_hint, b->pubkey_hint, 32) == 0);
}

static bool same_peer(const struct wire_peer *a, const struct wire_peer *b)
{
    return same_hop(&a->hop, &b->hop) && a->has_relay_via == b->has_relay_via &&
           (!a->has_relay_via ||
            (a->relay_slot_id == b->relay_slot_id && same_hop(&a->relay_addr, &b->relay_addr)));
}

static struct item *find(struct merge *m, const struct wire_peer *p)
{
    for (uint32_t i = 0; i < m->count; i++)
        if (same_peer(&m->at[i].peer, p))
            return &m->at[i];
    return NULL;
}

static uint32_t encoded_bytes(const struct wire_peer *p)
{
    struct wire_writer w;
    bool fits;

    wire_writer_init(&w, NULL, 0);
    wire_write_peer(&w, p);
    return (uint32_t)wire_writer_len(&w, &fits);
}

static void remove_at(struct merge *m, uint32_t i)
{
    m->count--;
    memmove(&m->at[i], &m->at[i + 1], (m->count - i) * sizeof(*m->at));
}

/* Keeps the array in order of time. Incoming entries come before held ones of the same time, and
 * the held ones keep their order. */
static void insert(struct merge *m, const struct wire_peer *p, const struct dht_set_entry *by,
                   bool is_held)
{
    uint32_t i;

    if (m->count == PEERS_MAX)
        m->count--;
    for (i = m->count; i > 0 && m->at[i - 1].by.time_s + is_held <= by->time_s; i--)
        m->at[i] = m->at[i - 1];
    m->at[i] = (struct item){.peer = *p, .by = *by, .bytes = encoded_bytes(p)};
    m->count++;
}

static void take_held(void *ctx, const struct wire_peer *p)
{
    struct merge *m = ctx;
    uint32_t i = m->fresh++;

    if (m->held_meta && i < m->held_meta->count)
        insert(m, p, &m->held_meta->at[i], true);
}

static void count_fresh(void *ctx, const struct wire_peer *p)
{
    struct merge *m = ctx;

    m->fresh += find(m, p) == NULL;
}

/* The oldest entry of this origin goes, if it has its share already. */
static void keep_share(struct merge *m)
{
    uint32_t own = 0, oldest = m->count;

    for (uint32_t i = 0; i < m->count; i++) {
        if (m->at[i].by.origin == m->origin) {
            own++;
            oldest = i;
        }
    }
    if (own >= LIM_SET_PER_PEER)
        remove_at(m, oldest);
}

static void take_incoming(void *ctx, const struct wire_peer *p)
{
    struct merge *m = ctx;
    struct item *known = find(m, p);
    struct dht_set_entry by = {m->origin, m->time_s};

    if (!known && m->to_skip > 0) {
        m->to_skip--;
        return;
    }
    if (known && (known->by.origin != m->origin || known->by.time_s >= m->time_s))
        return;
    if (known)
        remove_at(m, (uint32_t)(known - m->at));
    else if (m->origin != 0)
        keep_share(m);
    insert(m, p, &by, false);
}

static void cut(struct merge *m)
{
    uint32_t bytes = HEAD_BYTES, fit = 0;

    while (fit < m->count && fit < m->max && bytes + m->at[fit].bytes <= LIM_VALUE_MAX)
        bytes += m->at[fit++].bytes;
    m->count = fit;
}

static enum wire_refusal write_out(enum wire_value_kind kind, const struct merge *m,
                                   const struct wire_peer_set *set, uint64_t updated_at,
                                   struct relay_slice *out_value, struct dht_set_meta **out_meta)
{
    struct wire_peer *peers = malloc((m->count + 1) * sizeof(*peers));
    struct dht_set_meta *meta = malloc(sizeof(*meta) + m->count * sizeof(meta->at[0]));
    struct relay_buf *buf = NULL;
    uint32_t bytes = HEAD_BYTES;
    struct wire_writer w;
    bool fits = false;

    for (uint32_t i = 0; peers && meta && i < m->count; i++) {
        peers[i] = m->at[i].peer;
        meta->at[i] = m->at[i].by;
        bytes += m->at[i].bytes;
    }
    if (peers && meta)
        buf = rt_buf_new(bytes);
    if (buf) {
        meta->count = m->count;
        wire_writer_init(&w, buf->bytes, bytes);
        encode(kind, &w, set->id, peers, m->count, updated_at);
        bytes = (uint32_t)wire_writer_len(&w, &fits);
    }
    free(peers);
    if (!fits) {
        relay_buf_drop(&buf);
        free(meta);
        return WIRE_REFUSAL_MEMORY;
    }
    *out_value = relay_slice_own(buf, buf->bytes, bytes);
    *out_meta = meta;
    return WIRE_REFUSAL_NONE;
}

/* copy: room for the longer of the two values. */
static enum wire_refusal merge_into(struct merge *m, enum wire_value_kind kind, uint8_t *copy,
                                    const struct relay_slice *held, const uint8_t *value,
                                    uint32_t len, uint64_t now_s, struct relay_slice *out_value,
                                    struct dht_set_meta **out_meta)
{
    struct wire_peer_set set;
    uint64_t updated_at = 0;

    if (held) {
        memcpy(copy, held->ptr, held->len);
        if (decode(kind, copy, held->len, &set) == RT_ERR_OK) {
            wire_peers_each(&set.peers, take_held, m);
            updated_at = set.updated_at;
        }
    }
    memcpy(copy, value, len);
    if (decode(kind, copy, len, &set) != RT_ERR_OK)
        return WIRE_REFUSAL_STORE_VALUE;
    /* A time in the future would keep its entries forever. */
    m->time_s = set.updated_at < now_s ? set.updated_at : now_s;
    if (m->time_s > updated_at)
        updated_at = m->time_s;
    m->fresh = 0;
    wire_peers_each(&set.peers, count_fresh, m);
    if (m->origin != 0 && m->fresh > LIM_SET_PER_PEER)
        m->to_skip = m->fresh - LIM_SET_PER_PEER;
    wire_peers_each(&set.peers, take_incoming, m);
    cut(m);
    return write_out(kind, m, &set, updated_at, out_value, out_meta);
}

enum wire_refusal dht_peer_set_merge(enum wire_value_kind kind, const struct relay_slice *held,
                                     const struct dht_set_meta *held_meta, const uint8_t *value,
                                     uint32_t len, uint64_t origin, uint64_t now_s,
                                     struct relay_slice *out_value, struct dht_set_meta **out_meta)
{
    struct merge m = {
        .max = kind == WIRE_VALUE_PROVIDERS ? LIM_PROVIDERS_MAX : LIM_MEMBERS_MAX,
        .origin = origin,
        .held_meta = held_meta,
    };
    uint32_t copy_len = held && held->len > len ? held->len : len;
    uint8_t *copy = malloc(copy_len + 1);
    enum wire_refusal r = WIRE_REFUSAL_MEMORY;

    m.at = malloc(PEERS_MAX * sizeof(*m.at));
    if (copy && m.at)
        r = merge_into(&m, kind, copy, held, value, len, now_s, out_value, out_meta);
    free(m.at);
    free(copy);
    return r;
}

struct dht_set_meta *dht_peer_set_loaded(uint32_t count)
{
    struct dht_set_meta *meta = malloc(sizeof(*meta) + count * sizeof(meta->at[0]));

    for (uint32_t i = 0; meta && i < count; i++)
        meta->at[i] = (struct dht_set_entry){DHT_ORIGIN_LOADED, 0};
    if (meta)
        meta->count = count;
    return meta;
}
