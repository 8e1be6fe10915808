/* SPDX-License-Identifier: MPL-2.0 */
/*
 * The workbench of the suite: a worker with the transport under test, and *ends*, each a recorder
 * of one connection's events that fails the running test when a law is broken.
 *
 * One thread. Only one bench is open at a time. Verbs go through end_*, which note that a verb is
 * running: an event meanwhile is a broken law.
 */
#ifndef CF_BENCH_H
#define CF_BENCH_H

#include "conformance.h"

#define CF_WAIT_NS UINT64_C(20000000000) /* the limit of a wait for a condition */
#define CF_ENDS_MAX 1024u

struct cf_end;

/* Called from inside the event, after it is recorded; may use every verb. NULL: no hook. */
struct cf_hooks {
    void (*opened)(struct cf_end *e);
    void (*alloc)(struct cf_end *e);
    void (*data)(struct cf_end *e, size_t n);
    void (*eof)(struct cf_end *e);
    void (*sent)(struct cf_end *e, size_t left);
    void (*closed)(struct cf_end *e);
};

/* Whether what has come ends inside a message. */
enum cf_inside {
    CF_INSIDE_RANDOM,
    CF_INSIDE_ALWAYS,
    CF_INSIDE_NEVER,
};

struct cf_end {
    struct relay_conn *conn; /* NULL once closed */
    struct cf_hooks hooks;
    void *ctx; /* the test's */
    bool is_dialled;

    /* events so far */
    unsigned opened, eof, closed;
    uint64_t received; /* bytes */
    unsigned data_events, sent_events;
    size_t left; /* as of the last sent */
    enum relay_end end;
    char detail[128];

    /* the expected input: byte i of the stream is cf_byte(rx_key, i) */
    uint32_t rx_key, tx_key;
    uint64_t sent; /* bytes given to send */

    /* how it takes its input */
    size_t alloc_max;      /* bytes offered at a time; 0: random, 1 to 64 KiB */
    enum cf_inside inside; /* the return value of data */
    bool is_paused, has_called_close;
};

struct cf_bench {
    const struct cf_subject *subject;
    const struct relay_host *host;
    struct relay_worker *worker;
    void *driver, *state;
    struct relay_listener *listener;
    struct sockaddr_storage address; /* of the listener */
    socklen_t address_len;

    struct cf_end *ends[CF_ENDS_MAX];
    uint32_t end_count;
    struct cf_end *last_admitted;
    struct cf_end *offered_to; /* whose data may follow: the room is one for all, as a host's is */
    uint8_t *offered;
    size_t offered_len;
    struct cf_hooks accept_hooks; /* for ends that are admitted */
    bool refuses;                 /* admit says no */
    unsigned admits;
    unsigned in_verb;
    uint64_t random; /* state of cf_random */
};

/* Opens a bench and listens on the subject's address. */
struct cf_bench *cf_bench_open(const struct cf_subject *s);
/* Aborts all open ends, waits for every closed, finishes the worker, and checks that nothing
 * is left: connections, buffers, handles. */
void cf_bench_close(struct cf_bench *b);
struct cf_bench *cf_bench_now(void);
/* cmocka teardown: abandons the bench of a failed test, so that the next can have its
 * own. */
int cf_bench_forget(void **state);

/* Dials the listener; the end exists at once. */
struct cf_end *cf_dial(struct cf_bench *b, const struct cf_hooks *hooks);
/* An address from its text, IPv4 or IPv6; its length. */
socklen_t cf_address(struct sockaddr_storage *out, const char *text, uint16_t port);
/* Dials somewhere else. */
struct cf_end *cf_dial_to(struct cf_bench *b, const struct sockaddr_storage *addr, socklen_t len,
                          const struct cf_hooks *hooks);
/* Dials and waits until both ends are open: *out_dialled, *out_accepted. */
void cf_connect(struct cf_bench *b, struct cf_end **out_dialled, struct cf_end **out_accepted);

/* Turns the loop until done(ctx); fails the test when CF_WAIT_NS pass. */
void cf_until(struct cf_bench *b, bool (*done)(void *ctx), void *ctx, const char *what);
/* Turns the loop for that long. */
void cf_for(struct cf_bench *b, uint64_t ns);
/* Common conditions, each waits for one end. */
struct cf_end *cf_until_admitted(struct cf_bench *b); /* the last one admitted */
void cf_until_opened(struct cf_end *e);
void cf_until_received(struct cf_end *e, uint64_t bytes);
void cf_until_eof(struct cf_end *e);
void cf_until_closed_or_eof(struct cf_end *e);
void cf_until_drained(struct cf_end *e);
void cf_until_closed(struct cf_end *e);

/* The next n bytes of the end's stream, as slices of random lengths, owned and views mixed. */
void cf_send(struct cf_end *e, size_t n);
/* The same as one owned slice. */
void cf_send_owned(struct cf_end *e, size_t n);
void cf_pause(struct cf_end *e);
void cf_resume(struct cf_end *e);
void cf_close(struct cf_end *e, enum relay_close how);

uint8_t cf_byte(uint32_t key, uint64_t i);
uint64_t cf_random(struct cf_bench *b, uint64_t below);

/* Fails the running test with this text. */
_Noreturn void cf_fail(const char *fmt, ...) __attribute__((format(printf, 1, 2)));
/* The value of a counter of the transport. */
uint64_t cf_counter(struct cf_bench *b, const char *name);
#define CF_CHECK(expr) ((expr) ? (void)0 : cf_fail("%s:%d: %s", __FILE__, __LINE__, #expr))

#endif
