/* SPDX-License-Identifier: MPL-2.0 */
/*
 * A framed connection: the bytes of a plugin's connection, cut into frames (4-byte big-endian
 * length, body), with the deadlines and limits that hold for every connection. It is between the
 * plugin (relay_events) and one consumer at a time (a session, later a tunnel).
 *
 * Receiving. While no frame is under way bytes land in the worker's shared 64 KiB scratch, frames
 * are cut there and handed over as views; an idle connection holds no buffer. A frame that does not
 * end in the scratch gets a buffer of its own, grown with the bytes received (32 KiB, then
 * fivefold, and the announced length where that passes half of it) and charged to memory_max; the
 * rest of it is decrypted straight into it. While the consumer is busy (rt_conn_hold) no further
 * frame is delivered: the bytes after the current frame are copied from the scratch and the
 * transport is paused.
 *
 * Memory. Output that the network has not taken yet counts as stalled. Connections with stalled
 * output are in one list per worker, the longest without progress first. Under memory pressure they
 * are closed in that order.
 *
 * Thread: the worker's. Ownership: rt_conn belongs to this room. A consumer's pointer is valid
 * until `ended` or until the consumer calls rt_conn_close.
 */
#ifndef RT_CONN_H
#define RT_CONN_H

#include "abi/relay_transport.h"
#include "actor/actor.h"

struct rt_conn;

/* One frame's body as delivered: writable bytes, valid for the call unless taken. */
struct rt_frame {
    uint8_t *ptr;
    uint32_t len;
    struct relay_buf *owner; /* NULL: it lies in the scratch */
};

/* Makes the frame's bytes [ptr, ptr + len) (a part of f) the caller's: moved without a copy where
 * the frame has its own buffer, copied where it lies in the scratch. owner NULL: no memory. */
struct relay_slice rt_frame_take(struct rt_frame *f, const uint8_t *ptr, uint32_t len);

/* The reason for a connection's end. */
enum rt_conn_end {
    RT_CONN_END_TRANSPORT, /* the plugin reported closed: see relay_end */
    RT_CONN_END_HANDSHAKE_TIMEOUT,
    RT_CONN_END_IDLE_TIMEOUT,
    RT_CONN_END_FRAME_TIMEOUT,
    RT_CONN_END_SEND_TIMEOUT,
    RT_CONN_END_OVERSIZE, /* a frame longer than the consumer allows */
    RT_CONN_END_EVICTED,  /* half-open, for a newcomer */
    RT_CONN_END_MEMORY,   /* stalled longest while memory_max was pressed */
    RT_CONN_END_SHUTDOWN, /* RT_CONN_CLOSE_ALL */
};

/*
 * The consumer. All are called on the worker's thread, never from inside a call into this room.
 * `ended` is the last: after it the connection is gone for the consumer.
 */
struct rt_conn_ops {
    void (*opened)(void *user);
    void (*frame)(void *user, struct rt_frame *f);
    /* A frame was discarded: longer than keep_max but not than frame_max, or without memory for it.
     * May be NULL if keep_max == frame_max: a frame without memory then ends the connection. */
    void (*discarded)(void *user, uint32_t len);
    /* Bytes were received. May be NULL. */
    void (*received)(void *user);
    void (*eof)(void *user);
    /* The network has taken all output. May be NULL. */
    void (*drained)(void *user);
    void (*ended)(void *user, enum rt_conn_end how, enum relay_end end);
};

/* The consumer of a worker's new connections: returns its user pointer, NULL to refuse. */
struct rt_conn_acceptor {
    void *(*accept)(void *ctx, struct rt_conn *c, const struct rt_conn_ops **out_ops);
    void *ctx;
};

/* The table for relay_host.events. */
extern const struct relay_events rt_conn_events;

