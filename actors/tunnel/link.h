/* SPDX-License-Identifier: MPL-2.0 */
/*
 * A link: registration.c handles it until the authority has replied, tunnel.c after that.
 * registration.c calls tunnel.c, never the other way round.
 */
#ifndef TUNNEL_LINK_H
#define TUNNEL_LINK_H

#include "transport/conn.h"
#include "tunnel/tables/pending.h"
#include "tunnel/tunnel_private.h"

/* registration.c */
struct pending_registration {
    struct tunnel_registration of;
    bool has_eof;
};

struct tunnel {
    struct rt_actor actor;
    struct rt_conn *conn;
    struct pending_registration *registering; /* NULL: registered, the connection is a link */
    struct relay_timer timer;
    uint64_t slot_id;
    uint64_t byte_ns;          /* when its last byte came */
    uint64_t owes_since_ns;    /* when it last began to owe */
    enum wire_dialect dialect; /* of the session that registered the link */
    bool is_silent;
    bool is_quiet; /* nothing has come in since the timer last fired */
    bool wants_memory;
    struct pending pending;
};

static inline struct rt_worker *worker_of(const struct tunnel *t)
{
    return t->actor.worker;
}

/* Registered: the connection is a link from here on, and the hold on it ends. */
void link_open(struct tunnel *t);
/* Never registered: requests that wait for it move to another link or are refused; t is freed. The
 * connection has been dealt with. */
void link_discard(struct tunnel *t, bool authority_knows);
void link_on_msg(struct rt_actor *self, struct rt_msg *m);
void link_on_timer(struct relay_timer *timer);

#endif
