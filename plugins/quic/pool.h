/* SPDX-License-Identifier: MPL-2.0 */
/*
 * The memory of the protocol library, per worker, as an ngtcp2_mem.
 *
 * Every connection needs blocks of the same few sizes, so some freed blocks of each size are kept.
 * Large blocks mostly hold data received out of order; they are buffers of the host, so they count
 * in its memory budget and may be refused. Thread: the worker's.
 */
#ifndef QUIC_POOL_H
#define QUIC_POOL_H

#include <stddef.h>
#include <stdint.h>

#include <ngtcp2/ngtcp2.h>

#include "abi/relay_buf.h"

#define QUIC_POOL_LARGE 4096u /* bytes from which a block is large */

struct quic_pool;

struct quic_pool *quic_pool_new(struct relay_buf *(*buf_new)(size_t capacity));
/* All blocks must have been freed. */
void quic_pool_free(struct quic_pool **p);

/* Valid as long as the pool. */
const ngtcp2_mem *quic_pool_mem(const struct quic_pool *p);
/* Bytes in blocks that are in use. */
size_t quic_pool_bytes(const struct quic_pool *p);

#endif
