/* SPDX-License-Identifier: MPL-2.0 */
/*
 * Shared by rpc_pool.c (the pool's calls) and rpc_remote.c (the pool's sessions). rpc_pool.c calls
 * rpc_remote.c, and gives it the table of a session's events.
 */
#ifndef RPC_POOL_PRIVATE_H
#define RPC_POOL_PRIVATE_H

#include "base/map.h"
#include "dht/rpc_pool.h"
#include "session/dial.h"

enum rpc_remote_state { DIALLING, IDLE, BUSY };

struct rpc_remote {
    struct rt_map_node node; /* by address and place */
    struct rpc_pool *pool;
    struct wire_peer_hop hop;  /* with the peer's key once known */
    enum wire_dialect place;   /* the dialect in the map key; ANY: not yet known */
    enum wire_dialect dialect; /* of the hello sent last */
    uint8_t refused;           /* dialects whose hello the peer has refused */
    uint8_t dialects;          /* spoken by the peer; once the key is known */
    struct dial *dial;         /* NULL while it is being replaced */
    enum rpc_remote_state state;
    bool was_used;            /* the peer answered before: an end may only be an idle timeout */
    struct rt_list queue;     /* calls that wait */
    struct rpc_call *current; /* BUSY: the one in flight */
    struct rt_list idle;      /* IDLE: in the pool's list, longest idle first */
    struct relay_timer timer; /* IDLE: closes it */
};

struct rpc_dialler {
    const struct relay_transport *table;
    void *state;
};

struct rpc_pool {
    struct rt_worker *worker;
    const struct rt_sign_key *identity;
    uint8_t dialects; /* spoken by this relay */
    struct rpc_pool_callbacks callbacks;
    const struct dial_ops *ops; /* events of a session; user: struct rpc_remote */
    struct rpc_dialler transports[2];
    uint8_t hash_key[16];
    struct rt_map remotes;
    struct rt_list idle;
    struct rt_list kept;    /* struct kept_call: calls of rpc_pool_send */
    struct rt_list failing; /* failed calls; their done is called on a later turn */
    uint32_t calls;
    bool is_stopped;
};

/* -- rpc_remote.c -- */

/* The session that a call of this dialect may use; NULL: none. */
struct rpc_remote *rpc_remote_find(const struct rpc_pool *c, const struct wire_peer_hop *hop,
                                   enum wire_dialect dialect);
/* A session for hop, dialled in the dialect `first`; NULL and *out_why when that cannot be. */
struct rpc_remote *rpc_remote_open(struct rpc_pool *c, const struct wire_peer_hop *hop,
                                   enum wire_dialect place, enum wire_dialect first,
                                   enum dht_outcome *out_why);
/* Call when the peer has refused our hello and the dial is freed. Dials the peer again in a dialect
 * not tried yet. False: there is none, or the dial fails. */
bool rpc_remote_dial_next(struct rpc_remote *r);
/* The server's hello was accepted: stores the peer's dialects. The session is then found under its
 * dialect, unless another session is. */
void rpc_remote_ready(struct rpc_remote *r, const struct wire_hello *hello);
void rpc_remote_go_idle(struct rpc_remote *r);
/* Forgets a session whose dial has ended. */
void rpc_remote_free(struct rpc_remote *r);
/* The same for a session with an open dial, which is closed. */
void rpc_remote_close(struct rpc_remote *r);

bool rpc_remote_is_wrong_key(const struct rpc_remote *r, const struct rpc_call *call);
/* The outcome of a call that the session cannot serve; ANSWERED: the session can serve it. */
enum dht_outcome rpc_remote_fault(const struct rpc_remote *r, const struct rpc_call *call);

#endif
