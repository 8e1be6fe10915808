/* SPDX-License-Identifier: MPL-2.0 */
/*
 * A simulated SCP2P client: one connection to a relay that does the initiator's handshake, checks
 * the relay's hello, and then exchanges frames. Or does one of the handshake's many wrong things.
 *
 * World's thread. A client lives until it is given up (close, reset, vanish) or its owner was
 * notified `gone`; its memory goes after that, from a later event.
 */
#ifndef SIM_CLIENT_H
#define SIM_CLIENT_H

#include "crypto/crypto.h"
#include "net.h"
#include "wire_dialect.h"
#include "wire_envelope.h"

/* X(NAME): what a client may do wrong. */
#define SIM_TRICK_LIST(X)                                                                          \
    X(NONE)                                                                                        \
    X(SAY_NOTHING)     /* the secure channel stands, then silence */                               \
    X(HALF_HELLO)      /* half a hello, then silence */                                            \
    X(TRUNCATED_HELLO) /* a frame that ends before its hello does */                               \
    X(GARBAGE_HELLO)   /* a frame of noise */                                                      \
    X(OVERSIZE_HELLO)  /* announces more than a handshake frame may hold */                        \
    X(STALE_CLOCK)                                                                                 \
    X(EARLY_CLOCK)                                                                                 \
    X(WRONG_VERSION)                                                                               \
    X(WRONG_SIGNATURE)                                                                             \
    X(SHORT_SIGNATURE)                                                                             \
    X(REPLAYED_NONCE) /* the hello of the client before, once more */                              \
    X(WRONG_ACK_KEY)                                                                               \
    X(WRONG_ACK_NONCE)                                                                             \
    X(WRONG_ACK_ECHO)                                                                              \
    X(WRONG_ACK_SIGNATURE)                                                                         \
    X(HALF_ACK) /* half an ack, then silence */

enum sim_trick {
#define X(name) SIM_TRICK_##name,
    SIM_TRICK_LIST(X)
#undef X
        SIM_TRICK_COUNT
};

/* The identity of a peer. */
struct sim_identity {
    struct rt_sign_key key;
    struct sockaddr_storage addr; /* the source of its connections; each has a port of its own */
    enum wire_dialect dialect;    /* of its hellos */
};

/* An identity of its own for every number, at 10.x.y.z, in dialect A. */
void sim_identity_init(struct sim_identity *id, uint32_t number);

/* The address and the expected key of a relay. */
struct sim_target {
    struct sockaddr_storage addr;
    uint8_t public_key[32];
};

struct sim_client_ops {
    void (*ready)(void *user);
    /* One frame's body after the handshake; writable, good for the call. */
    void (*frame)(void *user, uint8_t *body, uint32_t len);
    /* The relay has closed: eof or reset. The last. */
    void (*gone)(void *user);
};

struct sim_client;

struct sim_client *sim_client_new(struct sim_world *w, const struct sim_identity *id,
                                  const struct sim_target *to, const struct sim_path *path,
                                  enum sim_trick trick, const struct sim_client_ops *ops,
                                  void *user);
/* One frame: [length][head][body]. */
void sim_client_send(struct sim_client *c, const void *head, size_t head_len, const void *body,
                     size_t body_len);
/* Bytes as they are. */
void sim_client_send_raw(struct sim_client *c, const void *bytes, size_t len);
struct sim_link *sim_client_link(struct sim_client *c);
/* These give it up and clear the pointer; NULL is allowed. */
void sim_client_close(struct sim_client **c);
void sim_client_reset(struct sim_client **c);
void sim_client_vanish(struct sim_client **c);
/* Half-close: frames still come. */
void sim_client_fin(struct sim_client *c);

#endif
