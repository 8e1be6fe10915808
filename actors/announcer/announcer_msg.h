/* SPDX-License-Identifier: MPL-2.0 */
/* What other actors may ask of the announcer. One announcer per relay, on worker 0. */
#ifndef ANNOUNCER_MSG_H
#define ANNOUNCER_MSG_H

#include "abi/relay_buf.h"
#include "actor/actor.h"
#include "wire_dialect.h"
#include "wire_peer.h"
#include "wire_refusal.h"

enum announcer_kind {
    RELAY_LIST_ASK = RT_REQUEST_KIND(ANNOUNCER, 1), /* struct relay_list_ask */
    RELAY_LIST_TOLD = RT_REPLY_KIND(ANNOUNCER, 1),  /* the same block, back */
    /* struct rt_msg. Announces nothing more, replaces the last announcement by one that ends in
     * LIM_GOODBYE_S, and answers when it is stored, at most LIM_GOODBYE_NS later. Before DHT_STOP.
     */
    ANNOUNCER_SHUTDOWN = RT_REQUEST_KIND(ANNOUNCER, 2),
    ANNOUNCER_SHUT_DOWN = RT_REPLY_KIND(ANNOUNCER, 2), /* the same block, back */
    ANNOUNCER_SEEN_SELF =
        RT_NOTIFY_KIND(ANNOUNCER, 3),                 /* struct announcer_seen_self; owes nothing */
    ANNOUNCER_REVOKED = RT_NOTIFY_KIND(ANNOUNCER, 4), /* struct announcer_revoked; owes nothing */
};

/* A peer's RelayListRequest, from its session. */
struct relay_list_ask {
    struct rt_msg msg;
    enum wire_dialect dialect; /* of the requesting session */
    uint16_t max_count;
    enum rt_refusal refusal;   /* back: not NONE, and there is no answer */
    struct relay_slice answer; /* back: the encoded payload of message 461 */
};

/* Another relay has named this address as ours. */
struct announcer_seen_self {
    struct rt_msg msg;
    struct wire_peer_hop hop;
};

/* The value store holds a valid revocation of this key. */
struct announcer_revoked {
    struct rt_msg msg;
    uint8_t key[32];
};

/* Zeroed, kind and fini set. */
struct relay_list_ask *relay_list_ask_new(uint16_t max_count, enum wire_dialect dialect);

/* The announcer's address, from any worker of the relay; none where there is no announcer. */
struct rt_addr announcer_addr(const struct rt_worker *w);

#endif
