/* SPDX-License-Identifier: MPL-2.0 */
/*
 * A TCP peer outside the transport under test, for what a well-behaved end never does: silence,
 * garbage, half-closes, resets. It may speak TLS with GnuTLS straight on its socket. All calls turn
 * the bench's loop while they wait, so that one thread plays both sides.
 */
#ifndef CF_RAW_PEER_H
#define CF_RAW_PEER_H

#include <gnutls/gnutls.h>

#include "bench.h"

struct raw_peer {
    int fd;
    gnutls_session_t session; /* NULL: plain TCP */
    gnutls_certificate_credentials_t creds;
    uint64_t sent, received; /* plaintext bytes */
};

#define RAW_PRIORITY "NORMAL:-VERS-ALL:+VERS-TLS1.3"

/* Connects to the bench's listener over TCP. */
void raw_connect(struct cf_bench *b, struct raw_peer *p);
/* TLS on top; false: the handshake failed. */
bool raw_handshake(struct cf_bench *b, struct raw_peer *p, const char *priority);
/* Connects, with TLS, and waits for the other end: returned, open. */
struct cf_end *raw_open(struct cf_bench *b, struct raw_peer *p);

/* Bytes as they are, onto the socket. */
void raw_write(struct cf_bench *b, struct raw_peer *p, const void *bytes, size_t n);
/* The next n bytes of the stream that the accepted end expects, in records of at most `record`. */
void raw_send(struct cf_bench *b, struct raw_peer *p, size_t n, size_t record);
/* Reads until n more bytes of the accepted end's stream have come; checks them. */
void raw_receive(struct cf_bench *b, struct raw_peer *p, size_t n);
/* The result of the next read: > 0, 0 (close_notify), or GnuTLS's error. */
ssize_t raw_next(struct cf_bench *b, struct raw_peer *p);
/* Without Nagle's algorithm: what is sent leaves at once. */
void raw_no_delay(struct raw_peer *p);
/* FIN, without a close_notify. */
void raw_half_close(struct raw_peer *p);
void raw_reset(struct raw_peer *p);
void raw_close(struct raw_peer *p);

#endif
