/* SPDX-License-Identifier: MPL-2.0 */
/*
 * State that the connections of one worker share: packet buffers, the map of connection ids, one
 * timer, the lists of pending work, and the counters.
 *
 * In a turn of the loop, sockets are read, connections read their packets, and events are raised.
 * Verbs that the host calls from events only record. Before the loop sleeps (see turn.c):
 *   1. resumed connections deliver the input that was held,
 *   2. packets are written and `sent` is raised,
 *   3. deferred handshake packets are handled in order, for at most QUIC_HANDSHAKE_TURN_NS,
 *   4. the packets that result are written.
 * The host's own work comes before that, so its replies carry the acknowledgements. `sent` is also
 * raised at once when an acknowledgement leaves nothing to write. While work is left, the loop does
 * not sleep.
 *
 * Thread: the worker's.
 */
#ifndef QUIC_WORKER_H
#define QUIC_WORKER_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "abi/relay_transport.h"
#include "base/list.h"
#include "common/counters.h"
#include "common/insist.h"
#include "common/loop.h"
#include "cid_map.h"
#include "engine.h"
#include "expiry.h"
#include "pool.h"
#include "udp_io.h"

#define QUIC_READS_PER_EVENT 2 /* reads of one socket, each of QUIC_READ_BATCH datagrams */
#define QUIC_RANDOM_BYTES 512u /* random bytes fetched from the host at a time */
#define QUIC_RUNS_PER_FLUSH 8  /* runs written for one connection before the next one's turn */
#define QUIC_HANDSHAKE_TURN_NS UINT64_C(3000000)
#define QUIC_LINGER_NS UINT64_C(1000000000) /* wait for the peer's FIN after a graceful close */

/* How long an acknowledgement may wait: until this many bytes or this time, whichever is first. */
#define QUIC_ACK_FIRST_BYTES (12u * 1024u) /* at first; grows with the bytes received ... */
#define QUIC_ACK_BYTES (64u * 1024u)       /* ... to the initial flow-control window */
#define QUIC_ACK_NS UINT64_C(1000000)
#define QUIC_ACK_ONE_NS UINT64_C(20000000)     /* one packet; peers expect 25 ms */
#define QUIC_BURST_BYTES (2 * QUIC_PACKET_MAX) /* written before the pace is set again */

#define QUIC_DEFERRED_MAX 1024u                /* deferred handshake packets ... */
#define QUIC_DEFERRED_BYTES_MAX (2u << 20)     /* ... and their bytes */
#define QUIC_UNVALIDATED_MAX 128u              /* handshakes of all workers before Retry is used */
#define QUIC_ABANDONED_NS UINT64_C(1000000000) /* time in which as many abandoned ones expire */
#define QUIC_STATELESS_PER_S 2000u             /* stateless answers */
#define QUIC_STATELESS_BURST 2000u
#define QUIC_POSTED_BYTES_MAX (2u << 20) /* datagrams on their way to one other worker */
#define QUIC_KEPT_BYTES_MAX (1u << 20)   /* written and not taken by the kernel, per socket */
#define QUIC_CLOSING_MAX 4096u /* closing connections; beyond that the oldest is evicted */

/* X(id, name) */
#define QUIC_COUNTER_LIST(X)                                                                       \
    X(ACCEPTED, "accepted_total")                                                                  \
    X(REFUSED, "refused_total")                                                                    \
    X(DIALLED, "dialled_total")                                                                    \
    X(HANDSHAKES, "handshakes_total")                                                              \
    X(FAILED, "handshakes_failed_total")                                                           \
    X(LEFT, "handshakes_abandoned_total")                                                          \
    X(DEFERRED_LOST, "handshake_packets_dropped_total")                                            \
    X(RETRIES, "retries_sent_total")                                                               \
    X(VALIDATED, "retries_answered_total")                                                         \
    X(VERSIONS, "version_negotiations_sent_total")                                                 \
    X(RESETS, "stateless_resets_sent_total")                                                       \
    X(STATELESS_LIMITED, "stateless_answers_withheld_total")                                       \
    X(POSTED, "packets_handed_over_total")                                                         \
    X(POSTED_LOST, "packets_handed_over_dropped_total")                                            \
    X(CLOSING_EVICTED, "closing_evicted_total")                                                    \
    X(UNKNOWN, "packets_unknown_id_total")                                                         \
    X(READS, "reads_total")                                                                        \
    X(PACKETS_IN, "packets_in_total")                                                              \
    X(BYTES_IN, "bytes_in_total")                                                                  \
    X(WRITES, "writes_total")                                                                      \
    X(PACKETS_OUT, "packets_out_total")                                                            \
    X(BYTES_OUT, "bytes_out_total")                                                                \
    X(BLOCKED, "writes_blocked_total")                                                             \
    X(KEPT_LOST, "writes_blocked_dropped_total")                                                   \
    X(MTU_FALLBACKS, "mtu_fallbacks_total")                                                        \
    X(NO_MEMORY, "closed_no_memory_total")

