/* SPDX-License-Identifier: MPL-2.0 */
/*
 * One QUIC connection as the host knows it: an engine, its place in the worker, its events.
 *
 * Verbs record; what they ask for is written by quic_conn_flush at the end of the turn. `closed` is
 * raised, and the struct freed, by quic_conn_end, which only the loop's own callbacks call, never
 * those of an engine.
 *
 * One module in several files: conn.c input.c output.c.
 * They hold life and verbs; data and events; writing. They call each other through the second part
 * of this header. Thread: the worker's.
 */
#ifndef QUIC_CONN_H
#define QUIC_CONN_H

#include "base/check.h"
#include "engine.h"
#include "socket.h"

/* See the diagram in conn.c. */
enum quic_conn_state {
    QUIC_CONN_NEW,       /* not the host's yet: it ends without an event */
    QUIC_CONN_HALF_OPEN, /* the handshake goes on */
    QUIC_CONN_OPEN,
    QUIC_CONN_CLOSING, /* the host has called close, or memory ran out: no event but closed */
    QUIC_CONN_GONE,    /* closed is being raised; then the struct is freed */
};

/*
 * Bytes of a read that are not reported to the host yet. Those of one message are reported
 * together: when the room from alloc is used up, or at the end of the read. No event comes between
 * an alloc and its data.
 */
struct quic_delivery {
    uint8_t *to;         /* the address for the next bytes */
    size_t room, filled; /* bytes left there, and bytes written */
};

struct relay_conn {
    struct quic_owner owner; /* first: what the id map points at */
    uint8_t state;           /* enum quic_conn_state */
    uint8_t closing_for;     /* CLOSING: RELAY_END_LOCAL or RELAY_END_SYSTEM */
    bool is_paused : 1;
    bool is_aborted : 1;     /* CLOSING: without waiting for what was sent to arrive */
    bool is_unvalidated : 1; /* counts in worker->unvalidated */
    bool owes_sent : 1;      /* a sent event is due */
    bool owes_eof : 1;
    bool has_eof : 1;   /* eof has been raised */
    bool is_urgent : 1; /* a packet was received whose acknowledgement must not wait long */
    bool is_inside : 1; /* the bytes delivered so far end inside a message */
    uint32_t unpaced;   /* bytes written since the pace was set */
    uint32_t unwritten; /* stream bytes received since the last write ... */
    uint64_t received;  /* ... and in total; held bytes count again when delivered */
    uint64_t in_flight; /* our bytes in flight at the last write */
    struct quic_expiry expiry;
    struct quic_worker *worker;
    struct quic_socket *socket; /* counted */
    void *user;
    struct quic_engine *engine; /* NULL: not begun */
    struct quic_held held;
    struct quic_delivery *delivery; /* while quic_conn_read runs; else NULL */
    uint64_t reported_left;         /* as reported by the last sent event */
    uint64_t linger_ns;             /* closing: until when the peer is waited for; 0: not yet */
    struct rt_list dirty, ready;
};

/* A NEW connection of a socket, which it counts; without an engine. */
struct relay_conn *quic_conn_new(struct quic_worker *qw, struct quic_socket *s);
/* Makes a NEW one the host's: its events go to user. */
void quic_conn_begin(struct relay_conn *c, void *user);
/* Ends it: sends CONNECTION_CLOSE where due, raises closed, frees it. */
void quic_conn_end(struct relay_conn *c, enum relay_end why, const char *detail);
/* Frees one that the host does not know. */
void quic_conn_discard(struct relay_conn *c);
/* Ends c if its engine has ended. True: c is freed. */
bool quic_conn_reap(struct relay_conn *c);

/* The peer has validated its address. */
void quic_conn_validated(struct relay_conn *c);
/*
 * Reads a chain of datagrams: what one read has brought for c. The bytes of one message among them
 * go to the host together. c may be freed.
 */
void quic_conn_read(struct relay_conn *c, const struct quic_datagram *d);
/* The time of its expiry has passed. c may be freed. */
void quic_conn_expire(struct relay_conn *c);

static inline bool quic_conn_is_reading(const struct relay_conn *c)
{
    return c->state == QUIC_CONN_OPEN && !c->is_paused;
}

/* Its engine's handshake goes on, whatever the host has asked for. */
static inline bool quic_conn_is_handshaking(const struct relay_conn *c)
{
    return c->state != QUIC_CONN_OPEN && !quic_engine_is_open(c->engine);
}

/* -- between conn.c, input.c and output.c -- */

/* Changes the state; one of the transitions in the diagram. */
void quic_conn_set_state(struct relay_conn *c, enum quic_conn_state to);
/* From now on no event but closed; why: RELAY_END_LOCAL or RELAY_END_SYSTEM. */
void quic_conn_begin_closing(struct relay_conn *c, enum relay_end why);

/* input.c */
extern const struct quic_engine_ops quic_conn_engine_ops;
void quic_input_run_ready(struct quic_worker *qw);

/* output.c */
/* Packets are to be written, or a sent event is due: at the end of the turn. */
void quic_output_mark(struct relay_conn *c);
/* Bytes were received, or held bytes were delivered. The acknowledgement or credit that is due may
 * wait for other packets to carry it. May raise sent. */
void quic_output_received(struct relay_conn *c);
/* The engine may expire earlier than before, but has nothing to write. */
void quic_output_timer_changed(struct relay_conn *c);
/* Writes what is pending. c may be freed. */
void quic_conn_flush(struct relay_conn *c);
void quic_output_run_dirty(struct quic_worker *qw);
/* Sets its expiry from its engine. */
void quic_conn_arm(struct relay_conn *c);

/* dial.c, listen.c and conn.c: the verbs of struct relay_transport; state: a struct quic_worker. */
int quic_dial(void *state, const struct sockaddr *addr, socklen_t len, void *user,
              struct relay_conn **out, struct relay_error *err);
int quic_listen(void *state, const struct relay_listen *spec, struct relay_listener **out,
                struct sockaddr_storage *out_bound, struct relay_error *err);
void quic_unlisten(struct relay_listener *l);
void quic_conn_send(struct relay_conn *c, struct relay_vec *v);
void quic_conn_pause(struct relay_conn *c);
void quic_conn_resume(struct relay_conn *c);
void quic_conn_close(struct relay_conn *c, enum relay_close how);
void quic_conn_peer(const struct relay_conn *c, struct sockaddr_storage *out);
void quic_conn_keep_alive(struct relay_conn *c, uint64_t interval_ns);

#endif
