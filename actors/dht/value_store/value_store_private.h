/* SPDX-License-Identifier: MPL-2.0 */
/*
 * The parts of the value store, which is one module split by size. All work on one struct
 * dht_value_store. Each file calls only those above it:
 *
 *   value_shares   shares whose key is known
 *   value_table    entries by key, and their lists
 *   value_times    expiry, republishing, deferred writes
 *   value_space    limits, eviction
 *   value_update   a new value for an entry
 *   value_rules    rules for replacing a value: kinds that are maps
 *   value_records  the same for kinds with a tag
 *   value_store    the public functions
 */
#ifndef DHT_VALUE_STORE_PRIVATE_H
#define DHT_VALUE_STORE_PRIVATE_H

#include "base/list.h"
#include "base/map.h"
#include "crypto/crypto.h"
#include "dht/dht_limits.h"
#include "dht/value_store/communities.h"
#include "dht/value_store/peer_set.h"
#include "dht/value_store/quota.h"
#include "dht/value_store/value_store.h"

#define VALUE_STORE_HOUR_S 3600u
#define VALUE_STORE_HOURS (LIM_VALUE_TTL_MAX_S / VALUE_STORE_HOUR_S + 2u)
#define VALUE_STORE_BINS 256u

/* A share whose key some held manifest or verified head proves. */
struct share {
    struct rt_map_node node;
    uint8_t share_id[32], pubkey[32];
    uint32_t refs;
};

/* An entry in the index of communities. */
struct record {
    struct dht_record index;
    struct entry *entry;
    uint8_t id[32];
    uint64_t content;    /* see struct dht_checked */
    uint64_t save_due_s; /* while it waits in unsaved */
};

struct revoked {
    struct rt_map_node node;
    const struct entry *entry;
    uint8_t key[32];
};

struct announced {
    uint8_t sub[32], relay[32];
    bool has_community_fields;
    uint8_t reached; /* dialects in which our announcer has reached the relay */
    uint32_t draw;   /* random order among announcements not returned yet */
    uint64_t net;    /* 0: not known */
};

struct entry {
    struct rt_map_node node; /* by key; each announcement of a key has its own entry */
    struct rt_list by_hour, by_bin, by_due;
    struct rt_list by_wait;  /* loaded manifests: in unproven; records: in unsaved */
    struct rt_list by_fresh; /* in fresh of its network, in pushed or in unreached */
    uint8_t key[32];
    enum wire_value_kind kind;
    uint32_t served; /* of announcements: the turn in which it was last returned */
    uint64_t first, second;
    uint64_t expires_s, due_s;
    uint64_t saved_s;     /* the expiry last passed to the sink */
    uint64_t pushed_s;    /* while in pushed, else 0 */
    uint64_t unreached_s; /* while in unreached, else 0 */
    uint64_t copies_s;    /* the expiry of the copies last pushed to the closest nodes */
    bool is_retried;      /* since the last change, after a push that no node took */
    bool is_changed;      /* since the last push, by a storer that does not push it to all */
    struct dht_quota *peer, *net;
    struct dht_origin origin;
    struct relay_slice value;
    union {
        struct share *share;      /* ShareHead that verified, ManifestV1 that proves it; or NULL */
        struct dht_set_meta *set; /* Providers, CommunityMembers */
        struct announced *announced; /* RelayAnnouncement */
        struct record *record;       /* records of communities */
        struct revoked *revoked;     /* revocations */
    };
};

struct dht_value_store {
    struct dht_value_store_limits limits;
    struct dht_value_store_sink sink;
    uint8_t hash_key[16];
    uint64_t (*random)(void *ctx);
    void *random_ctx;
    struct rt_map by_key, shares, peers, nets, revoked;
    struct dht_communities *communities;
    uint64_t bytes;
    uint32_t turn;
    uint64_t hour;  /* every list before this hour has been emptied; 0: not begun */
    uint64_t now_s; /* of the last call that had one */
    struct rt_list by_due, unproven, unsaved;
    struct rt_list fresh;            /* networks with values to be pushed, in turn */
    struct rt_list pushed;           /* within LIM_REPUBLISH_S */
    struct rt_list unreached;        /* fresh ones that no node took */
    uint32_t walk_bin, walk_last;    /* bins; the walk is over when walk_bin > walk_last */
    struct rt_list *walk_next;       /* in walk_bin; NULL: it has not been entered */
    struct value_store_lists *lists; /* NULL while nothing was ever stored */
};

struct value_store_lists {
    struct rt_list hours[VALUE_STORE_HOURS];
    struct rt_list bins[VALUE_STORE_BINS];
};

/* A value to be stored, and its storer. */
struct incoming {
    const uint8_t *key;
    const struct dht_checked *checked;
    struct relay_slice value; /* borrowed */
    uint64_t ttl_secs, now_s;
    struct dht_origin origin;
};

static inline uint64_t value_store_hash(const struct dht_value_store *v, const uint8_t bytes[32])
{
    return rt_siphash(v->hash_key, bytes, 32);
}

/* -- value_shares.c: shares whose key is known -- */

/* NULL: the share's key is not known. */
struct share *value_store_find_share(const struct dht_value_store *v, const uint8_t share_id[32]);
/* One reference for an entry that proves the key; adds an unknown share. */
struct share *value_store_share_ref(struct dht_value_store *v, const uint8_t share_id[32],
                                    const uint8_t pubkey[32]);
