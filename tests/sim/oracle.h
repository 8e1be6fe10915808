/* SPDX-License-Identifier: MPL-2.0 */
/*
 * The oracle knows every relayed request of a world: who asked, which node it is for, what was seen
 * of it. Requests and answers carry its number and bytes that follow from it, so that nothing can
 * be mixed up, cut, repeated or made up without being noticed. It fails the world when
 *  - a node sees a request twice, one that is not its own, one that is not whole or not canonical;
 *  - a requester gets an answer twice, another's answer, or one that no node gave.
 */
#ifndef SIM_ORACLE_H
#define SIM_ORACLE_H

#include "client.h"
#include "wire_refusal.h"

#define SIM_INNER_TYPE 500u
#define SIM_INNER_ANSWER_TYPE 501u
/* Bytes of a request's inner payload before its filler: number and wanted answer length. */
#define SIM_ASK_HEAD 12u
#define SIM_REPLY_HEAD 8u

struct sim_ask {
    uint64_t number; /* index and salt */
    const struct sim_identity *node;
    uint32_t requester;
    uint32_t ask_len, reply_len; /* inner payload bytes */
    uint32_t inner_req_id;
    uint64_t asked_ns, seen_ns, replied_ns, done_ns; /* 0: not yet */
    bool is_withdrawn; /* the requester left: whatever happens now is right, but only once */
};

struct sim_oracle {
    struct sim_world *world;
    struct sim_ask **asks;
    uint32_t count, room;
    uint32_t seen, replied, done;
};

void sim_oracle_init(struct sim_oracle *o, struct sim_world *w);
void sim_oracle_fini(struct sim_oracle *o);

/* A new request; lengths at least SIM_ASK_HEAD and SIM_REPLY_HEAD. */
struct sim_ask *sim_oracle_ask(struct sim_oracle *o, const struct sim_identity *node,
                               uint32_t requester, uint32_t ask_len, uint32_t reply_len);
/* The inner payload of the request, malloc'ed, ask_len bytes. */
uint8_t *sim_oracle_ask_bytes(const struct sim_ask *a);
/* The node has read a frame: finds and checks its request. */
struct sim_ask *sim_oracle_seen(struct sim_oracle *o, const struct sim_identity *node,
                                uint8_t *frame, uint32_t len);
/* The node's answer frame to it (an envelope, without a length), malloc'ed. */
uint8_t *sim_oracle_reply(struct sim_oracle *o, struct sim_ask *a, uint32_t *out_len);
/* The requester has got an inner frame as the answer to a. */
void sim_oracle_done(struct sim_oracle *o, struct sim_ask *a, uint8_t *frame, uint32_t len);
/* ... or an error in its place. */
void sim_oracle_refused(struct sim_oracle *o, struct sim_ask *a);

#endif
