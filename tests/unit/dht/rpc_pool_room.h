/* SPDX-License-Identifier: MPL-2.0 */
/* A pool of outbound sessions with simulated dials (fake_dial.h), and calls that record their
 * outcome. */
#ifndef TEST_DHT_RPC_POOL_ROOM_H
#define TEST_DHT_RPC_POOL_ROOM_H

#include "dht/rpc_pool.h"
#include "fake_dial.h"

extern struct rpc_pool *pool;
/* Recorded by the pool's callbacks. */
extern uint32_t reached, lost;
extern uint8_t reached_dialects;
extern enum dht_outcome lost_why;
extern enum wire_dialect lost_dialect;
extern int64_t last_skew;

struct call {
    struct rpc_call call;
    uint32_t done;
    enum dht_outcome outcome;
    bool has_key, is_error;
    enum wire_dialect dialect;
    uint8_t dialects;
    uint8_t key[32];
    uint16_t type;
    uint32_t len;
    uint8_t reply[64];
};

/* Setup and teardown of a test. */
int calls_begin(void **state);
int calls_end(void **state);
#define CALLS_TEST(f) cmocka_unit_test_setup_teardown(f, calls_begin, calls_end)

/* Starts a zeroed call of any dialect with a timeout of 5 s; the first dial uses C. */
void start(struct call *c, const struct wire_peer_hop *to, uint16_t type);
void start_in(struct call *c, const struct wire_peer_hop *to, uint16_t type,
              enum wire_dialect dialect);
void on_done(struct rpc_call *c, const struct rpc_end *e);

struct wire_peer_hop address(uint32_t n);

#endif
