/* SPDX-License-Identifier: MPL-2.0 */
/*
 * Decides which keys a bootstrap peer may use, from rotations and revocations of pinned keys
 * (protocol-v2: values 0x36 and 0x37). Pure: no I/O, time is an argument.
 *
 * A root is a key that was pinned on first use, or that the operator configured. A pinned root
 * never changes. A chain of rotations begins at the pinned root. Each rotation names the next key
 * and is signed by both keys. Of several rotations of one key, the one with the highest
 * (rotation_seq, issued_at, new key) counts. Every key of a sound chain is accepted. No key of a
 * void chain is accepted. A chain is void if
 *  - one of its keys is revoked, regardless of when the revocation arrives and of later signatures.
 *    Otherwise a rotation signed with a stolen key would survive the owner's revocation.
 *  - it returns to one of its keys, or is longer than LIM_ROTATIONS_MAX. A truncated chain would
 *    hide a revocation past the end.
 * The chain of a configured root has only the root. The kind of subject that a record names is
 * ignored, as by the reference: a key has one rotation and one revocation in the DHT.
 *
 * The verdict depends on the set of records, not on their order. A record counts only while its key
 * is in a chain; records of other keys are ignored. So a key that enters a chain has no records
 * yet, and dht_trust_take returns it first for a look-up. A key that leaves all chains is dropped
 * with its records.
 *
 * Size: at most LIM_TRUST_KEYS_MAX keys, LIM_TRUST_BYTES_MAX bytes in all. Time: a record of a key
 * in no chain is O(1). Any other record scans all chains and judges those that contain its key.
 */
#ifndef DHT_TRUST_H
#define DHT_TRUST_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct dht_trust;

enum dht_trust_verdict {
    DHT_TRUST_SOUND,
    DHT_TRUST_REVOKED,  /* a key of the chain is revoked */
    DHT_TRUST_TOO_LONG, /* the chain has too many rotations, or is a cycle */
};

struct dht_trust_judgement {
    const uint8_t *root;
    enum dht_trust_verdict verdict;
    const uint8_t *key; /* the last key of the chain; REVOKED: the first revoked key */
};

/* The functions below call these. A callback may read verdicts but must not change the trust. Any
 * may be NULL. */
struct dht_trust_hooks {
    /* put saves a record to disk under `key`, its DHT key; drop removes the record. Records are
     * kept as long as their key is in a chain. */
    void (*put)(void *ctx, const uint8_t key[32], const uint8_t *value, size_t len);
    void (*drop)(void *ctx, const uint8_t key[32]);
    /* The verdict on a root or the last key of a sound chain has changed. dht_trust_begin also
     * reports each root that is not sound. */
    void (*judged)(void *ctx, const struct dht_trust_judgement *j);
    void *ctx;
};

struct dht_trust *dht_trust_new(const uint8_t hash_key[16], const struct dht_trust_hooks *hooks);
void dht_trust_free(struct dht_trust **t);

/* Adds a root. An existing root stays, and is pinned if it was ever added as pinned. At most
 * LIM_TRUST_ROOTS_MAX. */
void dht_trust_add(struct dht_trust *t, const uint8_t key[32], bool is_pinned);

/* -- records -- */

/* Loads a record from disk, before dht_trust_begin, in any order. It is not verified again. An
 * unreadable record is dropped. */
void dht_trust_load(struct dht_trust *t, const uint8_t key[32], const uint8_t *value, size_t len);
/* Judges all chains with the loaded records, and drops records of no chain. Call once. */
void dht_trust_begin(struct dht_trust *t);

/* Takes a value 0x36 or 0x37, of any size and any content. If the value's key is in a chain, the
 * value is verified as of now_s (unix seconds). True: it is a new record, and its chains were
 * judged again. */
bool dht_trust_note(struct dht_trust *t, const uint8_t *value, size_t len, uint64_t now_s);

/* -- verdicts; a key that is no root is SOUND and accepts none -- */

enum dht_trust_verdict dht_trust_verdict(const struct dht_trust *t, const uint8_t root[32]);
/* True: the root's chain is sound and contains this key. */
bool dht_trust_accepts(const struct dht_trust *t, const uint8_t root[32], const uint8_t key[32]);

/* The last key of the root's chain, valid until the next record. For a key that is no root: the key
 * itself. */
const uint8_t *dht_trust_newest(const struct dht_trust *t, const uint8_t root[32]);

/* -- schedule of look-ups: new keys at once, every key once in LIM_TRUST_LOOKUP_NS, spread
 * evenly -- */

/* When dht_trust_take has a key; 0: now; UINT64_MAX: there are no keys. */
uint64_t dht_trust_due_ns(const struct dht_trust *t);
/* The next key that is due; false: none. */
bool dht_trust_take(struct dht_trust *t, uint64_t now_ns, uint8_t out_key[32]);

uint32_t dht_trust_count(const struct dht_trust *t); /* keys in all chains */

#endif
