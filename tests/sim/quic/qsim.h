/* SPDX-License-Identifier: MPL-2.0 */
/*
 * Engines of plugins/quic joined by a simulated path, in virtual time, from a seed: the same seed,
 * the same run. Two hosts, a client's and a server's, each with its connection ids and its engines
 * (*ends*); between them a path that delays, loses, repeats, reorders and spoils datagrams, and an
 * address translator in front of the client that may forget which port it gave.
 *
 * An end does for its engine what the plugin does: writes when something happened, looks at the
 * clock when the engine wants it, closes in two steps, answers late packets with CONNECTION_CLOSE.
 * Every byte that comes is compared with what was sent. What breaks a law ends the process with a
 * line that names scenario and seed.
 *
 * One module in several files: quic/end.c quic/host.c quic/world.c.
 */
#ifndef QSIM_H
#define QSIM_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/check.h"
#include "quic/cid_map.h"
#include "quic/engine_private.h"
#include "quic/pool.h"
#include "quic/udp_io.h"
#include "sim/prng.h"

#define QSIM_MS UINT64_C(1000000)
#define QSIM_S UINT64_C(1000000000)
#define QSIM_ENDS_MAX 8u
#define QSIM_NEVER UINT64_MAX

struct qsim_world;
struct qsim_host;

/* The faults of one direction; chances in thousandths. */
struct qsim_weather {
    unsigned loss, repeat, reorder, spoil;
    uint64_t delay_ns, jitter_ns; /* each later by up to jitter_ns: small reordering as well */
    uint64_t late_ns;             /* ... those that are reordered, by as much more */
    size_t mtu;                   /* longer ones are lost; 0: any may pass */
    bool refuses_long;            /* the sender is notified of those (EMSGSIZE) */
    bool is_cut;
};

struct qsim_end {
    struct quic_owner owner; /* QUIC_OWNER_CLOSING: the engine is gone, its ids answer */
    struct quic_engine *engine;
    struct qsim_host *host;
    bool has_opened, has_closed;
    bool asks_again; /* it ended for want of a Retry */

    /* the stream, both ways */
    uint64_t to_send; /* bytes that are still to be given to the engine */
    uint64_t given, received, read;
    uint64_t read_per_s; /* 0: at once, as they come */
    uint64_t read_at_ns;
    bool has_fin;       /* the peer's */
    bool answers_fin;   /* with our own, once all is sent */
    bool closes_itself; /* gracefully, once all is sent */

    /* the end */
    bool is_closing;
    uint64_t linger_ns, deadline_ns; /* QSIM_NEVER: none */
    struct quic_end why;
    uint64_t closed_ns;
    uint8_t close_packet[QUIC_PACKET_MAX];
    size_t close_len;
    union quic_addr close_local, close_remote;
    unsigned late_packets, close_packets;
    unsigned narrowings; /* packets were too long for the path */
    uint64_t closing_until_ns;

    uint64_t bytes_in, bytes_out, packets_in, packets_out; /* datagrams */
    uint64_t not_before_ns; /* the engine is not looked at again before */
};

struct qsim_host {
    struct qsim_world *world;
    struct quic_env env;
    struct quic_pool *pool;
    struct quic_cid_map ids;
    struct sim_prng random;
    struct qsim_end *ends[QSIM_ENDS_MAX];
    unsigned end_count;
    union quic_addr address; /* a client's next end gets it, with the port counted up */
    bool is_server;
    void (*begun)(struct qsim_end *e); /* an engine has, and nothing was written yet */

    /* a server's ways */
    bool always_retries, speaks_nothing;
    uint8_t retry_secret[QUIC_SECRET_BYTES];
    unsigned retries, resets, negotiations;
};

struct qsim_packet {
    uint64_t at_ns, number;
    union quic_addr from, to;
    size_t len;
    uint8_t bytes[];
};

struct qsim_world {
    const char *scenario;
    uint64_t seed, now_ns, numbers, trace;
    struct sim_prng random;
    struct qsim_host client, server;
    struct qsim_weather out, back; /* from and to the client */
    unsigned long_packets;         /* were longer than the MTU */
    uint16_t nat_shift;            /* added to the client's ports */
    uint32_t nat_moves;            /* ... and to its address */
    struct qsim_packet **packets;  /* a heap by time, then number */
    size_t packet_count, packet_capacity;
    uint64_t steps_at_ns, steps;
    /* every datagram as it is sent; for seeds of fuzz targets */
    void (*tap)(void *ctx, bool is_to_server, const uint8_t *p, size_t n);
    void *tap_ctx;
};

/* -- world.c -- */

void qsim_open(struct qsim_world *w, const char *scenario, uint64_t seed);
/* Ends what is left without a word; checks that nothing remains of it. */
void qsim_close(struct qsim_world *w);
/* Sends a datagram on its way. from is a host's own address. False: refused as too long. */
bool qsim_transmit(struct qsim_world *w, bool is_from_client, const union quic_addr *from,
                   const union quic_addr *to, const uint8_t *p, size_t n);
/* Until done(ctx); fails after limit_ns of virtual time. */
void qsim_until(struct qsim_world *w, bool (*done)(void *ctx), void *ctx, uint64_t limit_ns,
                const char *what);
