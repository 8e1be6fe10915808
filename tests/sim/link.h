/* SPDX-License-Identifier: MPL-2.0 */
/*
 * Shared by the network (net.c, the world's thread) and the transport (sim_transport.c, a lane's
 * thread) say to each other. Both sides only ever post mail, so neither shares memory with the
 * other while it runs: a sim_link is the network's, a relay_conn the transport's, and each is to
 * the other side no more than a name. The transport's last word on a link is GONE; the network
 * answers RELEASED, after which neither mentions it again.
 */
#ifndef SIM_LINK_H
#define SIM_LINK_H

#include <netinet/in.h>

#include "abi/relay_transport.h"
#include "net.h"

/* Transport to network. */
enum sim_say_kind {
    SIM_SAY_DIAL,     /* link: made by sim_link_dialled */
    SIM_SAY_ADMITTED, /* conn: the name to use from now on */
    SIM_SAY_REFUSED,  /* the host does not want it; nothing follows */
    SIM_SAY_BYTES,    /* n bytes into the system's send buffer */
    SIM_SAY_CONSUMED, /* n received bytes were read */
    SIM_SAY_FIN,      /* no more bytes */
    SIM_SAY_GONE,     /* closed; n: 1 for a reset, 0 for an orderly end */
};

struct sim_say {
    struct sim_mail mail;
    struct sim_link *link;
    struct relay_conn *conn;
    enum sim_say_kind kind;
    uint32_t n;
    uint8_t bytes[];
};

/* Network to transport. */
enum sim_tell_kind {
    SIM_TELL_OPENED,
    SIM_TELL_BYTES,    /* n bytes have arrived */
    SIM_TELL_ACKED,    /* n bytes have left the send buffer */
    SIM_TELL_FIN,      /* the peer sends no more */
    SIM_TELL_CLOSED,   /* the link is dead: end */
    SIM_TELL_RELEASED, /* the answer to GONE */
};

struct sim_tell {
    struct sim_mail mail;
    struct relay_conn *conn;
    enum sim_tell_kind kind;
    enum relay_end end;
    uint32_t n;
    uint8_t bytes[];
};

/* A peer has connected: answered with ADMITTED or REFUSED. */
struct sim_knock {
    struct sim_mail mail;
    struct relay_listener *listener;
    struct sim_link *link;
    struct sockaddr_storage peer;
    uint32_t send_buffer;
};

/* run functions, each on the receiving side's thread */
void sim_net_hear(struct sim_mail *m);        /* struct sim_say */
void sim_transport_hear(struct sim_mail *m);  /* struct sim_tell */
void sim_transport_knock(struct sim_mail *m); /* struct sim_knock */

/* Any thread: a link the relay dials, to be posted with SIM_SAY_DIAL. */
struct sim_link *sim_link_dialled(struct sim_net *n, struct sim_lane *lane, struct relay_conn *conn,
                                  const struct sockaddr *to, socklen_t len);

/*
 * The register of listening addresses; any thread. Port 0 is given a number. False: the address is
 * taken. Index 0 opens an address, the others join it.
 */
bool sim_net_listen(struct sim_net *n, struct sockaddr_storage *addr, uint16_t index,
                    struct sim_lane *lane, struct relay_listener *l);
void sim_net_unlisten(struct sim_net *n, const struct relay_listener *l);

#endif