enum quic_counter {
#define X(id, name) QUIC_COUNTER_##id,
    QUIC_COUNTER_LIST(X)
#undef X
        QUIC_COUNTER_COUNT
};

struct relay_conn;

struct quic_socket;
struct quic_worker;

/* Calls of the worker and its sockets into the layers above them; see turn.h. */
struct quic_hooks {
    const struct quic_engine_ops *engine;
    void (*end_of_turn)(struct quic_worker *qw); /* pending work, before the loop sleeps */
    void (*timer)(struct quic_worker *qw);       /* the timer has fired */
    void (*stop)(struct quic_worker *qw);        /* discards deferred packets; the worker ends */
    void (*socket_readable)(struct quic_socket *s);
    void (*socket_closed)(struct quic_socket *s); /* its last count is gone */
};

/* State of all workers: one per process. */
struct quic_shared {
    _Atomic bool has_warned;
    _Atomic uint32_t posted[64]; /* datagram bytes on their way to each worker */
};

struct quic_worker {
    const struct relay_host *host;
    const struct relay_transport *table; /* ours, for admit */
    const struct quic_hooks *hooks;
    struct relay_worker *w;
    struct quic_shared *shared; /* borrowed */
    struct quic_env env;
    struct quic_pool *pool;
    uint8_t retry_secret[QUIC_SECRET_BYTES];
    bool always_retry;
    bool is_steered; /* the kernel hands datagrams to the right worker */

    struct quic_udp_buffers *in;
    uint8_t *out;                      /* QUIC_UDP_MAX bytes */
    uint8_t random[QUIC_RANDOM_BYTES]; /* the last random_left are unused */
    uint32_t random_left;
    uint64_t now_ns; /* as of the last quic_worker_clock */

    struct quic_cid_map cids;
    struct quic_expiries expiries;
    struct relay_timer timer; /* for the next of `expiries` and of `closing` */
    struct rt_list closing;   /* connections in the closing or draining state, oldest first */
    uint64_t closing_ns;      /* when the oldest expires; QUIC_NEVER: there is none */
    struct rt_list dirty;     /* connections with packets to write, or a sent event due */
    struct rt_list ready;     /* connections that may deliver held input */
    struct rt_list deferred;  /* handshake packets: struct quic_kept */
    struct rt_list sockets;
    uint32_t deferred_count, deferred_bytes, closing_count;
    uint32_t unvalidated; /* handshakes whose address is not validated ... */
    uint32_t abandoned;   /* ... and those of late that ended without; expire one by one */
    uint64_t abandoned_at_ns;
    uint64_t stateless_tokens, stateless_at_ns;
    struct plugin_loop loop;
    struct plugin_counters counters; /* by enum quic_counter */

    uint32_t conns, listeners, socket_count;
};

/* See relay_transport. creds, shared and hooks are borrowed and must outlive the worker. */
int quic_worker_init(const struct relay_host *host, const struct relay_transport *table,
                     const struct quic_hooks *hooks, struct relay_worker *w,
                     const struct tls_creds *creds, struct quic_shared *shared,
                     struct quic_worker **out, struct relay_error *err);
/* All connections and listeners are gone. The loop's handles need one more turn of it to close, and
 * the struct goes with them. */
void quic_worker_fini(struct quic_worker *qw);

/* There is work for the end of the turn. */
static inline void quic_worker_kick(struct quic_worker *qw)
{
    plugin_loop_kick(&qw->loop);
}
/* Reads the clock into now_ns. */
uint64_t quic_worker_clock(struct quic_worker *qw);
/* Arms the timer after a change of the expiries or closing entries. */
void quic_worker_arm(struct quic_worker *qw);

static inline void quic_count(struct quic_worker *qw, enum quic_counter c, uint64_t n)
{
    plugin_count(&qw->counters, c, n);
}

#endif