void value_store_share_drop(struct dht_value_store *v, struct share *s); /* s may be NULL */
/* Drops the reference of a head or manifest, if it has one. */
void value_store_unshare(struct dht_value_store *v, struct entry *e);

/* -- value_table.c: entries, and the lists of fresh values -- */

/* The entry under key and sub; sub NULL: the first of any. NULL: none. */
struct entry *value_store_entry(const struct dht_value_store *v, const uint8_t key[32],
                                const uint8_t *sub);
struct entry *value_store_next_same(const struct entry *e); /* of any sub */
const uint8_t *value_store_sub(const struct entry *e);
bool value_store_is_record(const struct entry *e);   /* of a community */
uint8_t value_store_dialects(const struct entry *e); /* that accept the value */
struct dht_value value_store_value_of(const struct entry *e);
/* Adds an entry without a value. The caller gives it one before the next operation. */
struct entry *value_store_add(struct dht_value_store *v, const uint8_t key[32],
                              const struct dht_checked *checked);
/* Drops the value of e, and uncounts it from its storer. */
void value_store_release(struct dht_value_store *v, struct entry *e);
/* Removes and frees e. tell: the sink is notified. */
void value_store_drop(struct dht_value_store *v, struct entry *e, bool tell);
/* Frees an entry while the whole table is freed; ctx: the store. */
void value_store_free_node(void *ctx, struct rt_map_node *n);
/* True: e is in its network's list of values to be pushed. */
bool value_store_is_fresh(const struct entry *e);
void value_store_enter_fresh(struct dht_value_store *v, struct entry *e);
void value_store_leave_fresh(struct entry *e);

/* -- value_times.c: expiry, republishing, deferred writes -- */

void value_store_set_expiry(struct dht_value_store *v, struct entry *e, uint64_t expires_s,
                            uint64_t now_s);
/* The expiry of a value stored with this TTL. */
uint64_t value_store_expiry(const struct incoming *in);
void value_store_set_due(struct dht_value_store *v, struct entry *e, uint64_t due_s);
/* True: the storer is a contact that pushes the value in all dialects that accept it. */
bool value_store_is_pushed(const struct entry *e, const struct dht_origin *origin);
/* Call after a STORE: makes the value fresh if it must be pushed. */
void value_store_note_fresh(struct dht_value_store *v, struct entry *e,
                            const struct dht_origin *origin);
/* Passes the value of e to the sink. */
void value_store_save(struct dht_value_store *v, struct entry *e);
/* Schedules a deferred write of a record. */
void value_store_defer_save(struct dht_value_store *v, struct entry *e, uint64_t now_s);

/* -- value_space.c: limits -- */

/* Evicts other entries until one more value of len bytes from this origin fits; e not NULL: until e
 * fits with a value of len bytes. NONE or STORE_FULL. Never evicts e. */
enum wire_refusal value_store_make_room(struct dht_value_store *v, const struct entry *e,
                                        uint32_t len, const struct dht_origin *origin);
bool value_store_is_full(const struct dht_value_store *v, uint32_t more_values,
                         uint64_t more_bytes);

/* -- value_update.c: a new value for an entry, or a new TTL -- */

bool value_store_is_same(const struct entry *e, const struct incoming *in);
/* True: e stays instead of the value in `than`; also true if neither is newer. */
bool value_store_is_newer(const struct entry *e, const struct dht_checked *than);
/* The same value was stored again: extends the TTL and defers the republishing. */
void value_store_renew(struct dht_value_store *v, struct entry *e, const struct incoming *in);
/* Gives e this value (moved), its origin and its times. The sink is not notified. */
void value_store_place(struct dht_value_store *v, struct entry *e, const struct incoming *in,
                       struct relay_slice value);
/* The same for a value that was stored by a peer: indexes and saves it. */
void value_store_set(struct dht_value_store *v, struct entry *e, const struct incoming *in,
                     struct relay_slice value);
/* Makes room in the store and sets the value; e NULL: adds an entry. *out_entry is the entry with
 * the value. */
enum wire_refusal value_store_accept(struct dht_value_store *v, struct entry *e,
                                     const struct incoming *in, struct entry **out_entry);

/* -- value_rules.c: kinds that are maps -- */

enum wire_refusal value_store_put_head(struct dht_value_store *v, const struct incoming *in);
enum wire_refusal value_store_put_manifest(struct dht_value_store *v, const struct incoming *in);
enum wire_refusal value_store_put_set(struct dht_value_store *v, const struct incoming *in);
enum wire_refusal value_store_put_announcement(struct dht_value_store *v,
                                               const struct incoming *in);
/* A held manifest proves its share's key: a held head with an invalid signature is dropped. */
void value_store_proven(struct dht_value_store *v, struct entry *manifest,
                        const struct dht_checked *checked);

/* -- value_records.c: kinds with a tag -- */

enum wire_refusal value_store_put_record(struct dht_value_store *v, const struct incoming *in);
enum wire_refusal value_store_put_dated(struct dht_value_store *v, const struct incoming *in);
enum wire_refusal value_store_put_rotation(struct dht_value_store *v, const struct incoming *in);
enum wire_refusal value_store_put_revocation(struct dht_value_store *v, const struct incoming *in);

#endif
