/* SPDX-License-Identifier: MPL-2.0 */
/*
 * Messages of the DHT (protocol: DHT). One dht actor per relay, on worker 0. The same block of a
 * request returns to reply_to as its reply, or bounces if the actor has stopped. A block owns its
 * slices in both directions; a slice that the DHT has moved out is empty in the reply.
 */
#ifndef DHT_MSG_H
#define DHT_MSG_H

#include "abi/relay_buf.h"
#include "actor/actor.h"
#include "dht/dht_limits.h"
#include "wire_dialect.h"
#include "wire_peer.h"
#include "wire_refusal.h"

enum dht_kind {
    DHT_REQUEST = RT_REQUEST_KIND(DHT, 1), /* struct dht_request, from the session of a peer */
    DHT_REPLY = RT_REPLY_KIND(DHT, 1),     /* the same block, back */
    DHT_PUBLISH_REQUEST = RT_REQUEST_KIND(DHT, 2), /* struct dht_publish_request */
    DHT_PUBLISH_REPLY = RT_REPLY_KIND(DHT, 2),
    DHT_LOOKUP_REQUEST = RT_REQUEST_KIND(DHT, 3), /* struct dht_lookup_request */
    DHT_LOOKUP_REPLY = RT_REPLY_KIND(DHT, 3),
    DHT_CALL_REQUEST = RT_REQUEST_KIND(DHT, 4), /* struct dht_call_request */
    DHT_CALL_REPLY = RT_REPLY_KIND(DHT, 4),
    DHT_PEERS_REQUEST = RT_REQUEST_KIND(DHT, 5), /* struct dht_peers_request */
    DHT_PEERS_REPLY = RT_REPLY_KIND(DHT, 5),
    DHT_INBOUND = RT_NOTIFY_KIND(DHT, 6), /* struct dht_inbound; owes nothing */
    DHT_STOP = RT_REQUEST_KIND(DHT, 7),   /* struct rt_msg: no dialling from here on */
    DHT_STOPPED = RT_REPLY_KIND(DHT, 7),
};

/* -- requests of peers, for their sessions -- */

enum dht_op {
    DHT_FIND_NODE,        /* key: the target in its first 20 bytes */
    DHT_FIND_VALUE,       /* key */
    DHT_STORE,            /* key, payload = the value, ttl_secs */
    DHT_MANIFEST,         /* key = the manifest's id */
    DHT_PEX_REQUEST,      /* max_peers */
    DHT_PEX_OFFER,        /* payload = that of message 100, checked to be well-formed */
    DHT_COMMUNITY_STATUS, /* key = the community's id */
    /* payload = that of message 410, 412, 414, 416, checked to be well-formed */
    DHT_COMMUNITY_MEMBERS,
    DHT_COMMUNITY_SHARES,
    DHT_COMMUNITY_SEARCH,
    DHT_COMMUNITY_EVENTS,
};

struct dht_request {
    struct rt_msg msg;
    enum dht_op op;
    uint8_t key[32];
    uint64_t ttl_secs;
    uint8_t max_peers;
    struct wire_peer_hop origin; /* the peer: its key, and the address it came from */
    enum wire_dialect dialect;   /* of the session */
    uint8_t peer_dialects;       /* spoken by the peer */
    bool is_relay;               /* the peer's hello contains the marker */
    uint8_t reached_dialects; /* STORE by our announcer: dialects in which it reached the relay */
    struct relay_slice payload;
    enum wire_refusal refusal; /* back: not NONE, and there is no reply */
    struct relay_slice reply;  /* back: the reply's encoded payload; empty for STORE and offers */
    bool is_joined;            /* back: COMMUNITY_STATUS: a live record of the community is held */
};

/* -- questions of our own actors -- */

/* Stores a value here and at the K closest nodes that a look-up in each of the dialects finds. */
struct dht_publish_request {
    struct rt_msg msg;
    uint8_t dialects;
    uint8_t key[32];
    struct relay_slice value;
    uint64_t ttl_secs;
    uint32_t stored;           /* back: other nodes that took it */
    enum wire_refusal refusal; /* back: not NONE, and our own store did not take it */
};

/* Looks a key up, our own store first, and collects distinct, checked values on the way. */
#define DHT_LOOKUP_VALUES_MAX 20u
struct dht_lookup_request {
    struct rt_msg msg;
    uint32_t cookie; /* the requester's; returned unchanged */
    enum wire_dialect dialect;
    uint8_t key[32];
    uint32_t values_max; /* ends at this number of values; at most DHT_LOOKUP_VALUES_MAX */
    uint32_t count;      /* back */
    struct relay_slice values[DHT_LOOKUP_VALUES_MAX]; /* back: count of them */
};

/* One request to one peer, over a session that exists or is dialled and authenticated for it. */
enum dht_outcome {
    DHT_CALL_REPLIED,
    DHT_CALL_UNREACHABLE, /* no connection, or the secure handshake failed */
    DHT_CALL_WRONG_KEY,   /* another key than pubkey_hint answered there */
    DHT_CALL_REFUSED,     /* its hello or its frames were not acceptable, or it closed */
    DHT_CALL_TIMEOUT,
    DHT_CALL_BUSY,          /* too many calls under way, or no memory */
    DHT_CALL_WRONG_DIALECT, /* the peer does not speak the required dialect */
    DHT_CALL_NO_TRANSPORT,  /* the hop's transport is not loaded, or the address may not be
                             * dialled: our own, or of narrower scope than ours */
};

#define DHT_DIALECT_ANY WIRE_DIALECTS /* of calls: any dialect that the peer speaks */

struct dht_call_request {
    struct rt_msg msg;
    uint32_t cookie;           /* the requester's; returned unchanged */
    enum wire_dialect dialect; /* required of the session, or ANY; back: of the session */
    uint8_t peer_dialects;     /* back, if a session was established: spoken by the peer */
    struct wire_peer_hop to;   /* with pubkey_hint: only that key will do */
    uint16_t type;             /* of the request; 0: authenticate only */
    struct relay_slice payload;
    uint64_t timeout_ns; /* for all of it, dialling included */
    enum dht_outcome outcome;
    uint8_t peer_key[32];     /* back, if a session was established */
    bool is_error;            /* back: an error reply; its text is the payload */
    uint16_t reply_type;      /* back */
    struct relay_slice reply; /* back: the reply's payload */
};

/* A random sample of the dialect's routing table: peers dialled and authenticated at these
 * addresses. */
#define DHT_PEERS_MAX 64u
struct dht_peers_request {
    struct rt_msg msg;
    enum wire_dialect dialect;
    uint32_t max; /* at most DHT_PEERS_MAX */
    bool has_exclude;
    uint8_t exclude[32];                       /* the key of a node that is left out */
    uint32_t count;                            /* back */
    struct wire_peer_hop peers[DHT_PEERS_MAX]; /* back: count of them, with pubkey_hint */
};

/* A peer has authenticated to us from this address, or (skew_s not 0) was refused for a clock that
 * differs from ours by skew_s. */
struct dht_inbound {
    struct rt_msg msg;
    struct wire_peer_hop from; /* port 0 */
    enum wire_dialect dialect; /* of the peer's hello */
    uint8_t peer_dialects;     /* spoken by the peer */
    int64_t skew_s;            /* theirs minus ours, seconds */
};

/* Zeroed, kind and fini set. */
struct dht_request *dht_request_new(enum dht_op op);
struct dht_publish_request *dht_publish_request_new(void);
struct dht_lookup_request *dht_lookup_request_new(void);
struct dht_call_request *dht_call_request_new(void);
struct dht_peers_request *dht_peers_request_new(void);

#endif
