/* SPDX-License-Identifier: MPL-2.0 */
/* Limits of the state database: batches, the queue of writes and the sweep. */
#ifndef STORAGE_LIMITS_H
#define STORAGE_LIMITS_H

#include "base/seams.h"

#define LIM_STORAGE_BATCH_NS (500 * RT_MS)   /* longest wait of a write for others to join it */
#define LIM_STORAGE_MARK_NS (20 * RT_MS)     /* ... and of a mark, as its numbers are in use */
#define LIM_STORAGE_BATCH_ROWS 4096u         /* rows of one transaction ... */
#define LIM_STORAGE_BATCH_BYTES (8u << 20)   /* ... and bytes: the log's growth, and its time */
#define LIM_STORAGE_QUEUED 65536u            /* queued writes; more are dropped ... */
#define LIM_STORAGE_QUEUED_BYTES (64u << 20) /* ... and their bytes; an eighth of memory_max */
#define LIM_STORAGE_BUSY_MS 2000             /* longest wait for a lock on the database */
#define LIM_STORAGE_RETRY_NS (5 * RT_S)      /* interval of attempts after the disk failed */
#define LIM_STORAGE_FLUSH_NS (5 * RT_S)      /* at shutdown: later writes are lost */
#define LIM_STORAGE_SWEEP_NS (600 * RT_S)    /* interval of the removal of expired rows ... */
#define LIM_STORAGE_SWEEP_ROWS 4096u         /* ... and rows per transaction */
#define LIM_STORAGE_LOG_BYTES (16u << 20)    /* the write-ahead log is cut back to it */

#endif
