/* SPDX-License-Identifier: MPL-2.0 */
/*
 * Dials candidates, and checks listed relays with a RelayListRequest every LIM_RELAY_CHECK_NS. The
 * pure files candidates and relay_list decide which address is due, and when.
 *
 * Worker 0 only.
 */
#ifndef ANNOUNCER_REACH_CHECKS_H
#define ANNOUNCER_REACH_CHECKS_H

#include "actor/actor.h"
#include "announcer/directory/relay_directory.h"
#include "dht/dht_msg.h"

struct reach_checks_callbacks {
    /* Sends a request to the DHT (moved). */
    void (*request)(void *ctx, struct rt_msg *m);
    /* A candidate was reached at `at` and speaks these dialects. It stays under way until
     * directory_admit. */
    void (*reached)(void *ctx, const struct wire_peer_hop *at, uint8_t dialects);
    /* The dialects of a listed relay have changed. */
    void (*dialects_changed)(void *ctx, const uint8_t relay_pubkey[32]);
    /* The payload of a RelayListResponse (moved). */
    void (*list_received)(void *ctx, struct relay_slice payload);
};

struct reach_checks {
    struct rt_worker *worker;
    struct relay_directory *directory;
    const struct reach_checks_callbacks *callbacks;
    void *ctx;
    struct relay_timer timer;
    bool is_stopped;
    uint64_t listed, evicted, lost; /* last values reported to the metrics */
};

/* The directory and the callbacks outlive the part. */
void reach_checks_init(struct reach_checks *r, struct rt_worker *w,
                       struct relay_directory *directory,
                       const struct reach_checks_callbacks *callbacks, void *ctx);
void reach_checks_stop(struct reach_checks *r);
void reach_checks_fini(struct reach_checks *r);

/* Sends the requests that are due and arms the timer for the others; call after each change of the
 * directory. Updates the metrics. After reach_checks_stop only the metrics. */
void reach_checks_run(struct reach_checks *r);

/* Sends a RelayListRequest to a node; list_received follows if it replies. */
void reach_checks_request_list(struct reach_checks *r, const struct wire_peer_hop *to,
                               enum wire_dialect dialect);

/* A dial has ended (COOKIE_DIAL). */
void reach_checks_dialled(struct reach_checks *r, const struct dht_call_request *c);
/* A RelayListRequest has ended (COOKIE_LIST_REQUEST). */
void reach_checks_list_replied(struct reach_checks *r, struct dht_call_request *c);

#endif
