/* SPDX-License-Identifier: MPL-2.0 */
/*
 * The value store of the DHT (protocol: DHT; Relay announcement; Values with a tag). Pure: time is
 * an argument (unix seconds), and values are already checked (value_check.h).
 *
 * Rules for the value of a key that stays, by kind:
 *  - ShareHead: if a stored manifest proves the share's key, a head must be signed by that key, and
 *    the higher (latest_seq, updated_at) stays. Otherwise the last write wins. A held head with an
 *    invalid signature is dropped when the manifest arrives.
 *  - ManifestV1: the first; its id names its content.
 *  - Providers, CommunityMembers: merged, see peer_set.h.
 *  - RelayAnnouncement: the newest of each relay and form. A key can have many, which are returned
 *    in turn. Past LIM_ANNOUNCEMENTS_PER_KEY or LIM_ANNOUNCEMENT_BYTES_PER_KEY of a form, the
 *    oldest one of the network with most of that form is evicted.
 *  - Members' records (0x31): the higher (issued_at, announce_seq). Shares' records (0x32): the
 *    higher (latest_seq, updated_at). Of two records of a share with the same signed bytes, the one
 *    with the texts of the held manifest latest_manifest_id stays. Without that manifest the last
 *    write wins, except for pushes. Both kinds are in the index of communities (communities.h),
 *    where a full community evicts a record of its most crowded network. A member's record expires
 *    at its expires_at or with its TTL, whichever is earlier.
 *  - Hints and pages (0x33 to 0x35): the newer; a value of this relay wins over any other. A hint
 *    and the CommunityMembers of the same key are both kept.
 *  - Rotations (0x36): the higher rotation_seq. Revocations (0x37): the earliest issued_at, for
 *    LIM_VALUE_TTL_MAX_S. Announcements of a revoked relay are not returned.
 *  A value that does not win is accepted and changes nothing. A value equal to the held one extends
 *  the TTL.
 *
 * Dialects: every value is held once. A look-up names the requester's dialect and finds only values
 * that this dialect accepts, and only announcements in its form.
 *
 * Space: count_max values and bytes_max bytes, and a share for each storing key. When the store is
 * full, some values are drawn at random. One of them is evicted if its network has more in the
 * store than the newcomer's. Otherwise the newcomer is refused. So neither one peer nor one
 * network with many keys can evict all others.
 *
 * Disk: the sink is notified of every change at once, with one exception. The write of a community
 * record is deferred if only sequence, times and signature differ from the record on disk. Deferred
 * records are written together, LIM_VALUE_SAVE_S to twice that later.
 *
 * Time: O(1) per operation (a key has at most 64 announcements), O(log n) for community records.
 * Expiry uses hourly lists, in steps that the caller bounds. No operation scans all values.
 *
 * Threads: the dht actor's worker. A found value is a counted reference.
 */
#ifndef DHT_VALUE_STORE_H
#define DHT_VALUE_STORE_H

#include "abi/relay_buf.h"
#include "dht/value_store/value_check.h"
#include "wire_refusal.h"

struct dht_communities;
struct dht_value_store;

struct dht_value_store_limits {
    uint32_t count_max;
    uint64_t bytes_max;
    uint32_t count_per_peer;
    uint64_t bytes_per_peer;
};

/* The storer: keyed hashes of the identity and of the network. peer 0: this relay; its values have
 * no share and are never evicted. */
struct dht_origin {
    uint64_t peer, net;
    bool is_push;      /* pushed by another holder. A push does not extend the TTL of a held value,
                        * because nodes would otherwise keep values alive for each other */
    uint8_t unreached; /* of a push: our dialects that the storer does not speak */
    uint8_t reached;   /* announcements: the dialects in which our announcer reached the relay, or
                        * the peer's dialects if the relay stores its own announcement; kept until
                        * replaced; 0: not known */
};

/* A value of the table; the table owns `value`. */
struct dht_value {
    uint8_t key[32];
    uint8_t sub[32]; /* distinguishes values of one key: see struct dht_checked */
    enum wire_value_kind kind;
    uint8_t dialects; /* that accept it */
    struct relay_slice value;
    uint64_t expires_s;
    bool is_revoked; /* in a walk: an announcement of a relay with a revoked key */
    uint64_t event;  /* community records: the number of the last event; others: 0 */
    struct dht_origin origin;
};

/* Saves changes to disk. put: the value is new or changed, or the expiry moved by more than an
 * hour. drop: the value was removed before its expiry; the disk expires rows by the same time.
 * put_mark: the event mark of a community. revoked: a valid revocation of this key was stored
 * that was not held before. Any may be NULL. */
struct dht_value_store_sink {
    void (*put)(void *ctx, const struct dht_value *v);
    void (*drop)(void *ctx, const uint8_t key[32], const uint8_t sub[32]);
    void (*put_mark)(void *ctx, const uint8_t community_id[32], uint64_t mark, uint64_t expires_s);
    void *ctx;
    void (*revoked)(void *ctx, const uint8_t key[32]);
    void *revoked_ctx;
};

/* random: a source of random numbers. */
struct dht_value_store *dht_value_store_new(const struct dht_value_store_limits *limits,
                                            const uint8_t hash_key[16],
                                            uint64_t (*random)(void *ctx), void *random_ctx);
void dht_value_store_free(struct dht_value_store **v);
void dht_value_store_set_sink(struct dht_value_store *v, const struct dht_value_store_sink *sink);

