/* SPDX-License-Identifier: MPL-2.0 */
/*
 * A request in a pending queue (pending.h), a member of the message that carries it. The caller
 * sets the first three fields before pending_add, and does not change them while the request is in.
 */
#ifndef TUNNEL_PENDING_REQUEST_H
#define TUNNEL_PENDING_REQUEST_H

#include <stdbool.h>
#include <stdint.h>

#include "base/actor_addr.h"
#include "base/list.h"

struct pending_request {
    uint64_t key;             /* keyed hash of the requester's public key, for turns */
    uint64_t deadline_ns;     /* mono: refused if it is not written by then */
    struct rt_addr requester; /* the session that gets the reply */

    /* Set by the queue: */
    bool is_written;
    bool is_cancelled; /* the requester has gone: discard the reply */
    uint64_t written_ns;
    /* Private to the queue: */
    struct rt_list turn_node, age_node, window_node;
    struct pending_request *hash_next;
};

#endif
