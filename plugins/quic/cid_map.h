/* SPDX-License-Identifier: MPL-2.0 */
/*
 * The owners of connection ids, on one worker. Ids of any length are mapped by a keyed 64-bit hash,
 * so that a peer cannot construct collisions. Open addressing; the table grows and shrinks with the
 * count.
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
    uint8_t last_id[8]; /* the last id hashed: consecutive packets often have the same */
    size_t last_len;    /* SIZE_MAX: none yet */
    uint64_t last_hash;
};

void quic_cid_map_init(struct quic_cid_map *m, const uint8_t key[QUIC_CID_KEY_BYTES]);
void quic_cid_map_fini(struct quic_cid_map *m);

uint64_t quic_cid_hash(struct quic_cid_map *m, const uint8_t *id, size_t len);
/* By hash. NULL: the id is unknown. */
struct quic_owner *quic_cid_map_find(const struct quic_cid_map *m, uint64_t hash);
/* False: the id has an owner already, which keeps it. */
bool quic_cid_map_add(struct quic_cid_map *m, uint64_t hash, struct quic_owner *owner);
/* Moves the id from one owner to another. False: the id is not `from`'s; nothing changes. */
bool quic_cid_map_move(struct quic_cid_map *m, uint64_t hash, const struct quic_owner *from,
                       struct quic_owner *to);
/* No effect if the id is not `owner`'s. */
void quic_cid_map_remove(struct quic_cid_map *m, uint64_t hash, const struct quic_owner *owner);

#endif
