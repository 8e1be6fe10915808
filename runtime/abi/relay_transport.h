/* SPDX-License-Identifier: MPL-2.0 */
/*
 * relay_transport: the one table a transport plugin implements, and the one it is given.
 *
 * A plugin is a shared library that exports exactly one symbol:
 *
 *     const struct relay_transport *relay_transport_v1(void);
 *
 * It turns a network protocol (TLS over TCP, QUIC, a simulation) into *connections*: reliable,
 * ordered, encrypted byte streams in both directions. It does not interpret the bytes.
 *
 * Laws, for the whole table:
 *  - One worker, one thread. Everything a worker's state made (listeners, connections) is used
 *    on that worker's thread only. worker_init, listen, unlisten and worker_fini may also be
 *    called before the thread has started or after it has ended.
 *  - No event is raised from inside a verb. A verb records its effect, and the next turn of the
 * loop raises the events. Verbs may be called from inside events, also on the same connection.
 *  - For an admitted or dialled connection the events come in the order
 *        opened, (alloc, data | sent | eof)*, closed
 *    where closed comes exactly once, is the last, and may be the only one. After the host called
 *    close, closed is the only event that still comes.
 *  - After closed the host forgets the connection and the plugin frees it.
 *  - Neither side blocks the thread. Handshake work (public-key operations) of all connections of
 *    a worker together takes at most a few milliseconds a turn; established ones come first.
 *
 * Versions: a change that breaks is a new symbol (relay_transport_v2). An addition appends members
 * and raises RELAY_ABI_MINOR; `size` says how much of a struct the other side knows.
 */
#ifndef RELAY_TRANSPORT_H
#define RELAY_TRANSPORT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/socket.h>

#include "relay_buf.h"

#define RELAY_TRANSPORT_MAGIC 0x53435032u /* "SCP2" */
#define RELAY_ABI_MINOR 1u
#define RELAY_TRANSPORT_SYMBOL "relay_transport_v1"

/* Which instrumentation a library was built with; the loader takes only plugins of its own kind. */
enum relay_build {
    RELAY_BUILD_PLAIN = 0,
    RELAY_BUILD_ASAN = 1,
    RELAY_BUILD_TSAN = 2,
};

#if defined(__SANITIZE_ADDRESS__)
#define RELAY_BUILD_KIND RELAY_BUILD_ASAN
#elif defined(__SANITIZE_THREAD__)
#define RELAY_BUILD_KIND RELAY_BUILD_TSAN
#elif defined(__has_feature)
#if __has_feature(address_sanitizer)
#define RELAY_BUILD_KIND RELAY_BUILD_ASAN
#elif __has_feature(thread_sanitizer)
#define RELAY_BUILD_KIND RELAY_BUILD_TSAN
#endif
#endif
#ifndef RELAY_BUILD_KIND
#define RELAY_BUILD_KIND RELAY_BUILD_PLAIN
#endif

struct relay_transport; /* below */
struct relay_worker;    /* the host's: one event loop and its thread */
struct relay_conn;      /* the plugin's: one connection */
struct relay_listener;  /* the plugin's: one listening socket of one worker */

enum relay_log_level {
    RELAY_LOG_ERROR = 0,
    RELAY_LOG_WARN = 1,
    RELAY_LOG_INFO = 2,
    RELAY_LOG_DEBUG = 3,
    RELAY_LOG_TRACE = 4,
};

/* Why a connection ended; the host counts and logs them. */
enum relay_end {
    RELAY_END_LOCAL = 0, /* the host's own close has completed */
    RELAY_END_PEER,      /* the peer closed in an orderly way after eof was raised, or reset us */
    RELAY_END_TIMEOUT,   /* the transport's own dead-peer detection */
    RELAY_END_REFUSED,   /* dial: no listener, or no route */
    RELAY_END_HANDSHAKE, /* the secure handshake failed: not our protocol, or garbage */
    RELAY_END_PROTOCOL,  /* garbage after the handshake */
    RELAY_END_SYSTEM,    /* out of memory or descriptors */
};

