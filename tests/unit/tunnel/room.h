/* SPDX-License-Identifier: MPL-2.0 */
/*
 * The tunnel room on real workers, stepped by hand under a virtual clock, between two fakes. A fake
 * connection (struct rt_conn) replaces runtime/transport/conn: it records what is written to it and
 * delivers what the test chooses. Peers replace sessions: actors that send requests and record the
 * replies. One room at a time.
 */
#ifndef TEST_TUNNEL_ROOM_H
#define TEST_TUNNEL_ROOM_H

#include "unit/transport/fake_conn.h"
#include "tunnel/tunnel.h"
#include "tunnel/tunnel_msg.h"

#define ROOM_WORKERS 3u
#define PEER_ANSWERS_MAX 1024u

/* A reply to a request. */
struct answer {
    uint32_t id; /* outer_req_id */
    enum wire_refusal refusal;
    bool is_bounced, is_taken; /* is_taken: a slice, not inline */
    uint32_t len;
    uint8_t first[16];
};

/* A node (with key, tunnel and connection), or a requester. */
struct peer {
    struct rt_actor actor;
    struct peer *next;
    uint8_t key[32];
    struct tunnel *tunnel; /* until its registration has ended */
    struct rt_addr link;
    struct rt_conn *conn;
    bool is_eof_reported; /* with the last refusal */
    uint64_t slot_id;
    struct slots_request reply;   /* the last reply; of a registration: refusal, id, time */
    struct rt_addr view_at_reply; /* the front link of reply.slot_id in its worker's view, then */
    uint32_t reply_count, answer_count;
    struct answer answers[PEER_ANSWERS_MAX];
};

extern struct rt_system *room_system;
extern uint64_t room_now;

/* max_tunnels 100, a fixed secret; cmocka setup and teardown. The end closes every connection and
 * insists that nothing is left: buffers, reservations, links, slots. */
int room_begin(void **state);
int room_end(void **state);
void room_start(uint32_t max_tunnels, uint8_t secret);
struct rt_worker *room_worker(uint16_t index);
/* One turn of one worker. */
void room_turn(uint16_t index);
/* Runs all workers until none has work. */
void room_run(void);
/* Advances the clock and fires the timers that are due. */
void room_pass(uint64_t ns);

struct peer *peer_new(uint16_t worker, uint8_t key);
enum wire_refusal peer_ask(struct peer *p, enum slots_op op, uint64_t slot_id,
                           enum wire_relay_kind kind);
/* The same in two halves, for what may come between: the registration has ended when reply_count
 * has grown. */
void peer_begin_register(struct peer *p, uint64_t slot_id);
/* Makes its connection, which peer_begin_register does where there is none. */
void peer_connect(struct peer *p);
void peer_take_back(struct peer *p);
enum wire_refusal peer_register(struct peer *p, uint64_t slot_id);
/* A registered node on this worker with this key. */
struct peer *node_new(uint16_t worker, uint8_t key);

/* A request for the slot by this worker's view, named id, with a payload of len bytes; it may wait
 * 30 s. The key decides whose turn it is. */
void peer_request(struct peer *p, uint64_t slot_id, uint32_t id, uint32_t len);
void peer_request_to(struct peer *p, struct rt_addr link, uint64_t slot_id, uint32_t id,
                     uint32_t len, uint64_t deadline_ns);
/* The same without running any worker. */
void peer_post_request(struct peer *p, struct rt_addr link, uint64_t slot_id, uint32_t id,
                       uint32_t len, uint64_t deadline_ns);
void peer_cancel(struct peer *p, struct rt_addr link, bool drop_written);
/* The answer to id, or NULL so far; exactly one, or it fails. */
const struct answer *peer_answer(const struct peer *p, uint32_t id);
void assert_refused(const struct peer *p, uint32_t id, enum wire_refusal refusal);
void assert_answered(const struct peer *p, uint32_t id, uint32_t len, uint8_t fill);
void assert_unanswered(const struct peer *p, uint32_t id);

/* -- the node's end of its connection -- */

bool node_is_alive(const struct peer *p);

/* The next frame written to the node: its inner req_id and payload. False: none. */
bool node_reads(struct peer *p, uint32_t *out_id, uint32_t *out_len);
/* Reads the next frame and asserts its req_id. */
void assert_node_reads(struct peer *p, uint32_t id);
void assert_node_reads_nothing(struct peer *p);
uint32_t node_count_unread(struct peer *p);
/* It sends a frame of len bytes `fill`, as one that lies in the scratch up to 64 KiB, else in its
 * own buffer; above keep_max the relay throws it away, above frame_max it ends the connection. */
void node_sends(struct peer *p, uint32_t len, uint8_t fill);
/* It reads its next frame, if there is one, and answers it with len >= 4 bytes that begin with its
 * req_id (big-endian). */
void node_echoes(struct peer *p, uint32_t len);
/* One byte of an incomplete frame. */
void node_sends_a_byte(struct peer *p);
void node_drains(struct peer *p);
void node_loses_connection(struct peer *p, enum rt_conn_end how);
void node_closes(struct peer *p);

#endif
