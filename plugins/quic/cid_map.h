/* SPDX-License-Identifier: MPL-2.0 */
/*
 * Who a connection id belongs to, on one worker: ids of any length, each standing for a keyed
 * 64-bit hash of it, so that nobody without the key can make two that collide. Open addressing; the
 * table grows with the count and shrinks with it.
 *
 * The owners are tagged by their first member, a struct quic_owner.
 */
#ifndef QUIC_CID_MAP_H
#define QUIC_CID_MAP_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define QUIC_CID_KEY_BYTES 16u

enum quic_owner_kind { QUIC_OWNER_CONN, QUIC_OWNER_CLOSING };

struct quic_owner {
    uint8_t kind; /* enum quic_owner_kind */
};

struct quic_cid_entry {
    uint64_t hash;
    struct quic_owner *owner; /* NULL: free */
};

struct quic_cid_map {
    struct quic_cid_entry *entries;
    size_t count, mask; /* mask + 1 entries, a power of two */
    uint8_t key[QUIC_CID_KEY_BYTES];
    uint8_t last_id[8]; /* the last one hashed: packets come in trains */
    size_t last_len;    /* SIZE_MAX: none yet */
    uint64_t last_hash;
};

void quic_cid_map_init(struct quic_cid_map *m, const uint8_t key[QUIC_CID_KEY_BYTES]);
void quic_cid_map_fini(struct quic_cid_map *m);

uint64_t quic_cid_hash(struct quic_cid_map *m, const uint8_t *id, size_t len);
/* By hash. NULL: nobody's. */
struct quic_owner *quic_cid_map_find(const struct quic_cid_map *m, uint64_t hash);
/* False: somebody else has it already (which stays so). */
bool quic_cid_map_add(struct quic_cid_map *m, uint64_t hash, struct quic_owner *owner);
/* Hands the id from one owner to another. False, and nothing done: it is not `from`'s. */
bool quic_cid_map_move(struct quic_cid_map *m, uint64_t hash, const struct quic_owner *from,
                       struct quic_owner *to);
/* Nothing done when it is not `owner`'s. */
void quic_cid_map_remove(struct quic_cid_map *m, uint64_t hash, const struct quic_owner *owner);

#endif
