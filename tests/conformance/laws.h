/* SPDX-License-Identifier: MPL-2.0 */
/* The laws by topic: tests for suite.c to list. Each takes the struct cf_subject as its state. */
#ifndef CF_LAWS_H
#define CF_LAWS_H

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "bench.h"

/* X(function, description) */
#define CF_LAW_LIST(X)                                                                             \
    X(law_table, "the table has a name, a version and every verb")                                 \
    X(law_open_close, "opened comes first, closed once and last")                                  \
    X(law_peer_address, "peer gives the address of the other end")                                 \
    X(law_close_inside_events, "a connection may be closed from inside any of its events")         \
    X(law_close_before_open, "a connection may be closed before it has opened")                    \
    X(law_close_other_inside_closed, "a closed event may close another connection")                \
    X(law_abort, "abort drops everything at once")                                                 \
    X(law_abort_after_graceful, "abort may follow a graceful close")                               \
    X(law_refused_admission, "a connection that is not admitted is dropped without an event")      \
    X(law_dead_port, "dialling a port without a listener ends as refused")                         \
    X(law_taken_port, "listening on an address in use fails with an error text")                   \
    X(law_unlisten, "unlisten stops new connections and keeps open ones")                          \
    X(law_many_connections, "many connections at once keep their streams apart")                   \
    X(law_integrity, "bytes arrive complete and in order, in both directions at once")             \
    X(law_tiny_buffers, "a host may take its input byte by byte")                                  \
    X(law_sent, "sent follows every turn in which bytes were sent")                                \
    X(law_send_after_close, "bytes sent after close are dropped")                                  \
    X(law_graceful_delivers, "a graceful close delivers the bytes already sent")                   \
    X(law_graceful_is_eof, "a graceful close is eof for the other end, which still closes itself") \
    X(law_pause, "pause holds data back, resume delivers it without new input")                    \
    X(law_pause_inside_data, "pause from inside data holds the rest of the input back")            \
    X(law_resume_inside_other, "input held back by a pause is delivered before later input")       \
    X(law_pause_passes_eof, "eof and closed are reported while the connection is paused")          \
    X(law_backpressure, "a slow reader holds the sender's bytes, in bounded memory")               \
    X(law_backpressure_many_small, "small sends to a slow reader are kept in order")               \
    X(law_blocked_sender_still_reads, "a sender that is blocked still receives")                   \
    X(law_no_memory, "without memory one connection ends as out of resources, others stay")

#define X(function, text) void function(void **state);
CF_LAW_LIST(X)
#undef X

#endif