enum relay_close {
    RELAY_CLOSE_GRACEFUL, /* deliver all sent bytes, close the channel, wait for the peer at most 1
                             s */
    RELAY_CLOSE_ABORT,    /* drop everything at once */
};

/* One sentence for a person: what failed, where, what would be right. */
struct relay_error {
    char text[256];
};

/*
 * A timer of the worker's wheel. The owner zeroes it and sets `fire`; the rest is the runtime's.
 * Resolution about 1 ms; fires on the worker's thread, never early, once per arming.
 */
struct relay_timer {
    void (*fire)(struct relay_timer *t);
    uint64_t at_ns;
    struct relay_timer *next;
    struct relay_timer **link; /* NULL: not armed */
};

/*
 * The events of connections: called by the plugin, implemented by the host.
 * `user` is what admit returned or dial was given.
 */
struct relay_events {
    uint32_t size;

    /*
     * A peer has connected (TCP accept; a QUIC client's first Initial, whose address may not be
     * proven yet): asked before any handshake work and before memory beyond struct relay_conn is
     * spent on it. Returns the host's handle, or NULL: the plugin drops the peer at once, without
     * an event.
     * From here on the host owns all deadlines, the handshake's included, and closes with `close`.
     * t: the plugin's own table, whose verbs the host will use on c.
     */
    void *(*admit)(struct relay_worker *w, const struct relay_transport *t, struct relay_conn *c,
                   const struct sockaddr *peer);

    /* The secure channel is established; bytes may be sent. */
    void (*opened)(void *user);

    /*
     * The destination of the next received bytes: *out_len > 0 bytes at *out, which stay the
     * host's. The plugin writes some and calls data before it returns to its loop or raises another
     * event; it may also write none and not call data.
     */
    void (*alloc)(void *user, uint8_t **out, size_t *out_len);

    /*
     * n > 0 bytes were written to where alloc pointed. Returns true when they end inside a message:
     * the sender may be waiting for an acknowledgement before it sends the rest, and the plugin may
     * gather what it has of that before it calls data again.
     */
    bool (*data)(void *user, size_t n);

    /* The peer will send no more. Its half of the connection only: what it asked is still sent. */
    void (*eof)(void *user);

    /*
     * `left` of the bytes given to send are still in the plugin's hands: not taken by the kernel
     * (TCP), not acknowledged by the peer (QUIC). 0: all are gone. Raised at least once after each
     * turn in which send was called, and whenever left shrinks.
     */
    void (*sent)(void *user, size_t left);

    /* The end; during the call the host may still ask for `peer`. detail: a static or call-long
     * sentence fragment for the log, may be NULL. */
    void (*closed)(void *user, enum relay_end end, const char *detail);
};

/* The host's services for a plugin. One const struct for the process, valid for its whole life. */
struct relay_host {
    uint32_t size;
    uint16_t abi_minor;
    uint16_t worker_count;
    const struct relay_events *events;

    /* Any thread; never blocks; text is copied. */
    void (*log)(enum relay_log_level level, const char *text);

    /* Monotonic and wall clock, ns. now_ns is read once a turn. */
    uint64_t (*now_ns)(struct relay_worker *w);
    uint64_t (*wall_ns)(struct relay_worker *w);
    void (*random)(struct relay_worker *w, void *out, size_t len);

    /* A buffer with one count, or NULL: memory_max is reached. Any thread. */
    struct relay_buf *(*buf_new)(size_t capacity);

    /* The worker's uv_loop_t *, or NULL in a simulation. */
    void *(*loop)(struct relay_worker *w);
    uint16_t (*worker_index)(struct relay_worker *w);

