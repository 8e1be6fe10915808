/* SPDX-License-Identifier: MPL-2.0 */
/* Shared by calls.c (the pool's calls) and remote.c (the pool's sessions). */
#ifndef DHT_CALLS_PRIVATE_H
#define DHT_CALLS_PRIVATE_H

#include "base/map.h"
#include "dht/calls.h"
#include "session/dial.h"

enum dht_remote_state { DIALLING, IDLE, BUSY };

struct dht_remote {
    struct rt_map_node node; /* by address and place */
    struct dht_calls *pool;
    struct wire_peer_hop hop;  /* with the peer's key once known */
    enum wire_dialect place;   /* the dialect in the map key; ANY: not yet known */
    enum wire_dialect dialect; /* of the hello sent last */
    uint8_t refused;           /* dialects whose hello the peer has refused */
    uint8_t dialects;          /* spoken by the peer; once the key is known */
    struct dial *dial;         /* NULL while it is being replaced */
    enum dht_remote_state state;
    bool was_used;            /* the peer answered before: an end may only be an idle timeout */
    struct rt_list queue;     /* calls that wait */
    struct dht_call *current; /* BUSY: the one in flight */
    struct rt_list idle;      /* IDLE: in the pool's list, longest idle first */
    struct relay_timer timer; /* IDLE: closes it */
};

struct dht_dialler {
    const struct relay_transport *table;
    void *state;
};

struct dht_calls {
    struct rt_worker *worker;
    const struct rt_sign_key *identity;
    uint8_t dialects; /* spoken by this relay */
    struct dht_calls_hooks hooks;
    struct dht_dialler transports[2];
    uint8_t hash_key[16];
    struct rt_map remotes;
    struct rt_list idle;
    struct rt_list failing; /* failed calls; their done is called on a later turn */
    uint32_t calls;
    bool is_stopped;
};

/* -- remote.c -- */

/* The session that a call of this dialect may use; NULL: none. */
struct dht_remote *dht_remote_find(const struct dht_calls *c, const struct wire_peer_hop *hop,
                                   enum wire_dialect dialect);
/* A session for hop, dialled in the dialect `first`; NULL and *out_why when that cannot be. */
struct dht_remote *dht_remote_open(struct dht_calls *c, const struct wire_peer_hop *hop,
                                   enum wire_dialect place, enum wire_dialect first,
                                   enum dht_outcome *out_why);
/* Call when the peer has refused our hello and the dial is freed. Dials the peer again in a dialect
 * not tried yet. False: there is none, or the dial fails. */
bool dht_remote_dial_next(struct dht_remote *r);
/* The server's hello was accepted: stores the peer's dialects. The session is then found under its
 * dialect, unless another session is. */
void dht_remote_ready(struct dht_remote *r, const struct wire_hello *hello);
void dht_remote_go_idle(struct dht_remote *r);
/* Forgets a session whose dial has ended. */
void dht_remote_free(struct dht_remote *r);
/* The same for a session with an open dial, which is closed. */
void dht_remote_close(struct dht_remote *r);

bool dht_remote_is_wrong_key(const struct dht_remote *r, const struct dht_call *call);
/* The outcome of a call that the session cannot serve; ANSWERED: the session can serve it. */
enum dht_outcome dht_remote_fault(const struct dht_remote *r, const struct dht_call *call);

/* -- calls.c -- */
extern const struct dial_ops dht_remote_ops; /* events of a session; user: struct dht_remote */

#endif
