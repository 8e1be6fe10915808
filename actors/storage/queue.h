/* SPDX-License-Identifier: MPL-2.0 */
/*
 * Writes that are not on disk yet, one per row at most: a later write to a row takes the place of
 * the one that waits, so a row written again and again is written to disk once and does not wait
 * longer for it.
 *
 * Threads: the owner's.
 */
#ifndef STORAGE_QUEUE_H
#define STORAGE_QUEUE_H

#include <stdbool.h>

#include "storage/storage_msg.h"

struct storage_queue {
    uint8_t hash_key[16];
    struct rt_list order; /* oldest first */
    struct storage_write **buckets;
    uint32_t bucket_count, count; /* a power of two, or 0 */
    uint64_t bytes;               /* of payloads */
};

/* hash_key: secret, since peers choose rows. */
void storage_queue_init(struct storage_queue *q, const uint8_t hash_key[16]);
void storage_queue_fini(struct storage_queue *q); /* frees what waits */

/* Takes w, and its place in the order is that of the write to the same row, if one waits. */
void storage_queue_put(struct storage_queue *q, struct storage_write *w);
/* The write that waits longest, and the one after w; NULL: none. */
struct storage_write *storage_queue_first(const struct storage_queue *q);
struct storage_write *storage_queue_next(const struct storage_queue *q,
                                         const struct storage_write *w);
/* Frees the first n. */
void storage_queue_done(struct storage_queue *q, uint32_t n);

#endif
