/* SPDX-License-Identifier: MPL-2.0 */
/*
 * Writes what the queue holds, in transactions: LIM_STORAGE_BATCH_NS after the first write came, or
 * at once when LIM_STORAGE_BATCH_ROWS or _BYTES wait, or LIM_STORAGE_MARK_NS after a mark came. A
 * transaction that fails leaves the queue as it is; one warning, and further tries every
 * LIM_STORAGE_RETRY_NS, until one succeeds, which is told once. What the gate has dropped is told
 * once a minute. Expired rows are removed along the way.
 *
 * Threads: the storage actor's.
 */
#ifndef STORAGE_WRITER_H
#define STORAGE_WRITER_H

#include "storage/db.h"
#include "storage/queue.h"

struct storage_writer {
    struct rt_worker *worker;
    struct db *db;
    struct storage_queue queue;
    struct storage_gate *gate; /* the storage's: what it dropped is told here */
    struct relay_timer timer;  /* the next transaction */
    bool is_failing;
    uint64_t failing_since_ns, sweep_ns;
    uint64_t dropped_told, tell_dropped_ns;
};

/* gate outlives it. */
void storage_writer_start(struct storage_writer *w, struct rt_worker *worker, struct db *db,
                          struct storage_gate *gate);
/* Drops what waits. */
void storage_writer_stop(struct storage_writer *w);

void storage_writer_put(struct storage_writer *w, struct storage_write *m);
/* Writes all that waits, for LIM_STORAGE_FLUSH_NS at most: RT_ERR_TIMEOUT past that. */
RT_MUST_CHECK rt_err storage_writer_flush(struct storage_writer *w, struct relay_error *err);

#endif
