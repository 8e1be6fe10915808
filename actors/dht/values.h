/* SPDX-License-Identifier: MPL-2.0 */
/*
 * The values a relay holds for the DHT (protocol: DHT; Relay announcement; Values with a tag).
 * Pure: time is an argument (unix seconds), values were checked before (value_check.h).
 *
 * Which value of a key stays, by kind:
 *  - ShareHead: if a stored manifest proves the share's key, a head must be signed by that key, and
 *    the higher (latest_seq, updated_at) stays. Otherwise the last write wins; a held head that is
 *    false is dropped when the manifest arrives.
 *  - ManifestV1: the first; its id names its content.
 *  - Providers, CommunityMembers: merged, see peer_set.h.
 *  - RelayAnnouncement: the newest of each relay and form; many under one key, given out in turn.
 *    Past LIM_ANNOUNCEMENTS_PER_KEY or LIM_ANNOUNCEMENT_BYTES_PER_KEY of a form, the oldest one of
 *    the network that has most of that form is evicted.
 *  - Records of communities (0x31, 0x32): the higher (issued_at, announce_seq); the higher
 *    (latest_seq, updated_at). Of two records of a share that are signed alike, the one with the
 *    texts of the held manifest latest_manifest_id; without that manifest the last write, except
 *    for pushes. Both kinds are entered into the index of communities (communities.h), where a full
 *    community evicts a record of its most crowded network. A member's record expires at its
 *    expires_at or with its TTL, whichever is earlier.
 *  - Hints and pages (0x33 to 0x35): the newer, and ours over any other. A hint is held beside the
 *    CommunityMembers of its key.
 *  - Rotations (0x36): the higher rotation_seq. Revocations (0x37): the earliest issued_at, for
 *    LIM_VALUE_TTL_MAX_S. Announcements of a revoked relay are not given out.
 *  A value that does not win is accepted and changes nothing; one that is held already extends the
 *  TTL.
 *
 * Dialects: every value is held once; a look-up names the asker's dialect and is given only what
 * that dialect accepts, of announcements its form.
 *
 * Space: count_max values and bytes_max bytes, and a share for each storing key. When the store is
 * full, a value is evicted from a network that has more in the store than the newcomer's, found by
 * drawing some at random; if there is none, the newcomer is refused. So neither one peer nor one
 * network with many keys can shut out others.
 *
 * Disk: the sink is notified of every change at once, with one exception. A community record that
 * differs from the one on disk only in sequence, times and signature is written LIM_VALUE_SAVE_S
 * later, or up to twice that, together with others.
 *
 * Cost: O(1) per operation (a key has at most 64 announcements), O(log n) where communities are
 * indexed; expiry uses hourly lists, in steps that the caller bounds; nothing scans all values.
 *
 * Threads: the dht actor's worker. A found value is a counted reference.
 */
#ifndef DHT_VALUES_H
#define DHT_VALUES_H

#include "abi/relay_buf.h"
#include "base/refusal.h"
#include "dht/value_check.h"

struct dht_communities;
struct dht_values;

struct dht_values_limits {
    uint32_t count_max;
    uint64_t bytes_max;
    uint32_t count_per_peer;
    uint64_t bytes_per_peer;
};

/* Who stores: keyed hashes of the identity and of its network. peer 0: ourselves; our own values
 * have no share and are never evicted. */
struct dht_origin {
    uint64_t peer, net;
    bool is_push; /* from another node of the DHT, which has it from others: it does not extend the
                   * TTL of what is held already, or nodes would keep values alive for each other */
    uint8_t unreached; /* of a push: our dialects that the storer does not speak */
    uint8_t reached;   /* announcements: the dialects in which our own announcer has reached the
                        * relay, or those of the session on which the relay itself stores it; kept
                        * until others are named; 0: not known */
};

/* A value as it stands in the table; `value` is the table's. */
struct dht_value {
    uint8_t key[32];
    uint8_t sub[32]; /* tells apart the values under one key: see struct dht_checked */
    enum wire_value_kind kind;
    uint8_t dialects; /* that accept it */
    struct relay_slice value;
    uint64_t expires_s;
    bool is_revoked; /* of a walk: an announcement of a relay whose key is revoked */
    uint64_t event;  /* records of communities: the number of its last event; others: 0 */
    struct dht_origin origin;
};

/* Told what is to be on disk. put: new, changed, or its expiry has moved by more than an hour;
 * drop: gone before its time (what expires is not told: the disk's expiry is the same). put_mark:
 * the highest event number of a community. revoked: a valid revocation of this key has been stored
 * that was not held. Any may be NULL. */
struct dht_values_sink {
    void (*put)(void *ctx, const struct dht_value *v);
    void (*drop)(void *ctx, const uint8_t key[32], const uint8_t sub[32]);
    void (*put_mark)(void *ctx, const uint8_t community_id[32], uint64_t mark, uint64_t expires_s);
    void *ctx;
    void (*revoked)(void *ctx, const uint8_t key[32]);
    void *revoked_ctx;
};

/* random: numbers for drawing. */
struct dht_values *dht_values_new(const struct dht_values_limits *limits,
                                  const uint8_t hash_key[16], uint64_t (*random)(void *ctx),
                                  void *random_ctx);
