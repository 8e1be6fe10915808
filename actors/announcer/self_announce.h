/* SPDX-License-Identifier: MPL-2.0 */
/*
 * The announcements of this relay: their addresses, their schedule, their publication in the DHT,
 * and the final announcement at shutdown.
 *
 * Each announcement has a later issued_at than the one before, so that every node keeps the newest.
 * Worker 0 only.
 */
#ifndef ANNOUNCER_SELF_ANNOUNCE_H
#define ANNOUNCER_SELF_ANNOUNCE_H

#include "actor/actor.h"
#include "announcer/directory/addresses.h"
#include "announcer/directory/forms.h"
#include "announcer/directory/publication.h"
#include "announcer/directory/relay_list.h"
#include "announcer/directory/rendezvous.h"
#include "crypto/crypto.h"
#include "dht/dht_msg.h"

struct self_announce_config {
    const struct rt_sign_key *identity; /* outlives the part */
    uint32_t interval_s;
    uint16_t max_tunnels;
    enum wire_bandwidth bandwidth;
    /* Fills in the current addresses of this relay; *out is zeroed. */
    void (*where)(void *ctx, struct announcer_where *out);
    void *where_ctx;
};

struct self_announce_callbacks {
    /* Sends a request to the DHT (moved). */
    void (*request)(void *ctx, struct rt_msg *m);
    /* The withdrawal has ended: all replies have arrived, or LIM_WITHDRAWAL_NS have passed. */
    void (*withdrawn)(void *ctx);
};

struct self_announce {
    struct rt_worker *worker;
    struct self_announce_config config;
    const struct self_announce_callbacks *callbacks;
    void *ctx;

    struct announcer_addrs addrs;
    bool has_addrs;                                 /* addrs were chosen once */
    struct relay_slice encoded[ANNOUNCEMENT_FORMS]; /* owner NULL: nothing to announce */
    uint64_t issued_s, expires_s;
    struct rendezvous schedule;
    struct publication publication;
    bool has_stored;    /* another node has an announcement of ours */
    uint64_t report_ns; /* next warning about unverified addresses; 0: not yet known */
    bool is_stopped, is_withdrawing;
    uint32_t final_stores; /* direct stores of the final announcement, under way */
    struct relay_timer timer, withdraw_timer;
};

/* The callbacks outlive the part. */
void self_announce_init(struct self_announce *s, struct rt_worker *w,
                        const struct self_announce_config *config,
                        const struct self_announce_callbacks *callbacks, void *ctx);
void self_announce_start(struct self_announce *s);
/* No further announcements, except by self_announce_withdraw. */
void self_announce_stop(struct self_announce *s);
void self_announce_fini(struct self_announce *s);

/* The announcement in this dialect's form; NULL: none, or it has expired. */
const struct relay_slice *self_announce_current(const struct self_announce *s,
                                                enum wire_dialect dialect);

/* A publication has ended (DHT_PUBLISH_REPLY). */
void self_announce_published(struct self_announce *s, const struct dht_publish_request *p);

/*
 * After self_announce_stop: replaces the last announcement by a final one that expires in
 * LIM_FINAL_ANNOUNCEMENT_S. The final one is published, and also sent to each listed relay if at
 * most LIM_RELAYS_STORED are listed. True: `withdrawn` follows. False: nothing is announced, or a
 * withdrawal is under way.
 */
bool self_announce_withdraw(struct self_announce *s, const struct relay_list *listed);
/* A direct store of the final announcement has ended (COOKIE_FINAL_STORE). */
void self_announce_final_stored(struct self_announce *s);

/* Another relay named this address as ours. */
void self_announce_address_seen(struct self_announce *s, const struct wire_peer_hop *hop);

#endif
