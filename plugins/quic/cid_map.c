/* SPDX-License-Identifier: MPL-2.0 */
#include "cid_map.h"

#include <stdlib.h>
#include <string.h>

#include <sodium.h>

#define ENTRIES_MIN 64u

_Static_assert(QUIC_CID_KEY_BYTES == crypto_shorthash_KEYBYTES, "a key for SipHash");
_Static_assert(crypto_shorthash_BYTES == sizeof(uint64_t), "64 bits");

static struct quic_cid_entry *entries_new(size_t n)
{
    struct quic_cid_entry *e = calloc(n, sizeof(*e));

    if (!e)
        abort();
    return e;
}

void quic_cid_map_init(struct quic_cid_map *m, const uint8_t key[QUIC_CID_KEY_BYTES])
{
    m->entries = entries_new(ENTRIES_MIN);
    m->mask = ENTRIES_MIN - 1;
    m->count = 0;
    m->last_len = SIZE_MAX;
    memcpy(m->key, key, sizeof(m->key));
}

void quic_cid_map_fini(struct quic_cid_map *m)
{
    free(m->entries);
    m->entries = NULL;
}

uint64_t quic_cid_hash(struct quic_cid_map *m, const uint8_t *id, size_t len)
{
    uint64_t hash;

    if (len == m->last_len && memcmp(id, m->last_id, len) == 0)
        return m->last_hash;
    crypto_shorthash((unsigned char *)&hash, id, len, m->key);
    if (len <= sizeof(m->last_id)) {
        memcpy(m->last_id, id, len);
        m->last_len = len;
        m->last_hash = hash;
    }
    return hash;
}

/* The entry of that hash, or the free one where it belongs. */
static struct quic_cid_entry *slot(const struct quic_cid_map *m, uint64_t hash)
{
    size_t i = hash & m->mask;

    while (m->entries[i].owner && m->entries[i].hash != hash)
        i = (i + 1) & m->mask;
    return &m->entries[i];
}

struct quic_owner *quic_cid_map_find(const struct quic_cid_map *m, uint64_t hash)
{
    return slot(m, hash)->owner;
}

static void resize(struct quic_cid_map *m, size_t n)
{
    struct quic_cid_entry *old = m->entries;
    size_t old_n = m->mask + 1;

    m->entries = entries_new(n);
    m->mask = n - 1;
    for (size_t i = 0; i < old_n; i++) {
        if (old[i].owner)
            *slot(m, old[i].hash) = old[i];
    }
    free(old);
}

bool quic_cid_map_add(struct quic_cid_map *m, uint64_t hash, struct quic_owner *owner)
{
    struct quic_cid_entry *e = slot(m, hash);

    if (e->owner)
        return false;
    *e = (struct quic_cid_entry){hash, owner};
    m->count++;
    if (m->count * 4 > (m->mask + 1) * 3)
        resize(m, 2 * (m->mask + 1));
    return true;
}

bool quic_cid_map_move(struct quic_cid_map *m, uint64_t hash, const struct quic_owner *from,
                       struct quic_owner *to)
{
    struct quic_cid_entry *e = slot(m, hash);

    if (e->owner != from)
        return false;
    e->owner = to;
    return true;
}

void quic_cid_map_remove(struct quic_cid_map *m, uint64_t hash, const struct quic_owner *owner)
{
    struct quic_cid_entry *e = slot(m, hash);
    size_t hole, i;

    if (!e->owner || e->owner != owner)
        return;
    /* move later entries into the hole unless that is before their home slot */
    hole = i = (size_t)(e - m->entries);
    for (;;) {
        size_t home;

        m->entries[hole].owner = NULL;
        do {
            i = (i + 1) & m->mask;
            if (!m->entries[i].owner)
                goto removed;
            home = m->entries[i].hash & m->mask;
        } while (hole <= i ? hole < home && home <= i : hole < home || home <= i);
        m->entries[hole] = m->entries[i];
        hole = i;
    }
removed:
    m->count--;
    if (m->mask + 1 > ENTRIES_MIN && m->count * 8 < m->mask + 1)
        resize(m, (m->mask + 1) / 2);
}
