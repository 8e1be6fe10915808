/* SPDX-License-Identifier: MPL-2.0 */
/*
 * Looks up the revocations of relays' keys: once after a relay was reached and before it is listed,
 * then daily. A revocation is final.
 *
 * At most LIM_RELAY_DIALS_MAX checks of newcomers and one daily check are under way. The directory
 * keeps a newcomer as a candidate under way during its check. Worker 0 only.
 */
#ifndef ANNOUNCER_REVOCATION_CHECKS_H
#define ANNOUNCER_REVOCATION_CHECKS_H

#include "actor/actor.h"
#include "announcer/announcer_limits.h"
#include "announcer/directory/relay_directory.h"
#include "dht/dht_msg.h"

struct revocation_checks_callbacks {
    /* Sends a request to the DHT (moved). */
    void (*request)(void *ctx, struct rt_msg *m);
    /* The check of a newcomer has ended. The directory knows whether the key is revoked. */
    void (*newcomer_checked)(void *ctx, const struct wire_peer_hop *at, uint8_t dialects);
};

struct revocation_check {
    bool is_pending;
    struct wire_peer_hop relay; /* with its key; the address is set for newcomers only */
    uint8_t dialects;           /* of a newcomer */
};

/* The index of the daily check; the checks before it are those of newcomers. */
#define REVOCATION_CHECK_DAILY LIM_RELAY_DIALS_MAX
#define REVOCATION_CHECKS (LIM_RELAY_DIALS_MAX + 1u)

struct revocation_checks {
    struct rt_worker *worker;
    struct relay_directory *directory;
    const uint8_t *own_pubkey;
    const struct revocation_checks_callbacks *callbacks;
    void *ctx;
    struct revocation_check checks[REVOCATION_CHECKS];
    struct relay_timer timer;
};

/* The directory, own_pubkey (32 bytes) and the callbacks outlive the part. */
void revocation_checks_init(struct revocation_checks *r, struct rt_worker *w,
                            struct relay_directory *directory, const uint8_t *own_pubkey,
                            const struct revocation_checks_callbacks *callbacks, void *ctx);
void revocation_checks_start(struct revocation_checks *r);
void revocation_checks_stop(struct revocation_checks *r);

/* Checks a candidate that was reached at `at`; `newcomer_checked` follows. At most
 * LIM_RELAY_DIALS_MAX at a time. */
void revocation_checks_add(struct revocation_checks *r, const struct wire_peer_hop *at,
                           uint8_t dialects);

/* The look-up of the check at this index has ended (COOKIE_REVOCATION_CHECK + index). */
void revocation_checks_looked_up(struct revocation_checks *r, uint32_t index,
                                 const struct dht_lookup_request *l);

/* The key is revoked: changes the directory and logs it. */
void revocation_checks_found(struct revocation_checks *r, const uint8_t key[32]);

#endif
