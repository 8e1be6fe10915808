/* SPDX-License-Identifier: MPL-2.0 */
/*
 * Writes the queue to disk in transactions. A transaction begins LIM_STORAGE_BATCH_NS after the
 * first queued write, LIM_STORAGE_MARK_NS after a mark, or at once when LIM_STORAGE_BATCH_ROWS or
 * _BYTES wait. A failed transaction leaves the queue unchanged and is tried again every
 * LIM_STORAGE_RETRY_NS. The first failure and the next success are logged once. Drops by the gate
 * are logged at most once a minute. Transactions also remove expired rows.
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
    struct storage_gate *gate; /* the storage's; its dropped writes are reported here */
    struct relay_timer timer;  /* the next transaction */
    bool is_failing;
    uint64_t failing_since_ns, sweep_ns;
    uint64_t dropped_reported, report_dropped_ns;
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
