/* SPDX-License-Identifier: MPL-2.0 */
/*
 * The simulated network: net.c (links), pipe.c (bytes in transit), listen.c (listening addresses),
 * bridge.c (links between two relays). world.c and lane.c run it in virtual time.
 * One module in several files: bridge.c lane.c listen.c net.c pipe.c world.c.
 */
#ifndef SIM_NET_PRIVATE_H
#define SIM_NET_PRIVATE_H

#include <pthread.h>

#include "link.h"

/* A growing queue of bytes. */
struct sim_bytes {
    uint8_t *ptr;
    size_t head, len, room;
};

void sim_bytes_push(struct sim_bytes *b, const void *ptr, size_t len);
void sim_bytes_shift(struct sim_bytes *b, size_t len);
void sim_bytes_free(struct sim_bytes *b);

/* One direction. in_flight and unread together never exceed window. */
struct sim_pipe {
    struct sim_bytes out; /* waits at the sender */
    uint64_t bytes_s, busy_until_ns, last_arrival_ns;
    uint32_t window, in_flight, unread;
    bool is_up, is_fin_wanted, is_fin_sent, has_fin_arrived, is_pump_armed;
};

struct sim_link {
    struct sim_net *net;
    struct sim_link *next, **link;
    uint64_t id;
    uint32_t refs; /* events under way that name it */
    struct sim_path path;
    struct sockaddr_storage from, to;
    struct sim_pipe up, down;

    struct sim_lane *lane;
    struct relay_conn *conn; /* NULL: not admitted yet */
    bool has_relay_end;      /* the transport has not been RELEASED, or may still admit it */
    bool is_secure;          /* the secure channel stands */
    bool is_dead;            /* reset or vanished: nothing moves any more */
    bool is_refused_late;    /* dead before it was admitted: reported on admission */

    const struct sim_link_ops *ops; /* NULL: the peer has given it up */
    void *user;
    struct sim_bytes inbox; /* received, not yet read by the peer's program */
    bool is_read_armed, has_told_eof;
};

struct sim_listening {
    struct sim_listening *next;
    struct sockaddr_storage addr;
    uint16_t index;
    struct sim_lane *lane;
    struct relay_listener *listener;
};

#define SIM_LISTEN_BUCKETS 4096u

struct sim_net {
    struct sim_world *world;
    sim_filter_fn *filter;
    void *filter_ctx;
    struct sim_link *links;
    uint64_t next_id;
    uint32_t count;
    pthread_mutex_t lock;                                 /* guards listenings and next_port */
    struct sim_listening *listenings[SIM_LISTEN_BUCKETS]; /* by address */
    uint32_t listening_count;
    uint16_t next_port;
};

/* One of the listeners on the address the link wants, by chance; false: there is none. Posts the
 * knock under the lock, so that it reaches the lane before anything that follows an unlisten. */
bool sim_net_knock(struct sim_link *l);
bool sim_net_is_listened(struct sim_link *l);

/* An event that names the link; sim_link_done ends it and frees the link without users. */
void sim_link_in(struct sim_link *l, uint64_t at_ns, sim_event_fn *fn, uint64_t arg);
void sim_link_done(struct sim_link *l);
/* Unless the transport has said GONE. */
void sim_link_tell(struct sim_link *l, enum sim_tell_kind kind, const void *bytes, uint32_t n,
                   enum relay_end end);

/* The relay's system answers with a reset. */
void sim_link_reset_peer(struct sim_link *l);
/* Event: the peer reads the end of the stream. */
void sim_link_on_eof(void *ctx, uint64_t arg);

/* The secure handshake of a link that waited for it. */
void sim_link_begin_secure(struct sim_link *l);
/* A dialled link whose address a relay listens on: joins it to a link of that relay's (bridge.c).
 */
void sim_bridge(struct sim_link *dialled);

void sim_pipe_init(struct sim_pipe *p, bool is_up, const struct sim_path *path);
/* Sends what the path takes now. */
void sim_pipe_pump(struct sim_link *l, struct sim_pipe *p);
/* When something sent now arrives, after all that was sent before. */
uint64_t sim_pipe_arrival(struct sim_link *l, struct sim_pipe *p);
/* The program reads on. */
void sim_link_read(struct sim_link *l);

#endif
