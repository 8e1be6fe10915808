/* SPDX-License-Identifier: MPL-2.0 */
/*
 * Stores the announcements of listed relays in our own value store, under their rendezvous keys,
 * while at most LIM_RELAYS_STORED relays are listed.
 *
 * A client that looks up a rendezvous key stops at the first node that has a value. A relay that
 * stores all listed relays can return all of them, whether or not it is close to the key.
 *
 * Worker 0 only.
 */
#ifndef ANNOUNCER_LOCAL_PUBLISH_H
#define ANNOUNCER_LOCAL_PUBLISH_H

#include "actor/actor.h"
#include "announcer/directory/relay_list.h"

struct local_publish_callbacks {
    /* Sends a request to the DHT (moved). No part needs the reply. */
    void (*request)(void *ctx, struct rt_msg *m);
};

struct local_publish {
    struct rt_worker *worker;
    const struct relay_list *list;
    const uint8_t *own_pubkey;
    const struct local_publish_callbacks *callbacks;
    void *ctx;
    uint64_t bucket;     /* the hour under whose keys all listed relays are stored ... */
    uint32_t next_place; /* ... beginning at this place of the list */
    struct relay_timer timer;
};

/* The list, own_pubkey (32 bytes) and the callbacks outlive the part. */
void local_publish_init(struct local_publish *p, struct rt_worker *w, const struct relay_list *list,
                        const uint8_t *own_pubkey, const struct local_publish_callbacks *callbacks,
                        void *ctx);
void local_publish_start(struct local_publish *p);
void local_publish_stop(struct local_publish *p);

/* The relay's announcement in this form is new in the list, or the relay's dialects changed. */
void local_publish_add(struct local_publish *p, const uint8_t relay_pubkey[32],
                       enum announcement_form form);

#endif
