/* SPDX-License-Identifier: MPL-2.0 */
/*
 * A fake of actors/dht/rpc_pool.h: the test ends the calls. The worker and its clock are those of
 * fake_dial.h. The pool has a transport for TCP only.
 */
#ifndef TEST_DHT_FAKE_RPC_H
#define TEST_DHT_FAKE_RPC_H

#include "dht/rpc_pool.h"
#include "fake_dial.h"

extern uint32_t fake_rpc_started; /* calls since fake_rpc_begin */

void fake_rpc_begin(void);
/* Forgets the calls under way; their replies are not called. */
void fake_rpc_end(void);
struct rpc_pool *fake_rpc_pool(void);

/* The oldest call under way to that address, or of that type anywhere (hop NULL); NULL: none. */
const struct rpc_call *fake_rpc_to(const struct wire_peer_hop *hop);
const struct rpc_call *fake_rpc_of(uint16_t type);
uint32_t fake_rpc_count(void); /* under way */

/* The call ends with a reply by the peer with this key. flags: WIRE_FLAG_ERROR or 0. */
void fake_rpc_reply(const struct rpc_call *call, const uint8_t key[32], uint16_t flags,
                    const void *payload, uint32_t len);
/* The call ends without a reply. */
void fake_rpc_fail(const struct rpc_call *call, enum dht_outcome why);

#endif
