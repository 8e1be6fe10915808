/* SPDX-License-Identifier: MPL-2.0 */
/* Messages to the announcer. One announcer per relay, on worker 0. */
#ifndef ANNOUNCER_MSG_H
#define ANNOUNCER_MSG_H

#include "abi/relay_buf.h"
#include "actor/actor.h"
#include "wire_dialect.h"
#include "wire_peer.h"
#include "wire_refusal.h"

enum announcer_kind {
    RELAY_LIST_REQUEST = RT_REQUEST_KIND(ANNOUNCER, 1), /* struct relay_list_request */
    RELAY_LIST_REPLY = RT_REPLY_KIND(ANNOUNCER, 1),     /* the same block */
    /* struct rt_msg. Stops all announcements and replaces the last one by one that expires in
     * LIM_FINAL_ANNOUNCEMENT_S. The reply follows when the final announcement is stored, after
     * LIM_WITHDRAWAL_NS at most. To be sent before DHT_STOP. */
    ANNOUNCER_SHUTDOWN = RT_REQUEST_KIND(ANNOUNCER, 2),
    ANNOUNCER_SHUTDOWN_DONE = RT_REPLY_KIND(ANNOUNCER, 2), /* the same block */
    ANNOUNCER_ADDRESS_SEEN = RT_NOTIFY_KIND(ANNOUNCER, 3), /* struct announcer_address_seen */
    ANNOUNCER_REVOKED = RT_NOTIFY_KIND(ANNOUNCER, 4),      /* struct announcer_revoked */
};

/* A peer's RelayListRequest, from its session. */
struct relay_list_request {
    struct rt_msg msg;
    enum wire_dialect dialect; /* of the session */
    uint16_t max_count;
    /* In the reply: */
    enum wire_refusal refusal;
    struct relay_slice reply; /* the encoded payload of message 461, if not refused */
};

/* Another relay named this address as ours. */
struct announcer_address_seen {
    struct rt_msg msg;
    struct wire_peer_hop hop;
};

/* The value store holds a valid revocation of this key. */
struct announcer_revoked {
    struct rt_msg msg;
    uint8_t key[32];
};

/* Zeroed, with kind and fini set. */
struct relay_list_request *relay_list_request_new(uint16_t max_count, enum wire_dialect dialect);

/* The announcer's address, on any worker of the relay; none if the relay has no announcer. */
struct rt_addr announcer_addr(const struct rt_worker *w);

#endif
