/* SPDX-License-Identifier: MPL-2.0 */
/*
 * State that the connections of one worker share: the receive scratch, a few output buffers, the
 * lists of pending work, and the counters.
 *
 * In a turn of the loop, I/O callbacks read, decrypt and raise events. Verbs that the host calls
 * from events only record and gather output. Before the loop sleeps (see turn.c):
 *   1. resumed connections deliver the input that was held,
 *   2. gathered output is flushed, one write per connection, and `sent` is raised,
 *   3. handshakes go on, in the order they became ready, for at most TLS_HANDSHAKE_TURN_NS,
 *   4. the output that results is flushed.
 * While work is left, the loop does not sleep.
 *
 * Thread: the worker's.
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

#define TLS_SCRATCH_BYTES (64u * 1024u) /* one recv(); more would exceed the L2 cache */
#define TLS_READS_PER_EVENT 4           /* of one connection, before the next one's turn */
#define TLS_SMALL_BYTES (4u * 1024u)    /* an output buffer for small frames */
#define TLS_LARGE_BYTES (272u * 1024u)  /* for a 256 KiB frame, with headers and tags */
#define TLS_SMALL_POOL 32u              /* buffers kept for the next turn */
#define TLS_LARGE_POOL 4u
#define TLS_LARGE_GATHERING 8u /* large buffers being filled at once, before a flush */
#define TLS_HANDSHAKE_TURN_NS UINT64_C(3000000)
#define TLS_LINGER_NS UINT64_C(1000000000) /* how long to discard input after our close_notify */

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

struct tls_worker;

/* Calls of the worker into the layers above it; see turn.c. */
struct tls_hooks {
    void (*end_of_turn)(struct tls_worker *tw);                            /* pending work */
    bool (*write)(struct tls_engine *e, const struct iovec *v, int count); /* tls_wire.write */
};

struct tls_worker {
    const struct relay_host *host;
    const struct relay_transport *table; /* ours, for admit */
    const struct tls_hooks *hooks;
    struct relay_worker *w;
    struct tls_creds *creds; /* borrowed */

    struct tls_wire wire;
    uint8_t *scratch; /* TLS_SCRATCH_BYTES */

    struct rt_list dirty;      /* connections with output to flush, or a sent event due */
    struct rt_list ready;      /* connections that may deliver held input */
    struct rt_list handshakes; /* connections with handshake input */
    struct plugin_loop loop;
    struct plugin_counters counters; /* by enum tls_counter */

    struct tls_pool small, large;
    uint32_t large_gathering; /* large buffers held by connections whose socket is not blocked */
    struct relay_buf *idle_small[TLS_SMALL_POOL], *idle_large[TLS_LARGE_POOL];

    int reserve_fd; /* closed to accept and refuse a peer when descriptors run out; -1: none */
    uint32_t conns, listeners;
};

/* creds and hooks are borrowed and must outlive the worker. */
struct tls_worker *tls_worker_new(const struct relay_host *host,
                                  const struct relay_transport *table,
                                  const struct tls_hooks *hooks, struct relay_worker *w,
                                  struct tls_creds *creds);
/* All connections and listeners are gone. Drops every buffer at once; the struct is freed when the
 * loop has closed its handles. */
void tls_worker_free(struct tls_worker *tw);

/* There is work for the end of the turn. */
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
/* Takes the buffer (of any capacity) and clears the caller's pointer. */
void tls_buf_put(struct tls_worker *tw, struct relay_buf **b);

#endif
