/* SPDX-License-Identifier: MPL-2.0 */
/* Shared by the files of this room: the state of a worker, its slot view, the authority. */
#ifndef TUNNEL_PRIVATE_H
#define TUNNEL_PRIVATE_H

#include "base/map.h"
#include "tunnel/tunnel.h"
#include "tunnel/tunnel_msg.h"

struct slots;

/* The state of one worker, under tunnel_local_key. */
struct tunnel_worker {
    struct rt_worker *worker;
    struct rt_actor view; /* receives SLOTS_UPDATE */
    struct rt_map slots;  /* struct view_slot by slot id */
    struct rt_addr authority_addr;
    struct slots *authority; /* on worker 0, else NULL */
    uint8_t slot_secret[32];
    uint32_t link_count; /* tunnel actors of this worker */
};

extern struct rt_local_key tunnel_local_key;

static inline struct tunnel_worker *tunnel_worker_of(const struct rt_worker *w)
{
    return rt_worker_local(w, &tunnel_local_key);
}

/* The links of the slot in this worker's view, in order of preference. Returns their number. */
uint32_t slot_view_links(const struct rt_worker *w, uint64_t slot_id,
                         struct rt_addr out_links[LIM_LINKS_PER_SLOT]);
/* The first link that is not `self`, or none. */
struct rt_addr slot_view_other(const struct rt_worker *w, uint64_t slot_id, struct rt_addr self);

/* The authority (slots.c), on worker w. Free it before the other state of w. */
struct slots *slots_new(struct rt_worker *w, const struct tunnel_config *config);
void slots_free(struct slots **s);
struct rt_addr slots_addr(const struct slots *s);
/* Adds the slot view of a worker as a receiver of SLOTS_UPDATE. */
void slots_add_view(struct slots *s, struct rt_addr view);

#endif
