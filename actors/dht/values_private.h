/* SPDX-License-Identifier: MPL-2.0 */
/* What values.c (the table) and value_rules.c (what may replace what) share. */
#ifndef DHT_VALUES_PRIVATE_H
#define DHT_VALUES_PRIVATE_H

#include "base/limits.h"
#include "base/list.h"
#include "base/map.h"
#include "dht/owners.h"
#include "dht/peer_set.h"
#include "dht/values.h"

#define VALUES_HOUR_S 3600u
#define VALUES_HOURS (LIM_VALUE_TTL_MAX_S / VALUES_HOUR_S + 2u)
#define VALUES_BINS 256u

/* A share whose key some held manifest or verified head proves. */
struct share {
    struct rt_map_node node;
    uint8_t share_id[32], pubkey[32];
    uint32_t refs;
};

struct announced {
    uint8_t sub[32], relay[32];
    bool has_community_fields;
    uint8_t reached; /* dialects in which our announcer has reached the relay */
    uint32_t draw;   /* between those not handed out yet: another order at every node */
    uint64_t net;    /* 0: none of its own */
};

struct entry {
    struct rt_map_node node; /* by key: announcements of one key stand there one by one */
    struct rt_list by_hour, by_bin, by_due, unproven;
    uint8_t key[32];
    enum wire_value_kind kind;
    uint32_t served; /* of announcements: the turn it was last handed out in */
    uint64_t first, second;
    uint64_t expires_s, due_s;
    uint64_t saved_s; /* the expiry that the sink was told */
    struct dht_owner *peer, *net;
    struct dht_origin origin;
    struct relay_slice value;
    union {
        struct share *share;      /* ShareHead that verified, ManifestV1 that proves it; or NULL */
        struct dht_set_meta *set; /* Providers, CommunityMembers */
        struct announced *announced; /* RelayAnnouncement */
    };
};

struct dht_values {
    struct dht_values_limits limits;
    struct dht_values_sink sink;
    uint8_t hash_key[16];
    uint64_t (*random)(void *ctx);
    void *random_ctx;
    struct rt_map by_key, shares, peers, nets;
    uint64_t bytes;
    uint32_t turn;
    uint64_t hour; /* every list before this hour has been emptied; 0: not begun */
    struct rt_list by_due, unproven;
    uint32_t walk_bin, walk_last; /* bins; the walk is over when walk_bin > walk_last */
    struct rt_list *walk_next;    /* in walk_bin; NULL: it has not been entered */
    struct values_lists *lists;   /* NULL while nothing was ever stored */
};

struct values_lists {
    struct rt_list hours[VALUES_HOURS];
    struct rt_list bins[VALUES_BINS];
};

/* A value on its way in. */
struct incoming {
    const uint8_t *key;
    const struct dht_checked *checked;
    const uint8_t *value;
    uint32_t len;
    uint64_t ttl_secs, now_s;
    struct dht_origin origin;
};

/* -- values.c -- */

/* The entry under key and sub; sub NULL: the first of any. */
struct entry *values_entry(const struct dht_values *v, const uint8_t key[32], const uint8_t *sub);
struct entry *values_next_same(const struct entry *e); /* of any sub */
/* Room for one more value (or, e not NULL, for e with another value) of len bytes from this origin:
 * NONE or STORE_FULL. Others may be dropped for it, never e. */
enum rt_refusal values_make_room(struct dht_values *v, const struct entry *e, uint32_t len,
                                 const struct dht_origin *origin);
/* Enters an entry for a checked value, which values_set then gives it. */
struct entry *values_add(struct dht_values *v, const uint8_t key[32],
                         const struct dht_checked *checked);
/* Gives e this value (moved) and origin, and tells the sink. */
void values_set(struct dht_values *v, struct entry *e, const struct incoming *in,
                struct relay_slice value);
/* The same value again: its TTL, and it falls due later. */
void values_renew(struct dht_values *v, struct entry *e, const struct incoming *in);
void values_drop(struct dht_values *v, struct entry *e, bool tell);
uint64_t values_hash(const struct dht_values *v, const uint8_t bytes[32]);

/* -- value_rules.c -- */

enum rt_refusal values_store(struct dht_values *v, const struct incoming *in);
void values_unshare(struct dht_values *v, struct entry *e);
/* A held manifest proves its share's key: a held head that is false is dropped. */
void values_proven(struct dht_values *v, struct entry *manifest, const struct dht_checked *checked);

#endif
