/* SPDX-License-Identifier: MPL-2.0 */
/*
 * The gate bounds all writes that are not on disk yet, those on their way from other threads
 * included: LIM_STORAGE_QUEUED writes, LIM_STORAGE_QUEUED_BYTES bytes. It lives until the last
 * write that passed it has been freed.
 *
 * Threads: any.
 */
#ifndef STORAGE_GATE_H
#define STORAGE_GATE_H

#include <stdbool.h>

#include "storage/storage_msg.h"

struct storage_gate *storage_gate_new(void);
void storage_gate_drop(struct storage_gate **g);
/* Admits w if the queue has room: it then counts until it is freed. False: refused, and counted as
 * dropped. */
RT_MUST_CHECK bool storage_gate_enter(struct storage_gate *g, struct storage_write *w);
/* For a write that is freed: gives back what storage_gate_enter counted, if it did. */
void storage_gate_leave(struct storage_write *w);
/* Writes that it has not let pass, in all. */
uint64_t storage_gate_dropped(const struct storage_gate *g);

#endif
