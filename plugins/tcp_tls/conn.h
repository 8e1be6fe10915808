/* SPDX-License-Identifier: MPL-2.0 */
/*
 * One TLS connection over TCP: its states, its place in the loop, its end.
 *
 * A connection owns its descriptor, its uv_poll and (from the first byte to GONE) its TLS session.
 * An idle one holds no buffer. The close callback of the uv_poll raises `closed` and frees the
 * struct.
 *
 * One module in several files: conn.c input.c output.c.
 * They hold states and polling; reading and handshakes; gathering, sealing and flushing. They call
 * each other through this header. Thread: the worker's.
 */
#ifndef TLS_CONN_H
#define TLS_CONN_H

#include <netinet/in.h>

#include "worker.h"

/* See the diagram in conn.c. */
enum tls_conn_state {
    TLS_CONN_NEW,        /* not begun */
    TLS_CONN_CONNECTING, /* half-open: TCP's handshake, of a dialled one */
    TLS_CONN_HANDSHAKE,  /* half-open: TLS's handshake */
    TLS_CONN_OPEN,
    TLS_CONN_BROKEN,    /* a write failed: what was received is still read */
    TLS_CONN_CLOSING,   /* the host has called close: output is flushed; no event but closed */
    TLS_CONN_LINGERING, /* closing: our side is shut, input is discarded until the peer's FIN */
    TLS_CONN_GONE,      /* everything but the struct is given back; closed follows */
};

/* Plaintext that waits for a writable socket. */
struct tls_chunk {
    struct tls_chunk *next;
    struct relay_slice slice; /* owned */
};

/*
 * Output, in order: sealed bytes buf[start, used); plaintext staged at buf[used, used + staged)
 * until its record is full or the turn ends; queued chunks. Nothing is queued while the socket is
 * not blocked.
 */
struct tls_output {
    struct relay_buf *buf; /* NULL: nothing sealed, nothing staged */
    uint32_t start, used, staged;
    uint32_t sealed_plain; /* plaintext bytes whose records lie in [start, used) */
    struct tls_chunk *head, **tail;
    size_t queued; /* bytes in the chunks */
};

struct relay_conn {
    uv_poll_t poll;
    struct tls_worker *worker;
    void *user;
    struct tls_engine engine;
    struct tls_output out;
    struct relay_slice stash; /* ciphertext held while paused; owned */
    struct rt_list dirty, ready, handshake;
    struct relay_timer linger;
    union {
        struct sockaddr any;
        struct sockaddr_in v4;
        struct sockaddr_in6 v6;
    } peer;
    int fd;
    int error;      /* BROKEN: errno of the failed write */
    uint8_t state;  /* enum tls_conn_state */
    uint8_t events; /* that the uv_poll watches */
    uint8_t end;    /* enum relay_end, once GONE */
    bool is_server : 1;
    bool has_user : 1; /* closed is due; may follow GONE: close from inside admit */
    bool is_paused : 1;
    bool is_muted : 1;          /* paused and unwatched: input came during the pause */
    bool is_inside : 1;         /* the bytes delivered so far end inside a message */
    bool is_blocked : 1;        /* the socket is not writable */
    bool is_large : 1;          /* out.buf counts in worker->large_gathering */
    bool has_fin : 1;           /* recv returned 0 */
    bool has_eof : 1;           /* eof has been raised */
    bool has_close_notify : 1;  /* the peer sent it */
    bool sent_close_notify : 1; /* or none is due */
    bool owes_sent : 1;         /* a sent event is due */
    bool answered_fin : 1;      /* send was called after eof */
    const char *detail;         /* of the end */
};

_Static_assert(sizeof(struct relay_conn) <= 700,
               "an idle connection is its TLS session and little more");

/*
 * A NEW connection on fd (non-blocking, options set; taken, even on failure), in the loop but not
 * watched. NULL: the loop refuses it. Until it has a user, its end raises no event.
 */
struct relay_conn *tls_conn_new(struct tls_worker *tw, int fd, const struct sockaddr *peer,
                                socklen_t peer_len);
/* Begins, in state CONNECTING or HANDSHAKE, with events going to user. */
void tls_conn_start(struct relay_conn *c, enum tls_conn_state state, void *user);

/* Ends it: drops everything; `closed` follows from the loop. Idempotent. */
void tls_conn_end(struct relay_conn *c, enum relay_end end, const char *detail);
/* The socket failed with errno `error` and nothing more can be read. */
void tls_conn_end_errno(struct relay_conn *c, int error);
/* A write failed: drops output, reads what was received, then ends. */
void tls_conn_broken(struct relay_conn *c, int error);
/* Out of memory for this connection's buffers. */
void tls_conn_no_memory(struct relay_conn *c);

/* Watches the events of the state. A paused connection is unwatched only once input comes. */
void tls_conn_watch(struct relay_conn *c);
/* CLOSING, and the kernel has taken all output. */
void tls_conn_flushed(struct relay_conn *c);
/* Changes the state; one of the transitions in the diagram. */
void tls_conn_set_state(struct relay_conn *c, enum tls_conn_state to);
/* Events other than data may be raised. */
static inline bool tls_conn_is_open(const struct relay_conn *c)
{
    return c->state == TLS_CONN_OPEN || c->state == TLS_CONN_BROKEN;
}

/* Output may be written. */
static inline bool tls_conn_may_write(const struct relay_conn *c)
{
    return c->state == TLS_CONN_OPEN || c->state == TLS_CONN_CLOSING;
}

/* The host has called close. */
static inline bool tls_conn_is_closing(const struct relay_conn *c)
{
    return c->state == TLS_CONN_CLOSING || c->state == TLS_CONN_LINGERING;
}

/* Events may be raised, data included. */
static inline bool tls_conn_is_reading(const struct relay_conn *c)
{
    return tls_conn_is_open(c) && !c->is_paused;
}

/* input.c */
/* The poll reports events (UV_READABLE, UV_DISCONNECT). */
void tls_input_readable(struct relay_conn *c, int events);
/* Queues the connection for the end of the turn. */
void tls_input_ready(struct relay_conn *c);
void tls_input_queue_handshake(struct relay_conn *c);
/* Runs the lists at the end of the turn. */
void tls_input_run_ready(struct tls_worker *tw);
void tls_input_run_handshakes(struct tls_worker *tw);

/* output.c */
bool tls_output_write(struct tls_engine *e, const struct iovec *v, int count); /* tls_wire.write */
void tls_output_send(struct relay_conn *c, struct relay_vec *v);
void tls_output_mark(struct relay_conn *c); /* flush it at the end of the turn */
void tls_output_writable(struct relay_conn *c);
void tls_output_run_dirty(struct tls_worker *tw);
/* Writes what is sealed, once, without waiting: an alert before the end. */
void tls_output_write_alert(struct relay_conn *c);
void tls_output_drop(struct relay_conn *c);
size_t tls_output_left(const struct relay_conn *c);

/* The verbs of struct relay_transport. */
void tls_conn_pause(struct relay_conn *c);
void tls_conn_resume(struct relay_conn *c);
void tls_conn_close(struct relay_conn *c, enum relay_close how);
void tls_conn_peer(const struct relay_conn *c, struct sockaddr_storage *out);

#endif
