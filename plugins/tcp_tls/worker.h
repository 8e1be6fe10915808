/* SPDX-License-Identifier: MPL-2.0 */
/*
 * What the connections of one worker share: the receive scratch, a few output buffers, the lists of
 * what is to be done at the end of the turn, and the counters.
 *
 * A turn of the loop: I/O callbacks read, decrypt and raise events; verbs called meanwhile only
 * record and gather output. Before the loop sleeps again (a uv_prepare handle):
 *   1. connections that were resumed get what was held back,
 *   2. gathered output is flushed, one write per connection, and `sent` is raised,
 *   3. handshakes go on, in the order they became ready, for at most TLS_HANDSHAKE_TURN_NS,
 *   4. what these wrote is flushed.
 * While any of it is left over, a uv_idle handle keeps the loop from sleeping.
 *
 * Thread: the worker's only.
 */
#ifndef TLS_WORKER_H
#define TLS_WORKER_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "abi/relay_transport.h"
#include "base/list.h"
#include "common/counters.h"
#include "common/creds.h"
#include "common/insist.h"
#include "common/loop.h"
#include "tls_engine.h"

#define TLS_SCRATCH_BYTES (64u * 1024u) /* one recv(): more falls out of the L2 cache */
#define TLS_READS_PER_EVENT 4           /* of one connection, before others have their turn */
#define TLS_SMALL_BYTES (4u * 1024u)    /* an output buffer for small frames */
#define TLS_LARGE_BYTES (272u * 1024u)  /* one for a 256 KiB frame, heads and tags included */
#define TLS_SMALL_POOL 32u              /* buffers kept for the next turn */
#define TLS_LARGE_POOL 4u
#define TLS_LARGE_GATHERING 8u /* large buffers being filled at once, before a flush */
#define TLS_HANDSHAKE_TURN_NS UINT64_C(3000000)
#define TLS_LINGER_NS UINT64_C(1000000000) /* after our goodbye: discard input at most so long */

/* X(id, name) */
#define TLS_COUNTER_LIST(X)                                                                        \
    X(ACCEPTED, "accepted_total")                                                                  \
    X(REFUSED, "refused_total")                                                                    \
    X(EMFILE, "out_of_descriptors_total")                                                          \
    X(DIALLED, "dialled_total")                                                                    \
    X(HANDSHAKES, "handshakes_total")                                                              \
    X(FAILED_NOT_TLS, "handshakes_failed_not_tls_total")                                           \
    X(FAILED_NO_COMMON, "handshakes_failed_nothing_in_common_total")                               \
    X(FAILED_ALERT, "handshakes_failed_alert_total")                                               \
    X(FAILED_OTHER, "handshakes_failed_other_total")                                               \
    X(FAILED_LEFT, "handshakes_abandoned_total")                                                   \
    X(RECORDS_IN, "records_in_total")                                                              \
    X(RECORDS_OUT, "records_out_total")                                                            \
    X(READS, "reads_total")                                                                        \
    X(WRITES, "writes_total")                                                                      \
    X(BYTES_IN, "bytes_in_total")                                                                  \
    X(BYTES_OUT, "bytes_out_total")                                                                \
    X(BLOCKED, "writes_blocked_total")                                                             \
    X(NO_MEMORY, "closed_no_memory_total")

enum tls_counter {
#define X(id, name) TLS_COUNTER_##id,
    TLS_COUNTER_LIST(X)
#undef X
        TLS_COUNTER_COUNT
};

/* Idle output buffers of one size. */
struct tls_pool {
    struct relay_buf **idle;
    uint32_t count, max;
    uint32_t capacity; /* of each */
};

struct tls_worker {
    const struct relay_host *host;
    const struct relay_transport *table; /* ours, for admit */
    struct relay_worker *w;
    struct tls_creds *creds; /* borrowed */

    struct tls_wire wire;
    uint8_t *scratch; /* TLS_SCRATCH_BYTES */

    struct rt_list dirty;      /* output to flush, or a sent event due */
    struct rt_list ready;      /* input held back may be delivered again */
    struct rt_list handshakes; /* handshake bytes to look at */
    struct plugin_loop loop;
    struct plugin_counters counters; /* by enum tls_counter */

    struct tls_pool small, large;
    uint32_t large_gathering; /* large buffers held by connections whose socket is not blocked */
    struct relay_buf *idle_small[TLS_SMALL_POOL], *idle_large[TLS_LARGE_POOL];

    int reserve_fd; /* given up to accept and close when descriptors run out; -1: none */
    uint32_t conns, listeners;
};

/* creds are borrowed and must outlive the worker. */
struct tls_worker *tls_worker_new(const struct relay_host *host,
                                  const struct relay_transport *table, struct relay_worker *w,
                                  struct tls_creds *creds);
/* All connections and listeners are gone. Gives every buffer back at once; the loop's handles need
 * one more turn of it to close, and the struct is freed with them. */
void tls_worker_free(struct tls_worker *tw);

/* There is work for the end of the turn: the loop must not sleep before it. */
static inline void tls_worker_kick(struct tls_worker *tw)
{
    plugin_loop_kick(&tw->loop);
}

static inline void tls_count(struct tls_worker *tw, enum tls_counter c, uint64_t n)
{
    plugin_count(&tw->counters, c, n);
}

/* An output buffer with one count, from the pool or new; NULL: no memory. */
struct relay_buf *tls_buf_get(struct tls_worker *tw, bool is_large);
/* Takes the buffer back (any capacity) and clears the caller's pointer. */
void tls_buf_put(struct tls_worker *tw, struct relay_buf **b);

#endif
