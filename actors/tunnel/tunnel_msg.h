/* SPDX-License-Identifier: MPL-2.0 */
/*
 * The messages of tunnels (protocol: Tunnels).
 *
 * A *slot* is an identity's address at this relay. A *link* is one connection of that identity that
 * carries its tunnel (up to LIM_LINKS_PER_SLOT), a tunnel actor on the worker of the connection.
 * The *slots* actor on worker 0 is the authority: it orders every register and close, and sends the
 * links of a slot, newest first, to the *slot view* of every worker.
 */
#ifndef TUNNEL_MSG_H
#define TUNNEL_MSG_H

#include "abi/relay_buf.h"
#include "actor/actor.h"
#include "tunnel/tables/pending_request.h"
#include "tunnel/tunnel_limits.h"
#include "wire_dialect.h"
#include "wire_refusal.h"
#include "wire_relay.h"

enum tunnel_kind {
    TUNNEL_REQUEST = RT_REQUEST_KIND(TUNNEL, 1), /* struct tunnel_request, to a link */
    TUNNEL_REPLY = RT_REPLY_KIND(TUNNEL, 1),     /* the same block, back to its session */
    TUNNEL_CANCEL = RT_NOTIFY_KIND(TUNNEL, 2),   /* struct tunnel_cancel, to a link */
    TUNNEL_CLOSE = RT_NOTIFY_KIND(TUNNEL, 3),    /* struct rt_msg: the authority ends this link */

    SLOTS_REQUEST = RT_REQUEST_KIND(SLOTS, 1),  /* struct slots_request, to the authority */
    SLOTS_REPLY = RT_REPLY_KIND(SLOTS, 1),      /* the same block, back */
    SLOTS_LINK_GONE = RT_NOTIFY_KIND(SLOTS, 2), /* struct slots_link: the link has closed */
    SLOTS_LINK_SILENT =
        RT_NOTIFY_KIND(SLOTS, 3), /* struct slots_link: pass it over (it owes, no byte) */
    SLOTS_UPDATE = RT_NOTIFY_KIND(SLOTS, 4), /* struct slots_update, to every worker's slot view */
    SLOTS_SHUTDOWN = RT_NOTIFY_KIND(SLOTS, 5), /* struct rt_msg: accept no more registrations */
};

/* Bytes of inner payload or reply that travel inside the message block itself. */
#define TUNNEL_INLINE_MIN 512u
#define TUNNEL_INLINE_MAX 1024u

/*
 * One relayed request; returns as TUNNEL_REPLY (if bounced, nothing was written). The request has
 * inner_*, and the inner payload in `payload` (owned slice) or, if payload.ptr is NULL, in
 * inline_bytes[0 .. inline_len). The reply has `refusal`, or the node's reply frame in the same
 * way.
 */
struct tunnel_request {
    struct rt_msg msg;
    uint64_t slot_id;
    struct pending_request pending; /* its key and deadline_ns; the link sets the rest */
    uint32_t outer_req_id;
    uint32_t stream_id;
    enum wire_relay_kind kind;

    uint16_t inner_type, inner_flags;
    uint32_t inner_req_id;

    enum wire_refusal refusal; /* in the reply */
    struct relay_slice payload;

    uint32_t reserved; /* set by the link: bytes of memory_max reserved for the reply */
    uint32_t inline_len, inline_cap;
    uint8_t inline_bytes[];
};

/* A zeroed request with inline room for max(TUNNEL_INLINE_MIN, inline_len) bytes, inline_len <=
 * TUNNEL_INLINE_MAX; kind and fini set. */
struct tunnel_request *tunnel_request_new(uint32_t inline_len);

/*
 * The requester has left. drop_written false (it only sends no more): its waiting request returns
 * as CANCELLED, a written one with its reply. drop_written true (it has gone): both are discarded.
 */
struct tunnel_cancel {
    struct rt_msg msg;
    struct rt_addr requester; /* the session, reply_to of its request */
    bool drop_written;
    bool is_passed_on; /* set by a link that passes it on to another link */
};

enum slots_op {
    SLOTS_REGISTER_TUNNEL, /* link is the tunnel actor; slot_id 0, or the id to renew */
    SLOTS_REGISTER_TEMP,   /* slot_id 0, or the id to renew */
    SLOTS_CONNECT,         /* RelayConnect */
    SLOTS_STREAM,          /* a RelayStream whose slot the view does not have, or that bounced */
};

struct slots_request {
    struct rt_msg msg;
    enum slots_op op;
    uint8_t key[32];  /* the asking identity */
    uint64_t slot_id; /* 0: none given; in the reply: the slot registered */
    enum wire_relay_kind kind;
    struct rt_addr link;       /* REGISTER_TUNNEL, in: the tunnel actor; STREAM, back: the link to
                                  send to, or none: echo the payload (temporary slot) */
    uint64_t expires_at_s;     /* reply: unix seconds, for RelayRegistered */
    enum wire_refusal refusal; /* reply */
};

struct slots_link {
    struct rt_msg msg;
    uint64_t slot_id;
    struct rt_addr link;
};

/* Links of a slot, the one to use first. count 0: the slot is gone. Older versions are ignored. */
struct slots_update {
    struct rt_msg msg;
    uint64_t slot_id;
    uint64_t version;
    uint32_t count;
    struct rt_addr links[LIM_LINKS_PER_SLOT];
};

#endif
