/* SPDX-License-Identifier: MPL-2.0 */
/*
 * The session and tunnel rooms on two real workers, stepped by hand under a virtual clock. Around
 * them are fakes: the connections, the DHT and the announcer. The test plays the clients.
 */
#ifndef TEST_SESSION_ROOM_H
#define TEST_SESSION_ROOM_H

#include "session/handshake.h"
#include "session/session.h"
#include "unit/transport/fake_conn.h"
#include "wire_envelope.h"
#include "wire_refusal.h"

#define ROOM_WORKERS 2u

/* A peer with a connection to the relay. */
struct client {
    struct rt_conn conn;
    struct client *next;
    struct rt_sign_key key;
    struct handshake_fresh fresh;
    uint8_t server_nonce[32];
    enum wire_dialect dialect;
    uint32_t req_id; /* of the last request */
};

/* The fake DHT and announcer: one actor on worker 0. */
struct room_dht {
    uint32_t requests; /* so far */
    int op;            /* of the last */
    enum wire_dialect dialect;
    uint32_t payload_len;
    /* Its reply. */
    bool is_silent; /* nothing, until room_dht_reply */
    bool is_joined;
    bool has_reply; /* "answer" */
    enum wire_refusal refusal;
    /* Notifications from sessions. */
    uint32_t inbound;
    int64_t skew_s;
};
extern struct room_dht room_dht;

/* cmocka's; room_start with default rates and all dialects. The end checks that nothing is left. */
int room_begin(void **state);
int room_end(void **state);
/* Starts again with these rates (NULL: the defaults) and dialects. */
void room_restart(const struct session_rates *rates, uint8_t dialects);
struct rt_worker *room_worker(uint16_t index);
uint32_t room_sessions(void);
void room_run(void);
/* From here on room_run runs this worker only; -1: all of them. */
void room_run_only(int worker);
void room_pass(uint64_t ns);
/* The fake DHT answers what it was asked while silent. */
void room_dht_reply(void);
/* It has no actor from here on: requests bounce. */
void room_dht_stop(void);
/* Sends SESSION_DRAIN to both workers. */
void room_drain(void);
uint32_t room_drained(void); /* replies to it so far */

/* Connected and opened; NULL: the acceptor refused it. */
struct client *client_connect(uint16_t worker, uint8_t key, enum wire_dialect dialect);
void client_hello(struct client *c);
void client_reads_hello(struct client *c);
/* Reads the server's hello and acknowledges it. */
void client_ack(struct client *c);
/* All of the above. */
struct client *client_ready(uint16_t worker, uint8_t key, enum wire_dialect dialect);
void client_sends(struct client *c, const void *frame, uint32_t len);
/* One request; runs the room. */
void client_requests(struct client *c, uint16_t type, const void *payload, uint32_t len);
void client_eof(struct client *c);
void client_loses_connection(struct client *c);
/* Its output leaves. */
void client_drains(struct client *c);
bool client_is_open(const struct client *c);
/* The next frame sent to it; the payload is good until the next call. */
bool client_reads(struct client *c, struct wire_envelope *out);
void assert_nothing_sent(struct client *c);
/* The next frame is the reply to the last request, of this type, no error; returns it. */
struct wire_envelope assert_replied(struct client *c, uint16_t type);
/* ... is an error with exactly this text. */
void assert_refused(struct client *c, uint16_t type, const char *text);

#endif
