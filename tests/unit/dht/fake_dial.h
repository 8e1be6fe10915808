/* SPDX-License-Identifier: MPL-2.0 */
/*
 * A fake of actors/session/dial.h: the test decides what its sessions do. One worker, stepped by
 * the test under a virtual clock.
 */
#ifndef TEST_DHT_FAKE_DIAL_H
#define TEST_DHT_FAKE_DIAL_H

#include "session/dial.h"
#include "support.h"

struct dial {
    struct dial *next;
    struct wire_peer_hop to; /* without a transport: all are TCP */
    enum wire_dialect dialect;
    const struct dial_ops *ops;
    void *user;
    struct wire_hello hello;
    bool is_ready, has_request;
    uint16_t type;
    uint8_t payload[4096];
    uint32_t len;
};

extern struct dial *fake_dials; /* open ones, newest first */
extern uint32_t fake_count, fake_opened;
extern bool fake_fails; /* dial_open does */

/* The oldest open session to that address; NULL: none. */
struct dial *fake_to(const struct wire_peer_hop *hop);
void fake_ready(struct dial *d, const uint8_t key[32]);
/* flags: WIRE_FLAG_ERROR or 0. */
void fake_reply(struct dial *d, uint16_t type, uint16_t flags, const void *payload, uint32_t len);
/* The session ends without a request; d is freed. */
void fake_end(struct dial *d, enum rt_conn_end how, enum relay_end transport, int64_t skew_s);

/* The server closes instead of answering our hello; d is gone. */
void fake_refuse(struct dial *d);

/* -- the worker and its clock -- */
extern struct rt_system *world_system;
extern uint64_t world_now_ns;
struct rt_worker *world_worker(void);
void world_begin(void);
void world_end(void);
/* Turns until nothing is left to do. */
void world_run(void);
/* Time goes on, timer by timer. */
void world_pass(uint64_t ns);
uint64_t world_wall_s(void);
/* A transport whose verbs are not called. */
extern const struct relay_transport world_transport;

#endif