/*
 * Stores the value for ttl_secs, raised or cut to the protocol's bounds, and notifies the sink.
 * checked: from dht_value_check of this value. value is borrowed, and may be a view. An accepted
 * value is kept in a buffer of its own size: a reference to value's buffer if it has that size,
 * else a copy. NONE, also if the value does not win; STORE_VALUE for a share head with an invalid
 * signature; STORE_FULL or MEMORY.
 */
enum wire_refusal dht_value_store_put(struct dht_value_store *v, const uint8_t key[32],
                                      const struct dht_checked *checked, struct relay_slice value,
                                      uint64_t ttl_secs, const struct dht_origin *origin,
                                      uint64_t now_s);

/* Loads a value from disk without verification, within the limits. Load marks of communities first
 * (see dht_value_store_communities). A loaded manifest proves no key until dht_value_store_prove
 * verifies it. False: the value does not decode or has no room. */
bool dht_value_store_load(struct dht_value_store *v, const uint8_t key[32], const uint8_t sub[32],
                          const uint8_t *value, uint32_t len, uint64_t expires_s, uint64_t event,
                          const struct dht_origin *origin, uint64_t now_s);

/* Verifies at most `max` loaded manifests' signatures; false: there are none left. */
bool dht_value_store_prove(struct dht_value_store *v, uint32_t max, uint64_t now_s);

/*
 * Finds the value under key that the dialect accepts. Returns a new reference and the remaining
 * seconds. Of several announcements, the one served least recently is returned. Dialects B and C
 * share a form. There, relays reached in the dialect are returned before relays never reached.
 * Relays reached only in other dialects are left out. False: none.
 */
bool dht_value_store_find(struct dht_value_store *v, const uint8_t key[32],
                          enum wire_dialect dialect, uint64_t now_s, struct relay_slice *out_value,
                          uint64_t *out_ttl_secs);

/* The same for all matching values, at most max, each with a new reference. */
uint32_t dht_value_store_find_all(const struct dht_value_store *v, const uint8_t key[32],
                                  enum wire_dialect dialect, uint32_t max, uint64_t now_s,
                                  struct relay_slice *out);

/* True: the store has a valid revocation of this key. */
bool dht_value_store_is_revoked(const struct dht_value_store *v, const uint8_t key[32],
                                uint64_t now_s);

/* The index of the stored community records, for reading, and for loading marks. */
struct dht_communities *dht_value_store_communities(struct dht_value_store *v);

/* Drops values that have expired by now_s, at most `max`; true: there may be more. */
bool dht_value_store_expire(struct dht_value_store *v, uint64_t now_s, uint32_t max);

/* Passes records with a deferred write due by now_s to the sink, at most `max`; true: there may be
 * more. flush passes all deferred records. */
bool dht_value_store_save_due(struct dht_value_store *v, uint64_t now_s, uint32_t max);
void dht_value_store_flush(struct dht_value_store *v);

/* -- republishing: a value is due LIM_REPUBLISH_S after it was last stored or taken. A push does
 * not defer it if the storer does not speak all dialects that accept the value. Announcements are
 * never due: their relay renews them, under keys that change by the hour. -- */

/* When the next value is due, unix seconds; UINT64_MAX: there is none. */
uint64_t dht_value_store_next_due(const struct dht_value_store *v);
/* Takes a due value, with a new reference. The value is due again LIM_REPUBLISH_S later. A fresh
 * value stays fresh until dht_value_store_pushing is called. */
bool dht_value_store_take_due(struct dht_value_store *v, uint64_t now_s, struct dht_value *out);

/* -- fresh values: a new or changed value is fresh if its storer is not a contact, or lacks a
 * dialect that accepts the value. Announcements are never fresh. Each change is taken until a
 * node has stored it, and a value at most once in LIM_REPUBLISH_S. A value that is stored again
 * becomes fresh when its pushed copies have expired, because a push does not extend their TTL. The
 * storing networks take turns, each in order of arrival. Values that no node took are after all
 * others. -- */

/* True: there is a fresh value now. */
bool dht_value_store_next_fresh(const struct dht_value_store *v, uint64_t now_s);
/* Takes the next fresh value, with a new reference. The first take after a change sets the next
 * republishing to LIM_REPUBLISH_S later. Changes that waited for the hour to pass become fresh here
 * and in dht_value_store_save_due. */
bool dht_value_store_take_fresh(struct dht_value_store *v, uint64_t now_s, struct dht_value *out);
/* Call when a value from take_due is pushed in all required dialects: the value is no longer fresh.
 * True: it was fresh. */
bool dht_value_store_pushing(struct dht_value_store *v, const struct dht_value *pushed,
                             uint64_t now_s);
/* Call when no node took a fresh value: the value is fresh again after LIM_PUSH_AGAIN_S. If
 * is_tried, only once after each change; later retries wait for LIM_REPUBLISH_S. */
void dht_value_store_unreached(struct dht_value_store *v, const uint8_t key[32],
                               const uint8_t sub[32], bool is_tried, uint64_t now_s);

/* -- walks of a part of the key space, one value a call; one walk at a time -- */

/* Begins a walk of the values whose key's first byte is in [first, last]. */
void dht_value_store_walk(struct dht_value_store *v, uint8_t first, uint8_t last);
/* Returns the next value, which may have expired. *out is valid until the store changes. Values
 * stored during the walk may be part of it. False: the walk is over. */
bool dht_value_store_walk_next(struct dht_value_store *v, struct dht_value *out);

uint32_t dht_value_store_count(const struct dht_value_store *v);
uint64_t dht_value_store_bytes(const struct dht_value_store *v);

#endif
