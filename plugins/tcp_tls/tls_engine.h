/* SPDX-License-Identifier: MPL-2.0 */
/*
 * One TLS 1.3 session over bytes in memory: no socket, no loop, no clock. The worker's struct
 * tls_wire points at the ciphertext to read. Ciphertext to write goes to its `write` hook, which
 * appends it to the output of the session's owner.
 *
 * Invariants: after TLS_AGAIN all of the wire's input is taken; a partial record is inside the
 * session. After TLS_FAILED only tls_engine_fini may be called. Thread: the worker's; one wire
 * serves all sessions of a worker, one call at a time.
 */
#ifndef TLS_ENGINE_H
#define TLS_ENGINE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>
#include <sys/uio.h>

#include <gnutls/gnutls.h>

#include "common/creds.h"

#define TLS_RECORD_MAX 16384u   /* plaintext bytes of one record */
#define TLS_RECORD_OVERHEAD 22u /* header, content type, tag: added to each record */

struct tls_engine;

struct tls_wire {
    const uint8_t *in; /* ciphertext not taken yet */
    size_t in_len;
    /* Appends ciphertext to the output of e's owner. False: no memory, the session fails. */
    bool (*write)(struct tls_engine *e, const struct iovec *v, int count);
};

enum tls_result {
    TLS_DONE = 0,
    TLS_AGAIN = -1,  /* needs more input */
    TLS_EOF = -2,    /* open: the peer sent close_notify */
    TLS_FAILED = -3, /* e->error is the reason; an alert is written where one is due */
};

/* Kinds of failure, for the counters. */
enum tls_failure {
    TLS_FAILURE_NOT_TLS,   /* another protocol */
    TLS_FAILURE_NO_COMMON, /* no version, cipher, group or signature in common */
    TLS_FAILURE_ALERT,     /* the peer sent an alert */
    TLS_FAILURE_OTHER,
};

struct tls_engine {
    gnutls_session_t session; /* NULL: not begun */
    struct tls_wire *wire;
    int error;                           /* GnuTLS's code after TLS_FAILED */
    uint16_t record_length, record_left; /* of the record being read */
    uint8_t header_have;                 /* bytes of its header */
};

/* Begins a session; nothing is written yet. False: out of memory. */
bool tls_engine_init(struct tls_engine *e, const struct tls_creds *creds, bool is_server,
                     struct tls_wire *wire);
/* Idempotent; also for a zeroed engine. */
void tls_engine_fini(struct tls_engine *e);

static inline bool tls_engine_begun(const struct tls_engine *e)
{
    return e->session != NULL;
}

/* Continues the handshake: DONE, AGAIN or FAILED. Input after it is left in the wire. */
enum tls_result tls_engine_handshake(struct tls_engine *e);

/* Decrypts up to cap bytes to dst, at most one record: their number, or AGAIN, EOF, FAILED. */
ssize_t tls_engine_open(struct tls_engine *e, uint8_t *dst, size_t cap);
/* The input so far ends inside a record. */
static inline bool tls_engine_is_mid_record(const struct tls_engine *e)
{
    return e->header_have > 0 || e->record_left > 0;
}
/* The session holds decrypted bytes. */
bool tls_engine_pending(const struct tls_engine *e);

/* Writes one record of 1 <= n <= TLS_RECORD_MAX bytes. src may be where `write` puts the record: it
 * is read before write is called. */
bool tls_engine_seal(struct tls_engine *e, const uint8_t *src, size_t n);
/* Writes close_notify. */
bool tls_engine_close_notify(struct tls_engine *e);

enum tls_failure tls_engine_failure(const struct tls_engine *e);
/* A static text for e->error. */
const char *tls_engine_error_text(const struct tls_engine *e);

#endif
