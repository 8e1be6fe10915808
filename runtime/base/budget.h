/* SPDX-License-Identifier: MPL-2.0 */
/*
 * The one byte budget (memory_max): frames, pending requests, answers, stash and output buffers are
 * charged to it by capacity. One relaxed atomic; any thread. rt_buf_new is the only allocator of
 * struct relay_buf in the daemon, and live buffers are counted so that tests can ask for zero.
 */
#ifndef RT_BUDGET_H
#define RT_BUDGET_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "abi/relay_buf.h"

/* Set once at start. */
void rt_budget_configure(uint64_t max_bytes);
uint64_t rt_budget_max(void);
uint64_t rt_budget_used(void);

/* Charges n bytes; false (and counted in MEMORY_REFUSED) when that would pass the limit. */
bool rt_budget_take(size_t n);
void rt_budget_give(size_t n);

/*
 * True if n more bytes of frames and answers fit below the last eighth of the limit. That eighth is
 * reserved for transports, so that frames are refused before connections that must write. Nothing
 * is charged; false is counted in MEMORY_REFUSED.
 */
bool rt_budget_has_room(size_t n);

/* Above 3/4 of the limit: time to close the longest-stalled readers (runtime/transport/conn). */
bool rt_budget_is_pressed(void);

/* A buffer with one count, charged with its capacity plus header; NULL when over the budget. */
struct relay_buf *rt_buf_new(size_t capacity);

/* Like realloc for a buffer with one count: same bytes, at least `capacity` room. On failure NULL,
 * and b is unchanged; on success the result replaces b. Charges the difference. */
struct relay_buf *rt_buf_grow(struct relay_buf *b, size_t capacity);

/* Buffers alive now, in all. */
uint64_t rt_buf_live(void);

/* A new buffer holding a copy of len bytes, as an owning slice; owner NULL when over the budget. */
struct relay_slice rt_slice_copy(const void *ptr, uint32_t len);

#endif
