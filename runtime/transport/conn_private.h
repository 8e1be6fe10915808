/* SPDX-License-Identifier: MPL-2.0 */
/*
 * The connection: conn.c (life, deadlines), conn_read.c (frames), conn_write.c (output) and
 * conn_close_all.c (shutdown).
 * One module in several files: conn.c conn_read.c conn_write.c conn_close_all.c.
 */
#ifndef RT_CONN_PRIVATE_H
#define RT_CONN_PRIVATE_H

#include "base/list.h"
#include "transport/conn.h"
#include "transport/door.h"

#define CONN_SCRATCH_BYTES (64u * 1024u)
#define CONN_BODY_START (32u * 1024u) /* first buffer of a frame that did not fit the scratch */
#define CONN_BODY_GROWTH                                                                           \
    5u /* the next: this multiple of the bytes received, or the whole frame                        \
        */
#define CONN_STARVED_RETRY_NS (20 * RT_MS)
#define CONN_STARVED_TURNS 50u /* retries, until a frame without memory is given up: a second */
#define CONN_LOG_BURST 5u      /* lines a second about peers that break the transport */
/* A transport reports eof in spite of a pause. Data may follow: the consumer gets eof after this
 * time without data. */
#define CONN_EOF_GRACE_NS (20 * RT_MS)
#define CONN_PRESSURE_NS (50 * RT_MS)
/* A connection whose output has not moved for this time may be closed under memory pressure. A
 * round trip takes less. */
#define CONN_STALLED_NS (500 * RT_MS)
#define CONN_HALF_OPEN_BUCKETS 1024u
#define CONN_HALF_OPEN_PROBES 16u

struct conn_worker {
    struct rt_worker *worker;
    struct rt_door *door;
    struct rt_conn_acceptor acceptor;
    struct rt_list all;          /* every connection, by all_node */
    struct rt_list stalled;      /* output waits; longest without progress first */
    struct rt_list half_open;    /* oldest first */
    struct rt_list ending;       /* the consumer gets `ended` on the next turn */
    struct rt_list ready;        /* released with frames kept aside */
    struct relay_timer soon;     /* runs `ending` and `ready` */
    struct relay_timer pressure; /* armed while `stalled` is not empty */
    uint32_t count, half_open_count;
    struct rt_list half_open_by_prefix[CONN_HALF_OPEN_BUCKETS];
    uint8_t *scratch;

    /* conn_close_all.c */
    struct rt_actor control;
    struct rt_conn_close_all *close_all; /* under way; owed a reply */
    struct relay_timer close_all_timer;
};

struct rt_conn {
    const struct relay_transport *transport;
    struct relay_conn *tc;
    struct conn_worker *cw;
    const struct rt_conn_ops *ops; /* NULL: the consumer has gone */
    void *user;

    /* the frame under way */
    uint8_t length_bytes[4];
    uint8_t length_have;
    uint8_t starved_turns; /* retries without success */
    uint32_t body_len, body_have;
    struct relay_buf *body;
    uint32_t frame_max, keep_max;
    struct relay_slice stash; /* received while held; begins inside or at a frame's length */

    bool is_admitted : 1; /* counted at the door */
    bool is_half_open : 1;
    bool is_held : 1;
    bool is_paused : 1;
    bool is_starved : 1; /* waits for memory */
    bool is_discarding : 1;
    bool is_dispatching : 1;
    bool is_closing : 1;
    bool expects_more : 1;
    bool has_eof : 1;
    bool has_told_eof : 1;
    bool is_tc_gone : 1; /* the plugin has reported closed */
    bool is_kept_alive : 1;
    enum rt_conn_end end;
    enum relay_end transport_end;

    uint64_t handshake_deadline_ns; /* 0: authenticated */
    uint64_t frame_deadline_ns;     /* 0: no frame under way */
    uint64_t idle_ns, idle_deadline_ns;
    uint64_t eof_deadline_ns; /* 0: no data is expected after the eof */
    struct relay_timer rx_timer;

    size_t unsent;
    uint64_t send_deadline_ns;
    struct relay_timer tx_timer;

    struct rt_prefix prefix;
    uint64_t progress_ns; /* in stalled: the time of the last progress */
    struct rt_list all_node, stalled_node, half_open_node, prefix_node, soon_node;
};

extern struct rt_local_key conn_local_key;

static inline struct conn_worker *conn_worker_of(const struct rt_worker *w)
{
    return rt_worker_local(w, &conn_local_key);
}

/* Cuts the bytes of the scratch or the stash into frames; reports eof after the last of them. */
void conn_read_init(struct rt_conn *c);
void conn_read_fini(struct rt_conn *c);
void conn_read_alloc(void *user, uint8_t **out, size_t *out_len);
bool conn_read_data(void *user, size_t n);
void conn_read_eof(void *user);
/* The hold has ended: delivers the stash, then resumes the transport. */
void conn_read_continue(struct rt_conn *c);
/* No data followed the eof. */
void conn_read_eof_due(struct rt_conn *c);
/* Memory may be available again. */
void conn_read_retry(struct rt_conn *c);

/* The transport's sent event, and the timers of a connection's and of the worker's output. */
void conn_write_sent(void *user, size_t left);
void conn_write_due(struct relay_timer *t);
void conn_write_pressure(struct relay_timer *t);

/* Ends c for a reason of our own: aborted now, the consumer gets `ended` on the next turn. */
void conn_end(struct rt_conn *c, enum rt_conn_end how);
/* Arms rx_timer for at_ns, unless it is armed for an earlier time. */
void conn_arm_rx(struct rt_conn *c, uint64_t at_ns);
/* Replies to a shutdown under way when nothing is left. */
void conn_close_all_check(struct conn_worker *cw);
void conn_close_all_init(struct conn_worker *cw);
void conn_close_all_fini(struct conn_worker *cw);
/* Under memory pressure: closes the connections of this worker that are stalled longest. */
void conn_relieve(struct conn_worker *cw);

#endif