void dht_values_free(struct dht_values **v);
void dht_values_set_sink(struct dht_values *v, const struct dht_values_sink *sink);

/*
 * Stores a copy of value for ttl_secs, raised and cut to the protocol's bounds. NONE (also where it
 * was not newer), STORE_VALUE (a share head that is false), STORE_FULL or MEMORY. sink may be told.
 */
enum rt_refusal dht_values_store(struct dht_values *v, const uint8_t key[32],
                                 const struct dht_checked *checked, const uint8_t *value,
                                 uint32_t len, uint64_t ttl_secs, const struct dht_origin *origin,
                                 uint64_t now_s);

/* A value from disk: taken as it is, limits apply. Marks of communities are loaded before (see
 * dht_values_communities). Its manifest proves nothing until dht_values_prove has come to it.
 * False: it does not decode or has no room. */
bool dht_values_load(struct dht_values *v, const uint8_t key[32], const uint8_t sub[32],
                     const uint8_t *value, uint32_t len, uint64_t expires_s, uint64_t event,
                     const struct dht_origin *origin, uint64_t now_s);

/* Verifies at most `max` loaded manifests' signatures; false: there are none left. */
bool dht_values_prove(struct dht_values *v, uint32_t max, uint64_t now_s);

/*
 * The value under key that the dialect accepts, with a reference of its own and the seconds it has
 * left. Of several announcements the one that was served least recently; in dialects B and C, whose
 * announcements have one form, those of relays reached in that dialect come before those of relays
 * never reached, and those of relays reached in other dialects only are left out. False: none.
 */
bool dht_values_find(struct dht_values *v, const uint8_t key[32], enum wire_dialect dialect,
                     uint64_t now_s, struct relay_slice *out_value, uint64_t *out_ttl_secs);

/* All of these, at most max, each with a reference of its own. */
uint32_t dht_values_find_all(const struct dht_values *v, const uint8_t key[32],
                             enum wire_dialect dialect, uint32_t max, uint64_t now_s,
                             struct relay_slice *out);

/* Whether a revocation of this key is held. */
bool dht_values_is_revoked(const struct dht_values *v, const uint8_t key[32], uint64_t now_s);

/* The index of the community records held here, for reading, and for loading marks. */
struct dht_communities *dht_values_communities(struct dht_values *v);

/* Drops what has expired by now_s, at most `max` of it; true: there may be more. */
bool dht_values_expire(struct dht_values *v, uint64_t now_s, uint32_t max);

/* Tells the sink of records whose deferred write is due by now_s, at most `max`; true: there may be
 * more. flush: of all deferred ones. */
bool dht_values_save_due(struct dht_values *v, uint64_t now_s, uint32_t max);
void dht_values_flush(struct dht_values *v);

/* -- republishing: a value falls due LIM_REPUBLISH_S after it was last stored or taken. A push does
 * not defer it where the storer does not speak all dialects that accept the value.
 * Announcements never do: their relay renews them, under keys that change by the hour. -- */

/* When the next value falls due, unix seconds; UINT64_MAX: there is none. */
uint64_t dht_values_next_due(const struct dht_values *v);
/* A value that is due, with a reference of its own; it falls due again LIM_REPUBLISH_S later. A
 * fresh one stays fresh until dht_values_pushing is called. */
bool dht_values_take_due(struct dht_values *v, uint64_t now_s, struct dht_value *out);

/* -- fresh values: those that were new, or changed, when a peer stored them that is no contact or
 * does not speak all dialects that accept the value, but for announcements. Each is given out once
 * per change that reached a node, and at most once in LIM_REPUBLISH_S. One that is stored again
 * becomes fresh when the copies that were pushed have expired, as pushes do not give them a longer
 * life. The networks that stored them take turns; within one, in order of arrival. Those that no
 * node took follow all others. -- */

/* Whether there is one now. */
bool dht_values_next_fresh(const struct dht_values *v, uint64_t now_s);
/* The next one, with a reference of its own; the first time after a change it falls due
 * LIM_REPUBLISH_S later. Changes that waited for the hour to pass become fresh here and in
 * dht_values_save_due. */
bool dht_values_take_fresh(struct dht_values *v, uint64_t now_s, struct dht_value *out);
/* A value that take_due gave out is pushed in all dialects in which it was to be: it is no longer
 * fresh. Whether it was. */
bool dht_values_pushing(struct dht_values *v, const struct dht_value *pushed, uint64_t now_s);
/* No node took a value that was fresh: it is fresh again after LIM_PUSH_AGAIN_S. If is_tried, only
 * once after each change: after that it waits for LIM_REPUBLISH_S. */
void dht_values_unreached(struct dht_values *v, const uint8_t key[32], const uint8_t sub[32],
                          bool is_tried, uint64_t now_s);

/* -- going through a part of the key space, one value a call; one walk at a time -- */

/* Of the values whose key's first byte is first to last, both included. */
void dht_values_walk(struct dht_values *v, uint8_t first, uint8_t last);
/* The next one, expired or not, valid until the table is changed; values stored meanwhile may be
 * among them. False: the walk is over. */
bool dht_values_walk_next(struct dht_values *v, struct dht_value *out);

uint32_t dht_values_count(const struct dht_values *v);
uint64_t dht_values_bytes(const struct dht_values *v);

#endif
