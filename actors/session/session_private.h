/* SPDX-License-Identifier: MPL-2.0 */
/*
 * The session, and the functions of a request handler.
 * One module in several files: session.c dispatch.c relay.c reply.c.
 */
#ifndef SESSION_PRIVATE_H
#define SESSION_PRIVATE_H

#include "announcer/announcer_msg.h"
#include "base/list.h"
#include "dht/dht_msg.h"
#include "dht/dht_worker.h"
#include "session/handshake.h"
#include "session/session.h"
#include "tunnel/tunnel.h"
#include "tunnel/tunnel_msg.h"
#include "wire_envelope.h"
#include "wire_refusal.h"

/*
 * States of enum session_state:
 *     START -> HELLO : the connection is admitted
 *     HELLO -> ACK : the client's hello is valid; our hello is sent
 *     ACK -> READY : the client's acknowledgement is valid
 *     READY -> BUSY : a request arrives
 *     BUSY -> READY : its reply is sent
 *     BUSY -> END : the request registers a tunnel, which takes the connection
 *     ANY -> END : the connection ends, or a refusal closes it
 */
enum session_state { SESSION_HELLO, SESSION_ACK, SESSION_READY, SESSION_BUSY };

/* Only while the handshake lasts. */
struct session_handshake {
    struct wire_hello hello; /* the frame under verification */
    struct handshake_fresh fresh;
    uint8_t client_nonce[32];
};

/* A RelayStream as it came; its payload is the slice's. */
struct session_slot_miss {
    struct wire_relay_stream stream;
    struct relay_slice payload;
};

struct session_worker {
    struct rt_worker *worker;
    struct session_shared *shared;
    struct rt_actor control;
    struct rt_list sessions;
    uint32_t count;
    bool is_draining;
    struct rt_msg *drain; /* a shutdown under way; owed a reply */
    struct relay_timer drain_timer;
};

struct session {
    struct rt_actor actor;
    struct session_worker *sw;
    struct rt_conn *conn; /* NULL while it is registering a tunnel */
    struct rt_list node;
    enum session_state state;
    bool is_leaving;     /* eof has come: close after the reply */
    bool awaits_drained; /* too many replies are unread: its next request waits for `drained` */
    bool has_asked_slots;
    uint8_t peer_key[32];
    uint64_t peer_hash; /* keyed hash of peer_key */
    enum wire_dialect dialect;
    uint8_t
        peer_dialects; /* served dialects that the peer speaks: the marker's and the session's */
    bool is_relay;     /* the peer's hello is marked */
    struct session_handshake *handshake;
    struct rt_job job;

    /* the request in flight */
    uint16_t type;
    uint32_t req_id;
    struct rt_addr tunnel; /* the link that has its relayed request */
    /* Kept while the slots authority is asked for a link: */
    struct tunnel_request *relayed;   /* a request that its link bounced */
    struct session_slot_miss *missed; /* a RelayStream whose slot this worker does not know */
    struct tunnel *registering;       /* has the connection until its registration has ended */
};

/* -- replies; each ends the request in flight -- */

/* A reply of `type`; payload is owned or a view. */
void session_reply(struct session *s, uint16_t type, struct relay_slice payload);
void session_reply_empty(struct session *s);
/* Error envelope with the refusal's text; detail (may be NULL) follows after ": ". Counted, logged.
 */
void session_refuse(struct session *s, enum wire_refusal r, const char *detail);
/* The reply was sent by other means. */
void session_done(struct session *s);
/* Counts, logs (rate limited) and closes without a reply. */
void session_drop(struct session *s, enum wire_refusal r, const char *detail);
void session_free(struct session *s);
/* The connection is back from the tunnel that did not register it. */
void session_resume(struct session *s, struct rt_conn *c, bool has_eof);

/* -- requests -- */

/* Decodes one request frame and replies to it now or later. */
void session_dispatch(struct session *s, struct rt_frame *f);

/* Relay requests (450, 452, 453): the payload is in the frame. */
void session_on_register(struct session *s, uint8_t *payload, uint32_t len);
void session_on_connect(struct session *s, uint8_t *payload, uint32_t len);
void session_on_stream(struct session *s, struct rt_frame *f, uint8_t *payload, uint32_t len);
/* NULL allowed. */
void session_slot_miss_free(struct session_slot_miss **miss);
/* Replies of other actors; the message moves. */
void session_on_tunnel_reply(struct session *s, struct tunnel_request *q);
void session_on_slots_reply(struct session *s, struct slots_request *a);
void session_on_dht_reply(struct session *s, struct dht_request *a);
void session_on_relay_list_reply(struct session *s, struct relay_list_request *q);

#endif