void qsim_run(struct qsim_world *w, uint64_t ns);
/* The client's translator picks another port (and, has_moved, another address). */
void qsim_rebind(struct qsim_world *w, bool has_moved);
_Noreturn void qsim_fail(const struct qsim_world *w, const char *fmt, ...)
    __attribute__((format(printf, 2, 3)));
#define QSIM_CHECK(w, expr)                                                                        \
    ((expr) ? (void)0 : qsim_fail((w), "%s:%d: %s", __FILE__, __LINE__, #expr))

/* -- host.c -- */

void qsim_host_open(struct qsim_host *h, struct qsim_world *w, bool is_server);
void qsim_host_close(struct qsim_host *h);
/* A datagram has come. */
void qsim_host_datagram(struct qsim_host *h, const struct qsim_packet *p);
/* When one of its ends wants to be looked at, and doing so. */
uint64_t qsim_host_wake(const struct qsim_host *h);
void qsim_host_wake_up(struct qsim_host *h);
size_t qsim_buffers_live(void);

/* -- end.c -- */

extern const struct quic_engine_ops qsim_engine_ops;
struct qsim_end *qsim_end_new(struct qsim_host *h);
/* A client's connection to the server. */
struct qsim_end *qsim_dial(struct qsim_world *w);
/* n more bytes of its stream. */
void qsim_send(struct qsim_end *e, uint64_t n);
/* Gracefully, as the plugin does; abort: at once. */
void qsim_end_close(struct qsim_end *e, bool is_abort);
/* The engine is freed without notice, like a killed process. */
void qsim_end_forget(struct qsim_end *e);
void qsim_end_packet(struct qsim_end *e, const union quic_addr *local,
                     const union quic_addr *remote, const uint8_t *p, size_t n);
uint64_t qsim_end_wake(const struct qsim_end *e);
void qsim_end_wake_up(struct qsim_end *e);
void qsim_end_flush(struct qsim_end *e);
static inline uint64_t qsim_end_unread(const struct qsim_end *e)
{
    return e->received - e->read;
}

/* -- scenarios*.c: each leaves the world closed -- */

/* X(name, what it shows) */
#define QSIM_SCENARIO_LIST(X)                                                                      \
    X(small, "any weather, any sizes, any way to end")                                             \
    X(large, "20 MB each way, 1 % loss, 20 ms, reordering, repetition")                            \
    X(spoilt, "datagrams with flipped bits, and noise, are passed over")                           \
    X(mtu, "a path that takes 1280 bytes and no more")                                             \
    X(mtu_shrinks, "a path whose MTU shrinks in the middle of a transfer")                         \
    X(mtu_refused, "... and whose sender is notified of packets that are too long")                \
    X(mtu_grows, "packets grow again with the path's MTU")                                         \
    X(blackout, "a path that is dead for some seconds")                                            \
    X(key_update, "new keys, in the middle, by either side")                                       \
    X(slow_reader, "a reader that takes its time holds the sender, within its window")             \
    X(rebind, "another port and another address, unannounced, in the middle")                      \
    X(migrate, "the client moves to another socket, in the middle")                                \
    X(idle, "silence ends it after 30 s")                                                          \
    X(keep_alive, "silence does not, where one side asks for signs of life")                       \
    X(strangers, "what looks like a hello and is none leaves nothing behind")                      \
    X(deadline_client, "no reply: its owner's deadline ends it")                                   \
    X(deadline_server, "a client that falls silent is not sent more than three times its bytes")   \
    X(two_initials, "a ClientHello that needs two packets, and offers an unknown protocol")        \
    X(retry, "a server that has every address proven")                                             \
    X(retry_moved, "an answer to a Retry from elsewhere proves nothing")                           \
    X(versions, "a server without our version")                                                    \
    X(reset, "a server that has forgotten says so")                                                \
    X(graceful, "all is delivered, both know, late packets are answered")                          \
    X(unanswered, "a peer that does not end its half is waited for a second")                      \
    X(both_close, "both ends close at once, gently or not")                                        \
    X(lost_close, "a CONNECTION_CLOSE that is lost is sent again")                                 \
    X(stream_reset, "a reset half ends the whole")                                                 \
    X(streams, "one stream, and no more")

#define X(name, text) void qsim_scenario_##name(struct qsim_world *w, uint64_t seed);
QSIM_SCENARIO_LIST(X)
#undef X

/* -- what scenarios share -- */

/* Dials and waits until both are open: the client's end; *out_server. */
struct qsim_end *qsim_connect(struct qsim_world *w, struct qsim_end **out_server);
/* Sends n bytes each way and waits until they are there. */
void qsim_exchange(struct qsim_world *w, struct qsim_end *a, struct qsim_end *z, uint64_t n,
                   uint64_t limit_ns);
void qsim_until_received(struct qsim_end *e, uint64_t bytes, uint64_t limit_ns);
void qsim_until_closed(struct qsim_end *e, uint64_t limit_ns);
/* Both directions alike. */
void qsim_set_weather(struct qsim_world *w, const struct qsim_weather *both);

#endif
