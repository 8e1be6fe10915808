/* SPDX-License-Identifier: MPL-2.0 */
/*
 * A membership at 11.0.0.254 over calls that the test plays (fake_rpc.h), for tests of the parts
 * above it. Its reports are counted.
 */
#ifndef TEST_DHT_PART_ROOM_H
#define TEST_DHT_PART_ROOM_H

#include "dht/membership.h"
#include "fake_rpc.h"

extern struct dht_context room_context; /* started, not stopped */
extern struct dht_self room_addresses;  /* read by self_address; 11.0.0.254 bound */
extern struct self_address room_self;
extern struct membership room_members;
extern uint32_t room_joined, room_pings, room_probes, room_named;
extern uint8_t room_joined_dialects;     /* of the last that joined */
extern struct wire_peer_hop room_pinged; /* the last that a ping is due for */

int room_begin(void **state);
int room_end(void **state);

/* The contact was dialled and speaks all dialects; its introduction is answered. */
struct wire_peer_hop room_add(uint32_t ip, uint32_t number);

#endif
