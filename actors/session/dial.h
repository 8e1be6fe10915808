/* SPDX-License-Identifier: MPL-2.0 */
/*
 * Outbound sessions: the initiator's side of the handshake, then requests of ours, one at a time
 * (protocol: Framing and session handshake; Envelope).
 *
 * Thread: the worker it was dialled on. Ownership: the caller's until `ended` was called or it
 * called dial_close; nothing is called back from inside a call into this room.
 */
#ifndef SESSION_DIAL_H
#define SESSION_DIAL_H

#include "crypto/crypto.h"
#include "transport/conn.h"
#include "wire_dialect.h"
#include "wire_envelope.h"
#include "wire_hello.h"
#include "wire_refusal.h"

struct dial;

/* The reason for an outbound session's end. */
struct dial_end {
    enum rt_conn_end how;      /* the connection's end ... */
    enum relay_end transport;  /* ... and as the transport reported it */
    enum wire_refusal refusal; /* not NONE: what we refused in the server's hello or frames */
    int64_t skew_s;            /* refused for its clock: the server's minus ours, seconds; else 0.
                                * The server has signed it. */
    /* The server was reached but the hellos did not match: the server closed before its
     * ServerHello, or answered with another version. It may speak another dialect. */
    bool is_hello_refused;
};

struct dial_ops {
    /* Authenticated: key is the server's. */
    void (*ready)(void *user, const uint8_t key[32]);
    /* The reply to the request under way; e->payload is good for the call. */
    void (*reply)(void *user, const struct wire_envelope *e);
    void (*ended)(void *user, const struct dial_end *end);
};

/* The contents of our hello and the requirements on the server's. */
struct dial_hello {
    const struct rt_sign_key *identity; /* outlives the handshake */
    enum wire_dialect dialect;
    uint8_t dialects_served; /* for the marker of a relay (wire_hello.h); 0: a client, no marker */
    const uint8_t *expected_key; /* the pinned or hinted key, copied; NULL: any */
};

/* The whole handshake has LIM_HANDSHAKE_NS. */
RT_MUST_CHECK rt_err dial_open(struct rt_worker *w, const struct dial_hello *hello,
                               const struct relay_transport *t, void *t_state,
                               const struct sockaddr *addr, socklen_t len,
                               const struct dial_ops *ops, void *user, struct dial **out,
                               struct relay_error *err);

/* After ready, with no request under way. The reply must come within timeout_ns. payload is moved.
 */
void dial_request(struct dial *d, uint16_t type, struct relay_slice *payload, uint64_t timeout_ns);

/* The server's hello; from ready on. */
const struct wire_hello *dial_server(const struct dial *d);

/* Ends the session; nothing more is called. */
void dial_close(struct dial *d);

/* Hands the authenticated connection to the caller, who sets its consumer at once; d is gone. For
 * the side of a tunnel that answers. In `ready` or in `reply`, with no request under way. */
struct rt_conn *dial_detach(struct dial *d);

#endif