/* Bounds of the door, shared by all workers of a relay. */
struct rt_door;
struct rt_door_limits {
    uint32_t connections_max; /* all workers */
    uint32_t half_open_max;   /* all workers; divided among them */
    uint32_t per_prefix_max;  /* IPv4 /32, IPv6 /56; loopback exempt */
};
RT_MUST_CHECK rt_err rt_door_new(const struct rt_door_limits *limits, uint16_t workers,
                                 const uint8_t hash_key[16], struct rt_door **out);
void rt_door_free(struct rt_door **d);

/* Per-worker state (scratch, stalled list, half-open lists). */
void rt_conn_worker_init(struct rt_worker *w, struct rt_door *door,
                         struct rt_conn_acceptor acceptor);
void rt_conn_worker_fini(struct rt_worker *w);
uint32_t rt_conn_worker_count(const struct rt_worker *w);

/*
 * Shutdown. RT_CONN_CLOSE_ALL to a worker's control actor closes every connection gracefully; each
 * consumer gets `ended`. The reply comes when none is left, at most LIM_CLOSE_ALL_NS later.
 * A second request meanwhile gets its reply at once, with the number left.
 */
enum rt_conn_kind {
    RT_CONN_CLOSE_ALL = RT_REQUEST_KIND(CONN, 1), /* struct rt_conn_close_all */
    RT_CONN_ALL_CLOSED = RT_REPLY_KIND(CONN, 1),  /* the same block, back */
};
struct rt_conn_close_all {
    struct rt_msg msg;
    uint32_t left; /* reply: connections that have not ended */
};
struct rt_addr rt_conn_control_addr(const struct rt_worker *w);

/* Dials over transport t (with its state of this worker). On success `opened` or
 * `ended` follows; the handshake deadline runs. */
RT_MUST_CHECK rt_err rt_conn_dial(struct rt_worker *w, const struct relay_transport *t,
                                  void *t_state, const struct sockaddr *addr, socklen_t len,
                                  const struct rt_conn_ops *ops, void *user, struct rt_conn **out,
                                  struct relay_error *err);

/* Hands the connection to another consumer. */
void rt_conn_set_consumer(struct rt_conn *c, const struct rt_conn_ops *ops, void *user);

/* frame_max: longer ends the connection. keep_max <= frame_max: longer is discarded. */
void rt_conn_set_frame_max(struct rt_conn *c, uint32_t frame_max, uint32_t keep_max);

/* Authenticated: the handshake deadline ends, idle_ns starts (0: none). Counts no longer half-open.
 */
void rt_conn_authenticated(struct rt_conn *c, uint64_t idle_ns);
/* 0: no idle deadline (tunnels). Restarted by every frame. */
void rt_conn_set_idle(struct rt_conn *c, uint64_t idle_ns);

/* The consumer is busy: no frame is delivered until the release. Frames already received wait. */
void rt_conn_hold(struct rt_conn *c);
void rt_conn_release(struct rt_conn *c);

/* From inside `frame`: this frame gets no reply, so the peer's next frame may wait for the
 * transport's acknowledgement (TCP: Nagle's algorithm against delayed acknowledgements). */
void rt_conn_expect_more(struct rt_conn *c);

/* Queues bytes: see relay_transport.send. */
void rt_conn_send(struct rt_conn *c, struct relay_vec *v);
/* One frame from two parts: head (view, with the length in it) and body (moved; may be a view). */
void rt_conn_send2(struct rt_conn *c, const void *head, uint32_t head_len,
                   struct relay_slice *body);
/* Bytes passed to send that the network has not taken yet. */
size_t rt_conn_unsent(const struct rt_conn *c);

/* Ends the connection. The consumer is not called again and must not use c again. */
void rt_conn_close(struct rt_conn *c, enum relay_close how);

/* AF_UNSPEC, and "gone" below, if `ended` comes after the transport has freed its connection. */
void rt_conn_peer(const struct rt_conn *c, struct sockaddr_storage *out);
/* "192.0.2.1:7001" or "[2001:db8::1]:7001"; cap >= 64. */
void rt_conn_peer_text(const struct rt_conn *c, char *out, size_t cap);

#endif
