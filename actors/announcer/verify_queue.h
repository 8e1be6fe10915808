/* SPDX-License-Identifier: MPL-2.0 */
/*
 * Announcements and relay lists that other nodes sent. They are processed in heavy jobs, one
 * signature at most per job, and added to the directory when their signature is valid.
 *
 * Announcements that wait for their verification go first, so the queue holds at most one list's
 * announcements beside the lists and announcements that requests under way have returned.
 *
 * Worker 0 only.
 */
#ifndef ANNOUNCER_VERIFY_QUEUE_H
#define ANNOUNCER_VERIFY_QUEUE_H

#include "actor/actor.h"
#include "announcer/directory/relay_directory.h"

struct verify_queue_callbacks {
    /* The announcement of a listed relay was renewed in this form. */
    void (*renewed)(void *ctx, const uint8_t relay_pubkey[32], enum announcement_form form);
    /* Another relay lists us under this address. */
    void (*own_address_seen)(void *ctx, const struct wire_peer_hop *hop);
    /* A job has ended. There may be a new candidate. */
    void (*job_ended)(void *ctx);
};

struct verify_queue {
    struct rt_worker *worker;
    struct relay_directory *directory;
    const uint8_t *own_pubkey;
    const struct verify_queue_callbacks *callbacks;
    void *ctx;
    struct rt_list items;
    struct rt_job job;
};

/* The directory, own_pubkey (32 bytes) and the callbacks outlive the queue. */
void verify_queue_init(struct verify_queue *q, struct rt_worker *w,
                       struct relay_directory *directory, const uint8_t *own_pubkey,
                       const struct verify_queue_callbacks *callbacks, void *ctx);
void verify_queue_fini(struct verify_queue *q);

/* The payload of a RelayListResponse (moved). */
void verify_queue_add_list(struct verify_queue *q, struct relay_slice payload);
/* One encoded announcement (moved). */
void verify_queue_add(struct verify_queue *q, struct relay_slice announcement);

#endif
