/* SPDX-License-Identifier: MPL-2.0 */
/*
 * Tunnels, for callers on the same worker: slots, registration, and the room's beginning and end.
 * Its messages are in tunnel_msg.h.
 */
#ifndef TUNNEL_H
#define TUNNEL_H

#include "actor/actor.h"
#include "wire_refusal.h"
#include "wire_dialect.h"

struct rt_conn;
struct tunnel_refused;

/* The slot id of an identity: keyed hash of its public key, never 0. */
uint64_t tunnel_slot_id(const struct rt_worker *w, const uint8_t key[32]);
/* The authority's address. */
struct rt_addr tunnel_slots_addr(const struct rt_worker *w);
/* The link to use for a slot, from this worker's view; rt_addr_is_none when it knows none. */
struct rt_addr tunnel_slot_lookup(const struct rt_worker *w, uint64_t slot_id);

/* A session's RelayRegister for a tunnel. */
struct tunnel_registration {
    uint8_t key[32];           /* the node's */
    enum wire_dialect dialect; /* of the session */
    uint64_t slot_id;          /* 0, or the id to renew */
    uint32_t req_id;
    /*
     * Called once, from the turn, when the registration has ended. refused NULL: the connection is
     * a tunnel or has ended, and the session has nothing left to do. Else the connection is the
     * session's again, which replies with the refusal; its consumer is to be set at once.
     */
    void (*ended)(void *user, const struct tunnel_refused *refused);
    void *user;
};

struct tunnel_refused {
    enum wire_refusal refusal;
    struct rt_conn *conn; /* still held */
    bool has_eof;         /* the peer has finished sending meanwhile */
};

struct tunnel;

/*
 * Registers c, a connection with a request in flight (held), as a link of its node; c moves. When
 * the authority agrees, c is sent RelayRegistered and carries the tunnel. What it owns until then
 * is the handle returned, good until `ended`.
 */
struct tunnel *tunnel_register(struct rt_worker *w, struct rt_conn *c,
                               const struct tunnel_registration *r);
/* Gives the registration up: the connection is the caller's again (refusal NONE), the handle and
 * `ended` are void. */
struct tunnel_refused tunnel_take_back(struct tunnel *t);

/* Starting and ending the room: main and the simulation. */
struct tunnel_config {
    uint8_t slot_secret[32];
    uint32_t max_tunnels; /* identities with a live tunnel */
};
/* Creates the slot view of worker w; worker 0 also gets the authority. Call for every worker in
 * order before threads start. */
void tunnel_worker_init(struct rt_worker *w, const struct tunnel_config *config);
void tunnel_worker_fini(struct rt_worker *w);

#endif
