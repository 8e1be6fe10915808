/* SPDX-License-Identifier: MPL-2.0 */
/*
 * Which keys a bootstrap peer may show: rotations and revocations of pinned keys (protocol-v2:
 * values 0x36 and 0x37). Pure: no I/O, time is an argument.
 *
 * A root is a key that was pinned on first use, or that the operator wrote. A pinned root never
 * changes. A chain of rotations begins at it: each key's rotation names the next key, and both keys
 * sign it. Of several rotations of one key the higher (rotation_seq, issued_at, new key) counts.
 * Every key of a sound chain is accepted. A chain is void, and none of its keys is accepted, if
 *  - one of its keys is revoked, whenever the revocation arrives and whatever was signed after it:
 *    else a thief's rotation would survive the owner's revocation;
 *  - it comes back to one of its keys, or is longer than LIM_ROTATIONS_MAX: a chain that is cut
 *    would hide a revocation past the cut.
 * A written root has a chain of one key, itself. The kind of subject that a record names is
 * ignored, as by the reference: a key has one rotation and one revocation in the DHT.
 *
 * The verdict depends on the records alone, not on their order. A record counts only while its key
 * is in a chain; records of other keys are ignored. So a key that enters a chain is new, and its
 * records are to be looked up: dht_trust_take names it first. A key that leaves all chains is
 * forgotten with its records.
 *
 * Size: at most LIM_TRUST_KEYS_MAX keys, LIM_TRUST_BYTES_MAX bytes in all. Cost: a record of a key
 * in no chain is O(1); any other judges the chains that hold its key, after a look through all.
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
    const uint8_t *key; /* the chain's last; REVOKED: its first revoked one */
};

/* All are called from inside the functions below. They may ask for verdicts, and change nothing.
 * Any may be NULL. */
struct dht_trust_hooks {
    /* A record is to be on disk under `key`, its key in the DHT, or no longer. Records are
     * kept as long as their key is in a chain. */
    void (*put)(void *ctx, const uint8_t key[32], const uint8_t *value, size_t len);
    void (*drop)(void *ctx, const uint8_t key[32]);
    /* The verdict on a root has changed, or its sound chain ends at another key. After
     * dht_trust_begin also each root that is not sound. */
    void (*judged)(void *ctx, const struct dht_trust_judgement *j);
    void *ctx;
};

struct dht_trust *dht_trust_new(const uint8_t hash_key[16], const struct dht_trust_hooks *hooks);
void dht_trust_free(struct dht_trust **t);

/* Adds a root; one that is there already stays, and is pinned if it was pinned once. At most
 * LIM_TRUST_ROOTS_MAX. */
void dht_trust_add(struct dht_trust *t, const uint8_t key[32], bool is_pinned);

/* -- records -- */

/* A record from disk, before dht_trust_begin; in any order. Not verified again. What cannot be
 * read is dropped. */
void dht_trust_load(struct dht_trust *t, const uint8_t key[32], const uint8_t *value, size_t len);
/* Judges all chains with what was loaded, and drops what belongs to none. Once. */
void dht_trust_begin(struct dht_trust *t);

/* A value 0x36 or 0x37, of any size and any content. Verifies it, if its key is in a chain, as of
 * now_s (unix seconds). True: it is a new record, and the chains were judged again. */
bool dht_trust_note(struct dht_trust *t, const uint8_t *value, size_t len, uint64_t now_s);

/* -- verdicts; a key that is no root is SOUND and accepts none -- */

enum dht_trust_verdict dht_trust_verdict(const struct dht_trust *t, const uint8_t root[32]);
/* Whether the root's chain is sound and holds this key. */
bool dht_trust_accepts(const struct dht_trust *t, const uint8_t root[32], const uint8_t key[32]);

/* The last key of the root's chain; valid until the next record. Of a key that is no root: itself.
 */
const uint8_t *dht_trust_newest(const struct dht_trust *t, const uint8_t root[32]);

/* -- whose records to look up: new keys at once, every key once in LIM_TRUST_LOOKUP_NS, spread
 * evenly -- */

/* When dht_trust_take has a key; 0: now; UINT64_MAX: there are no keys. */
uint64_t dht_trust_due_ns(const struct dht_trust *t);
/* A key that is due; false: none is. */
bool dht_trust_take(struct dht_trust *t, uint64_t now_ns, uint8_t out_key[32]);

uint32_t dht_trust_count(const struct dht_trust *t); /* keys in all chains */

#endif
