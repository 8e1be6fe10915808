/* SPDX-License-Identifier: MPL-2.0 */
/* Requirements on quic beyond the laws: tests for test_quic.c to list. */
#ifndef CF_QUIC_TESTS_H
#define CF_QUIC_TESTS_H

#include "bench.h"

/* X(function, description) */
#define QUIC_TEST_LIST(X)                                                                          \
    X(over_quic_garbage, "datagrams of no connection are ignored")                                 \
    X(over_quic_versions, "another version gets version negotiation, a short packet none")         \
    X(over_quic_two_initials, "a ClientHello may need two packets and offer unknown values")       \
    X(over_quic_second_half_first, "... and the second may come alone")                            \
    X(over_quic_nothing_in_common, "a client without our groups is refused in the handshake")      \
    X(over_quic_leaves_early, "a client that leaves during the handshake has not failed it")       \
    X(over_quic_silent_clients, "half-open connections get few bytes, honest clients connect")     \
    X(over_quic_forged_address, "the memory of many first packets is bounded")                     \
    X(over_quic_other_port, "a client whose port changes in the middle loses nothing")             \
    X(over_quic_unknown_id, "an unknown id gets a stateless reset, shorter than its packet")       \
    X(over_quic_forgotten, "a dialled end gets a stateless reset from a restarted relay")          \
    X(over_quic_close_packet, "CONNECTION_CLOSE of the peer ends it, an abort sends one")          \
    X(over_quic_acknowledges, "a packet without a reply is acknowledged too")                      \
    X(over_quic_one_packet_waits, "the acknowledgement of one packet waits for data to send")      \
    X(over_quic_answer_acknowledges, "... a reply carries it, so that it needs no packet")         \
    X(over_quic_delivers_at_once, "... but the host gets the data at once")                        \
    X(over_quic_gap_is_urgent, "... and a packet after a lost one is acknowledged at once")        \
    X(over_quic_other_path_is_urgent, "... and so is a packet from another address")               \
    X(over_quic_train, "packets in a row are handed over at once in the middle of a message")      \
    X(over_quic_train_and_end, "... before the end, or a CONNECTION_CLOSE, that came with them")   \
    X(over_quic_trains_cross, "... and those of two clients apart")                                \
    X(over_quic_few_writes, "many packets go with one write")                                      \
    X(over_quic_short_among_full, "... and come out as they were written")                         \
    X(over_quic_idle_holds_nothing, "idle connections hold no buffers of past data")               \
    X(over_quic_wildcard, "a wildcard answers from the address that was asked, both families")     \
    X(over_quic_shared_port, "listeners of all workers share a port, strangers do not")            \
    X(over_quic_handover, "a datagram at the wrong worker's socket reaches the right one")         \
    X(over_quic_large_hellos, "hellos that wait are bounded by their bytes")                       \
    X(over_quic_large_handover, "datagrams between workers are bounded by their bytes")            \
    X(over_quic_many_closing, "of too many closing connections the oldest is evicted")             \
    X(over_quic_nothing_taken, "what the kernel does not take is kept within a bound")             \
    X(over_quic_no_memory_once, "a connection that ends for want of memory counts once")           \
    X(over_quic_narrow_path, "a packet too long for the path takes no other with it")              \
    X(over_quic_path_shrinks, "a path whose MTU shrinks in the middle loses nothing")              \
    X(over_quic_error_texts, "what is refused is refused in a sentence")                           \
    X(over_quic_inherited, "an inherited socket is used, and closed with the listener")

#define X(function, text) void function(void **state);
QUIC_TEST_LIST(X)
#undef X

/* The uv driver with a host that returns what a test set here before the bench was opened. */
struct quic_host_ways {
    const char *retry;     /* the option's value */
    uint16_t worker_count; /* 0: one */
    uint16_t worker_index; /* of the next worker_init */
    bool has_fixed_secret;
    unsigned full_every; /* every n-th write to a socket returns EAGAIN; 0: never */
    size_t carries;      /* longer datagrams are refused, with what goes with them; 0: none */
    unsigned refused, refused_along; /* datagrams refused alone, and with others */
    bool is_kernel_old;              /* it neither joins nor splits datagrams */
    void *states[2];                 /* of the workers, for post */
};
extern struct quic_host_ways quic_ways;
const struct cf_driver *quic_driver(void);

uint16_t quic_port_of(const struct sockaddr_storage *a);

#endif
