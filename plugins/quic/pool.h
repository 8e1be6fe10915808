/* SPDX-License-Identifier: MPL-2.0 */
/*
 * Where the protocol library's memory of one worker comes from, behind the shape it asks for.
 *
 * Connections come and go, and each wants blocks of the same few sizes: some freed ones of every
 * size are kept for the next. Large blocks hold mostly what a peer has sent out of order; they are
 * buffers of the host's, so that they are charged to its budget, and may be refused. Thread: the
 * worker's.
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
/* Every block has been given back. */
void quic_pool_free(struct quic_pool **p);

/* For the library; good as long as the pool. */
const ngtcp2_mem *quic_pool_mem(const struct quic_pool *p);
/* Bytes in blocks that are in use. */
size_t quic_pool_bytes(const struct quic_pool *p);

#endif
