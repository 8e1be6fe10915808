/* SPDX-License-Identifier: MPL-2.0 */
/* The laws, by room: tests for suite.c to list. Each takes the struct cf_subject as its state. */
#ifndef CF_LAWS_H
#define CF_LAWS_H

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "bench.h"

/* X(function, what it says) */
#define CF_LAW_LIST(X)                                                                             \
    X(law_table, "the table says who it is and has every verb")                                    \
    X(law_open_close, "opened comes first, closed once and last")                                  \
    X(law_peer_address, "peer gives the address of the other end")                                 \
    X(law_close_inside_events, "a connection may be closed from inside any of its events")         \
    X(law_close_before_open, "a connection may be closed before it has opened")                    \
    X(law_close_other_inside_closed, "a closed event may close another connection")                \
    X(law_abort, "abort drops everything at once")                                                 \
    X(law_abort_after_graceful, "abort may follow a graceful close")                               \
    X(law_refused_at_the_door, "who is not admitted is dropped, without an event")                 \
    X(law_dead_port, "dialling where nobody listens ends as refused")                              \
    X(law_taken_port, "an address somebody listens on is refused with a sentence")                 \
    X(law_unlisten, "after unlisten nobody comes in, and who is in stays")                         \
    X(law_many_connections, "many connections at once keep their streams apart")                   \
    X(law_integrity, "bytes arrive whole and in order, both ways at once")                         \
    X(law_tiny_buffers, "a host may take its input byte by byte")                                  \
    X(law_sent, "sent follows every turn in which something was sent")                             \
    X(law_send_after_close, "what is sent after close is dropped")                                 \
    X(law_graceful_delivers, "a graceful close delivers what was sent")                            \
    X(law_graceful_is_eof, "a graceful close is eof for the other end, which still closes itself") \
    X(law_pause, "pause holds data back, resume delivers it without new input")                    \
    X(law_pause_inside_data, "pause from inside data holds the rest of what has come")             \
    X(law_resume_inside_other, "what a pause held back comes before what came later")              \
    X(law_pause_passes_eof, "eof and closed come to a paused connection")                          \
    X(law_backpressure, "a slow reader holds the sender's bytes, in bounded memory")               \
    X(law_backpressure_many_small, "small sends to a slow reader are kept in order")               \
    X(law_blocked_sender_still_reads, "a sender that is blocked still receives")                   \
    X(law_no_memory, "without memory a connection ends as out of resources, others live")

#define X(function, text) void function(void **state);
CF_LAW_LIST(X)
#undef X

#endif
