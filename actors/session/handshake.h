/* SPDX-License-Identifier: MPL-2.0 */
/*
 * The SCP2P handshake as pure functions (protocol: Framing and session handshake): contents, checks
 * and signatures of the three hellos. No I/O, no clock, no randomness of its own.
 */
#ifndef SESSION_HANDSHAKE_H
#define SESSION_HANDSHAKE_H

#include "crypto/crypto.h"
#include "wire_dialect.h"
#include "wire_hello.h"
#include "wire_refusal.h"

/* Fresh randomness of one side of one session. */
struct handshake_fresh {
    uint8_t nonce[32];
    uint8_t ephemeral_secret[32];
};

/* Our signed hello in this dialect, with the capabilities of a relay. echoed: the nonce to echo, or
 * NULL. */
void handshake_hello(const struct rt_sign_key *identity, const struct handshake_fresh *fresh,
                     enum wire_dialect dialect, const uint8_t *echoed, uint64_t wall_s,
                     struct wire_hello *out);

/* Checks the presence of the echo. */
enum wire_refusal handshake_check_shape(const struct wire_hello *h, bool wants_echo);
/* Checks the time of a hello whose signature is valid. Only then is a difference the peer's
 * statement, and may count as a sign that our clock is wrong. */
enum wire_refusal handshake_check_clock(const struct wire_hello *h, uint64_t wall_s);

/* Finds the dialect of a ClientHello and brings the capabilities into the form that this dialect
 * signs. HELLO_VERSION: the hello belongs to no dialect. */
enum wire_refusal handshake_choose_dialect(struct wire_hello *h, enum wire_dialect *out);
/* Checks that a later hello of a session is of the session's dialect; else HELLO_VERSION. Brings
 * the capabilities into the form that the dialect signs. */
enum wire_refusal handshake_check_dialect(struct wire_hello *h, enum wire_dialect dialect);
/* The version and the number of capability fields of the hello, for a log line. */
#define HANDSHAKE_VERSION_TEXT 64u
void handshake_version_text(const struct wire_hello *h, char out[HANDSHAKE_VERSION_TEXT]);

/* Verifies the signature over the current form of the capabilities. Takes 50 us or more: for a
 * heavy job. */
enum wire_refusal handshake_check_signature(const struct wire_hello *h);

/* ClientAck against the ClientHello it belongs to and our nonce. */
enum wire_refusal handshake_check_ack(const struct wire_hello *ack, const uint8_t client_key[32],
                                      const uint8_t client_nonce[32], const uint8_t our_nonce[32]);

/* ServerHello against our nonce and, where one is known (not NULL), the server's key. */
enum wire_refusal handshake_check_server(const struct wire_hello *h, const uint8_t our_nonce[32],
                                         const uint8_t *expected_key);

/* The secret both sides can derive; nothing on the wire uses it today. False: the peer's ephemeral
 * key is a point of small order. */
bool handshake_session_secret(const uint8_t our_ephemeral_secret[32],
                              const uint8_t peer_ephemeral[32], const uint8_t client_nonce[32],
                              const uint8_t server_nonce[32], uint8_t out[32]);

#endif