    /* Arm (again) for an absolute now_ns time; disarm (idempotent). */
    void (*timer_arm)(struct relay_worker *w, struct relay_timer *t, uint64_t at_ns);
    void (*timer_disarm)(struct relay_worker *w, struct relay_timer *t);

    /* Runs fn(state_of_that_worker, arg) on worker `index`: for a packet that came to the wrong
     * one. Any worker's thread. False once that worker is shutting down: arg stays the caller's.
     * state is NULL if the worker's state has been freed: fn then only frees arg. */
    bool (*post)(uint16_t index, const char *transport, void (*fn)(void *state, void *arg),
                 void *arg);

    /* The counter of that name (made on first use), for relaxed atomic adds; worker_init only. */
    _Atomic uint64_t *(*counter)(const char *name);

    /* The operator's value for this plugin's option, or NULL. */
    const char *(*option)(const char *name);

    /* len <= 64 random bytes that survive restarts, made on first use; worker_init only, may block.
     * 0, or -1 when the state database cannot give it. */
    int (*secret)(const char *name, void *out, size_t len);
};

struct relay_listen {
    const struct sockaddr *addr; /* port 0: any */
    socklen_t addr_len;
    int fd;         /* >= 0: an inherited, bound socket to use instead; ownership moves in */
    uint16_t index; /* which of `count` listeners on this address; listen is called in order */
    uint16_t count;
};

struct relay_transport {
    uint32_t magic;      /* RELAY_TRANSPORT_MAGIC */
    uint16_t abi_minor;  /* RELAY_ABI_MINOR it was built with */
    uint16_t build;      /* enum relay_build */
    uint32_t size;       /* sizeof(struct relay_transport) it was built with */
    const char *name;    /* "tcp_tls": the log's and the counters' prefix */
    const char *schemes; /* space-separated address schemes it serves: "tcp" */

    /* Per-worker state. 0 and *out_state, or -1 and *err. worker_fini: after all closed events. */
    int (*worker_init)(const struct relay_host *host, struct relay_worker *w, void **out_state,
                       struct relay_error *err);
    void (*worker_fini)(void *state);

    /*
     * Starts accepting. An address with another listener is refused, also by another process of
     * the same user (so: index 0 binds once without SO_REUSEPORT). 0, *out and *out_bound (the
     * address with the port filled in); or -1 and *err.
     */
    int (*listen)(void *state, const struct relay_listen *spec, struct relay_listener **out,
                  struct sockaddr_storage *out_bound, struct relay_error *err);
    void (*unlisten)(struct relay_listener *l);

    /* Connects. 0 and *out: then opened or closed follows. -1 and *err: no event follows. */
    int (*dial)(void *state, const struct sockaddr *addr, socklen_t addr_len, void *user,
                struct relay_conn **out, struct relay_error *err);

    /*
     * Queues the bytes of v, whole and in order. Slices with an owner move in; views are sealed or
     * copied before send returns. Never refuses: the host bounds what it sends. After close, or
     * when the connection is broken, the bytes are dropped.
     */
    void (*send)(struct relay_conn *c, struct relay_vec *v);

    /* No alloc and data events until resume. Both idempotent. eof and closed still come. */
    void (*pause)(struct relay_conn *c);
    void (*resume)(struct relay_conn *c);

    /* Ends the connection; closed follows on a later turn. Graceful may be followed by abort. */
    void (*close)(struct relay_conn *c, enum relay_close how);

    /* The peer's address as of now. */
    void (*peer)(const struct relay_conn *c, struct sockaddr_storage *out);

    /*
     * Since 1.1; NULL where an idle connection stays anyway. Whenever nothing was sent for
     * interval_ns something is, which the peer acknowledges, so that the connection outlives the
     * transport's own idle timeout and address translators on the way. 0, as at the start: no more.
     */
    void (*keep_alive)(struct relay_conn *c, uint64_t interval_ns);
};

typedef const struct relay_transport *relay_transport_fn(void);

#endif
